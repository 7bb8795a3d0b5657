"""Streams mixed in the mel domain from a pool of clips, while the model learns. The waveform twin is render.py.

Powers of independent sources add, a room smears power over time, a microphone and a vocal tract reshape it over
frequency: all of it acts on [frames, channels] here. Everything comes from one numpy Generator.

Shapes: F mel frames (20 ms), C channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np

from microturn.core.clock import TICK_MS, tick_of
from microturn.core.errors import InputError
from microturn.data.agent import AgentVoice
from microturn.data.echo import add_echo, own_levels, roughened
from microturn.data.history import HistoryConfig, drawn_history
from microturn.data.oracle import oracle
from microturn.data.scenarios import corpus, echo, sample_script, showing
from microturn.data.scenarios.again import shown_again, worked_again
from microturn.data.script import (
    AnswerEveryone,
    EndTelling,
    Line,
    PlainWord,
    SceneScript,
    Script,
    Spoken,
    StopAll,
    TimedWord,
    WakeWord,
    results,
    staged,
)
from microturn.data.sight.film import Film
from microturn.data.sight.play import Shot, Staged, seen
from microturn.data.stream import HeardWord, Stream, Typed
from microturn.data.tone import add_at, loudspeaker_curve, room_taps, smeared, smooth_curve, to_power
from microturn.media.mel import MelConfig, hz_to_mel, mel_to_hz, quantize

FRAME_MS = 20
BETWEEN_QUESTIONS_MS = (400, 1_500)
CLOSING = {
    StopAll: Line("okay stop", "user", 800, StopAll()),
    WakeWord: Line("answer everyone again", "user", 800, AnswerEveryone()),
}


class PoolClip(Protocol):
    """mel_u8: [F, C], q = 2 * (dB + 120); word times from the clip's start."""

    @property
    def mel_u8(self) -> np.ndarray: ...
    @property
    def words(self) -> Sequence[TimedWord]: ...


class Clips(Protocol):
    """Speakers (a voice with one vocal tract each) and what they can say."""

    def speakers(self, group: str | None = None) -> Sequence[str]: ...
    def scripts(self, speaker: str) -> Sequence[Script]: ...
    def say(self, speaker: str, text: str, rng: np.random.Generator, unlike: str = "") -> PoolClip | None: ...
    def bank(self, speaker: str, skill: str) -> Sequence[str]: ...


@dataclass(frozen=True)
class MixConfig:
    """How wide the world is. Ranges are uniform; decibels are relative to the clip's own level.

    `skills`: how often a script of a skill is drawn, 1 where nothing is said, 0 for never.

    `spoken`: the agent sounds, for as long as its words take. Then in `echo_share` of the streams the user's microphone
    hears it too: what it said in one tick is played in the next one and arrives `echo_delay_ms` later. What it hears of
    itself is off by up to `own_noise` levels, and `own_drop_share` of its ticks are missing (`echo.roughened`).

    `typed_echo_share` of what is typed afresh are words to say again, the others are questions; after a script with
    something to see, `typed_seen_share` of it asks about that, and up to `typed_seen_more` questions follow: most of
    the time of a stream goes by with nothing to look for, and a typed question takes hardly any.
    `camera_share` of the streams in which nothing is to be seen have a camera all the same; `lost_share` of a camera's
    frames never arrive; `dark_share` of shots end with their script, the others go on until the next one.
    `with_scenes`: only speakers who have a script with something to see; they say their other scripts, too.
    """

    ticks: int = 320
    natural_share: float = 0.6
    skills: Mapping[str, float] = field(default_factory=dict)
    typed_share: float = 0.08
    typed_fresh_share: float = 0.5
    typed_echo_share: float = 0.0
    typed_seen_share: float = 0.0
    typed_seen_more: int = 0
    typed_tokens: int = 42
    swap_story_share: float = 0.6
    between_ms: tuple[int, int] = (900, 3_500)
    gain_db: tuple[float, float] = (-14.0, 8.0)
    warp: float = 0.06
    speed: float = 0.10
    eq_db: float = 5.0
    room_share: float = 0.6
    noise_share: float = 0.85
    snr_db: tuple[float, float] = (6.0, 40.0)
    babble_share: float = 0.25
    burst_share: float = 0.3
    history: HistoryConfig = field(default_factory=HistoryConfig)
    spoken: bool = False
    echo_share: float = 0.5
    echo_db: tuple[float, float] = (-30.0, -8.0)
    echo_delay_ms: tuple[int, int] = (0, 160)
    own_noise: float = 0.0
    own_drop_share: float = 0.0
    camera_share: float = 0.0
    lost_share: float = 0.03
    dark_share: float = 0.15
    with_scenes: bool = False


