"""P14 through the whole server: clicks go on while the country file under them is broken, cut, gone and whole again."""

import random

from ingest.geo_files import CHECK_S

ROUNDS = 60  # the bytes themselves are flipped in tests/ingest/test_geo_files.py
PERSON = "198.51.100.7"


def test_p14_every_click_is_taken_whatever_becomes_of_the_file(world, make_mmdb):
    """The file is newer than the built one, so it is the one that is read; each round the server looks again."""
    drawn = random.Random(14)
    whole = make_mmdb("fresh", {"198.51.100.0/24": {"country_code": "DE"}}, made_at_s=1_890_000_000)
    place = world.services.data_dir / "geo/country.mmdb"
    place.parent.mkdir(parents=True)
    networks = world.services.enricher.networks
    clicks = []
    for number in range(ROUNDS):
        damaged = bytearray(whole)
        damaged[drawn.randrange(len(whole))] ^= 1 << drawn.randrange(8)
        place.write_bytes((damaged, whole[: drawn.randrange(len(whole))], b"", whole)[number % 4])
        if number % 50 == 49:
            place.unlink()
        networks._next_look -= CHECK_S
        clicks.append(world.click())
        if number % 20 == 19:
            world.run(world.services.project())

    place.write_bytes(whole)
    networks._next_look -= CHECK_S
    world.http, neighbour = world.client(peer=PERSON), world.http
    last = world.click()
    world.http = neighbour
    world.run(world.services.project())

    seen = [world.api("GET", f"/v1/clicks/{click}") for click in clicks[::6]]
    assert {answer.status_code for answer in seen} == {200}
    assert world.api("GET", f"/v1/clicks/{last}").json()["country"] == "DE"
