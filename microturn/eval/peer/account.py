"""What a cascade did in a session, in sentences for whoever looks for the reason of a loss. From a trace's notes."""

from collections.abc import Sequence
from dataclasses import dataclass

from microturn.eval.suite.trace import Noted

ACCOUNT = "account"
VAD_STOP_S = 0.2


@dataclass
class _Turn:
    """What is known of the turn that goes on, in seconds."""

    stopped_s: float | None = None
    model: Noted | None = None
    words_s: float | None = None
    words: str = ""
    cut: tuple[float, float, float] | None = None


def account(notes: Sequence[Noted]) -> list[Noted]:
    """One "account" a turn or reminder, with a `text`: what was waited for, heard, understood and said."""
    told: list[Noted] = []
    turn = _Turn()
    spoken: tuple[float, float, str] | None = None  # since when, how long it will be, which words
    for note in notes:
        match note.kind:
            case "voice_began":
                spoken = (note.at_s, spoken[1], spoken[2]) if spoken else (note.at_s, 0.0, "")
            case "voice":
                spoken = (note.at_s, float(note.data["length_s"]), str(note.data["text"]))
            case "interruption":
                turn = _Turn(words=turn.words)  # words may come first and begin the turn
                if spoken is not None and note.at_s < spoken[0] + spoken[1]:
                    turn.cut = (note.at_s, note.at_s - spoken[0], spoken[1])
                spoken = None
            case "vad_stopped":
                turn.stopped_s, turn.model, turn.words_s = note.at_s, None, None
            case "turn_model":
                turn.model = note
            case "recognised":
                turn.words_s = note.at_s
                turn.words = f"{turn.words} {note.data['words']}".strip()
            case "answer":
                told.append(Noted(note.at_s, ACCOUNT, {"text": _turn_text(turn, note)}))
                turn = _Turn()
            case "turn_stopped" if not turn.words:
                told.append(Noted(note.at_s, ACCOUNT, {"text": f"{_cut_text(turn)}no words were recognised"}))
                turn = _Turn()
            case "reminder":
                told.append(Noted(note.at_s, ACCOUNT, {"text": f"reminder: {note.data['say']!r}"}))
            case _:
                pass
    return told


def _turn_text(turn: _Turn, answer: Noted) -> str:
    say = answer.data["say"]
    said = f"said {say!r}" if say else "said nothing"
    return (
        f"{_cut_text(turn)}{_waited_text(turn, answer.at_s)}heard {turn.words!r}; {answer.data['understood']}; {said}"
    )


def _cut_text(turn: _Turn) -> str:
    if turn.cut is None:
        return ""
    _, after_s, length_s = turn.cut
    return f"cut by {turn.words or 'a sound'!r} after {after_s:.1f} of {length_s:.1f} s; "


def _waited_text(turn: _Turn, answered_s: float) -> str:
    """From the end of speech as the detector places it, 200 ms before it tells, to the answer."""
    if turn.stopped_s is None:
        return ""
    waited_ms = 1000 * (answered_s - turn.stopped_s + VAD_STOP_S)
    parts = [f"{1000 * VAD_STOP_S:.0f} for silence"]
    if turn.model is not None and not turn.model.data["complete"]:
        parts.append(f"the pause was taken for a hesitation ({turn.model.data['probability']:.2f})")
    elif turn.words_s is not None and turn.words_s > turn.stopped_s:
        parts.append(f"{1000 * (turn.words_s - turn.stopped_s):.0f} for the last words")
    return f"waited {waited_ms:.0f} ms for the turn's end ({', '.join(parts)}); "
