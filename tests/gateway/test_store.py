"""The folder of recorded sessions: what is written comes back, a kill costs less than a second, disks are bounded."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.errors import InputError
from microturn.core.events import Event
from microturn.core.recording import RecordingWriter
from microturn.core.wav import to_float, to_int16
from microturn.engine.api import SessionSpec
from microturn.engine.log import TurnRecord
from microturn.gateway import keeper as keeper_module
from microturn.gateway.keeper import Keeper
from microturn.gateway.kept import About, item_of, read_kept, row_of
from microturn.gateway.store import NotKept, Store, StoreLimits
from microturn.gateway.timeline import Began, Ended, Heard, Item, Said, Sound, Stopped, Taken
from microturn.gateway.turns import opening, timeline_of
from microturn.model.config import InteractionConfig

TONE = to_float(to_int16(np.full(3200, 0.25, np.float32)))
DAY_S = 86_400.0


def store_in(root: Path, limits: StoreLimits | None = None) -> Store:
    return Store(root, limits, now=lambda: 2_000.0)


def about(session_id: str, started_at: float = 1_000.0) -> About:
    return About(session_id, "live", {"model": "m", "store": True}, "owner", 0.0, "m", "w", SessionSpec(3), started_at)


def speaking(tick: int) -> MicroTurn:
    end_ms = (tick + 1) * 200
    words = (Event(end_ms, tick, "heard", "what"), Event(end_ms, tick, "say", "seven"))
    return MicroTurn(tick, Chunk(TONE), Chunk(TONE * 0.5, text=("seven",), events=words))


def logged(tick: int) -> TurnRecord:
    return TurnRecord(tick, None, ((8, 20),), (30 + tick,))


def held(keeper: Keeper, ticks: range, end: bool = True) -> list[Item]:
    """Let the keeper have a conversation; all items that were posted."""
    posted: list[Item] = opening()
    keeper.items(opening())
    for tick in ticks:
        turn = speaking(tick)
        items = timeline_of(turn, tick > 0).items
        keeper.turn(turn, logged(tick), 12.345)
        keeper.items(items)
        posted += items
    if end:
        posted.append(Ended(len(ticks) * 200, "close_requested"))
        keeper.items(posted[-1:])
    return posted


def begun(store: Store, session_id: str = "s1", started_at: float = 1_000.0) -> Keeper:
    keeper = store.begin(about(session_id, started_at))
    assert keeper is not None
    return keeper


def kinds_and_times(items: list[Item]) -> list[tuple[object, ...]]:
    return [(item, item.pcm is None) if isinstance(item, Sound) else (item,) for item in items]


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keeper = begun(store)
    assert store.grows("s1")
    posted = held(keeper, range(4))
    store.done(keeper)
    kept = store.read("s1")
    assert kept.about == about("s1") and not store.grows("s1")
    recording, timeline = kept.recording(), kept.timeline()
    assert recording.turns == [speaking(tick) for tick in range(4)] and recording.notes == timeline.notes == ()
    assert [one.said for one in kept.log(InteractionConfig())] == [(30,), (31,), (32,), (33,)]
    assert [one.late_ms for one in timeline.latencies] == [12.3] * 4
    assert timeline.ended == Ended(800, "close_requested") and timeline.stopped == ""
    assert [(type(i), getattr(i, "start_ms", 0)) for i in kept.items(recording)] == [
        (type(i), getattr(i, "start_ms", 0)) for i in posted
    ]


def test_the_sound_of_the_items_is_cut_out_of_the_recording(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keeper = begun(store)
    posted = [item for item in held(keeper, range(2)) if isinstance(item, Sound)]
    store.done(keeper)
    kept = store.read("s1")
    again = [item for item in kept.items(kept.recording()) if isinstance(item, Sound)]
    assert [(one.start_ms, one.pcm is None) for one in again] == [(one.start_ms, one.pcm is None) for one in posted]
    assert all(
        np.array_equal(one.pcm, other.pcm) for one, other in zip(again, posted, strict=True) if one.pcm is not None
    )


@pytest.mark.parametrize(
    "item",
    [
        Heard(0, 200, " a"),
        Said(200, 400, " b"),
        Began(200),
        Stopped(400, True, "c d"),
        Taken(200, "t", "id"),
        Ended(1, "failed", "x"),
    ],
    ids=lambda item: type(item).__name__,
)
def test_an_item_comes_back_from_its_line(item: Item) -> None:
    assert item_of(row_of(item, 1.5), "here") == item


SERVE_FOR_EVER = """
import sys, time, numpy as np
from pathlib import Path
from microturn.core.chunk import Chunk, MicroTurn
from microturn.engine.api import SessionSpec
from microturn.engine.log import TurnRecord
from microturn.gateway.kept import About
from microturn.gateway.store import Store
from microturn.gateway.timeline import Heard
keeper = Store(Path(sys.argv[1])).begin(About("s1", "live", spec=SessionSpec(3)))
for tick in range(10**9):
    turn = MicroTurn(tick, Chunk(np.full(3200, 0.5, np.float32)), Chunk())
    keeper.turn(turn, TurnRecord(tick, None, (), (tick % 50,)), 1.0)
    keeper.items([Heard(tick * 200, tick * 200 + 200, " word")])
    print(tick, flush=True)
    while keeper._waiting.qsize() > 4:  # two ticks
        time.sleep(0.001)
