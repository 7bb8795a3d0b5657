"""Rows of Parquet files, in which some published sets come, one at a time. The one file that knows pyarrow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from microturn.core.errors import InputError, MissingDependency

ROWS_AT_ONCE = 1  # a row may hold minutes of sound


def rows(paths: Sequence[Path], columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Every row of the files in order, with these columns alone, so that large ones need not be read.

    optional: columns that may be missing, and then are in no row. Raises InputError for a file that is none, or lacks
    a column, and MissingDependency without pyarrow.
    """
    try:
        import pyarrow as pa  # type: ignore[reportMissingTypeStubs]
        import pyarrow.parquet as pq  # type: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingDependency("pyarrow", "a set in Parquet files", "pip install 'microturn[eval]'") from error
    arrow, parquet = cast("Any", pa), cast("Any", pq)
    for path in paths:
        try:
            with parquet.ParquetFile(path) as file:
                there = set(file.schema_arrow.names)
                lacking = [name for name in columns if name not in there]
                if lacking:
                    raise InputError("columns missing", path, ", ".join(lacking), ", ".join(columns))
                wanted = [*columns, *(name for name in optional if name in there)]
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=wanted):
                    yield from cast("list[dict[str, Any]]", batch.to_pylist())
        except (OSError, arrow.ArrowInvalid) as error:
            raise InputError("cannot be read", path, str(error)[:200], "a Parquet file") from error
