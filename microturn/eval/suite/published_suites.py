"""Published sets that the user has on disk (`--data DIR`) as suites. Layouts: fdb_files.py and data/sight/published.py.

Full-Duplex-Bench v1 and v1.5 are held as they are published. The three sets of videos begin with a spoken instruction,
as Thinking Machines describe it, then show the video without its sound; 2 s of silence are left for "okay" where they
say so. Where a choice is ours, it is said at the function.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.errors import InputError
from microturn.data.script import Line
from microturn.data.sight.published import Span, read_charades_sta, read_proactive, read_repcount
from microturn.eval.suite.closed_sound import Cast, Take, casts, end_s, say, take
from microturn.eval.suite.endpoint import Sounds
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.fdb1_suite import Case as Case1
from microturn.eval.suite.fdb1_suite import fdb1_suite
from microturn.eval.suite.fdb15_suite import Case as Case15
from microturn.eval.suite.fdb15_suite import fdb15_suite
from microturn.eval.suite.fdb_files import Sample1, load_v1, load_v15
from microturn.eval.suite.matching import Moment
from microturn.eval.suite.seen_suites import Answer, Case, charades_suite, proactive_suite, repcount_suite
from microturn.eval.suite.shape import Asked, Suite
from microturn.eval.suite.spoken_form import spoken_form
from microturn.media.av import length_s, tick_pictures, video_frames
from microturn.media.picture import Frame

T = TypeVar("T")
ANSWER_S = 2.0
TAIL_S = 3.0
PROACTIVE = (
    "watch the video and stay quiet until a new moment answers the question, "
    "when one happens say a concise answer, {question}"
)
VIDEO_ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", "")


class Shows:
    """A user who says a take, then holds a video before the camera, without its sound."""

    def __init__(self, said: Take, video: Path, tail_s: float) -> None:
        self._said, self._video = said, video
        self._first = -(-len(said.pcm) // CHUNK_SAMPLES)
        video_s = length_s(video)
        if video_s is None:
            raise InputError("a video that does not say how long it is", video, "no duration", "a whole file")
        self.begins_s, self.ends_s = self._first * TICK_MS / 1000, self._first * TICK_MS / 1000 + video_s
        self.ticks = round((self.ends_s + tail_s) * 1000 / TICK_MS)
        self._frames: Iterator[Frame | None] = iter(())

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Sound, then pictures; a session begins at tick 0 and goes on tick by tick."""
        if tick == 0:
            self._frames = tick_pictures(self._video)
        if tick < self._first:
            at = tick * CHUNK_SAMPLES
            return Chunk(self._said.pcm[at : at + CHUNK_SAMPLES])
        return Chunk(None, next(self._frames, None))


def fdb1(asked: Asked) -> Suite:
    """Full-Duplex-Bench v1, from its unpacked data."""
    samples, lacking = load_v1(data_of(asked))
    chosen = some([(sample.task, sample) for sample in samples], asked)
    return fdb1_suite("fdb1", _what("pauses, backchannels, turns, interruptions", lacking), [_case1(s) for s in chosen])


def fdb15(asked: Asked) -> Suite:
    """Full-Duplex-Bench v1.5, from its unpacked data; labels need a judge."""
    samples, lacking = load_v15(data_of(asked))
    chosen = some([(sample.overlap.scene, sample) for sample in samples], asked)
    cases: list[Case15] = []
    for sample in chosen:
        user = Sounds(sample.sound())
        cases.append(Case15(sample.id, sample.overlap, user, user.ticks))
    return fdb15_suite("fdb15", _what("what a model does when somebody speaks over it", lacking), cases)


def repcount(asked: Asked, speak: Speak = say, cast: Cast | None = None) -> Suite:
    """RepCount-A: count aloud; annotation/test.csv and video/test/ below the folder."""
    root = data_of(asked)
    rows = [row for row in read_repcount(root / "annotation" / "test.csv") if row.rep_frames]
    cases: list[Case] = []
    for row in some([(row.kind, row) for row in rows], asked):
        video = _video(root / "video" / "test", Path(row.name).stem)
        text = f"please count out reps for {spoken_form(row.kind.replace('_', ' '))}"
        said, shows = _shown(f"repcount/{row.name}", text, video, 0.0, speak, cast)
        spans = tuple(_moved(span, shows.begins_s) for span in row.spans(_fps(video)))
        due = tuple(Moment(span.end_s, str(n)) for n, span in enumerate(spans, start=1))
        cases.append(_seen(f"repcount/{row.name}", row.kind, said, shows, due, spans))
    return repcount_suite("repcount", "count repetitions aloud", cases, asked.seed)


def charades(asked: Asked, speak: Speak = say, cast: Cast | None = None) -> Suite:
    """Charades-STA: say start and stop; charades_sta_test.txt and videos/ below the folder.

    The published instruction takes an action; sentences of this set are put in its place as they are.
    """
    root = data_of(asked)
    cases: list[Case] = []
    rows = read_charades_sta(root / "charades_sta_test.txt")
    for number, row in enumerate(some([("all", row) for row in rows], asked)):
        video = _video(root / "videos", row.video)
        text = f"say start when {spoken_form(row.text)} begins, then say stop when it ends"
        key = f"charades/{row.video}/{number:04d}"
        said, shows = _shown(key, text, video, 0.0, speak, cast)
        span = _moved(row.span, shows.begins_s)
        due = (Moment(span.start_s, "start"), Moment(span.end_s, "stop"))
        cases.append(_seen(key, "all", said, shows, due, (span,)))
    return charades_suite("charades", "say when it starts and stops", cases, asked.seed)


