"""The oracle, skill by skill, on word times made by hand."""

import pytest

from microturn.data import script as mean
from microturn.data.oracle import Expect, oracle
from microturn.data.script import Line, Meaning, Spoken, spoken_at

END_MS = 60_000


def say(start_ms: int, text: str, meaning: Meaning | None = None, speaker: str = "user", word_ms: int = 300) -> Spoken:
    """The text from `start_ms` on, every word `word_ms` long."""
    n_words = len(text.replace(",", "").split())
    return spoken_at(start_ms, Line(text, speaker, 0, meaning), [start_ms + word_ms * (i + 1) for i in range(n_words)])


def heard(*spoken: Spoken, end_ms: int = END_MS) -> list[tuple[int, str]]:
    """(tick, text) of what the agent should say."""
    return [(expect.tick, expect.text) for expect in oracle(spoken, end_ms)]


def test_nothing_on_means_nothing_said() -> None:
    assert heard(say(0, "i saw a dog in the garden"), say(4000, "the bread was four euros"), say(8000, "banana")) == []


def test_a_question_is_answered_in_the_tick_after_its_last_word() -> None:
    asked = say(1000, "what is three plus four", mean.Ask("seven"))  # ends at 2500, in tick 12
    assert oracle([asked], END_MS) == [Expect(13, "seven", "answer")]


