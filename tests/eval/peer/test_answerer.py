"""What the cascade says after a turn, and by itself."""

from microturn.eval.peer.answerer import Answerer


def test_a_question_is_answered_and_talk_is_not() -> None:
    answerer = Answerer()
    assert answerer.turn("what is two plus three.", 1.0).say == "five"
    assert answerer.turn("the weather was good.", 2.0).say == ""


def test_a_request_in_two_stretches_is_one_request() -> None:
    assert Answerer().turn("what is the opposite of. cold.", 1.0).say == "hot"


def test_a_standing_order_is_carried_out_on_the_words_of_a_turn() -> None:
    answerer = Answerer()
    assert answerer.turn("count the animals in my story.", 1.0).say == ""
    assert answerer.turn("i saw a dog and a cat. then a horse came.", 9.0).say == "one two three"
    assert answerer.turn("please stop.", 10.0).say == ""
    assert answerer.turn("there was a cow.", 12.0).say == ""


def test_prices_are_converted_and_words_are_beeped_at() -> None:
    answerer = Answerer()
    answerer.turn("tell me every price in dollars one euro is two dollars.", 1.0)
    answerer.turn("say beep whenever i say garden.", 2.0)
    assert answerer.turn("the hat in the garden was ten euros.", 5.0).say == "beep twenty dollars"


def test_a_reminder_speaks_by_itself_and_is_moved_from_its_own_beginning() -> None:
    answerer = Answerer()
    answerer.turn("say tea in ten seconds.", 2.0)
    assert answerer.next_due_s() == 12.0 and answerer.due(11.9) == []
    answerer.turn("no the fifteen seconds.", 5.0)
    assert answerer.due(12.0) == [] and answerer.due(17.0) == ["tea"] and answerer.next_due_s() is None


def test_an_interval_comes_again_until_it_is_stopped() -> None:
    answerer = Answerer()
    answerer.turn("say water every four seconds.", 1.0)
    assert answerer.due(5.0) == ["water"] and answerer.next_due_s() == 9.0
    answerer.turn("stop.", 6.0)
    assert answerer.next_due_s() is None


def test_silence_is_asked_about_once_until_the_user_spoke_again() -> None:
    answerer = Answerer()
    answerer.turn("if i am quiet for five seconds say hello.", 1.0)
    answerer.quiet(1.0)
    assert answerer.due(6.0) == ["hello"] and answerer.next_due_s() is None
    answerer.spoke()
    answerer.quiet(8.0)
    assert answerer.next_due_s() == 13.0


def test_how_long_it_took_is_told_from_start_to_done() -> None:
    answerer = Answerer()
    answerer.turn("i start now.", 2.0)
    answerer.turn("i am done.", 9.0)
    assert answerer.turn("how long did that take.", 12.0).say == "seven seconds"


def test_what_a_sign_of_listening_cut_off_is_taken_up_again() -> None:
    answerer = Answerer()
    assert answerer.turn("mm hm.", 3.0, unsaid="four five six").say == "four five six"
    assert answerer.turn("", 3.0, unsaid="four five six").say == "four five six"
    assert answerer.turn("stop.", 3.0, unsaid="four five six").say == ""