class Tone(NamedTuple):
    """What lies between a speaker's mouth and the microphone, for one stream."""

    gain_db: float
    eq_db_C: np.ndarray
    source_C: np.ndarray
    speed: float
    room_K: np.ndarray


class _Placed(NamedTuple):
    start_ms: int
    clip: PoolClip
    tone: Tone


def warped_channels(warp: float, mel: MelConfig) -> np.ndarray:
    """For each channel, the (fractional) channel that holds its frequency times `warp`."""
    top = float(hz_to_mel(np.array(mel.sample_rate_hz / 2.0)))
    centres = np.linspace(0.0, top, mel.n_mels + 2)[1:-1]
    moved = hz_to_mel(mel_to_hz(centres) * warp)
    return np.clip(np.interp(moved, centres, np.arange(mel.n_mels)), 0, mel.n_mels - 1)


def draw_tone(rng: np.random.Generator, config: MixConfig, mel: MelConfig, distance: str = "near") -> Tone:
    """`near` is the user, `far` another person in the room, `tv` a small loudspeaker."""
    gain = rng.uniform(*config.gain_db)
    eq = smooth_curve(rng, mel.n_mels, config.eq_db * rng.uniform(0.0, 1.0))
    room = rng.random() < config.room_share or distance != "near"
    taps = room_taps(rng, (3.0, 10.0) if distance != "near" else (9.0, 22.0))
    if distance == "tv":
        eq = eq + loudspeaker_curve(rng, mel.n_mels)
    warp = 1.0 + rng.uniform(-config.warp, config.warp)
    speed = 1.0 + rng.uniform(-config.speed, config.speed)
    empty = np.zeros(0, np.float32)
    return Tone(gain, eq, warped_channels(warp, mel), speed, taps if room else empty)


def sound_of(clip: PoolClip, tone: Tone) -> np.ndarray:
    """The clip as it arrives: power float32 [F', C]."""
    mel_u8 = clip.mel_u8
    frames = max(1, round(len(mel_u8) / tone.speed))
    at = np.minimum(np.arange(frames) * tone.speed, len(mel_u8) - 1.0)
    low = at.astype(np.int64)
    high = np.minimum(low + 1, len(mel_u8) - 1)
    part = (at - low).astype(np.float32)[:, None]
    db = mel_u8[low] * (1.0 - part) + mel_u8[high] * part
    left = tone.source_C.astype(np.int64)
    right = np.minimum(left + 1, db.shape[1] - 1)
    share = (tone.source_C - left).astype(np.float32)
    db = (db[:, left] * (1.0 - share) + db[:, right] * share) * 0.5 - 120.0 + tone.gain_db + tone.eq_db_C
    return smeared(to_power(db), tone.room_K)


def word_times(clip: PoolClip, start_ms: int, speed: float) -> tuple[PlainWord, ...]:
    """The clip's words in the session's time."""
    return tuple(
        PlainWord(w.word, start_ms + round(w.start_ms / speed), start_ms + round(w.end_ms / speed)) for w in clip.words
    )


