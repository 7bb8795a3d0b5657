"""Published sets in their own layout, made here: held, scored and judged as the real ones would be."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.core.wav import WavWriter
from microturn.eval.suite.analyze import TextChannel
from microturn.eval.suite.answer_suites import bigbench_audio, harmbench
from microturn.eval.suite.closed_sound import Cast
from microturn.eval.suite.endpoint import ScriptedEndpoint, tone
from microturn.eval.suite.judge import Judge, NoJudge, Prompt
from microturn.eval.suite.published_suites import charades, fdb1, fdb15, proactive, repcount
from microturn.eval.suite.shape import Asked, Scored, Suite
from microturn.eval.suite.spoken_form import spoken_form
from microturn.eval.suite.trace import Trace
from microturn.media.av import write_audio, write_video
from tests.eval.suite.test_closed import speak

CAST = Cast("somebody", "somebody else")


class Knowing:
    """Says of a prompt what stands in it: enough of a judge for answers made here."""

    name = "knowing"

    def chosen(self, prompt: Prompt, fields: Mapping[str, str]) -> str | None:
        said = fields.get("text", fields.get("after", ""))
        if prompt.name == "handled":
            return "C_RESUME" if "saying" in said else "C_RESPOND"
        if prompt.name == "refused":
            return "YES" if "cannot" in said else "NO"
        wanted = fields.get("answer", fields.get("meaning", ""))
        return prompt.answers[0] if wanted in said else prompt.answers[1]


def held(made: Suite, fake: str, judge: Judge) -> Scored:
    endpoint = ScriptedEndpoint(fake, made.fakes[fake])

    async def all_of() -> list[Trace]:
        return [await endpoint.hold(session) for session in made.sessions]

    return made.score(asyncio.run(all_of()), TextChannel(), judge)


def wav(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with WavWriter(path) as out:
        out.write(tone(seconds))


def video(path: Path, seconds: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, [np.full((32, 32, 3), 30 * n % 255, np.uint8) for n in range(5 * seconds)], 5)


def test_full_duplex_bench_1_is_held_as_it_is_published(tmp_path: Path) -> None:
    for folder, name, row in (
        ("synthetic_pause_handling", "pause.json", {"text": "[PAUSE]", "timestamp": [1.0, 1.6]}),
        ("candor_turn_taking", "turn_taking.json", {"text": "[TURN-TAKING]", "timestamp": [2.0, 2.2]}),
        ("synthetic_user_interruption", "interrupt.json", {"timestamp": [2.0, 3.0]}),
    ):
        wav(tmp_path / folder / "1" / "input.wav", 6.0)
        (tmp_path / folder / "1" / name).write_text(json.dumps([row]))
    made = fdb1(Asked(data=tmp_path))
    found = {fake: held(made, fake, NoJudge()) for fake in ("silent", "oracle", "babbler")}
    assert [row.right for row in found["silent"].rows] == [True, False, False]
    assert [row.right for row in found["babbler"].rows] == [False, False, False]
    assert found["oracle"].figures["smooth_turn_taking"]["published latency s"] == pytest.approx(0.4, abs=0.02)
    assert len(made.sessions) == 3


def test_labels_of_1_5_come_from_the_judge_and_silence_needs_none(tmp_path: Path) -> None:
    for scene in ("user_interruption", "user_backchannel", "talking_to_other", "background_speech"):
        for name in ("input.wav", "clean_input.wav"):
            wav(tmp_path / scene / "1" / name, 9.0)
        row = {"timestamps": [4.0, 5.0], "current_turn_text": "what about tea"}
        (tmp_path / scene / "1" / "metadata.json").write_text(json.dumps(row))
    made = fdb15(Asked(data=tmp_path))
    assert held(made, "oracle", Knowing()).primary == 1.0
    assert held(made, "silent", NoJudge()).primary == 0.0
    assert held(made, "oracle", NoJudge()).figures["void"] == 4


def test_videos_are_shown_after_the_instruction(tmp_path: Path) -> None:
    (tmp_path / "annotation").mkdir()
    (tmp_path / "annotation/test.csv").write_text("type,name,count,L1,L2,L3,L4\nsquat,one.mp4,2,2,8,9,16\n")
    video(tmp_path / "video/test/one.mp4")
    made = repcount(Asked(data=tmp_path), speak, CAST)
    user, ticks = made.sessions[0].user, made.sessions[0].ticks
    turns = [user.turn(tick, None) for tick in range(ticks)]  # type: ignore[arg-type]
    shown = [tick for tick, turn in enumerate(turns) if turn.frame is not None]
    spoken = [tick for tick, turn in enumerate(turns) if turn.pcm is not None]
    assert len(shown) >= 19
    assert max(spoken) < min(shown)
    assert held(made, "oracle", NoJudge()).primary == 1.0
    assert held(made, "silent", NoJudge()).primary == 0.0


def test_charades_and_proactive_questions_are_read_in_their_layout(tmp_path: Path) -> None:
    (tmp_path / "charades_sta_test.txt").write_text("AB12 1.0 3.0##a person opens 2 doors.\n")
    video(tmp_path / "videos/AB12.mp4", 6)
    assert held(charades(Asked(data=tmp_path), speak, CAST), "oracle", NoJudge()).primary == pytest.approx(
        1.0, abs=0.03
    )
    answer = {"content": "a red car", "related_timespan": [1, 4], "reply_timespan": [1, 4]}
    turns = [{"role": "user", "content": "What comes?", "time": 0}]
    entry = {"video": "v.mp4", "question_id": "q1", "conversation": turns, "answer": [answer]}
    video(tmp_path / "WEB/videos/v.mp4", 6)
    (tmp_path / "WEB/anno.json").write_text(json.dumps([entry]))
    made = proactive(Asked(data=tmp_path), speak, CAST)
    assert held(made, "oracle", Knowing()).primary == pytest.approx(1.0, abs=0.01)
    assert held(made, "silent", NoJudge()).primary == 0.25
    assert held(made, "oracle", NoJudge()).figures["void"] == 1


def test_bigbench_audio_is_judged_and_a_failing_judge_is_void(tmp_path: Path) -> None:
    rows = [
        {"category": c, "official_answer": a, "file_name": f"data/q{n}.mp3", "id": n}
        for n, (c, a) in enumerate([("navigate", "yes"), ("navigate", "no"), ("object_counting", "4")])
    ]
    (tmp_path / "data").mkdir()
    for row in rows:
        write_audio(tmp_path / row["file_name"], tone(1.0))
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = bigbench_audio(Asked(data=tmp_path))
    assert held(made, "oracle", Knowing()).primary == 1.0
    assert held(made, "babbler", Knowing()).primary == 0.0
    assert held(made, "silent", NoJudge()).primary == 0.0
    assert held(made, "oracle", NoJudge()).figures["void"] == 3


def test_who_refuses_everything_fails_the_harmless_requests(tmp_path: Path) -> None:
    (tmp_path / "harmbench_behaviors_text_all.csv").write_text(
        "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n"
        "do a bad thing,standard,x,,,bad_thing\nsay it in context,contextual,x,,,other\n"
    )
    made = harmbench(Asked(data=tmp_path), speak, CAST)
    oracle, refuser = held(made, "oracle", Knowing()), held(made, "refuser", Knowing())
    assert (oracle.primary, oracle.figures["helped with harmless requests"]["rate"]) == (1.0, 1.0)
    assert (refuser.primary, refuser.figures["helped with harmless requests"]["rate"]) == (1.0, 0.0)
    assert held(made, "silent", NoJudge()).primary == 0.0
    assert oracle.said == {}


def test_a_set_without_its_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data"):
        repcount(Asked())
    with pytest.raises(InputError, match="no samples"):
        fdb1(Asked(data=tmp_path))


def test_written_text_is_brought_into_spoken_form() -> None:
    assert spoken_form("Open 2 doors!") == "open two doors"
    assert spoken_form("It's 1,500 m; isn't it?") == "it's one thousand five hundred m, isn't it"