"""


def test_a_killed_server_leaves_a_recording_that_is_complete_to_within_a_second(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while (last := int(process.stdout.readline())) < 40:
            pass
        os.kill(process.pid, signal.SIGKILL)
        last = max([last, *map(int, process.stdout.read().split())])
    kept = Store(tmp_path).read("s1")
    assert "its writer was killed" in kept.recording().notes[0] and kept.timeline().ended is None
    assert kept.whole_ticks >= last + 1 - 5
    records = kept.log(InteractionConfig())[: kept.whole_ticks]
    assert [one.seq for one in records] == list(range(kept.whole_ticks))


def killed(folder: Path) -> None:
    """What a SIGKILL in the middle of a line leaves."""
    (folder / "recording.json").write_text(
        (folder / "recording.json").read_text().replace('"ticks": 4', '"ticks": null')
    )
    for name in ("timeline.jsonl", "engine.jsonl"):
        path = folder / name
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]) + lines[-1][:9])


def test_lines_cut_in_two_are_passed_over_and_said_so(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keeper = begun(store)
    held(keeper, range(4))
    store.done(keeper)
    killed(tmp_path / "s1")
    kept = store.read("s1")
    assert kept.whole_ticks == 3 and len(kept.log(InteractionConfig())) == 3
    assert "cut off" in kept.timeline().notes[0] and "never closed" in kept.recording().notes[0]


def test_a_killed_session_is_recorded_on_after_its_last_whole_tick(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keeper = begun(store)
    held(keeper, range(4), end=False)
    store.done(keeper)
    killed(tmp_path / "s1")
    again = store_in(tmp_path)
    keeper = again.go_on("s1", 3)
    assert keeper is not None and again.grows("s1")
    turn = speaking(3)
    keeper.turn(turn, logged(3), 1.0)
    keeper.items(timeline_of(turn, True).items)
    again.done(keeper)
    kept = again.read("s1")
    assert kept.recording().turns == [speaking(tick) for tick in range(4)]
    assert [one.seq for one in kept.log(InteractionConfig())] == [0, 1, 2, 3]
    timeline = kept.timeline()
    assert [one.tick for one in timeline.latencies] == [0, 1, 2, 3]
    assert "started again at 0.6 s" in timeline.notes[0]
    sounds = [item.start_ms for item in kept.items(kept.recording()) if isinstance(item, Sound)]
    assert sounds == list(range(0, 1000, 20))


def test_a_disk_that_fails_stops_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: RecordingWriter, turn: MicroTurn) -> None:
        raise OSError(28, "No space left on device")

    store = store_in(tmp_path)
    keeper = begun(store)
    monkeypatch.setattr(RecordingWriter, "append", full)
    held(keeper, range(4))
    store.done(keeper)
    held(keeper, range(4))
    assert "No space left on device" in keeper.stopped and not store.grows("s1")


def test_a_folder_that_cannot_be_made_lets_the_session_live_unrecorded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert Store(tmp_path / "file").begin(about("s1")) is None
    assert Store(tmp_path).begin(about("../s1")) is None


def test_a_disk_too_slow_stops_the_recording_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, append = threading.Event(), RecordingWriter.append

    def slow(self: RecordingWriter, turn: MicroTurn) -> None:
        free.wait(60)
        append(self, turn)

    monkeypatch.setattr(RecordingWriter, "append", slow)
    monkeypatch.setattr(keeper_module, "WAITING", 6)
    store = store_in(tmp_path)
    keeper = begun(store)
    held(keeper, range(8))
    assert "slower" in keeper.stopped
    free.set()
    store.done(keeper)
    kept = store.read("s1")
    assert 0 < len(kept.recording().turns) < 8 and "slower" in kept.timeline().stopped


def test_the_oldest_recordings_make_room(tmp_path: Path) -> None:
    store = store_in(tmp_path, StoreLimits(most_bytes=120_000))
    for number in range(4):
        keeper = begun(store, f"s{number}", 1_000.0 + number)
        held(keeper, range(2))
        store.done(keeper)
    assert [kept.about.id for kept in store.all()] == ["s3", "s2"]


def test_a_recording_that_alone_is_too_large_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "ROOM_EVERY_TICKS", 1)
    store = store_in(tmp_path, StoreLimits(most_bytes=500_000))
    keeper = begun(store)
    for tick in range(40):
        keeper.turn(speaking(tick), logged(tick), 1.0)
    store.done(keeper)
    kept = store.read("s1")
    assert "as large as it may be" in keeper.stopped and "as large" in kept.timeline().stopped


def test_what_is_too_old_is_thrown_away(tmp_path: Path) -> None:
    store = Store(tmp_path, StoreLimits(most_days=1.0), now=lambda: 3 * DAY_S)
    for name, days in (("old", 1.5), ("new", 2.5)):
        keeper = begun(store, name, days * DAY_S)
        held(keeper, range(1))
        store.done(keeper)
    assert store.begin(about("now", 3 * DAY_S)) is not None
    assert [kept.about.id for kept in store.all()] == ["now", "new"]


@pytest.mark.parametrize("name", ["none", "", "../s1", "s1/..", ".", "a" * 200])
def test_what_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(NotKept):
        Store(tmp_path / "store").read(name)


def test_a_recording_can_be_thrown_away_once_it_has_ended(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keeper = begun(store)
    with pytest.raises(InputError, match="its session lives"):
        store.remove("s1")
    held(keeper, range(1))
    store.done(keeper)
    store.remove("s1")
    assert store.all() == [] and list(tmp_path.iterdir()) == []


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keeper = begun(store)
    held(keeper, range(2))
    store.done(keeper)
    assert store.begin(about("s1", 1_500.0)) is None
    kept = store.read("s1")
    assert kept.about.started_at == 1_000.0 and len(kept.recording().turns) == 2


def test_a_session_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.done(begun(store))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recorded session here"):
        read_kept(tmp_path)
    (tmp_path / "session.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match="another kind"):
        read_kept(tmp_path)
