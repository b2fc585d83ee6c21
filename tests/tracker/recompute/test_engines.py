"""Whatever finds the clicks, the decisions are the same: one checksum over all engines and both databases."""

import sys
import uuid
from typing import Any

import pytest

from tracker.clicks.touches import numbering, read_numbered
from tracker.conversions.journey import load_case
from tracker.db.opening import open_database
from tracker.operations.types import OperationError
from tracker.programs import store as programs
from tracker.recompute import facts_store, plan, run
from tracker.recompute.apply import Asked
from tracker.recompute.engines import open_engine
from tracker.recompute.facts import load_batch
from tracker.recompute.lookup import wanted_by
from tracker.recompute.types import Scope
from tracker.services import Services
from tracker.settings import Settings

EVERYTHING = Scope(click_watermark=10**12, conversion_watermark=10**12)


def test_duckdb_decides_as_the_indexes_do(story, recompute, tools) -> None:
    by_index = recompute(story, is_dry_run=True)
    progress = tools.Quiet()
    by_walk = recompute(story, is_dry_run=True, engine="duckdb", progress=progress)

    assert by_walk["result_digest"] == by_index["result_digest"]
    assert by_walk["decided"] == by_index["decided"] > 40
    assert by_walk["partners"] == by_index["partners"]
    assert by_index["changed"] > 5, "a checksum over nothing that moves would prove little"
    assert progress.clicks[-1][0] == progress.clicks[-1][1] > 20


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_size_of_batches_decides_nothing(story, recompute, monkeypatch, size: int) -> None:
    wanted = recompute(story, is_dry_run=True)
    monkeypatch.setattr(plan, "BATCH_MIN", size)
    monkeypatch.setattr("tracker.recompute.arrow.KEYS_PIECE", 5)

    assert recompute(story, is_dry_run=True)["result_digest"] == wanted["result_digest"]
    assert recompute(story, is_dry_run=True, engine="duckdb")["result_digest"] == wanted["result_digest"]


def test_duckdb_leaves_batches_with_busy_visitors_to_the_indexes(story, recompute, monkeypatch) -> None:
    from tracker.recompute import duck  # noqa: PLC0415  # Its package is an extra.

    wanted = recompute(story, is_dry_run=True)
    read = []
    monkeypatch.setattr(plan, "BATCH_MIN", 1)
    monkeypatch.setattr(duck, "CHOSEN_MAX", 1)
    monkeypatch.setattr(duck, "read_numbered", lambda conn, seqs: read.append(len(seqs)) or read_numbered(conn, seqs))

    assert recompute(story, is_dry_run=True, engine="duckdb")["result_digest"] == wanted["result_digest"]
    assert set(read) == {0, 1}


def test_postgresql_gives_the_checksum_of_sqlite(story, recompute, tools, postgres_server, tmp_path) -> None:
    wanted = recompute(story, is_dry_run=True)
    name = f"parity_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name} TEMPLATE molva_template;")

    async def compare() -> None:
        database = open_database(postgres_server.get_uri(name))
        try:
            await tools.copy_rows(story.services.db, database)
            services = Services(data_dir=tmp_path, settings=Settings(), secret=story.services.secret, db=database)
            for engine in ("lookup", "duckdb"):
                found = await _decided(services, engine, tools)
                assert found == (wanted["decided"], wanted["result_digest"]), engine
        finally:
            await database.close()

    story.run(compare())
    postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE);")


async def _decided(services: Any, engine: Any, tools: Any) -> tuple[int, str]:
    from tracker.recompute.checksum import result_digest  # noqa: PLC0415
    from tracker.recompute.writers import HereWriter, RequestWriter  # noqa: PLC0415

    writer = RequestWriter(HereWriter(services))
    begun = await writer.start({"engine": engine, "is_dry_run": True})
    done = await run.run_through(
        begun,
        open_engine(engine),
        reader=services.db,
        writer=writer,
        progress=tools.Quiet(),
        now_ms=services.now_ms,
    )
    return done.decided, result_digest(done.decided, done.digest_sum)


def test_a_batch_knows_what_deciding_one_conversion_loads(story) -> None:
    """Every fact but what the batch decides itself: touches, codes, standings, visitors, the click that is named."""

    def compare(conn: Any) -> int:
        world = facts_store.load_world(conn, None)
        groups = plan.group(facts_store.walk_conversions(conn, EVERYTHING))
        batch = load_batch(conn, groups, world=world, number=0, now_ms=0)
        touches = run_find(conn, batch)
        for member in batch.members:
            program = programs.program_as_of(conn, member.row.program_id, member.row.occurred_at_ms)
            assert world.program_as_of(member.row.program_id, member.row.occurred_at_ms) == program
            case = load_case(conn, member.row, program)
            mine = {touch for visitor in member.visitors for touch in touches.by_visitor.get(_key(member, visitor), ())}
            mine |= {
                touches.by_click[_key(member, one)] for one in member.named if _key(member, one) in touches.by_click
            }
            assert mine == set(case.journey.touches)
            assert set(member.visitors) == case.journey.visitors
            assert set(member.codes) == set(case.journey.codes)
            for standing in case.journey.partners:
                assert world.histories[standing.partner_id] == standing.statuses
        return len(batch.members)

    assert story.read(compare) > 40


def run_find(conn: Any, batch: Any) -> Any:
    from tracker.clicks.touches import find_touches  # noqa: PLC0415

    return find_touches(conn, *wanted_by(batch), numbers=numbering(conn), up_to=10**12)


def _key(member: Any, browser_id: str) -> tuple[str, str]:
    return (member.row.program_id, browser_id)


def test_an_engine_whose_packages_are_missing_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delitem(sys.modules, "tracker.recompute.duck", raising=False)

    with pytest.raises(OperationError, match=r'needs the package "duckdb".*pip install "molva\[duckdb\]"'):
        open_engine("duckdb")


def test_an_asked_run_has_only_known_fields() -> None:
    assert Asked.__struct_fields__ == ("engine", "program_id", "since_ms", "is_dry_run", "what_if")
