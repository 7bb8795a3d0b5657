"""What a voice keeps of an utterance, taken apart and put together again."""

from dataclasses import replace

import pytest
import torch

from microturn.core.errors import InputError
from microturn.engine.voicing import from_named_tensors, named_tensors
from microturn.model.interaction import InteractionModel
from microturn.model.voice import Voice, VoiceState
from tests.engine.toy import SPOKEN, spoken_model, toy_engine


def voice() -> Voice:
    made = spoken_model().voice
    assert made is not None
    return made


def in_the_middle() -> VoiceState:
    one = voice()
    return one.step(one.step(one.begin(), [20, 21]).state, [22]).state


def test_an_utterance_put_together_again_goes_on_as_it_would_have() -> None:
    one, state = voice(), in_the_middle()
    again = from_named_tensors(one, named_tensors(state))
    assert again is not None
    wanted, got = one.step(state, [23]), one.step(again, [23])
    assert torch.equal(got.pcm, wanted.pcm) and torch.equal(got.levels, wanted.levels)
    assert (got.begun, got.state.waiting) == (wanted.begun, wanted.state.waiting)


def test_silence_keeps_nothing() -> None:
    assert named_tensors(None) == {}
    assert from_named_tensors(voice(), {}) is None


def test_an_utterance_of_another_voice_or_for_none_is_refused() -> None:
    kept = named_tensors(in_the_middle())
    assert SPOKEN.voice is not None
    longer = replace(SPOKEN, voice=replace(SPOKEN.voice, vocoder_layers=3))
    with pytest.raises(InputError, match="another voice"):
        from_named_tensors(InteractionModel(longer).voice, kept)
    with pytest.raises(InputError, match="without a voice"):
        from_named_tensors(toy_engine()._model.voice, kept)
