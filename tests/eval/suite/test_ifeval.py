"""IFEval as suites, spoken and typed, from a file in the published layout that is made here."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.eval.suite.analyze import Segment, TextChannel
from microturn.eval.suite.closed_sound import Cast
from microturn.eval.suite.endpoint import Line, ScriptedEndpoint
from microturn.eval.suite.ifeval import FILE, accuracies, answered, ifeval_text, ifeval_voice, load_ifeval
from microturn.eval.suite.judge import NoJudge
from microturn.eval.suite.shape import Asked, Suite
from microturn.eval.suite.suites import SUITES
from microturn.eval.suite.trace import Trace
from microturn.media.pcm import Pcm
from tests.eval.suite.test_closed import speak
from tests.eval.suite.test_published_suites import held

pytest.importorskip("py3langid")
CAST = Cast("somebody", "somebody else")
NAMES: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    (
        "Write 2 lines. Use no commas, and wrap a title like <<this>>.",
        [("punctuation:no_comma", {}), ("detectable_format:title", {})],
    ),
    ("Say yes, no or maybe.", [("detectable_format:constrained_response", {})]),
    ("Use 40 or more words.", [("length_constraints:number_words", {"relation": "at least", "num_words": 40})]),
    ("End with: so be it.", [("startend:end_checker", {"end_phrase": "so be it."}), ("startend:quotation", {})]),
    ("Two answers.", [("combination:two_responses", {})]),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"key": 1000 + n, "prompt": text, "instruction_id_list": [k for k, _ in every], "kwargs": [g for _, g in every]}
        for n, (text, every) in enumerate(NAMES)
    ]
    path = tmp_path / FILE
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_published_file_is_read_alone_or_in_its_folder(data: Path) -> None:
    prompts = load_ifeval(data)
    assert load_ifeval(data.parent) == prompts
    assert [prompt.key for prompt in prompts] == ["1000", "1001", "1002", "1003", "1004"]
    assert prompts[2].answer_s > prompts[1].answer_s
    assert len(prompts[0].instructions) == 2


def test_what_is_no_prompt_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    for row, why in (
        ({"key": 1}, "not a prompt"),
        ({"key": 1, "prompt": "x", "instruction_id_list": ["a"], "kwargs": []}, "not a prompt"),
    ):
        path.write_text(json.dumps(row))
        with pytest.raises(InputError, match=f"{why}.*:1|:1.*{why}"):
            load_ifeval(path)
    with pytest.raises(InputError, match="--data"):
        ifeval_text(Asked())


def made_of(name: str, data: Path) -> Suite:
    asked = Asked(data=data)
    return ifeval_text(asked) if name == "text" else ifeval_voice(asked, speak, CAST)


@pytest.mark.parametrize("edition", ["text", "voice"])
def test_the_oracles_follow_all_the_silent_nothing_and_the_babbler_little(edition: str, data: Path) -> None:
    made = made_of(edition, data)
    found = {fake: held(made, fake, NoJudge()) for fake in ("oracle", "late-oracle", "silent", "babbler")}
    assert found["oracle"].primary == found["late-oracle"].primary == 1.0
    assert found["silent"].primary == 0.0
    assert found["babbler"].figures["prompts, strict"]["hits"] == 1  # it has many words
    assert found["oracle"].figures["response"]["mean_s"] == pytest.approx(0.4, abs=0.05)
    assert found["late-oracle"].figures["response"]["mean_s"] == pytest.approx(3.9, abs=0.05)


def test_prompts_are_typed_as_they_are_written(data: Path) -> None:
    made = ifeval_text(Asked(data=data))
    typed = [text for tick in range(20) for text in made.sessions[0].user.turn(tick, None).text]  # type: ignore[arg-type]
    assert typed == [NAMES[0][0]]


def test_lines_and_signs_of_the_text_count(data: Path) -> None:
    made = ifeval_text(Asked(data=data))
    last = made.sessions[-1]
    say = replace_last(made, [Line(1.4, "one\n******\ntwo")])
    assert held(say, "oracle", NoJudge()).rows[-1].right
    say = replace_last(made, [Line(1.4, "one ****** one")])
    row = held(say, "oracle", NoJudge()).rows[-1]
    assert (row.id, row.right) == (last.id, False) and "two_responses" in row.why


def replace_last(made: Suite, lines: list[Line]) -> Suite:
    return replace(made, fakes={"oracle": {**made.fakes["oracle"], made.sessions[-1].id: lines}})


class Deaf:
    """A listener that understands one word, whatever was said."""

    name = "deaf"

    def words(self, trace: Trace, heard: Pcm, segment: Segment, others: object) -> str:
        return "hm"


def test_another_listener_is_scored_beside_the_text(data: Path) -> None:
    made = ifeval_voice(Asked(data=data), speak, CAST)
    endpoint = ScriptedEndpoint("oracle", made.fakes["oracle"])

    async def traces() -> list[Trace]:
        return [await endpoint.hold(session) for session in made.sessions]

    kept = asyncio.run(traces())
    found = made.score(kept, Deaf(), NoJudge())
    assert found.primary == 1.0
    assert found.figures["as heard"]["prompts, strict"]["hits"] == 0
    assert "as heard" not in made.score(kept, TextChannel(), NoJudge()).figures
    void = made.score([replace(kept[0], void="gone"), *kept[1:]], TextChannel(), NoJudge())
    assert (void.figures["void"], void.rows[0].right, void.primary) == (1, None, 1.0)


def test_final_is_the_mean_of_four_accuracies(data: Path) -> None:
    prompt = load_ifeval(data)[0]
    half = accuracies([answered(prompt, "<<so>>, so"), answered(prompt, "<<so>>\nso, so")])
    four = [half[name].rate for name in half if "prompts" in name or "instructions" in name]
    assert four == [0.0, 0.5, 0.5, 0.75]
    assert half["final"] == pytest.approx(np.mean(four))
    assert half["kinds"]["detectable_format:title"].rate == 1.0


def test_the_suites_are_listed() -> None:
    assert {"ifeval", "ifeval-voice", "ifeval-text"} <= SUITES.keys()