def proactive(asked: Asked, speak: Speak = say, cast: Cast | None = None) -> Suite:
    """ProactiveVideoQA: reply when the video shows it; {WEB,EGO,TV,VAD}/anno.json and videos below the folder.

    A judge says whether a reply is right or not; the set's own judge also knows replies that are right in part.
    Subtitles are not burned in.
    """
    root = data_of(asked)
    files = sorted(root.glob("*/anno.json"))
    if not files:
        raise InputError("no questions", root, "no */anno.json", "the unpacked set")
    found = [(path.parent, entry) for path in files for entry in read_proactive(path)]
    cases: list[Case] = []
    for folder, entry in some([(folder.name, (folder, entry)) for folder, entry in found], asked):
        video = _video(folder / "videos", Path(entry.video).stem)
        key = f"proactive/{folder.name}/{entry.question_id}"
        text = PROACTIVE.format(question=spoken_form(entry.question))
        said, shows = _shown(key, text, video, ANSWER_S, speak, cast)
        answers = tuple(
            Answer(a.content, _moved(a.related, shows.begins_s), _moved(a.reply, shows.begins_s)) for a in entry.answers
        )
        due = tuple(Moment(a.reply.start_s, a.text) for a in answers)
        cases.append(_seen(key, folder.name, said, shows, due, answers=answers))
    return proactive_suite("proactive", "reply when the video shows it", cases, asked.seed, rules=False)


PUBLISHED: dict[str, Callable[[Asked], Suite]] = {
    "fdb1": fdb1,
    "fdb15": fdb15,
    "repcount": repcount,
    "charades": charades,
    "proactive": proactive,
}


def _case1(sample: Sample1) -> Case1:
    """The recording ends with the sample, as its authors have it: after a pause there is nothing to answer."""
    user = Sounds(sample.sound())
    length = user.ticks * CHUNK_SAMPLES / SAMPLE_RATE_HZ
    start, end = sample.span or (0.0, length)
    if sample.task == "pause_handling":
        return Case1(sample.id, sample.task, user, user.ticks, start, length, ends_with_turn=True)
    if sample.task == "smooth_turn_taking":
        return Case1(sample.id, sample.task, user, user.ticks, 0.0, start)
    return Case1(sample.id, sample.task, user, user.ticks, start, end, people=sample.people)


def _shown(key: str, text: str, video: Path, pause_s: float, speak: Speak, cast: Cast | None) -> tuple[Take, Shows]:
    said = take(key, [Line(text)], cast or casts()[0], speak, pause_s)
    return said, Shows(said, video, TAIL_S)


def _seen(
    key: str,
    category: str,
    said: Take,
    shows: Shows,
    due: tuple[Moment, ...],
    spans: tuple[Span, ...] = (),
    answers: tuple[Answer, ...] = (),
) -> Case:
    begins_s = max(end_s(said.spoken[-1]), shows.begins_s)
    return Case(key, category, shows, shows.ticks, begins_s, due, spans, answers, tuple(said.heard))


def _moved(span: Span, by_s: float) -> Span:
    return Span(span.start_s + by_s, span.end_s + by_s)


def _fps(video: Path) -> float:
    """Of the pictures as they are dated; the file of annotations does not tell it."""
    times = [frame.t_ms for _, frame in zip(range(50), video_frames(video), strict=False)]
    gaps = np.diff(times)
    if not len(gaps) or float(np.median(gaps)) <= 0:
        raise InputError("a video without times", video, f"{len(times)} pictures", "pictures with times")
    return 1000.0 * (len(times) - 1) / (times[-1] - times[0])


def _video(folder: Path, stem: str) -> Path:
    found = next((path for ending in VIDEO_ENDINGS if (path := folder / f"{stem}{ending}").is_file()), None)
    if found is None:
        raise InputError("no video", folder / stem, "nothing", "one of " + ", ".join(filter(None, VIDEO_ENDINGS)))
    return found


def data_of(asked: Asked) -> Path:
    """The folder that the user named; InputError without one."""
    if asked.data is None or not asked.data.is_dir():
        raise InputError("no data", "--data", str(asked.data), "the folder into which the set was unpacked")
    return asked.data


def some(found: Sequence[tuple[str, T]], asked: Asked) -> list[T]:
    """All, or so many of each category, drawn by the seed; in the order of the set."""
    if asked.per_category is None:
        return [one for _, one in found]
    by_category: dict[str, list[int]] = {}
    for number, (category, _) in enumerate(found):
        by_category.setdefault(category, []).append(number)
    kept: set[int] = set()
    for category, numbers in by_category.items():
        rng = np.random.default_rng([asked.seed, *category.encode()])
        kept.update(rng.permutation(numbers)[: asked.per_category].tolist())
    return [found[number][1] for number in sorted(kept)]


def _what(what: str, lacking: Sequence[str]) -> str:
    return f"{what}; {len(lacking)} files missing in samples left out: {', '.join(lacking[:3])}" if lacking else what
