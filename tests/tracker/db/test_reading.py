"""Reading beside the process that writes: what a reader sees, what it may not, and files that are mapped."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tracker.db.reading import MAPPED_BYTES, map_pages, open_reader


@pytest.fixture
def read(database_url):
    """Give a function that reads with one reader of the database, each time in a transaction of its own."""
    reader = open_reader(database_url)
    with asyncio.Runner() as runner:
        yield lambda transaction: runner.run(reader.read(transaction))
        runner.run(reader.close())


def count_programs(conn):
    return conn.exec_driver_sql("SELECT count(*) FROM programs").scalar_one()


def mapped_files():
    return {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}


def test_a_mapped_file_reads_the_same(read, database_url):
    def mapped(conn):
        map_pages(conn)
        return count_programs(conn)

    assert read(mapped) == read(count_programs)
    path = database_url.removeprefix("sqlite:///")
    assert (path in mapped_files()) == database_url.startswith("sqlite")


def test_only_who_asks_maps_a_file(read, database_url):
    read(count_programs)

    assert database_url.removeprefix("sqlite:///") not in mapped_files()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mapped_file_is_not_written(read):
    def write(conn):
        map_pages(conn)
        assert conn.exec_driver_sql("PRAGMA mmap_size").scalar_one() == MAPPED_BYTES
        conn.exec_driver_sql("DELETE FROM programs")

    with pytest.raises(OperationalError, match="readonly"):
        read(write)
