"""Recognisers by the packet."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

import microturn
from microturn.core.wav import to_int16
from microturn.data.voices import synthesize, voice
from microturn.eval.peer.ears import BEFORE_S, OwnEars, SphinxEars
from microturn.model.checkpoint import load_checkpoint

WEIGHTS = Path(microturn.__file__).parent / "weights" / "tiny.safetensors"
PACKET = 640


def test_our_own_ears_give_words_while_they_come_and_begin_each_stretch_without() -> None:
    clip = synthesize(voice("flite:slt"), "what is two plus two").pcm
    pcm16 = to_int16(np.concatenate([clip, np.zeros(8_000, np.float32)])).astype("<i2").tobytes()
    ears = OwnEars(load_checkpoint(WEIGHTS))
    words = [ears.hear(pcm16[at : at + PACKET]) for at in range(0, len(pcm16), PACKET)]
    assert words[0] == "" and len(words[-1].split()) >= 2
    assert ears.ended() == words[-1] and ears.ended() == ""


def test_what_was_said_before_the_detector_was_sure_is_heard_too() -> None:
    taken: list[bytes] = []
    decoder = SimpleNamespace(start_utt=lambda: None, end_utt=lambda: None, process_raw=taken.append)
    decoder.hyp = lambda: SimpleNamespace(hypstr="yes")
    ears = SphinxEars(decoder)
    packets = [bytes([number]) * PACKET for number in range(100)]
    assert [ears.hear(packet) for packet in packets][-1] == ""
    ears.began()
    assert ears.hear(b"\xff" * PACKET) == "yes"
    before = b"".join(packets)[-round(2 * BEFORE_S * 16_000) :]
    assert taken == [before, b"\xff" * PACKET]
    assert ears.ended() == "yes" and ears.ended() == ""
