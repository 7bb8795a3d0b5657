"""Parquet files as published sets have them, made here."""

from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.eval.suite.parquet import rows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(path: Path, found: list[dict[str, object]]) -> Path:
    pq.write_table(pa.Table.from_pylist(found), path)
    return path


def test_rows_come_in_order_with_the_columns_that_were_asked_for(tmp_path: Path) -> None:
    one = write(tmp_path / "0.parquet", [{"id": "a", "sound": {"bytes": b"x", "path": "a.wav"}, "other": 1}])
    two = write(tmp_path / "1.parquet", [{"id": "b"}, {"id": "c"}])
    assert list(rows([one, two], ["id"], ["sound"])) == [
        {"id": "a", "sound": {"bytes": b"x", "path": "a.wav"}},
        {"id": "b"},
        {"id": "c"},
    ]


def test_a_file_without_a_column_says_which(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"columns missing.*axis"):
        list(rows([write(tmp_path / "0.parquet", [{"id": "a"}])], ["id", "axis"]))


def test_what_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        list(rows([tmp_path / "no.parquet"], ["id"]))
