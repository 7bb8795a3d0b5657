"""What made a figure."""

import subprocess
from pathlib import Path

import pytest

from microturn.core.provenance import commit, provenance


def test_a_report_names_machine_commit_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks/tick.py", "--out", "a file"])
    report = provenance("python benchmarks/tick.py")
    assert report["command"] == "python benchmarks/tick.py --out 'a file'"
    assert report["machine"]["cpu"] and report["machine"]["cores"] >= 1


def test_a_commit_with_changes_has_a_plus(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)

    assert commit(tmp_path) == "unknown"
    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "one")
    clean = commit(tmp_path)
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == clean + "+"
