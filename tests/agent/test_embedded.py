"""The agent without a network: what it answers, what it does, and what it leaves to a language model."""

import asyncio
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from microturn.agent.context import Context
from microturn.agent.delegation import Evidence
from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.job import AgentFailure, Report, Reported, Task
from microturn.agent.show import Card, Shown
from microturn.agent.toolbox import Toolbox
from microturn.agent.tools.documents import Documents

NOW = datetime(2026, 11, 21, 16, 23, tzinfo=ZoneInfo("Europe/Berlin"))


class Told:
    """What one job has told."""

    def __init__(self) -> None:
        self.evidence: list[Evidence] = []
        self.shown: list[Shown] = []
        self.report = Report("x", Reported(lambda text: None, self.evidence.append, self.shown.append))


def box(documents: Path | None = None) -> Toolbox:
    return Toolbox(documents=Documents(documents) if documents else None, now=lambda: NOW)


def answers(agent: EmbeddedAgent, *tasks: str | Task, told: Told | None = None) -> list[str]:
    async def main() -> list[str]:
        said: list[str] = []
        for text in tasks:
            task = text if isinstance(text, Task) else Task("1", text)
            said.append((await agent.run(task, Context(), (told or Told()).report)).text)
        await agent.close()
        return said

    return asyncio.run(main())


def answer(text: str) -> str:
    return answers(EmbeddedAgent(box()), text)[0]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("how much is seventeen times twenty three", "three hundred ninety one"),
        ("How much is 17 times 23?", "three hundred ninety one"),
        ("Can you tell me what 15 percent of 80 is please", "twelve"),
        ("so what is seventy eight plus twenty one now", "ninety nine"),
        ("i want to know what two times sixty is", "one hundred twenty"),
        ("what is 15 percent of 80", "twelve"),
        ("how mach is seventeen tes twenty three", "three hundred ninety one"),
        ("so i no eighty divid by fivees now", "sixteen"),
        ("what is the square root of one hundred forty four", "twelve"),
        ("how much is five divided by zero", "nothing can be divided by zero"),
        ("what is three miles in feet", "fifteen thousand eight hundred forty feet"),
        ("how many feet are in ten meters", "about thirty two point eight zero eight feet"),
        ("convert twenty celsius to fahrenheit", "sixty eight fahrenheit"),
        ("how many days are in two weeks", "fourteen days"),
        ("what time is it", "it is four twenty three in the afternoon"),
        ("what time is it in tokyo", "it is twelve twenty three in the morning"),
        ("what day is it today", "saturday november twenty one"),
        ("how many days until christmas", "thirty four days"),
        ("what day is march third", "wednesday march three two thousand twenty seven"),
        ("when is christmas", "friday december twenty five"),
        ("what are my notes", "there are no notes"),
    ],
)
def test_it_answers_in_a_few_words(task: str, said: str | None) -> None:
    if said is None:
        with pytest.raises(AgentFailure):
            answer(task)
    else:
        assert answer(task) == said


def test_money_is_told_with_the_day_of_its_rates() -> None:
    said = answer("how much is twenty euros in dollars")
    assert (
        said == "about twenty point eight two dollars, by the rates of february twenty eight two thousand twenty five"
    )


@pytest.mark.parametrize(
    "task", ["plan a trip to rome", "what is the weather in berlin", "who won the football", "tell me a joke", "?"]
)
def test_what_needs_a_language_model_is_said_to_need_one(task: str) -> None:
    with pytest.raises(AgentFailure) as failure:
        answer(task)
    assert failure.value.kind == "needs_model"


def test_notes_are_kept_read_and_thrown_away() -> None:
    agent = EmbeddedAgent(box())
    tasks = ("make a note that the milk is out", "write down call anna", "what are my notes", "delete my notes")
    said = answers(agent, *tasks)
    assert said == ["i wrote it down", "i wrote it down", "the milk is out; call anna", "the notes are gone"]


def test_notes_of_two_owners_are_apart() -> None:
    anna = Task("1", "note that the milk is out", owner="anna")
    said = answers(EmbeddedAgent(box()), anna, Task("2", "what are my notes", owner="tom"))
    assert said == ["i wrote it down", "there are no notes"]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("remind me to call tom in ten minutes", "i will remind you at four thirty three in the afternoon"),
        ("remind me in half an hour to eat", "i will remind you at four fifty three in the afternoon"),
        ("remind me to swim tomorrow at nine", "i will remind you sunday november twenty two at nine in the morning"),
        ("remind me at half past seven to eat", "i will remind you at seven thirty in the evening"),
        ("remind me to eat at noon", "i will remind you sunday november twenty two at noon"),
        ("remind me to eat at sometime", "i do not know when that is"),
    ],
)
def test_reminders_are_set_for_the_moment_that_is_meant(task: str, said: str) -> None:
    assert answer(task) == said


def test_only_what_wrote_something_has_an_effect() -> None:
    told = Told()
    answers(EmbeddedAgent(box()), "note that it rains", "what are my notes", told=told)
    assert [(item.tool, item.ok, item.side_effect) for item in told.evidence] == [
        ("add_note", True, True),
        ("list_notes", True, False),
    ]


def test_the_answer_is_shown_too() -> None:
    told = Told()
    answers(EmbeddedAgent(box()), "what is 2 + 2", told=told)
    assert told.shown == [Card("what is 2 + 2", ("four",))]


def test_a_correction_is_the_newer_task() -> None:
    assert answers(EmbeddedAgent(box()), Task("1", "what is 2 + 2", ("what is 3 + 3",))) == ["six"]
    assert answers(EmbeddedAgent(box()), Task("1", "what is 2 + 2", ("as fast as you can",))) == ["four"]


def test_documents_are_searched_and_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "flat.md").write_text("# Flat\n\nThe wifi password is tulip 7.\n\nThe landlord is called Anna Berg.\n")
    agent = EmbeddedAgent(box(tmp_path))
    assert answers(agent, "look up the wifi password") == ["The wifi password is tulip seven."]
    with pytest.raises(AgentFailure):
        answers(EmbeddedAgent(box(tmp_path)), "find out who won the football")
