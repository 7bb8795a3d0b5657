"""The command line: names, options, help and the one place where errors become a line. What a command does: commands/.

A command's module is imported when the command is called: torch alone takes more than a second to import, and
`microturn --help` should not.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from microturn import __version__
from microturn.core.errors import MicroturnError

BAD_INPUT = 2
UsageError: Any = typer.BadParameter.__base__  # click's own, wherever this typer keeps it


class Commands(TyperGroup):
    """The outermost line: what can be told to a person goes to stderr as one line, with exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            path = error.ctx.command_path if error.ctx else "microturn"
            line = f"{path}: {' '.join(error.format_message().split())} (`{path} --help` tells more)"
        except MicroturnError as error:
            line = f"microturn: {error}"
        except OSError as error:  # a full disk, a file taken away: not ours, and not a reason for a traceback
            line = f"microturn: {error.filename or 'file system'}: {error.strerror or error}"
        typer.echo(line, err=True)
        raise typer.Exit(BAD_INPUT)


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
data = typer.Typer(help="The synthetic world: look at it, listen to it, make a pool of it.")
evaluate = typer.Typer(help="How well a model converses.")
weights_app = typer.Typer(help="What is in a file of weights.")
keys_app = typer.Typer(help="API keys of a server, kept as hashes in a file.")
agent_app = typer.Typer(help="What thinks beside the conversation.")
app.add_typer(agent_app, name="agent")
app.add_typer(data, name="data")
app.add_typer(evaluate, name="eval")
app.add_typer(weights_app, name="weights")
app.add_typer(keys_app, name="keys")

Weights = Annotated[Path | None, typer.Option(help="Checkpoint to use; the shipped one if left out.", metavar="FILE")]
OutFolder = Annotated[Path, typer.Option(help="Folder to write to; made if it is not there.", metavar="DIR")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"microturn {__version__}")
        raise typer.Exit


@app.callback(epilog="Example: microturn demo --out demo")
def microturn(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """An open interaction model: it hears 200 ms at a time and decides each time whether to say something."""


@app.command(epilog="Example: microturn demo --out demo   (then open demo/index.html)")
def demo(
    out: OutFolder,
    weights: Weights = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other scenarios.")] = 0,
) -> None:
    """Hold conversations the model has never met, print them as they go, and write them to one page with the sound."""
    from microturn.commands.demo import demo as command

    command(out, weights, seed)


@app.command(
    epilog="Example: microturn run --audio question.wav --out heard   (then see heard/said.jsonl)    "
    "With a camera: microturn run --video squats.mp4 --out seen"
)
def run(
    out: OutFolder,
    audio: Annotated[
        Path | None, typer.Option(help="Sound or video file: wav, flac, mp3, mp4, mkv, webm.", metavar="FILE")
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            help="What the camera shows, 5 times a second: mp4, mkv, webm, y4m; its sound too, without --audio.",
            metavar="FILE",
        ),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help='Typed text, a line each: {"t_ms": 1200, "text": "stop"}.', metavar="FILE.jsonl")
    ] = None,
    weights: Weights = None,
    clock: Annotated[str, typer.Option(help="fast: as quick as it computes; wall: in real time.")] = "fast",
    tail: Annotated[float, typer.Option(min=0, max=600, help="Seconds of silence after the end, for an answer.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the session's random numbers.")] = 0,
) -> None:
    """Let the model hear a file, or see one too. Writes what it says and hears to said.jsonl, the whole as a recording.

    A model without sight passes over pictures; the shipped weights are of one.
    """
    from microturn.commands.run import RunRequest
    from microturn.commands.run import run as command

    command(RunRequest(audio, out, text, weights, clock, tail, seed, video))


