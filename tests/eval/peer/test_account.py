"""The reasons in a trace, in sentences."""

from microturn.eval.peer.account import account
from microturn.eval.suite.trace import Noted


def texts(*notes: Noted) -> list[str]:
    return [str(told.data["text"]) for told in account(notes)]


def answer(at_s: float, turn: str, say: str) -> Noted:
    return Noted(at_s, "answer", {"turn": turn, "understood": "talk", "say": say})


def test_an_answer_tells_what_was_waited_for_and_what_was_heard() -> None:
    (told,) = texts(
        Noted(1.0, "interruption"),
        Noted(3.0, "vad_stopped"),
        Noted(3.03, "turn_model", {"complete": True, "probability": 0.9}),
        Noted(3.2, "recognised", {"words": "what is plus three"}),
        answer(3.2, "what is plus three.", ""),
    )
    assert "waited 400 ms for the turn's end (200 for silence, 200 for the last words)" in told
    assert "heard 'what is plus three'" in told and told.endswith("said nothing")


def test_a_pause_that_was_taken_for_a_hesitation_is_named() -> None:
    (told,) = texts(
        Noted(3.0, "vad_stopped"),
        Noted(3.03, "turn_model", {"complete": False, "probability": 0.01}),
        Noted(3.1, "recognised", {"words": "salt"}),
        answer(6.0, "salt.", "white"),
    )
    assert "waited 3200 ms" in told and "hesitation (0.01)" in told


def test_a_cut_names_what_cut_it_and_how_much_was_left() -> None:
    (told,) = texts(
        Noted(2.0, "voice", {"text": "one two three", "length_s": 8.0}),
        Noted(2.1, "voice_began"),
        Noted(5.1, "interruption"),
        Noted(5.5, "vad_stopped"),
        Noted(5.6, "recognised", {"words": "mm hm"}),
        answer(5.6, "mm hm.", ""),
    )
    assert told.startswith("cut by 'mm hm' after 3.0 of 8.0 s; ")


def test_a_turn_without_words_says_so() -> None:
    assert texts(Noted(1.0, "interruption"), Noted(9.0, "turn_stopped")) == ["no words were recognised"]
