"""Clicks, their keys and what batches ask for, as Arrow: the form in which engines outside of the database get them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from sqlalchemy import Connection

from tracker.clicks.encoding import PACKED_ID_BYTES, pack_browser_id
from tracker.clicks.touches import read_clicks, read_keys, read_packed_keys
from tracker.recompute.crew import Setting, Task
from tracker.recompute.engines import Means, Part, load_part, spool
from tracker.recompute.lookup import wanted_by

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


class Span(NamedTuple):
    """Clicks with numbers above one and up to another."""

    after: int
    up_to: int


def as_arrow(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    """Return rows as an Arrow table."""
    if not rows:
        return schema.empty_table()
    columns = [pa.array(values, type=field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of WANTED_SCHEMA: the visitors whose clicks batches need, and the clicks they name."""

    visitors: pa.Table
    named: pa.Table


def spool_part(conn: Connection, setting: Setting, part: Part) -> Wanted:
    """Load a batch into its file and return what it asks for; a task of a crew."""
    batch = load_part(conn, setting, part)
    spool(setting, batch)
    numbers = {program_id: number for number, program_id in setting.numbers.programs.items()}
    visitors, named = (
        [(batch.number, numbers[program], pack_browser_id(key)) for program, key in keys if program in numbers]
        for keys in wanted_by(batch)
    )
    return Wanted(visitors=as_arrow(visitors, WANTED_SCHEMA), named=as_arrow(named, WANTED_SCHEMA))


async def walk_clicks(means: Means) -> AsyncIterator[pa.Table]:
    """Give all clicks up to the watermark, piece by piece."""
    async for piece in _walk(_clicks, means, size=PIECE):
        yield piece


async def walk_keys(means: Means) -> AsyncIterator[pa.Table]:
    """Give the keys of all clicks up to the watermark, piece by piece; see KEYS_SCHEMA."""
    async for piece in _walk(_keys, means, size=KEYS_PIECE):
        yield piece


async def _walk(task: Task[Span, pa.Table], means: Means, *, size: int) -> AsyncIterator[pa.Table]:
    last = means.setting.click_watermark
    spans = [Span(after=after, up_to=min(after + size, last)) for after in range(0, last, size)]
    walked = iter(spans)
    async for piece in means.crew.each(task, spans):
        if piece.num_rows:
            yield piece
        means.told(next(walked).up_to, last)


def _clicks(conn: Connection, _setting: Setting, span: Span) -> pa.Table:
    return as_arrow(read_clicks(conn, after=span.after, up_to=span.up_to), CLICK_SCHEMA)


def _keys(conn: Connection, _setting: Setting, span: Span) -> pa.Table:
    packed = read_packed_keys(conn, after=span.after, up_to=span.up_to)
    if packed is None:
        return as_arrow(read_keys(conn, after=span.after, up_to=span.up_to), KEYS_SCHEMA)
    count = len(packed.seqs)
    keys = [
        pa.Array.from_buffers(pa.binary(PACKED_ID_BYTES), count, [None, pa.py_buffer(strung)])
        for strung in (packed.visitor_keys, packed.click_keys)
    ]
    numbers = [pa.array(packed.seqs, type=pa.int64()), pa.array(packed.programs, type=pa.int32())]
    return pa.Table.from_arrays([*numbers, *keys], names=KEYS_SCHEMA.names)
