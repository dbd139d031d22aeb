"""Rows of a Parquet file: flat columns of text, numbers and dates, and no code that runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from probes.rows import MAX_COLUMNS, MAX_FILE_BYTES, MAX_ROWS, Row, data_error
from probes.sinks import one_line


def parquet_rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Rows of a Parquet file, numbered from 1; UserError where it is damaged or nested."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        # Without extension types: reading them may run code that somebody registered.
        table = pq.ParquetFile(
            file,
            arrow_extensions_enabled=False,
            thrift_string_size_limit=10**8,
            thrift_container_size_limit=10**6,
        )
        _check_parquet(path, table, pa)
        for batch in table.iter_batches(batch_size=1024, use_threads=False):
            for values in batch.to_pylist():
                number += 1
                yield Row(number, {name: _plain(value) for name, value in values.items()})
    except (pa.ArrowException, OSError, ValueError) as error:
        what = f"the file is damaged: {one_line(str(error))}"
        raise data_error("PARQUET", path, what, hint="write it again") from None


def _check_parquet(path: Path, table: Any, pa: Any) -> None:
    metadata, schema = table.metadata, table.schema_arrow
    if metadata.num_columns > MAX_COLUMNS or metadata.num_rows > MAX_ROWS:
        what = f"{metadata.num_columns} columns and {metadata.num_rows} rows"
        hint = f"at most {MAX_COLUMNS} columns and {MAX_ROWS} rows"
        raise data_error("TOO-BIG", path, what, hint=hint)
    groups = range(metadata.num_row_groups)
    if sum(metadata.row_group(index).total_byte_size for index in groups) > 2 * MAX_FILE_BYTES:
        what = f"more than {2 * MAX_FILE_BYTES} bytes when unpacked"
        raise data_error("TOO-BIG", path, what, hint="give a sample of it")
    names = list(schema.names)
    for column in schema:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        marked = b"ARROW:extension:name" in (column.metadata or {})
        refused = next((name for name, test in _REFUSED.items() if test(pa, kind)), None)
        if marked or refused or names.count(column.name) > 1:
            fault = "an extension type" if marked else refused or "a name used twice"
            what = f"column {one_line(column.name, 40)!r} has {fault}"
            hint = "keep columns of text, numbers or true/false; nested data goes into .jsonl"
            raise data_error("PARQUET", path, what, hint=hint)


_REFUSED: dict[str, Callable[[Any, Any], bool]] = {
    "an extension type": lambda pa, kind: isinstance(kind, pa.BaseExtensionType),
    "nested values": lambda pa, kind: pa.types.is_nested(kind),
    "binary values": lambda pa, kind: (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    ),
}


def _plain(value: Any) -> Any:
    """A cell as JSON has it: dates as text, NaN as the missing value it means."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
