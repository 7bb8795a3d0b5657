"""The house itself: pins, targets, file names. Which part may import which is tested in test_floors.py."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
VAGUE_NAMES = {"utils", "util", "common", "helpers", "misc"}


def source_files() -> list[Path]:
    return sorted(ROOT.glob("microturn/**/*.py"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[\[<>=~ ]", name, maxsplit=1)[0] for name in wanted}
    assert names - pins().keys() == set()


def test_constraints_hold_no_address() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_make_help_tells_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE)) - {"system"}
    assert targets == set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE))


def test_ci_runs_targets_of_the_makefile() -> None:
    targets = re.search(r"for target in (.*); do", (ROOT / ".ci/run").read_text())
    assert targets is not None
    known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(targets[1].split()) <= set(known)


def test_every_source_file_begins_with_what_lives_there() -> None:
    texts = {path: path.read_text() for path in source_files()}
    assert [path for path, text in texts.items() if text.strip() and not text.startswith('"""')] == []


def test_no_source_file_has_a_vague_name() -> None:
    assert [path for path in source_files() if path.stem in VAGUE_NAMES] == []
