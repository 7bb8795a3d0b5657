import pytest

from microturn.core.errors import InputError
from microturn.gateway.webrtc.candidates import FRAGMENT_CHARACTERS, candidates_of

LINE = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0"


def test_candidates_belong_to_the_media_they_stand_under() -> None:
    fragment = (
        f"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uY\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na={LINE}\r\na=end-of-candidates\r\n"
    )
    candidates = candidates_of(fragment)
    assert [(one.ip, one.port, one.sdpMid) for one in candidates.found] == [("192.0.2.1", 61_764, "0")]
    assert (candidates.complete, candidates.ufrag) == (True, "EsAw")


def test_a_candidate_of_no_media_is_for_the_first() -> None:
    candidates = candidates_of(f"a={LINE}")
    assert (candidates.found[0].sdpMLineIndex, candidates.complete) == (0, False)


@pytest.mark.parametrize(
    "fragment", ["", "v=0", "a=candidate:1 1 udp", "a=candidate:a b c d e f g h", "a=x\n" * FRAGMENT_CHARACTERS]
)
def test_what_is_no_fragment_is_refused(fragment: str) -> None:
    with pytest.raises(InputError, match="SDP fragment"):
        candidates_of(fragment)
