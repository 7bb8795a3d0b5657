"""Candidates that a client sends after its offer, in an SDP fragment (RFC 8840 9), as WHIP has it (RFC 9725 4.3)."""

from typing import NamedTuple

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from microturn.core.errors import InputError

CANDIDATES = 64
FRAGMENT_CHARACTERS = 16 * 1024


class Candidates(NamedTuple):
    """found: each with the media it is for; complete: no more will come; ufrag: of the offer they belong to, or ""."""

    found: list[RTCIceCandidate]
    complete: bool
    ufrag: str


def candidates_of(fragment: str) -> Candidates:
    """What a fragment says; InputError where it is none. A candidate before any `a=mid:` is for the first media."""
    if len(fragment) > FRAGMENT_CHARACTERS:
        came = f"{len(fragment)} characters"
        raise InputError("too long", "SDP fragment", came, f"at most {FRAGMENT_CHARACTERS}")
    found, complete, ufrag, mid = list[RTCIceCandidate](), False, "", ""
    for line in fragment.splitlines():
        name, _, value = line.strip().partition(":")
        match name:
            case "a=mid":
                mid = value
            case "a=ice-ufrag":
                ufrag = value
            case "a=end-of-candidates":
                complete = True
            case "a=candidate":
                found.append(_candidate(value, mid))
            case _:
                continue
    if not found and not complete:
        raise InputError("nothing in it", "SDP fragment", repr(fragment[:80]), "a=candidate: or a=end-of-candidates")
    return Candidates(found, complete, ufrag)


def _candidate(value: str, mid: str) -> RTCIceCandidate:
    try:
        candidate = candidate_from_sdp(value)
    except (ValueError, AssertionError, IndexError) as error:
        raise InputError("not a candidate", "SDP fragment", repr(value[:80]), "as RFC 8839 5.1 has it") from error
    if mid:
        candidate.sdpMid = mid
    else:
        candidate.sdpMLineIndex = 0
    return candidate
