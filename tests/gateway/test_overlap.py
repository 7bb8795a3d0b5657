from microturn.gateway.overlap import Overlap, Overlaps
from microturn.gateway.timeline import Began, Ended, Heard, Item, Sound, Stopped


def of(*items: Item) -> list[Overlap]:
    overlaps = Overlaps()
    return [over for item in items for over in overlaps.next(item)]


def test_a_model_that_stops_for_words_of_the_user_yields() -> None:
    assert of(Began(1000), Heard(1400, 1600, " no wait"), Stopped(1800, yielded=True)) == [
        Overlap("yield", "user", 1400, 1800, "no wait")
    ]


def test_a_model_that_speaks_on_through_a_few_words_takes_them_for_a_backchannel() -> None:
    quiet = [Sound(at) for at in range(1600, 2800, 20)]
    assert of(Began(1000), Heard(1400, 1600, " uh huh"), *quiet) == [
        Overlap("backchannel", "user", 1400, 2600, "uh huh")
    ]


def test_a_model_that_speaks_on_through_many_words_continues() -> None:
    heard = [Heard(1400, 1600, " and then we"), Heard(1800, 2000, " went home")]
    assert of(Began(1000), *heard, Sound(2900), Sound(3000)) == [
        Overlap("continue", "user", 1400, 3000, "and then we went home")
    ]


def test_a_model_that_comes_to_its_own_end_or_is_cut_off_did_not_yield() -> None:
    begun = (Began(1000), Heard(1400, 1600, " right"))
    assert of(*begun, Stopped(1800)) == of(*begun, Ended(1800, "expired"))
    assert of(*begun, Stopped(1800))[0].action == "continue"


def test_the_last_word_of_a_question_is_no_overlap_with_its_answer() -> None:
    assert of(Heard(600, 800, " time"), Began(1000), Heard(1000, 1200, " is it"), Stopped(1400, yielded=True)) == []


def test_a_few_words_of_the_model_within_the_users_are_its_backchannel() -> None:
    items = (Heard(600, 800, " so i"), Began(1000), Stopped(1400), Heard(1600, 1800, " went there"))
    assert of(*items) == [Overlap("backchannel", "model", 1000, 1400)]


def test_an_answer_is_no_backchannel() -> None:
    assert of(Heard(600, 800, " hello"), Began(1000), Stopped(1400), Heard(4000, 4200, " bye")) == []
    assert of(Began(1000), Stopped(1400), Heard(1600, 1800, " yes")) == []
