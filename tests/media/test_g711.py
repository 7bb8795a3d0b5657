import numpy as np
import pytest

from microturn.media import g711


@pytest.mark.parametrize(("law", "zero"), [("mulaw", 0xFF), ("alaw", 0xD5)])
def test_silence_is_the_byte_of_the_standard(law: g711.Law, zero: int) -> None:
    assert set(g711.encode(np.zeros(4, np.int16), law)) == {zero}


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_every_byte_comes_back_as_the_same_sample(law: g711.Law) -> None:
    decoded = g711.decode(bytes(range(256)), law)
    assert np.array_equal(g711.decode(g711.encode(decoded, law), law), decoded)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_a_loud_sample_is_wrong_by_less_than_a_twentieth(law: g711.Law) -> None:
    pcm = np.array([-30000, -5000, -700, 700, 5000, 30000], np.int16)
    assert np.allclose(g711.decode(g711.encode(pcm, law), law), pcm, rtol=0.05)
