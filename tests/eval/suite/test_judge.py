"""Judges: rules before any model, votes that are kept, failures that void, and a real server that is asked."""

from pathlib import Path
from typing import Any

import pytest

from microturn.agent.secret import Secret
from microturn.core.errors import ConfigError, InputError
from microturn.eval.suite.judge import HANDLED, SAME, NoJudge, VotingJudge, accepted, prompt_file, same
from microturn.eval.suite.judge_server import server_judge
from tests.agent.llm_server import Refuse, Reply, Say, last_text, serving


def test_rules_decide_before_any_judge() -> None:
    assert accepted(("num:220",), "", "two hundred and twenty dollars", NoJudge()) is True
    assert accepted(("num:10~1",), "", "eleven", NoJudge()) is True
    assert accepted(("kw:tea",), "", "steam", NoJudge()) is False
    assert accepted((), "greets", "hi", NoJudge()) is None


def test_votes_are_kept_and_what_failed_is_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "**Yes.**" if "hello" in prompt else "perhaps"

    judge = VotingJudge("some-model", ask, tmp_path / "votes.json")
    assert (same(judge, "a greeting", "hello"), same(judge, "a greeting", "well")) == (True, None)
    again = VotingJudge("some-model", ask, tmp_path / "votes.json")
    assert (same(again, "a greeting", "hello"), len(asked)) == (True, 6)
    assert (same(again, "a greeting", "well"), len(asked)) == (None, 9)


def test_the_majority_of_three_votes_wins(tmp_path: Path) -> None:
    answers = iter(["C_RESUME", "C_RESPOND", "C_RESUME", "C_RESUME", "C_RESPOND", "C_UNKNOWN"])
    judge = VotingJudge("m", lambda prompt: next(answers), tmp_path / "votes.json")
    fields = {"before": "one two", "overlap": "stop", "after": "three"}
    assert judge.chosen(HANDLED, fields) == "C_RESUME"
    assert judge.chosen(HANDLED, fields | {"after": "four"}) is None


def test_a_server_is_asked_at_temperature_zero_and_sees_no_time(tmp_path: Path) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        return Say("YES" if "hello" in last_text(body) else "NO")

    with serving(reply) as server:
        judge = server_judge(server.url, "any-model", Secret("a-secret-key"), tmp_path / "votes.json")
        assert (same(judge, "a greeting", "hello"), same(judge, "a greeting", "tea")) == (True, False)
    assert {body["temperature"] for body in server.bodies} == {0.0}
    assert {body["model"] for body in server.bodies} == {"any-model"}
    assert server.headers[0]["authorization"] == "Bearer a-secret-key"
    assert "a-secret-key" not in (tmp_path / "votes.json").read_text()


def test_a_server_that_refuses_voids_and_nothing_is_kept(tmp_path: Path) -> None:
    with serving(lambda body: Refuse(400)) as server:
        judge = server_judge(server.url, "any-model", Secret(""), tmp_path / "votes.json")
        assert same(judge, "a greeting", "hello") is None
    assert not (tmp_path / "votes.json").exists()


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="url and model"):
        server_judge("localhost:8000", "m", Secret(""), tmp_path / "votes.json")


def test_a_prompt_of_others_is_read_and_must_have_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "theirs.txt"
    path.write_text("Is {text} the same as {meaning}?")
    assert prompt_file(path, SAME).text.startswith("Is")
    path.write_text("Is {text} right?")
    with pytest.raises(InputError, match="fields missing"):
        prompt_file(path, SAME)
