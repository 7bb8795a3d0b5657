"""Who hears what, and when, in a conversation."""

from itertools import islice

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.clock import FastClock
from microturn.core.errors import InputError, WaitTooLong
from microturn.core.fakes import Echo, ManualClock, Scripted, Silence
from microturn.core.participant import converse


def test_the_model_hears_the_user_in_the_same_tick() -> None:
    user, model = Scripted({1: Chunk(text=("hello",))}), Scripted({})
    list(converse(user, model, FastClock(), ticks=3))
    assert [chunk.text for chunk in model.heard] == [(), ("hello",), ()]


def test_the_user_hears_the_model_one_tick_later() -> None:
    user, model = Scripted({}), Scripted({0: Chunk(text=("hi",))})
    list(converse(user, model, FastClock(), ticks=3))
    assert [chunk.text for chunk in user.heard] == [(), ("hi",), ()]


def test_an_echo_answers_after_its_delay() -> None:
    user = Scripted({0: Chunk(text=("one",)), 1: Chunk(text=("two",))})
    turns = list(converse(user, Echo(delay_ticks=2), FastClock(), ticks=4))
    assert [turn.model.text for turn in turns] == [(), (), ("one",), ("two",)]


def test_a_conversation_without_end_stops_when_the_caller_does() -> None:
    turns = list(islice(converse(Silence(), Silence(), FastClock()), 5))
    assert [turn.tick for turn in turns] == [0, 1, 2, 3, 4]


def test_a_chunk_is_taken_when_its_200_ms_are_over() -> None:
    clock = ManualClock(limit_s=0.01)
    turns = converse(Silence(), Silence(), clock)
    clock.advance()
    assert next(turns).tick == 0
    with pytest.raises(WaitTooLong):
        next(turns)


def test_chunks_compare_by_their_content() -> None:
    ones = np.ones(3200, np.float32)
    assert Chunk(ones) == Chunk(ones.copy())
    assert Chunk(ones) != Chunk()
    assert Chunk(ones) != Chunk(ones / 2)


def test_a_chunk_refuses_sound_of_another_length() -> None:
    with pytest.raises(InputError, match=r"float32 \[320\]"):
        Chunk(np.zeros(320, np.float32))


def test_a_chunk_refuses_a_picture_without_colour() -> None:
    with pytest.raises(InputError, match=r"uint8 \[4, 4\]"):
        Chunk(frame=np.zeros((4, 4), np.uint8))


def test_a_conversation_can_begin_at_a_later_tick() -> None:
    turns = list(converse(Silence(), Silence(), FastClock(), ticks=2, first_tick=5))
    assert [turn.tick for turn in turns] == [5, 6]
