import numpy as np

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.events import Event
from microturn.gateway.timeline import Began, Delegated, Heard, Item, Said, Sound, Stopped
from microturn.gateway.turns import opening, timeline_of

LOUD = np.full(3200, 0.5, np.float32)


def turned(model: Chunk, speaking: bool = False, tick: int = 4) -> tuple[list[Item], bool]:
    """Items without the sound, and whether it speaks then."""
    items, speaks = timeline_of(MicroTurn(tick, Chunk(), model), speaking)
    return [item for item in items if not isinstance(item, Sound)], speaks


def event(kind: str, text: str = "") -> Event:
    return Event(1000, 4, kind, text)


def test_the_first_words_come_after_the_beginning_and_at_its_time() -> None:
    items, speaks = turned(Chunk(LOUD, events=(event("say", "good day"),)))
    assert items == [Began(1000), Said(1000, 1200, " good day")] and speaks


def test_a_tick_that_sounds_without_a_word_goes_on_speaking() -> None:
    assert turned(Chunk(LOUD, events=(event("speak"),)), speaking=True) == ([], True)


def test_silence_after_speech_is_a_stop_that_yields_nothing() -> None:
    assert turned(Chunk(), speaking=True) == ([Stopped(1000)], False)


def test_words_that_stay_unsaid_make_the_stop_a_yield() -> None:
    items, _ = turned(Chunk(events=(event("unsaid", "four five"),)), speaking=True)
    assert items == [Stopped(1000, yielded=True, unsaid="four five")]


def test_a_yield_of_a_model_that_is_silent_is_nothing() -> None:
    assert turned(Chunk(events=(event("yield"),))) == ([], False)


def test_words_of_the_user_lie_in_the_tick_that_was_heard() -> None:
    items, _ = turned(Chunk(events=(event("heard", "what time"), event("delegate"))))
    assert items == [Heard(800, 1000, " what time"), Delegated(1000)]


def test_sound_has_no_gaps_from_the_first_moment_on() -> None:
    sounds = opening() + timeline_of(MicroTurn(0, Chunk(), Chunk(LOUD)), False).items
    frames = [item for item in sounds if isinstance(item, Sound)]
    assert [frame.start_ms for frame in frames] == list(range(0, 400, 20))
    assert [frame.pcm is None for frame in frames] == [True] * 10 + [False] * 10