@app.command(epilog="Example: microturn talk   (with a loudspeaker: pip install 'microturn[talk]' first)")
def talk(
    weights: Weights = None,
    out: Annotated[Path | None, typer.Option(help="Folder that keeps the recording.", metavar="DIR")] = None,
    headphones: Annotated[bool, typer.Option("--headphones", help="Nothing can leak: cancel no echo.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.2, help="Stop after so long; else with Ctrl-C.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the session's random numbers.")] = 0,
) -> None:
    """Talk with the model through the microphone and the loudspeaker of this machine."""
    from microturn.commands.talk import TalkRequest
    from microturn.commands.talk import talk as command

    command(TalkRequest(weights, out, headphones, seconds, seed))


@app.command(epilog="Example: microturn replay recordings/sess_1 --again --page replay.html")
def replay(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a recording, made by serve --record, run or talk.", metavar="DIR")
    ],
    audio: Annotated[
        Path | None, typer.Option(help="Write both sides, user left and model right: .wav or .mkv.", metavar="FILE")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write one page that plays it.", metavar="FILE.html")] = None,
    rrd: Annotated[
        Path | None, typer.Option(help="Write it for the Rerun viewer (microturn[viz]).", metavar="FILE.rrd")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Let the model hear it once more; exit code 1 where it decides otherwise.")
    ] = False,
    weights: Weights = None,
) -> None:
    """Tell a recording: who said what and when, where both spoke, how late the answers were."""
    from microturn.commands.replay import ReplayRequest
    from microturn.commands.replay import replay as command

    command(ReplayRequest(folder, audio, page, rrd, again, weights))


@app.command(
    epilog="Example: microturn serve --port 8808   (needs: pip install 'microturn[serve]')    For others: "
    "microturn keys add anna --file keys.txt; microturn serve --host 0.0.0.0 --keys-file keys.txt"
)
def serve(
    config: Annotated[Path | None, typer.Option(help="Settings as TOML.", metavar="FILE")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint to use; the shipped one if left out.", metavar="FILE")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at; 127.0.0.1 if left out.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="8808 if left out; 0 takes a free one.")] = None,
    sessions: Annotated[
        int | None, typer.Option("--sessions", "--slots", min=1, help="At once; 8 if left out.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="own: the weights; echo: the wire without a model.")] = None,
    log: Annotated[str | None, typer.Option(help="json or plain, on stderr.")] = None,
    idle: Annotated[float | None, typer.Option(help="Seconds without a message that end a session.")] = None,
    drain: Annotated[float | None, typer.Option(help="Seconds that sessions get when asked to stop.")] = None,
    keys_file: Annotated[
        str | None, typer.Option(help="Hashed API keys, from `microturn keys`.", metavar="FILE")
    ] = None,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="Let in everyone who can reach it.")] = False,
    origin: Annotated[
        list[str] | None, typer.Option(help="Page of another host that may connect; may be given again.", metavar="URL")
    ] = None,
    tls_cert: Annotated[str | None, typer.Option(help="PEM certificate: speak https and wss.", metavar="FILE")] = None,
    tls_key: Annotated[str | None, typer.Option(help="Its key, PEM.", metavar="FILE")] = None,
    agent: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible API that thinks beside; the embedded agent if left out.", metavar="URL"),
    ] = None,
    agent_model: Annotated[str | None, typer.Option(help="Its model.", metavar="NAME")] = None,
    mcp: Annotated[str | None, typer.Option(help="MCP servers whose tools it may use.", metavar="FILE")] = None,
    recordings: Annotated[
        str | None, typer.Option(help="Folder for sessions that ask to be recorded.", metavar="DIR")
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Folder for all sessions: record also who did not ask.", metavar="DIR")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting; may be given again.", metavar="NAME=VALUE"),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all settings, and where each comes from; serve nothing.")
    ] = False,
) -> None:
    """Put the model on the wire. Settings: defaults, then the TOML file, MICROTURN_... variables, these options."""
    from microturn.commands.serve import serve as command

    typed = dict(_name_and_value(text) for text in set_ or [])
    options = {
        "weights": weights,
        "host": host,
        "port": port,
        "sessions": sessions,
        "model": model,
        "log": log,
        "idle_s": idle,
        "drain_s": drain,
        "keys_file": keys_file,
        "without_keys": without_keys or None,
        "origins": origin,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "agent": agent,
        "agent_model": agent_model,
        "mcp": mcp,
        "recordings": record or recordings,
        "recordings_every": True if record else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    command(config, {**typed, **given}, print_config)


def _name_and_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name.strip(), value.strip()


KeysFile = Annotated[Path, typer.Option(help="File that keeps the hashes.", metavar="FILE")]


@keys_app.command(epilog="Example: microturn keys add anna --file keys.txt")
def add(name: Annotated[str, typer.Argument(help="Whose key it is.")], file: KeysFile) -> None:
    """Make a key, keep its hash in the file and print it: it is shown this once. A running server takes it at once."""
    from microturn.commands.keys import add as command

    command(name, file)


@keys_app.command("list", epilog="Example: microturn keys list --file keys.txt")
def list_keys(file: KeysFile) -> None:
    """Print the names of the keys, and the owner that logs name instead."""
    from microturn.commands.keys import show as command

    command(file)


@keys_app.command(epilog="Example: microturn keys remove anna --file keys.txt")
def remove(name: Annotated[str, typer.Argument(help="Whose key it was.")], file: KeysFile) -> None:
    """Take a key out of the file. A running server lets nobody in with it any more; open sessions go on."""
    from microturn.commands.keys import remove as command

    command(name, file)


@app.command(
    epilog="Example: microturn train --out runs/tiny   (again: goes on where it stopped)    "
    "A voice, stage by stage: microturn train --stage vocoder --out runs/vocoder; "
    "microturn train --stage voice --out runs/voice; then microturn weights pack    "
    "Sight: microturn train --stage eye --out runs/eye; "
    "microturn train --recipe seeing --eye runs/eye/eye.safetensors --from FILE --out runs/seeing"
)
def train(
    out: OutFolder,
    pool: Annotated[
        list[Path] | None, typer.Option(help="Pool of clips, may be given again; OUT/pool if left out.", metavar="DIR")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's own number.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Single-thread processes, or GPUs, that train together.")] = 2,
    recipe: Annotated[
        str,
        typer.Option(
            help="tiny: the shipped model, hours; seeing: tiny, --from it, with sight; small: for a GPU; toy: a minute."
        ),
    ] = "tiny",
    stage: Annotated[
        str,
        typer.Option(
            help="conversation: when to say what; voice: words to mel; vocoder: mel to sound; eye: what pictures show."
        ),
    ] = "conversation",
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop (and save) after so long.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Checkpoint whose weights (stage eye: whose eye) a new run begins with.", metavar="FILE"
        ),
    ] = None,
    voice: Annotated[
        Path | None, typer.Option(help="What the stage voice made, to be carried.", metavar="FILE")
    ] = None,
    vocoder: Annotated[
        Path | None, typer.Option(help="What the stage vocoder made, to be carried.", metavar="FILE")
    ] = None,
    eye: Annotated[
        Path | None, typer.Option(help="What the stage eye made, for a new run of `seeing`.", metavar="FILE")
    ] = None,
) -> None:
    """Train a model from nothing. Makes the pool of spoken clips first if it is missing; resumes what was begun.

    The stages vocoder and voice need no pool and train one process on what the agent's voice says, the stage eye one on
    rendered pictures; the conversation is given what they made, or its sound stays noise until `weights pack` puts them
    in.
    """
    if stage != "conversation":
        from microturn.commands.stages import train_stage

        train_stage(stage, out, recipe, steps, minutes, weights)
        return
    from microturn.commands.train import sounding_parts
    from microturn.commands.train import train as command

    command(out, pool or [], recipe, steps, processes, minutes, weights, sounding_parts(voice, vocoder), eye)


@app.command(epilog="Example: microturn doctor")
def doctor() -> None:
    """Say what is here and what is missing: Python, torch, voices, FFmpeg, weights, and how long a tick takes."""
    from microturn.commands.doctor import doctor as command

    command()


@data.command(epilog="Example: microturn data pool --out pool")
def pool(
    out: OutFolder,
    recipe: Annotated[
        str,
        typer.Option(help="tiny: what the shipped model learns from; seeing: scenes too; small: for a GPU; toy: few."),
    ] = "tiny",
    processes: Annotated[int, typer.Option(min=1, help="Processes that synthesise.")] = 2,
) -> None:
    """Speak every line a training run needs, once, into a folder; a build that was stopped goes on."""
    from microturn.commands.train import pool as command

    command(out, recipe, processes)


@data.command(epilog="Example: microturn data preview --skill count --seed 3 --out preview")
def preview(
    skill: Annotated[str, typer.Option(help="One of the skills of the README, such as answer or count.")],
    out: OutFolder,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws another scenario.")] = 0,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
) -> None:
    """Render one scenario to a file to play and a picture of its timeline."""
    from microturn.commands.world import preview as command

    command(skill, seed, split, out)


@evaluate.command(epilog="Example: microturn eval world --out report.json --per-skill 4")
def world(
    out: Annotated[Path, typer.Option(help="Report to write.", metavar="FILE.json")],
    weights: Weights = None,
    per_skill: Annotated[int, typer.Option(min=1, help="Scenarios a skill and voice group.")] = 12,
    split: Annotated[str, typer.Option(help="test, or val while training.")] = "test",
    skill: Annotated[
        list[str] | None, typer.Option(help="Only this one, or sight for all of sight; may be given again.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only this group; may be given again.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps the rendered sound.", metavar="DIR")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Sessions at a time; 1 for the latency of one alone.")] = 8,
    echo_db: Annotated[
        float | None, typer.Option(max=0, help="The model's own sound comes back to it so loud, such as -15.")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="What is shown once more, every picture black.")] = False,
) -> None:
    """Event F1 within one tick, per skill and per voice group, on scenarios and voices the model has never met.

    For a model with a voice also: first sound, stops after a barge-in, going on through backchannels, undue sound. For
    one with sight, its skills too: counts of repetitions, starts and stops, fingers, false speech before a camera.
    """
    from microturn.commands.world import evaluate as command

    command(out, weights, per_skill, split, skill or [], cache, group or [], batch, echo_db, blind)


@evaluate.command(epilog="Example: microturn eval speech --out speech.json")
def speech(
    out: Annotated[Path, typer.Option(help="Report to write.", metavar="FILE.json")],
    weights: Weights = None,
    count: Annotated[int, typer.Option(min=1, help="Sentences of the test split.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other sentences.")] = 0,
    sounds: Annotated[Path | None, typer.Option(help="Folder that gets what was said, as wav.", metavar="DIR")] = None,
) -> None:
    """Word error of the model's voice by a recogniser (pocketsphinx), beside that of the voice it learnt from."""
    from microturn.commands.speech import speech as command

    command(out, weights, count, seed, sounds)


@evaluate.command(epilog="Example: microturn eval bias --weights runs/tiny/model.safetensors")
def bias(
    weights: Weights = None,
    per_skill: Annotated[int, typer.Option(min=1, help="Scenarios a skill and voice group.")] = 5,
    value: Annotated[list[float] | None, typer.Option(help="Only this bias; may be given again.")] = None,
    skill: Annotated[list[str] | None, typer.Option(help="Only this skill; may be given again.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps the rendered sound.", metavar="DIR")] = None,
) -> None:
    """Which bias of <listen> to ship: the best event F1 with at most one false utterance a minute, on the val split."""
    from microturn.commands.world import bias as command

    command(weights, per_skill, value or [], skill or [], cache)


@evaluate.command("list", epilog="Example: microturn eval list")
def list_suites() -> None:
    """Name the suites of scenarios, and the endpoints that can be scored."""
    from microturn.commands.suite import show as command

    command()


JudgeUrl = Annotated[
    str, typer.Option(help="OpenAI-compatible API that votes where rules do not decide; key in MICROTURN_JUDGE_KEY.")
]
JudgeModel = Annotated[str, typer.Option(help="Name of the model that votes.", metavar="NAME")]
Listener = Annotated[str, typer.Option(help="Who says what was said: text (the endpoint itself) or recogniser.")]


@evaluate.command("run", epilog="Example: microturn eval run timespeak --endpoint microturn --out runs/timespeak")
def run_suite(
    suite: Annotated[str, typer.Argument(help="One of `microturn eval list`.", metavar="SUITE")],
    endpoint: Annotated[str, typer.Option(help="Who is scored, and where it is.", metavar="NAME[:ADDRESS]")],
    out: OutFolder,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other scenarios.")] = 0,
    per_category: Annotated[
        int | None, typer.Option(min=1, help="Scenarios of each category; the suite's own number if left out.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="Scenario for the suite `files`; may be given again.", metavar="FILE.json")
    ] = None,
    weights: Weights = None,
    listener: Listener = "text",
    at_once: Annotated[int | None, typer.Option(min=1, help="Sessions side by side, at most.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a published set (or its file, for IFEval), for suites that read one.", metavar="DIR"
        ),
    ] = None,
    judge: JudgeUrl = "",
    judge_model: JudgeModel = "",
    agent: Annotated[
        str,
        typer.Option(
            help="OpenAI-compatible API that works beside `microturn` where a suite offers functions; the embedded "
            "agent if left out; key in MICROTURN_AGENT_KEY.",
            metavar="URL",
        ),
    ] = "",
    agent_model: Annotated[str, typer.Option(help="Its model.", metavar="NAME")] = "",
) -> None:
    """Hold the scenarios of a suite with an endpoint and score them. A run that was stopped goes on."""
    from microturn.agent.options import AgentOptions
    from microturn.commands.suite import JudgeRequest, RunRequest
    from microturn.commands.suite import run as command

    asked = JudgeRequest(judge, judge_model) if judge else None
    beside = AgentOptions(agent, agent_model)
    files = tuple(file or ())
    command(
        RunRequest(suite, endpoint, out, seed, per_category, files, weights, listener, at_once, data, asked, beside)
    )


RunFolder = Annotated[Path, typer.Argument(help="Folder of `microturn eval run`.", metavar="DIR")]


@evaluate.command("report", epilog="Example: microturn eval report runs/timespeak --listener recogniser")
def report_suite(
    folder: RunFolder, listener: Listener = "text", judge: JudgeUrl = "", judge_model: JudgeModel = ""
) -> None:
    """Score a run once more from its traces, and write report.json and report.html anew."""
    from microturn.commands.suite import JudgeRequest
    from microturn.commands.suite import again as command

    command(folder, listener, JudgeRequest(judge, judge_model) if judge else None)


@evaluate.command("compare", epilog="Example: microturn eval compare runs/ours runs/theirs")
def compare_suites(
    first: RunFolder,
    second: RunFolder,
    out: Annotated[Path | None, typer.Option(help="Page to write.", metavar="FILE.html")] = None,
) -> None:
    """Print two runs of one suite beside each other, and the scenarios in which they differ."""
    from microturn.commands.suite import compare as command

    command(first, second, out)


@agent_app.command(epilog='Example: microturn agent ask "how much is seventeen times twenty three"')
def ask(
    task: Annotated[str, typer.Argument(help="What is to be done, in words.")],
    agent: Annotated[
        str, typer.Option(help="OpenAI-compatible API, such as http://127.0.0.1:8000/v1; embedded if left out.")
    ] = "",
    agent_model: Annotated[str, typer.Option(help="Name of the model at that API.", metavar="NAME")] = "",
    agent_key_file: Annotated[
        Path | None, typer.Option(help="Key of that API; else MICROTURN_AGENT_KEY is taken.", metavar="FILE")
    ] = None,
    mcp: Annotated[Path | None, typer.Option(help="MCP servers, as {mcpServers: {...}}.", metavar="FILE")] = None,
    notes: Annotated[Path | None, typer.Option(help="File that keeps notes and reminders.", metavar="FILE")] = None,
    documents: Annotated[Path | None, typer.Option(help="Folder of text files to search.", metavar="DIR")] = None,
    zone: Annotated[str, typer.Option(help="Time zone, such as Europe/Berlin; this machine's if left out.")] = "",
    deadline: Annotated[float, typer.Option(min=1, max=3600, help="Seconds that it may take.")] = 120.0,
) -> None:
    """Give the background agent one task, and print its progress and what would be said."""
    from microturn.agent.options import AgentOptions
    from microturn.commands.agent import ask as command

    command(task, AgentOptions(agent, agent_model, mcp, agent_key_file, notes, documents, zone), deadline)


@weights_app.command(epilog="Example: microturn weights inspect runs/tiny/model.safetensors")
def inspect(
    path: Annotated[Path, typer.Argument(help="A checkpoint of ours, or a folder with a published Inkling.")],
) -> None:
    """Say what a checkpoint holds; of a published Inkling, which parts fit, without loading its weights."""
    from microturn.commands.weights import inspect as command

    command(path)


@weights_app.command(epilog="Example: microturn weights pack runs/tiny/model.safetensors --out tiny.safetensors")
def pack(
    path: Annotated[Path, typer.Argument(help="A checkpoint made by `microturn train`.")],
    out: Annotated[Path, typer.Option(help="File to write.", metavar="FILE")],
    report: Annotated[Path | None, typer.Option(help="Results of `microturn eval world` to keep in it.")] = None,
    listen_bias: Annotated[
        float | None, typer.Option(help="Added to the logit of <listen> where it was silent; more is quieter.")
    ] = None,
    stop_bias: Annotated[
        float | None, typer.Option(help="The same where it was speaking; more stops more readily.")
    ] = None,
    voice: Annotated[
        Path | None, typer.Option(help="Voice made by `microturn train --stage voice`.", metavar="FILE")
    ] = None,
    vocoder: Annotated[
        Path | None, typer.Option(help="Vocoder made by `microturn train --stage vocoder`.", metavar="FILE")
    ] = None,
    average: Annotated[
        Path | None, typer.Option(help="Weights to average with, trained from the same ones.", metavar="FILE")
    ] = None,
    share: Annotated[float, typer.Option(help="How much of these, 0 to 1.")] = 0.5,
    blind: Annotated[bool, typer.Option("--blind", help="Leave its sight out.")] = False,
) -> None:
    """Make a checkpoint fit to ship: matrices in bf16, with its notes, its results and its voice inside."""
    from microturn.commands.weights import pack as command

    biases = {"listen_bias": listen_bias, "stop_bias": stop_bias}
    command(path, out, report, biases, voice, vocoder, average, share, blind)
