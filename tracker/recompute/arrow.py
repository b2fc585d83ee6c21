"""Clicks, their keys and what batches ask for, as Arrow: the form in which engines outside of the database get them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from tracker.clicks.encoding import PACKED_ID_BYTES, pack_browser_id
from tracker.clicks.touches import PackedTouch, read_clicks, read_keys, read_packed_keys
from tracker.recompute.engines import Reader, Setting
from tracker.recompute.lookup import wanted_by
from tracker.recompute.types import Batch

PIECE = 100_000  # clicks handed over at once; larger pieces were not faster and cost 0.5 KB each

KEYS_PIECE = 500_000  # clicks whose keys are handed over at once, 50 bytes each

CLICK_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("program_number", pa.int32()),
        ("enrollment_number", pa.int32()),
        ("click_key", pa.binary()),
        ("visitor_key", pa.binary()),
        ("livemode", pa.int8()),
        ("received_at_ms", pa.int64()),
        ("age_ms", pa.int64()),
        ("is_bot", pa.int8()),
    ]
)
KEYS_SCHEMA = pa.schema(
    [("seq", pa.int64()), ("program_number", pa.int32()), ("visitor_key", pa.binary()), ("click_key", pa.binary())]
)
WANTED_SCHEMA = pa.schema([("batch", pa.int32()), ("program_number", pa.int32()), ("key", pa.binary())])


def as_arrow(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    """Return rows, at least one, as an Arrow table."""
    columns = [pa.array(values, type=field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def wanted_rows(batch: Batch, number: int, setting: Setting) -> tuple[list[Any], list[Any]]:
    """Return rows of WANTED_SCHEMA: the visitors whose clicks a batch needs, and the clicks it names."""
    numbers = {program_id: number for number, program_id in setting.numbers.programs.items()}
    visitors, named = (
        [(number, numbers[program], pack_browser_id(key)) for program, key in keys if program in numbers]
        for keys in wanted_by(batch)
    )
    return visitors, named


async def walk_clicks(reader: Reader, setting: Setting) -> AsyncIterator[pa.Table]:
    """Give all clicks up to the watermark, piece by piece."""
    last = setting.click_watermark
    for after in range(0, last, PIECE):
        up_to = min(after + PIECE, last)

        def read(conn: Connection, after: int = after, up_to: int = up_to) -> list[PackedTouch]:
            return read_clicks(conn, after=after, up_to=up_to)

        if rows := await reader.read(read):
            yield as_arrow(rows, CLICK_SCHEMA)
        setting.told(up_to, last)


async def walk_keys(reader: Reader, setting: Setting) -> AsyncIterator[pa.Table]:
    """Give the keys of all clicks up to the watermark, piece by piece; see KEYS_SCHEMA."""
    last = setting.click_watermark
    for after in range(0, last, KEYS_PIECE):
        up_to = min(after + KEYS_PIECE, last)

        def read(conn: Connection, after: int = after, up_to: int = up_to) -> pa.Table | None:
            return _keys(conn, after=after, up_to=up_to)

        piece = await reader.read(read)
        if piece is not None:
            yield piece
        setting.told(up_to, last)


def _keys(conn: Connection, *, after: int, up_to: int) -> pa.Table | None:
    packed = read_packed_keys(conn, after=after, up_to=up_to)
    if packed is None:
        rows = read_keys(conn, after=after, up_to=up_to)
        return as_arrow(rows, KEYS_SCHEMA) if rows else None
    count = len(packed.seqs)
    keys = [
        pa.Array.from_buffers(pa.binary(PACKED_ID_BYTES), count, [None, pa.py_buffer(strung)])
        for strung in (packed.visitor_keys, packed.click_keys)
    ]
    numbers = [pa.array(packed.seqs, type=pa.int64()), pa.array(packed.programs, type=pa.int32())]
    return pa.Table.from_arrays([*numbers, *keys], names=KEYS_SCHEMA.names)