class _Session:
    """Lines placed one after the other until the stream is full."""

    def __init__(self, clips: Clips, speaker: str, config: MixConfig, mel: MelConfig, rng: np.random.Generator) -> None:
        self.clips, self.speaker, self.config, self.mel, self.rng = clips, speaker, config, mel, rng
        self.end_ms = config.ticks * TICK_MS
        self.now_ms = int(rng.integers(200, 2_000))
        self.tone = draw_tone(rng, config, mel)
        self.placed: list[_Placed] = []
        self.spoken: list[Spoken] = []
        self.typed: list[Typed] = []
        self.staged: list[Staged] = []
        self.skills: list[str] = []
        self.typed_room = config.typed_tokens

    def other_speaker(self) -> str:
        others = [s for s in self.clips.speakers() if s.split("@")[0] != self.speaker.split("@")[0]]
        return others[int(self.rng.integers(len(others)))]

    def play_typed(self) -> None:
        """A question or words to say again, drawn afresh and typed: without a clip every fact comes by, and any row."""
        about = None
        if self.staged and self.rng.random() < self.config.typed_seen_share:
            about = self._asking_about_shot()
        if about is not None:
            lines: Sequence[Line] = [about]
        elif self.config.typed_echo_share and self.rng.random() < self.config.typed_echo_share:
            lines = [echo.afresh(self.rng)]
        else:
            lines = sample_script("answer", self.rng, "train").lines
        for line in lines:
            if len(line.text.split()) + 2 <= self.typed_room and line.meaning is not None:
                self.type(line)

    def ask_more(self) -> None:
        """Typed questions about what is to be seen, one after the other."""
        if not self.staged or not self.config.typed_seen_more:
            return
        for _ in range(int(self.rng.integers(self.config.typed_seen_more + 1))):
            about = self._asking_about_shot()
            if about is None or len(about.text.split()) + 2 > self.typed_room:
                return
            self.type(about)
            self.now_ms += int(self.rng.integers(*BETWEEN_QUESTIONS_MS))

    def _asking_about_shot(self) -> Line | None:
        return showing.asking_about(self.rng, "train", self.staged[-1].shot.play)

    def play(self, script: Script) -> None:
        """Place every line of `script`. Others' lines that nobody but the user's voice has are left out.

        What it shows is drawn anew.
        """
        script = worked_again(shown_again(script, self.rng), self.rng)
        n_words = sum(len(line.text.split()) for line in script.lines if line.speaker == "user")
        typed = self.rng.random() < self.config.typed_share and n_words < self.typed_room
        stranger = self.other_speaker()
        tones = {
            "other": draw_tone(self.rng, self.config, self.mel, "far"),
            "tv": draw_tone(self.rng, self.config, self.mel, "tv"),
        }
        for role, drop in (("other", (2.0, 10.0)), ("tv", (4.0, 14.0))):
            level = self.tone.gain_db - self.rng.uniform(*drop)
            tones[role] = tones[role]._replace(gain_db=level)
        self.skills.append(script.skill)
        start_ms, ends_ms = self.now_ms, []
        for line in script.lines:
            if typed and line.speaker == "user":
                self.type(line)
            elif line.speaker == "user":
                self.say(self._maybe_swapped(line, script.skill), self.speaker, self.tone)
            else:
                self.say(line, stranger, tones[line.speaker])
            ends_ms.append(self.now_ms)
        self.now_ms += script.tail_ms
        self.staged += staged(script, ends_ms, start_ms, self.now_ms)

    def _maybe_swapped(self, line: Line, skill: str) -> Line:
        """Another story phrase in place of this one: the oracle labels whatever is said."""
        stories = self.clips.bank(self.speaker, skill)
        if line.meaning is not None or not stories or line.text not in stories:
            return line
        if self.rng.random() >= self.config.swap_story_share:
            return line
        return Line(stories[int(self.rng.integers(len(stories)))], line.speaker, line.gap_ms)

    def say(self, line: Line, speaker: str, tone: Tone) -> None:
        clip = self.clips.say(speaker, line.text, self.rng, unlike="" if line.speaker == "user" else self.speaker)
        if clip is None:
            return
        start_ms = (self.now_ms + line.gap_ms) // FRAME_MS * FRAME_MS
        self.placed.append(_Placed(start_ms, clip, tone))
        words = word_times(clip, start_ms, tone.speed)
        self.spoken.append(Spoken(line.speaker, line, words))
        self.now_ms = words[-1].end_ms

    def type(self, line: Line) -> None:
        tick = (self.now_ms + line.gap_ms) // TICK_MS + 1
        words = line.text.replace(",", "").split()
        for start in range(0, len(words), 6):
            self.typed.append(Typed(tick + start // 6, " ".join(words[start : start + 6])))
        at_ms = [(tick + i // 6) * TICK_MS + 1 for i in range(len(words))]
        timed = tuple(PlainWord(w, t, t) for w, t in zip(words, at_ms, strict=True))
        self.spoken.append(Spoken("user", line, timed))
        self.typed_room -= len(words) + 2
        self.now_ms = (tick + len(words) // 6 + 1) * TICK_MS

    def pause(self) -> None:
        self.now_ms += int(self.rng.integers(*self.config.between_ms))

    def film(self) -> Film | None:
        """What the camera gives, if there is one; from now on no shot overlaps another."""
        if not self.staged and self.config.camera_share and self.rng.random() < self.config.camera_share:
            self.staged = idle_shots(self.rng, self.end_ms)
        if not self.staged:
            return None
        nexts_ms = [*(entry.start_ms for entry in self.staged[1:]), self.end_ms]
        dark = self.rng.random(len(nexts_ms)) < self.config.dark_share
        ends_ms = [min(e.end_ms, n) if off else n for e, n, off in zip(self.staged, nexts_ms, dark, strict=True)]
        self.staged = [replace(e, end_ms=end_ms) for e, end_ms in zip(self.staged, ends_ms, strict=True)]
        lost = np.flatnonzero(self.rng.random(self.config.ticks) < self.config.lost_share)
        return Film(self.staged, int(self.rng.integers(TICK_MS)), lost.tolist())

    def mix(self) -> np.ndarray:
        """Everything placed, plus noise: power float32 [F, C]."""
        n_frames = self.end_ms // FRAME_MS
        power = noise_power(self.rng, n_frames, self.config, self.mel, self.tone.gain_db)
        for start_ms, clip, tone in self.placed:
            add_at(power, sound_of(clip, tone), start_ms // FRAME_MS)
        if self.rng.random() < self.config.babble_share:
            self._babble(power)
        return power

    def _babble(self, power: np.ndarray) -> None:
        level = self.tone.gain_db - self.rng.uniform(12.0, 26.0)
        voices = [self.other_speaker() for _ in range(3)]
        start, frames = int(self.rng.integers(0, len(power))), int(self.rng.integers(200, len(power)))
        for voice in voices:
            tone = draw_tone(self.rng, self.config, self.mel, "far")._replace(gain_db=level)
            at = start
            while at < min(start + frames, len(power)):
                scripts = self.clips.scripts(voice)
                lines = scripts[int(self.rng.integers(len(scripts)))].lines
                clip = self.clips.say(voice, lines[int(self.rng.integers(len(lines)))].text, self.rng)
                if clip is None:
                    break
                add_at(power, sound_of(clip, tone), at)
                at += len(clip.mel_u8) + int(self.rng.integers(0, 40))


def noise_power(
    rng: np.random.Generator, frames: int, config: MixConfig, mel: MelConfig, speech_db: float
) -> np.ndarray:
    """A bed of coloured noise that breathes, a few bursts; or almost nothing."""
    if rng.random() >= config.noise_share:
        return np.full((frames, mel.n_mels), 10.0 ** (rng.choice([-12.0, -9.5, -8.5])), np.float32)
    # Clips are levelled to -26 dBFS; spread over 80 channels speech peaks lie near -40 dB a channel.
    level = speech_db - 42.0 - rng.uniform(*config.snr_db)
    curve = smooth_curve(rng, mel.n_mels, 10.0) + np.linspace(0, -rng.uniform(0, 20), mel.n_mels).astype(np.float32)
    knots = rng.normal(0.0, rng.uniform(0.0, 3.0), frames // 100 + 2)
    breath = np.interp(np.arange(frames) / 100.0, np.arange(len(knots)), knots).astype(np.float32)
    grain = rng.standard_normal((frames, mel.n_mels), dtype=np.float32) * 2.2
    db = level + curve[None, :] + breath[:, None] + grain
    power = np.exp(db * np.float32(np.log(10.0) / 10.0)) + np.float32(1e-12)
    if rng.random() < config.burst_share:
        for _ in range(int(rng.integers(1, 8))):
            at, length = int(rng.integers(0, frames - 30)), int(rng.integers(2, 25))
            shape = smooth_curve(rng, mel.n_mels, 8.0) + speech_db - 45.0 + rng.uniform(-15, 6)
            fade = -np.linspace(0.0, rng.uniform(5, 30), length)[:, None]
            power[at : at + length] += 10.0 ** ((shape + fade) / 10.0)
    return power


def build_stream(
    clips: Clips,
    rng: np.random.Generator,
    config: MixConfig = MixConfig(),
    mel: MelConfig = MelConfig(),
    agent: AgentVoice | None = None,
) -> Stream:
    """One stream of `config.ticks`: a speaker, scripts one after the other, the oracle's labels, a history.

    `agent` is the voice it speaks with where `config.spoken`; InputError where that is missing.
    """
    if config.spoken and agent is None:
        raise InputError("a spoken stream without a voice", "build_stream", "agent=None", "an AgentVoice")
    speakers = _with_scripts(clips, "natural" if rng.random() < config.natural_share else "synthetic", config)
    speakers = speakers or _with_scripts(clips, None, config)
    if not speakers:
        wanted = ", ".join(skill for skill, weight in config.skills.items() if weight > 0)
        raise InputError("nobody to speak", "build_stream", "no script of these skills", f"a pool with {wanted}")
    speaker = speakers[int(rng.integers(len(speakers)))]
    session = _Session(clips, speaker, config, mel, rng)
    scripts = clips.scripts(speaker)
    weights = np.array([_weight(config, s) for s in scripts])
    while session.now_ms < session.end_ms:
        script = scripts[int(rng.choice(len(scripts), p=weights / weights.sum()))]
        session.play(script)
        _close(session, script)
        session.pause()
        if rng.random() < config.typed_fresh_share:
            session.play_typed()
            session.pause()
        if isinstance(script, SceneScript):
            session.ask_more()
    return finish(session, agent if config.spoken else None)


def _with_scripts(clips: Clips, group: str | None, config: MixConfig) -> list[str]:
    """Speakers of a group who have a script that may be drawn."""
    kind = SceneScript if config.with_scenes else Script

    def has_one(speaker: str) -> bool:
        return any(isinstance(script, kind) and _weight(config, script) > 0 for script in clips.scripts(speaker))

    return [speaker for speaker in clips.speakers(group) if has_one(speaker)]


def _weight(config: MixConfig, script: Script) -> float:
    return config.skills.get(script.skill, 1.0)


@cache
def usual_answers() -> tuple[str, ...]:
    """What the agent is wont to say: what may be said by mistake."""
    return tuple(sorted({text for dialog in corpus("train", 800, np.random.default_rng(0)) for text in dialog.answers}))


def _close(session: _Session, script: Script) -> None:
    """Mostly end what the script left on, so that the next one is not under its spell."""
    meanings = [type(line.meaning) for line in script.lines if line.speaker == "user"]
    left_on = WakeWord in meanings and AnswerEveryone not in meanings[meanings.index(WakeWord) :]
    if session.rng.random() < 0.9 and left_on:
        session.say(CLOSING[WakeWord], session.speaker, session.tone)
    standing = any(kind.__name__.startswith(("Start", "Interval", "Silence")) for kind in meanings)
    if session.rng.random() < 0.8 and standing and StopAll not in meanings and EndTelling not in meanings:
        session.say(CLOSING[StopAll], session.speaker, session.tone)


def finish(session: _Session, agent: AgentVoice | None = None) -> Stream:
    """Label, say and quantise what was placed."""
    film = session.film()
    expects = oracle(session.spoken, session.end_ms, agent and agent.ticks, seen(session.staged))
    history = drawn_history(expects, session.config.history, session.rng, agent and agent.say, usual_answers())
    words = [word for line in session.spoken if line.speaker == "user" for word in line.words]
    sounding = [word for word in words if word.start_ms < word.end_ms]  # typed words take no time
    heard = tuple(HeardWord(word.end_ms, word.word) for word in sounding if word.end_ms <= session.end_ms)
    power = session.mix()
    own = None if agent is None else own_levels(history, agent.say, len(power), session.mel)
    if own is not None and (session.config.own_noise or session.config.own_drop_share):
        own = roughened(own, session.rng, session.config.own_noise, session.config.own_drop_share)
    if agent is not None and session.rng.random() < session.config.echo_share:
        add_echo(power, history, agent.say, session.rng, session.config.echo_db, session.config.echo_delay_ms)
    levels = quantize(10.0 * np.log10(power), session.mel)
    came = [Typed(tick_of(result.at_ms), result.text, True) for result in results(session.spoken)]
    typed, skills = tuple(sorted([*session.typed, *came])), tuple(session.skills)
    in_view = film and film.in_view
    return Stream(levels, heard, tuple(expects), typed, skills, session.speaker, False, history, own, film, in_view)


def idle_shots(rng: np.random.Generator, end_ms: int) -> list[Staged]:
    """Shots one after the other that nobody has asked about."""
    found: list[Staged] = []
    now_ms = 0
    while now_ms < end_ms:
        shot = Shot(showing.idle(rng, "train"), "train", int(rng.integers(2**31)))
        found.append(Staged(shot, now_ms, now_ms, now_ms + int(rng.integers(8_000, 40_000))))
        now_ms = found[-1].end_ms
    return found
