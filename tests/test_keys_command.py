"""`microturn keys`: what is printed, and what is kept."""

from pathlib import Path

from typer.testing import CliRunner

from microturn.cli import app
from microturn.gateway.keys import Keys


def run(*words: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["keys", *words])
    return ran.exit_code, ran.stdout.strip() or ran.stderr.strip()


def test_a_key_is_printed_once_listed_by_its_name_and_taken_out(tmp_path: Path) -> None:
    file = str(tmp_path / "new" / "keys.txt")
    code, key = run("add", "anna", "--file", file)
    owner = Keys(file=Path(file)).owner(key)
    assert code == 0 and owner is not None
    assert run("list", "--file", file) == (0, f"anna  {owner}")
    assert run("remove", "anna", "--file", file) == (0, "")
    assert Keys(file=Path(file)).owner(key) is None


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    file = str(tmp_path / "keys.txt")
    for words in (("add", "a b"), ("remove", "anna"), ("list",)):
        code, line = run(*words, "--file", file)
        assert code == 2 and line.startswith("microturn: ") and "\n" not in line