def test_the_skill_of_an_answer_is_the_one_of_its_question() -> None:
    asked = say(0, "what is two plus two, no, three plus three", mean.Ask("six", "self-correction"))
    assert oracle([asked], END_MS) == [Expect(2700 // 200 + 1, "six", "self-correction")]


def test_pauses_inside_a_request_are_silent() -> None:
    parts = [say(0, "what is"), say(1500, "uh"), say(2500, "three plus four", mean.Ask("seven", "patience"))]
    assert heard(*parts) == [(3400 // 200 + 1, "seven")]


@pytest.mark.parametrize("speaker", ["other", "tv"])
def test_others_trigger_nothing(speaker: str) -> None:
    start = say(0, "count the animals in my story", mean.StartCount("animals"))
    asked = say(4000, "what is two plus two", mean.Ask("four"), speaker)
    assert heard(start, asked, say(8000, "a dog and a cat", None, speaker)) == []
    assert heard(say(0, "count the animals", mean.StartCount("animals"), speaker), say(4000, "a dog")) == []


def test_the_name_is_the_last_one_told() -> None:
    told = say(0, "my name is anna", mean.Remember("anna"))
    again = say(3000, "my name is tom", mean.Remember("tom"))
    asked = say(6000, "what is my name", mean.AskName())
    assert heard(told, asked) == heard(told, say(3000, "my sister's name is lisa"), asked) == [(37, "anna")]
    assert heard(told, again, asked) == [(37, "tom")]
    assert heard(asked) == []


def test_counts_follow_each_word_of_the_category_and_its_plural() -> None:
    start = say(0, "count the animals in my story", mean.StartCount("animals"))  # ends at 1800
    story = say(3000, "a dog and two mice saw a red apple")  # dog ends at 3600, mice at 4500
    assert heard(start, story) == [(19, "one"), (23, "two")]
    assert heard(story, start) == heard(start, story)  # the order of the list does not matter


def test_a_story_before_the_instruction_is_not_counted() -> None:
    assert heard(say(0, "a dog"), say(2000, "count the animals", mean.StartCount("animals"))) == []


def test_a_new_count_begins_at_one() -> None:
    start = mean.StartCount("animals")
    spoken = [say(0, "count", start), say(1000, "a dog"), say(2000, "count", start), say(3000, "a cat")]
    assert heard(*spoken) == [(1600 // 200 + 1, "one"), (3600 // 200 + 1, "one")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the bread was four euros", "twelve dollars"),
        ("it was twenty three euros", "sixty nine dollars"),
        ("one euro", "three dollars"),
        ("four dollars", None),
        ("some euros", None),
        ("four meters", None),
    ],
)
def test_prices_are_converted_at_the_end_of_the_unit(text: str, said: str | None) -> None:
    start = say(0, "one euro is three dollars", mean.StartConvert("euros", "dollars", 3))
    ends_tick = (3000 + 300 * len(text.split())) // 200
    assert heard(start, say(3000, text)) == ([(ends_tick + 1, said)] if said else [])


def test_the_forbidden_word_is_beeped_each_time_and_only_it() -> None:
    start = say(0, "say beep whenever i say banana", mean.StartTaboo("banana"))
    assert heard(start, say(3000, "banana bananas lemon banana")) == [(17, "beep"), (22, "beep")]


def test_items_get_an_okay_and_stories_do_not() -> None:
    start = say(0, "say okay after each item", mean.StartItems())
    spoken = [say(3000, "bread"), say(5000, "two apples"), say(7000, "we had no bread at all"), say(9000, "uh")]
    assert heard(start, *spoken) == [(17, "okay"), (29, "okay")]


def test_stop_ends_every_standing_instruction_and_timer() -> None:
    starts = [
        say(0, "count", mean.StartCount("animals")),
        say(500, "convert", mean.StartConvert("euros", "dollars", 2)),
        say(1000, "beep", mean.StartTaboo("dog")),
        say(1500, "okay", mean.StartItems()),
        say(2000, "remind", mean.Interval("breathe", 6)),
        say(2500, "say", mean.Delay("stretch", 8)),
        say(3000, "ask", mean.SilenceWatch(5, "are you there")),
    ]
    after = [say(6000, "a dog for four euros"), say(8000, "bread")]
    assert heard(*starts, say(4000, "okay stop", mean.StopAll()), *after) == []
    assert len(heard(*starts, *after)) > 8


def test_an_interval_beats_until_stop_also_over_speech() -> None:
    start = say(0, "remind me to breathe every four seconds", mean.Interval("breathe", 4))  # ends at 2100
    story = say(5000, "we walked to the river and the park and then we slept")
    stopped = say(14_000, "stop", mean.StopAll())
    assert heard(start, story, stopped) == [(30, "breathe"), (50, "breathe"), (70, "breathe")]


def test_a_delay_is_said_once_on_time() -> None:
    assert heard(say(100, "say stretch in six seconds", mean.Delay("stretch", 6))) == [(38, "stretch")]


def test_two_timers_each_count_from_their_own_line() -> None:
    first = say(0, "say stretch in six seconds", mean.Delay("stretch", 6))  # ends at 1500
    second = say(2000, "and drink in ten seconds", mean.Delay("drink", 10))  # ends at 3500
    assert heard(first, second) == [(37, "stretch"), (67, "drink")]


@pytest.mark.parametrize(("seconds", "tick"), [(8, 47), (12, 67), (3, 37)])
def test_a_change_counts_from_the_delay_itself_unless_that_is_past(seconds: int, tick: int) -> None:
    start = say(0, "say stretch in six seconds", mean.Delay("stretch", 6))  # ends at 1500
    changed = say(4000, "make it", mean.Reschedule(seconds))  # ends at 4600; 1500 + 3000 is past
    assert heard(start, changed) == [(tick if seconds > 3 else (4600 + 3000) // 200, "stretch")]


def test_cancel_drops_the_last_delay_only() -> None:
    first = say(0, "say stretch in six seconds", mean.Delay("stretch", 6))
    second = say(2000, "and drink in ten seconds", mean.Delay("drink", 10))
    cancelled = say(4000, "cancel that", mean.Cancel())
    assert heard(first, second, cancelled) == [(37, "stretch")]
    assert heard(first, say(8000, "cancel that", mean.Cancel())) == [(37, "stretch")]


def test_the_stopwatch_says_whole_seconds_between_line_ends() -> None:
    start = say(0, "start the stopwatch", mean.StopwatchStart())  # ends at 900
    stop = say(7000, "stop the stopwatch", mean.StopwatchStop())  # ends at 7900
    assert heard(start, stop) == [(40, "seven seconds")]
    assert heard(stop) == []


def test_elapsed_is_asked_for_after_done() -> None:
    spoken = [say(0, "i am starting now", mean.ElapsedStart()), say(5000, "done", mean.ElapsedDone())]
    asked = say(9000, "how long did that take", mean.AskElapsed())
    assert heard(*spoken, asked) == [(10_500 // 200 + 1, "four seconds")]
    assert heard(*spoken) == heard(asked) == []


def test_silence_is_asked_about_once_each_time() -> None:
    watch = say(0, "if i am quiet", mean.SilenceWatch(5, "are you there"))  # ends at 1200
    story = say(10_000, "we went home")  # ends at 10900
    other = say(12_000, "hello", None, "other")
    assert heard(watch, story, other) == [(31, "are you there"), (79, "are you there")]


def test_talking_keeps_the_silence_watch_quiet() -> None:
    watch = say(0, "if i am quiet", mean.SilenceWatch(3, "are you there"))
    talk = [say(at_ms, "and then we went home") for at_ms in range(3000, 15_000, 4000)]
    assert heard(watch, *talk, end_ms=15_000) == []


def test_a_countdown_says_a_number_a_second_until_stop() -> None:
    start = say(0, "count down from three", mean.Countdown(3))  # ends at 1200
    assert heard(start) == [(7, "three"), (12, "two"), (17, "one")]
    assert heard(start, say(2500, "stop", mean.StopAll())) == [(7, "three"), (12, "two")]


def test_with_a_wake_word_only_lines_that_begin_with_it_are_answered() -> None:
    wake = say(0, "only answer when i call you max", mean.WakeWord("max"))
    plain = say(4000, "what is two plus two", mean.Ask("four"))
    called = say(8000, "max, what is two plus two", mean.Ask("four"))
    free = say(12_000, "answer everyone again", mean.AnswerEveryone())
    later = say(15_000, "what is two plus two", mean.Ask("four"))
    assert heard(wake, plain, called) == [(50, "four")]
    assert heard(wake, plain, called, free, later) == [(50, "four"), (83, "four")]


def test_standing_cues_need_no_wake_word() -> None:
    wake = say(2000, "only answer when i call you max", mean.WakeWord("max"))
    start = say(0, "count the animals", mean.StartCount("animals"))
    assert heard(start, wake, say(6000, "a dog")) == [(34, "one")]


def test_what_collides_comes_later_and_nothing_begins_after_the_end() -> None:
    spoken = [
        say(0, "watch", mean.SilenceWatch(5, "are you there")),  # due at 5300, tick 26, three words: two ticks
        say(0, "say", mean.Delay("stretch", 5)),
    ]
    assert heard(*spoken) == [(26, "stretch"), (27, "are you there")]
    assert heard(*spoken, end_ms=5400) == [(26, "stretch")]
    assert heard(say(0, "stop", mean.Ask("one")), end_ms=400) == []


RECITE = mean.Recite("one two three four five six seven eight")


def one_a_word(text: str) -> int:
    """Every word sounds one tick."""
    return len(text.split())


def aloud(*spoken: Spoken) -> list[Expect]:
    """What the agent says when every word sounds one tick."""
    return oracle(spoken, END_MS, one_a_word)


def test_what_falls_due_while_something_sounds_comes_right_after_it() -> None:
    asked = say(0, "where", mean.Ask("in the old red house"))  # tick 2, five ticks
    again = say(500, "who", mean.Ask("anna"))  # ends at 800, due in tick 5
    assert [(e.tick, e.text) for e in aloud(asked, again)] == [(2, "in the old red house"), (7, "anna")]
    assert heard(asked, again) == [(2, "in the old red house"), (5, "anna")]


def test_a_recitation_comes_after_the_turn_and_is_cut_after_the_first_word_of_a_barge_in() -> None:
    request = say(0, "count to eight", RECITE)  # ends at 900, tick 4
    wait = say(1500, "wait, what is two plus two", mean.Ask("four"))  # its first word ends at 1800, all of it at 3300
    assert aloud(request, wait) == [Expect(5, RECITE.text, "barge-in", cut=10), Expect(17, "four", "answer")]
    assert aloud(request) == [Expect(5, RECITE.text, "barge-in")]
    late = say(2400, "stop", mean.StopAll())  # it has sounded to its end before that is understood
    assert aloud(request, late) == [Expect(5, RECITE.text, "barge-in")]


def test_a_story_takes_the_floor_too() -> None:
    assert aloud(say(0, "count", RECITE), say(700, "we saw a dog"))[0].cut == 6


@pytest.mark.parametrize("phrase", ["mm hm", "okay", "right", "uh huh"])
def test_a_backchannel_cuts_nothing_and_is_not_answered(phrase: str) -> None:
    request = say(0, "count to eight", mean.Recite(RECITE.text, "backchannelled"))
    assert aloud(request, say(1500, phrase, mean.Backchannel())) == [Expect(5, RECITE.text, "backchannelled")]


@pytest.mark.parametrize("speaker", ["other", "tv"])
def test_others_cut_nothing(speaker: str) -> None:
    request = say(0, "count to eight", RECITE)
    assert aloud(request, say(1500, "what is two plus two", mean.Ask("four"), speaker))[0].cut is None


def test_what_begins_like_a_backchannel_is_known_by_the_word_that_could_not() -> None:
    request = say(0, "count to eight", RECITE)
    assert aloud(request, say(1100, "okay stop", mean.StopAll()))[0].cut == 1700 // 200 + 1
    assert aloud(request, say(1100, "i want to know", None))[0].cut == 1700 // 200 + 1
    assert aloud(request, say(1100, "stop it", mean.StopAll()))[0].cut == 1400 // 200 + 1


def test_a_wake_word_is_needed_to_barge_in_but_not_to_stop() -> None:
    wake = say(0, "only answer to max", mean.WakeWord("max"))
    request = say(2000, "max count", RECITE)  # tick 14
    asked = mean.Ask("four")
    assert aloud(wake, request, say(3200, "what is two plus two", asked))[0].cut is None
    assert aloud(wake, request, say(3200, "max what is two plus two", asked))[0].cut == 18
    assert aloud(wake, request, say(3200, "stop", mean.StopAll()))[0].cut == 18


def test_short_answers_are_not_cut() -> None:
    asked = say(0, "where", mean.Ask("in the old red house"))
    assert aloud(asked, say(500, "wait", mean.StopAll())) == [Expect(2, "in the old red house", "answer")]


def test_a_stop_also_ends_what_waits_for_its_turn() -> None:
    request, timer = say(0, "count", RECITE), say(-700, "say", mean.Delay("stretch", 1))  # due at 600, tick 3
    assert [e.text for e in aloud(request, timer)] == [RECITE.text, "stretch"]
    stopped = aloud(request, timer, say(1000, "stop", mean.StopAll()))
    assert stopped == [Expect(2, RECITE.text, "barge-in", cut=7)]


def test_a_recitation_whose_moment_has_passed_is_not_begun() -> None:
    timer = say(0, "say", mean.Delay("a b c d e f g h i j", 1))  # due at 1300, sounds in ticks 6 to 15
    request, wait = say(1000, "count", RECITE), say(2000, "who are you", mean.Ask("max"))
    assert [(e.tick, e.text) for e in aloud(timer, request, wait)] == [(6, "a b c d e f g h i j"), (16, "max")]


def test_a_told_story_gets_a_backchannel_after_each_phrase_until_it_ends() -> None:
    start = say(0, "let me tell you a story", mean.StartTelling())
    phrases = [say(3000, "we went to the sea"), say(6000, "it rained all day")]
    for end in (mean.EndTelling(), mean.StopAll()):
        spoken = [say(-2000, "we went away"), start, *phrases, say(9000, "that is all", end), say(12_000, "nice house")]
        expected = [(4500 // 200 + 1, "mm hm"), (7200 // 200 + 1, "mm hm")]
        assert [(e.tick, e.text) for e in aloud(*spoken) if e.skill == "backchannelling"] == expected


SUM = "how much is seventeen times twenty three"  # ends 2,100 ms after it began


def test_what_is_handed_over_comes_back_and_is_said_once_it_is_read() -> None:
    asked = say(1000, SUM, mean.Delegate("three hundred ninety one", 3_000))  # in tick 15; comes back in tick 30
    assert oracle([asked], END_MS) == [
        Expect(16, "let me check", "delegate", hands_over=True),
        Expect(31, "three hundred ninety one", "delegate"),
    ]
    long = "one two three four five six seven"  # more than a tick can hold
    assert heard(say(1000, SUM, mean.Delegate(long, 3_000)))[1:] == [(32, long)]


def test_a_result_waits_until_the_user_has_been_quiet() -> None:
    asked = say(1000, SUM, mean.Delegate("eight", 3_000))
    talk = say(5000, "the bus was late again", None)  # ticks 25 to 32
    assert heard(asked, talk)[1:] == [(32 + 3, "eight")]
    more = say(6800, "it was raining", None)  # goes on before it can be said: ticks 34 to 38
    assert heard(asked, talk, more)[1:] == [(38 + 3, "eight")]
    tv = say(5000, "the bus was late again", None, "tv")
    assert heard(asked, tv)[1:] == [(31, "eight")]


def test_a_question_is_answered_before_the_result_is_said() -> None:
    asked = say(1000, SUM, mean.Delegate("eight", 3_000))
    question = say(5000, "what color is grass", mean.Ask("green"))  # ends in tick 31
    assert heard(asked, question)[1:] == [(32, "green"), (34, "eight")]


def test_what_nobody_wants_any_more_is_not_said() -> None:
    asked = say(1000, SUM, mean.Delegate("eight", 3_000))
    never = say(4000, "never mind", mean.NeverMind())
    assert heard(asked, never) == [(16, "let me check")]
    late = say(8000, "never mind", mean.NeverMind())
    assert heard(asked, late) == heard(asked)
    again = say(9000, SUM, mean.Delegate("nine", 2_000))
    assert heard(asked, never, again)[1:] == [(56, "let me check"), (66, "nine")]


def test_progress_is_told_only_while_something_is_going_on() -> None:
    def ask(start_ms: int) -> Spoken:
        return say(start_ms, "how is it going", mean.AskProgress())

    asked = say(1000, SUM, mean.Delegate("eight", 5_000))
    never_ends = say(1000, SUM, mean.Delegate("", 0))
    assert heard(ask(1000)) == []
    assert heard(asked, ask(5000))[1:] == [(32, "still working on it"), (41, "eight")]
    assert heard(asked, ask(12_000)) == heard(asked)
    assert heard(never_ends, ask(30_000))[1:] == [(157, "still working on it")]


def test_a_result_is_cut_where_the_user_takes_the_floor() -> None:
    long = "one two three four five six seven eight nine ten"
    asked = say(1000, SUM, mean.Delegate(long, 3_000))
    question = say(6800, "what color is grass", mean.Ask("green"))  # its first word ends in tick 35
    expects = oracle([asked, question], END_MS)
    assert [(e.tick, e.text, e.cut) for e in expects[1:]] == [(32, long, 36), (41, "green", None)]
