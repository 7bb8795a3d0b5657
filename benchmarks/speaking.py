"""A voice says texts that it never trained on: its flow head with more or fewer steps, and the head that takes none.

`mel dB`, `drift dB`, `begun %`: words are written when the original's are, the voice hears itself throughout; what it
makes is held against the original tick by tick. `length` and `words %`: it says the text by itself, in as many ticks as
it takes; words are those of a recogniser, where pocketsphinx is installed.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microturn.core.clock import TICK_MS
from microturn.core.errors import MissingDependency
from microturn.core.provenance import provenance
from microturn.data.agent import AgentClip, AgentVoice
from microturn.data.sayings import SayingsConfig, sayings
from microturn.eval.speech import Recogniser, WorldRecogniser, spoken_word_error
from microturn.media.text import TextTokenizer
from microturn.model.config import InteractionConfig, VoiceConfig
from microturn.model.flow import scaled, unscaled
from microturn.model.recite import recite
from microturn.model.vocoder import Vocoder, load_vocoder
from microturn.model.voice import Voice, init_voice
from microturn.model.voice_file import VoiceFile, load_voice
from microturn.train.utterances import Laid, UtteranceConfig, lay_out, take_of

HEADS = {"direct": 0, "flow, 1 step": 1, "flow, 2 steps": 2, "flow, 4 steps": 4, "flow, 8 steps": 8}
COLUMNS = ("mel_db", "drift_db", "begun_percent", "length", "words_percent", "ticks_per_s")
NAMES = ("mel dB", "drift dB", "begun %", "length", "words %", "ticks/s")


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    read = load_voice(options.voice) if options.voice else fresh()
    vocoder = load_vocoder(options.vocoder) if options.vocoder else None
    if vocoder is not None:
        read.voice.vocoder = vocoder
    agent = AgentVoice()
    texts = held_out(options.texts)
    clips = [agent.say(text) for text in texts]
    judge = None if vocoder is None or options.no_words else recogniser()
    rows: dict[str, Any] = {
        name: row(with_evals(read.voice, evals, options.noise), read, texts, clips, judge)
        for name, evals in HEADS.items()
        if not options.heads or evals in options.heads
    }
    if vocoder is not None:
        rows["original, vocoder"] = {"words_percent": words_percent(vocoded(vocoder, clips), texts, judge)}
    rows["original"] = {"words_percent": words_percent([clip.pcm for clip in clips], texts, judge)}
    report = {
        "heads": rows,
        "texts": len(texts),
        "sound_s": sum(clip.ticks for clip in clips) * TICK_MS / 1000,
        "voice": options.voice.name if options.voice else "random",
        "steps": read.notes.get("step"),
        "parameters": sum(p.numel() for n, p in read.voice.named_parameters() if not n.startswith("vocoder.")),
        **provenance("python benchmarks/speaking.py"),
    }
    print(json.dumps(report) if options.json else table(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--voice", type=Path, help="a voice.safetensors (default: random weights)")
    parser.add_argument("--vocoder", type=Path, help="a vocoder.safetensors; without one no words are judged")
    parser.add_argument("--texts", type=int, default=100, help="held-out texts to say (default 100)")
    parser.add_argument("--heads", type=int, nargs="*", help="only these numbers of steps")
    parser.add_argument("--noise", type=float, help="deviation of the flow's noise (default: the voice's own)")
    parser.add_argument("--no-words", action="store_true", help="without the recogniser")
    return parser.parse_args()


def fresh() -> VoiceFile:
    """A voice that has learnt nothing, for the shapes alone."""
    config = InteractionConfig(voice=VoiceConfig())
    voice = Voice(config).eval()
    init_voice(voice, 0)
    return VoiceFile(voice, config, TextTokenizer.train(held_out(8)), {})


def held_out(count: int) -> list[str]:
    """Texts of the test split: answers, recitals, words to repeat and lines, one kind as often as the other."""
    shares = dict.fromkeys(("answer_share", "recital_share", "echo_share", "line_share"), 0.25)
    none = dict.fromkeys(("remark_share", "report_share"), 0.0)
    config = SayingsConfig(scripts=16 * count, echoes=count, lines=count, **shares, **none, seed=1)
    texts, weights = sayings("test", config)
    rng = np.random.default_rng(2)
    return [texts[index] for index in rng.choice(len(texts), min(count, len(texts)), replace=False, p=weights)]


def with_evals(voice: Voice, evals: int, noise: float | None) -> Voice:
    """The voice, from now on with so many steps of its flow."""
    voice.shapes = replace(voice.shapes, flow_evals=evals)
    if noise is not None:
        voice.shapes = replace(voice.shapes, flow_noise=noise)
    return voice


def row(
    voice: Voice, read: VoiceFile, texts: Sequence[str], clips: Sequence[AgentClip], judge: Recogniser | None
) -> dict[str, float | None]:
    """The figures of one head over all texts."""
    errors, drifts, begun = [], [], []
    ticks, began_s = 0, time.perf_counter()
    for clip in clips:
        take = take_of(clip, read.config.mel)
        laid = lay_out([take], read.tokenizer, read.config.text_per_tick, UtteranceConfig(ticks=10_000), None)
        made_NFC, counts = by_schedule(voice, laid)
        apart = unscaled(torch.from_numpy(laid.blocks_NFC).float(), read.config.mel) - made_NFC
        errors += apart.abs().mean((1, 2)).tolist()
        drifts.append(float(apart[-len(apart) // 3 :].mean() - apart[: -(-len(apart) // 3)].mean()))
        begun += [made == sum(at <= tick for at in laid.begins) for tick, made in enumerate(counts)]
        ticks += len(counts)
    took_s = time.perf_counter() - began_s
    alone = [recite(voice, [read.tokenizer.encode(word) for word in text.split()], 2) for text in texts]
    sounds = [torch.cat([block.pcm for block in blocks]).numpy() for blocks in alone]
    return {
        "mel_db": round(float(np.mean(errors)), 2),
        "drift_db": round(float(np.mean(np.abs(drifts))), 2),
        "begun_percent": round(100.0 * float(np.mean(begun)), 1),
        "length": round(sum(map(len, alone)) / sum(clip.ticks for clip in clips), 3),
        "words_percent": words_percent(sounds, texts, judge),
        "ticks_per_s": round(ticks / took_s, 1),
    }


def by_schedule(voice: Voice, laid: Laid) -> tuple[torch.Tensor, list[int]]:
    """What the voice makes, dB [N, F, C], and how many tokens it lets begin, when words are written as in `laid`."""
    state, made, counts = voice.begin(), [], []
    for tick in range(len(laid.blocks_NFC)):
        news = [token for token, at in zip(laid.tokens, laid.written, strict=True) if at == tick]
        block = voice.step(state, news)
        state = block.state
        made.append(block.mel_db)
        counts.append(block.begun)
    return torch.stack(made), counts


@torch.no_grad()
def vocoded(vocoder: Vocoder, clips: Sequence[AgentClip]) -> list[np.ndarray]:
    """The original's mel through the vocoder: what the voice could reach."""
    mel = vocoder.config.mel
    return [vocoder(unscaled(scaled(torch.from_numpy(c.mel_db), mel), mel)[None])[0].numpy() for c in clips]


