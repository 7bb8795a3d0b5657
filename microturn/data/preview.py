"""One scenario to listen to and to look at: sound, video, and a picture of who speaks when and what is expected."""

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.core.wav import WavWriter
from microturn.data.agent import agent_voice
from microturn.data.echo import own_pcm
from microturn.data.history import right_history
from microturn.data.render import RenderConfig, Rendered, render
from microturn.data.scenarios import sample_script
from microturn.data.script import SPEAKERS, Script
from microturn.data.sight.clip import write_clip
from microturn.data.sight.play import seen
from microturn.data.splits import Split
from microturn.data.voices import Prosody, Voice, fits_user, voices

PX_PER_S = 110
LEFT_PX, ROW_PX, HEAD_PX = 70, 46, 26
ROWS = (*SPEAKERS, "expected")
COLORS = {"user": "#3b6fb6", "other": "#8a6d3b", "tv": "#777777", "expected": "#b0413e"}
STYLE = "text{font:11px sans-serif} .small{font-size:9px;fill:#888} .line{stroke:#e4e4e4} .wave{stroke:#9db8da}"
PAGE_STYLE = "body{font:14px sans-serif;margin:2em} .wide{overflow-x:auto} th{text-align:left;padding-right:1em}"


def preview(skill: str, seed: int = 0, split: Split = "train", out: Path = Path("preview")) -> Path:
    """Render a scenario of a skill into folder `out`: SKILL-SEED.wav, .svg and .html (both together).

    The sound has the user on the left and on the right what the agent should say, in its voice, when it should. Where
    there is something to see, SKILL-SEED.mp4 shows it with that sound: below the picture a blue bar while the user
    speaks, a red one while the agent should. Returns the page's path. The voice is drawn from the split's. Raises
    InputError for an unknown skill or split.
    """
    rng = np.random.default_rng(seed)
    script = sample_script(skill, rng, split)
    speakers = [v for v in voices(split) if fits_user(v, Prosody())]
    voice = speakers[int(rng.integers(len(speakers)))]
    sound = render(script, voice, Prosody(), rng, RenderConfig(spoken=True))
    say = agent_voice().say
    agent = own_pcm(right_history(sound.expects, say), say, len(sound.pcm))
    out.mkdir(parents=True, exist_ok=True)
    page = out / f"{skill.replace(' ', '-')}-{seed}.html"
    with WavWriter(page.with_suffix(".wav"), channels=2) as wav:
        wav.write(np.stack([sound.pcm, agent], axis=1))
    if sound.film is not None:
        write_clip(page.with_suffix(".mp4"), sound.film, sound.pcm, agent)
    picture = timeline(sound, agent)
    page.with_suffix(".svg").write_text(picture, encoding="utf-8")
    page.write_text(_page(script, voice, sound, picture, page.stem), encoding="utf-8")
    return page


def timeline(sound: Rendered, agent: np.ndarray) -> str:
    """The session as SVG: ticks, waveform, a row for each speaker's words and one for what is expected.

    agent: float32 [N], as long as the user's sound; its waveform lies behind what is expected.
    """
    width = LEFT_PX + sound.end_ms * PX_PER_S // 1000 + 20
    height = HEAD_PX + ROW_PX * (len(ROWS) + 1)
    drawn = [
        *_ticks(sound.end_ms, height), *_wave(sound.pcm, HEAD_PX), *_wave(agent, _y("expected")),
        *_names(), *_words(sound), *_expects(sound),
    ]  # fmt: skip
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>'
    return "\n".join([head, f'<rect {size.split(" viewBox")[0]} fill="white"/>', *drawn, "</svg>"]) + "\n"


def _x(ms: float) -> str:
    return f"{LEFT_PX + ms * PX_PER_S / 1000:.1f}"


def _y(row: str) -> int:
    return HEAD_PX + ROW_PX * (1 + ROWS.index(row))


def _ticks(end_ms: int, height: int) -> Iterator[str]:
    for ms in range(0, end_ms + 1, TICK_MS):
        top = 14 if ms % 1000 == 0 else HEAD_PX
        yield f'<line class="line" x1="{_x(ms)}" x2="{_x(ms)}" y1="{top}" y2="{height}"/>'
        if ms % 1000 == 0:
            yield f'<text class="small" x="{_x(ms)}" y="11">{ms // 1000} s, tick {ms // TICK_MS}</text>'


