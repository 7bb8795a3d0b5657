"""The voice's file: what it keeps, and what it refuses."""

from pathlib import Path

import pytest
import torch

from microturn.core.errors import InputError
from microturn.media.text import TextTokenizer
from microturn.model.voice import Voice
from microturn.model.voice_file import VOCODER, load_voice, save_voice
from tests.model.test_voice import config


def test_a_voice_survives_its_file_without_its_vocoder(tmp_path: Path) -> None:
    voice, tokenizer = Voice(config()), TextTokenizer.train(["two plus four"] * 3, 600)
    save_voice(tmp_path / "voice.safetensors", voice, config(), tokenizer, {"step": 3})
    read = load_voice(tmp_path / "voice.safetensors")
    assert read.notes == {"step": 3} and read.config == config()
    assert isinstance(read.tokenizer, TextTokenizer) and read.tokenizer.dumps() == tokenizer.dumps()
    own, came = voice.state_dict(), read.voice.state_dict()
    assert all(torch.equal(came[name], own[name]) for name in own if not name.startswith(VOCODER))


def test_a_file_that_is_no_voice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voice.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="not a readable voice"):
        load_voice(tmp_path / "voice.safetensors")