def recogniser() -> Recogniser | None:
    """One that knows the world's words, where pocketsphinx is installed."""
    try:
        return WorldRecogniser()
    except MissingDependency:
        return None


def words_percent(sounds: Sequence[np.ndarray], texts: Sequence[str], judge: Recogniser | None) -> float | None:
    """Wrong, missing and added words, as a share of the right ones; the worst are shown on stderr."""
    if judge is None:
        return None
    judged = spoken_word_error(sounds, texts, judge, 6)
    for right, understood in judged.worst:
        print(f"  {right!r} understood as {understood!r}", file=sys.stderr)
    return round(100.0 * judged.word_error, 1)


def table(report: dict[str, Any]) -> str:
    lines = [f"{'head':<20}" + "".join(f"{name:>10}" for name in NAMES)]
    for name, figures in report["heads"].items():
        shown = ("-" if figures.get(column) is None else figures[column] for column in COLUMNS)
        lines.append(f"{name:<20}" + "".join(f"{value:>10}" for value in shown))
    place = report["machine"]
    lines += [
        f"voice      {report['voice']}, {report['parameters'] / 1e6:.1f} M, {report['steps']} steps",
        f"texts      {report['texts']} held out, {report['sound_s']:.0f} s as the original says them",
        f"machine    {place['cpu']}, one of {place['cores']} cores, load {place['load_1min']}",
        f"commit     {report['commit']}",
        f"command    {report['command']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
