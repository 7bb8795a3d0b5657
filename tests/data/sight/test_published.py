"""Published annotation files are read as their authors lay them out, and broken ones are named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.data.sight import published

REPCOUNT = """,Unnamed: 0,type,name,count,L1,L2,L3,L4,L5,L6
5,5,push_up,stu9_2.mp4,3,433,482,1020.0,1100.0,1101.0,1181.0
6,6,others,still.mp4,0,,,,,,
"""
CHARADES = """id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length
0BH84,FZTQ,Bedroom,6,6,Yes,"A person,
sitting",phone,desc,c019 11.90 21.20;c092 0.00 5.00,24.83
08Y62,ABCD,Kitchen,5,6,Yes,script,light,desc,,20.10
"""
STA = "AO8RW 0.0 6.9##a person is putting a book on a shelf.\n\nY6R7T 20.8 30.0##person begins to play.\n"
QUESTION = {
    "video": "a.mp4",
    "question_id": "web_1",
    "duration": 31.5,
    "conversation": [{"role": "user", "content": "What comes next?", "time": 0}],
    "answer": [{"content": "A dog.", "related_timespan": [2, 6.5], "reply_timespan": [3, 8]}],
    "more": 1,
}


def written(folder: Path, text: str) -> Path:
    path = folder / "file"
    path.write_text(text)
    return path


def test_repetitions_are_pairs_of_frames_and_become_seconds(tmp_path: Path) -> None:
    clip, still = published.read_repcount(written(tmp_path, REPCOUNT))
    assert (clip.name, clip.kind, clip.count) == ("stu9_2.mp4", "push_up", 3)
    assert clip.rep_frames == ((433, 482), (1020, 1100), (1101, 1181)) and still.rep_frames == ()
    assert clip.spans(fps=10.0)[0] == (43.3, 48.2)


def test_charades_actions_have_their_times(tmp_path: Path) -> None:
    moments = published.read_charades(written(tmp_path, CHARADES))
    assert moments == [("0BH84", "c019", (11.9, 21.2)), ("0BH84", "c092", (0.0, 5.0))]


def test_charades_classes_have_names(tmp_path: Path) -> None:
    path = written(tmp_path, "c000 Holding some clothes\nc001 Putting clothes somewhere\n")
    assert published.read_charades_classes(path)["c001"] == "Putting clothes somewhere"


def test_charades_sta_sentences_have_their_times(tmp_path: Path) -> None:
    first, second = published.read_charades_sta(written(tmp_path, STA))
    assert first == ("AO8RW", "a person is putting a book on a shelf.", (0.0, 6.9))
    assert second.span.end_s == 30.0


def test_proactive_questions_have_spans_in_which_to_reply(tmp_path: Path) -> None:
    (found,) = published.read_proactive(written(tmp_path, json.dumps([QUESTION])))
    assert (found.question, found.duration_s) == ("What comes next?", 31.5)
    assert found.answers == (published.Reply("A dog.", published.Span(2, 6.5), published.Span(3, 8)),)


@pytest.mark.parametrize(
    ("read", "text", "named"),
    [
        (published.read_repcount, REPCOUNT.replace(",1181.0", ","), "file:2"),
        (published.read_repcount, REPCOUNT.replace("433", "x"), "not a number"),
        (published.read_repcount, "name,count\n", "type"),
        (published.read_charades, CHARADES.replace("c019 11.90", "c019"), "actions"),
        (published.read_charades_sta, STA.replace("##", "#"), "file:1"),
        (published.read_proactive, "{}", "not a list"),
        (published.read_proactive, json.dumps([QUESTION, QUESTION | {"answer": [{"content": "x"}]}]), r"\[1\]"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, read: Callable[[Path], object], text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        read(written(tmp_path, text))