def _wave(pcm: np.ndarray, top_px: int) -> Iterator[str]:
    """Peak of every 20 ms, from -60 dBFS up."""
    peaks = np.abs(pcm.reshape(-1, 320)).max(axis=1)
    heights = np.clip(1.0 + np.log10(np.maximum(peaks, 1e-9)) / 3.0, 0.0, 1.0) * (ROW_PX - 8) / 2
    middle = top_px + ROW_PX / 2
    steps = (f"M{_x(20 * i)} {middle - h:.1f}V{middle + h:.1f}" for i, h in enumerate(heights) if h > 0.5)
    yield f'<path class="wave" fill="none" d="{"".join(steps)}"/>'


def _names() -> Iterator[str]:
    yield f'<text x="4" y="{HEAD_PX + ROW_PX // 2 + 4}">sound</text>'
    for row in ROWS:
        yield f'<text x="4" y="{_y(row) + 22}" fill="{COLORS[row]}">{row}</text>'


def _words(sound: Rendered) -> Iterator[str]:
    for spoken in sound.spoken:
        for index, word in enumerate(spoken.words):
            drop = 13 * (index % 2)  # two lines of text, so that short words do not overlap
            yield _box(spoken.speaker, word.start_ms, word.end_ms, word.word, 12 + drop)
        if spoken.line.meaning is not None:
            kind = type(spoken.line.meaning).__name__
            x = _x(spoken.words[0].start_ms)
            yield f'<text class="small" x="{x}" y="{_y(spoken.speaker) + 41}">{kind}</text>'


def _expects(sound: Rendered) -> Iterator[str]:
    for index, expect in enumerate(sound.expects):
        start_ms = expect.tick * TICK_MS
        yield _box("expected", start_ms, start_ms + TICK_MS, expect.text, 12 + 13 * (index % 2))
        yield f'<text class="small" x="{_x(start_ms)}" y="{_y("expected") + 41}">{expect.skill}</text>'


def _box(row: str, start_ms: int, end_ms: int, text: str, drop_px: int) -> str:
    width, color = max(1.0, (end_ms - start_ms) * PX_PER_S / 1000), COLORS[row]
    rect = (
        f'<rect x="{_x(start_ms)}" y="{_y(row)}" width="{width:.1f}" height="30" fill="{color}" fill-opacity="0.18"/>'
    )
    return f'{rect}<text x="{_x(start_ms)}" y="{_y(row) + drop_px}" fill="{color}">{escape(text)}</text>'


def _page(script: Script, voice: Voice, sound: Rendered, picture: str, stem: str) -> str:
    kind = "negative" if script.negative else "positive"
    names = {"skill": f"{script.skill}, {kind}", "template": script.template, "slots": script.slots, "voice": voice.id}
    return "\n".join([
        f'<!doctype html><meta charset="utf-8"><title>{escape(script.skill)}</title>',
        f"<style>{PAGE_STYLE}</style>",
        f"<h1>{escape(script.skill)}</h1><table>{_rows(names.items())}</table>",
        f"<p>{_player(sound, stem)}</p><div class=\"wide\">{picture}</div>",
        f"<h2>expected</h2><table>{_rows((f'tick {e.tick}', f'{e.text} ({e.skill})') for e in sound.expects)}</table>",
        *_facts(sound),
    ]) + "\n"  # fmt: skip


def _player(sound: Rendered, stem: str) -> str:
    if sound.film is None:
        return f'<audio controls src="{escape(stem)}.wav"></audio>'
    return f'<video controls src="{escape(stem)}.mp4"></video>'


def _facts(sound: Rendered) -> Iterator[str]:
    """What can be known from the picture, and from when on."""
    if sound.film is not None:
        rows = ((f"tick {s.t_ms // TICK_MS}, {s.t_ms} ms", str(s.fact)) for s in seen(sound.film.staged))
        yield f"<h2>seen</h2><table>{_rows(rows)}</table>"


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs)
