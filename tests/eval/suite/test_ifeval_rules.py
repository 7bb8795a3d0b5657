"""The 25 instructions of IFEval, each with a text that follows it and one that does not; and what the oracle writes."""

from typing import Any

import pytest

from microturn.core.errors import InputError
from microturn.eval.suite.ifeval_oracle import written
from microturn.eval.suite.ifeval_rules import KINDS, checked, loose, sentences, strict

pytest.importorskip("py3langid")
ENGLISH = "this is the answer to the question that was asked"
LESS, LEAST = "less than", "at least"
EVERY: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["tea", "milk"]}, "Milk in the tea", "milk alone"),
    ("keywords:frequency", {"keyword": "so", "frequency": 2, "relation": LEAST}, "so and SO", "so"),
    ("keywords:frequency", {"keyword": "so", "frequency": 2, "relation": LESS}, "so", "so and SO"),
    ("keywords:forbidden_words", {"forbidden_words": ["tea"]}, "a steady hand", "more Tea, please"),
    ("keywords:letter_frequency", {"letter": "o", "let_frequency": 2, "let_relation": LEAST}, "On cOld", "on"),
    ("keywords:letter_frequency", {"letter": "#", "let_frequency": 2, "let_relation": LEAST}, "#a #b", "#a"),
    ("language:response_language", {"language": "de"}, "Das ist eine kurze Antwort auf die Frage", ENGLISH),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": LEAST}, "It is. Is it?", "It is, it is."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb\n***\n", "a\n\nb"),
    ("length_constraints:number_words", {"num_words": 3, "relation": LESS}, "two words", "no: three words"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
        'First this.\n\n"Then, that.',
        "First this.\n\nAfterwards then.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] [place]", "[name] (place)"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "so\nP. S. no", "so\npost scriptum no"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "P.P.S. no", "P.S. no"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "so:\n* one\n- two", "* one\n* two\n* three"),
    ("detectable_format:constrained_response", {}, "My answer is yes.", "yes"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and *b*", "*a* and b"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Day", "num_sections": 2},
        "Day 1\nso\nDay 2\nso",
        "Day 1\nso\nthe next day",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "<<So>>\nit is", "<< >>\nit is"),
    ("combination:two_responses", {}, "one\n******\ntwo", "one\n******\none"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say so."}, "say so. So.", "So. Say so."),
    ("startend:end_checker", {"end_phrase": "That is all."}, 'So it is. "that is all."', "That is all. Bye."),
    ("startend:quotation", {}, '"so it is"', '"so" it is'),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": LEAST}, "SO it IS", "So IS"),
    ("change_case:english_capital", {}, ENGLISH.upper(), ENGLISH.title()),
    ("change_case:english_lowercase", {}, ENGLISH, "das ist eine kurze antwort auf die frage"),
    ("punctuation:no_comma", {}, "so; it is", "so, it is"),
]


@pytest.mark.parametrize(("kind", "given", "right", "wrong"), EVERY)
def test_a_text_follows_or_not(kind: str, given: dict[str, Any], right: str, wrong: str) -> None:
    one = checked(kind, given, "here")
    assert strict(right, one)
    assert not strict(wrong, one)


def test_every_kind_is_tested() -> None:
    assert {kind for kind, *_ in EVERY} == set(KINDS)
    assert len(KINDS) == 25


def test_no_text_follows_nothing() -> None:
    assert not strict(" \n", checked("punctuation:no_comma", {}, "here"))
    assert not loose("", checked("punctuation:no_comma", {}, "here"))


def test_loosely_the_first_line_the_last_line_and_asterisks_may_go() -> None:
    quoted, commas = checked("startend:quotation", {}, "here"), checked("punctuation:no_comma", {}, "here")
    assert loose('Here you are:\n"so it is"\nGood luck!', quoted)
    assert loose('**"so it is"**', quoted)
    assert loose("Well, yes:\nso it is", commas)
    assert not loose("so, it\nis, so\nit, is", commas)


def test_sentences_are_not_ended_by_words_that_are_cut_short() -> None:
    assert sentences("Mr. Smith came at 3.15 p.m. sharp, e.g. today. He left!") == 2
    assert sentences("no full stop") == 1
    assert sentences("") == 0
    assert sentences('"Why?" she asked.') == 2


def test_an_instruction_that_cannot_be_decided_is_told_at_once() -> None:
    for kind, given in (
        ("keywords:rhyme", {}),
        ("length_constraints:number_words", {"num_words": 3, "relation": None}),
        ("length_constraints:number_words", {"num_words": 3, "relation": "about"}),
        ("keywords:existence", {"keywords": ["c++("]}),
    ):
        with pytest.raises(InputError):
            checked(kind, given, "line 3")


@pytest.mark.parametrize(("kind", "given", "right", "wrong"), [row for row in EVERY if "language:" not in row[0]])
def test_the_oracle_follows_each_but_other_languages(kind: str, given: dict[str, Any], right: str, wrong: str) -> None:
    one = checked(kind, given, "here")
    assert strict(written([one]), one)


def test_the_oracle_follows_several_at_once() -> None:
    several = [
        checked(kind, given, "here")
        for kind, given in (
            ("detectable_format:title", {}),
            ("keywords:frequency", {"keyword": "rocket", "frequency": 3, "relation": LEAST}),
            ("length_constraints:number_words", {"num_words": 120, "relation": LEAST}),
            ("startend:end_checker", {"end_phrase": "Is there anything else?"}),
            ("change_case:english_lowercase", {}),
            ("punctuation:no_comma", {}),
        )
    ]
    assert all(strict(written(several), one) for one in several)
