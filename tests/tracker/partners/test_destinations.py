"""P33: no text that somebody types as a link's destination ever leads a visitor off the program's sites."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tracker.clicks.store import list_clicks
from tracker.clicks.types import ClickFilter
from tracker.i18n.messages import InputError
from tracker.links.store import add_link, links_of
from tracker.programs.origins import check_destination

EVIL, OURS = "evil.example", "shop.example"
SITE = f"https://{OURS}"
# The same table the redirects are tried with (tests/ingest/test_redirects.py).
TABLE = json.loads((Path(__file__).parents[2] / "hostile_destinations.json").read_text())
HOSTILE = sorted({text.replace("{evil}", EVIL).replace("{ours}", OURS) for text in TABLE})


def test_p33_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 120


@pytest.mark.parametrize("typed", HOSTILE)
def test_p33_a_destination_is_plainly_ours_or_refused(typed: str) -> None:
    taken = ""
    with suppress(InputError):
        taken = check_destination(typed, origins=[SITE])
    if not taken:
        return
    parts = urlsplit(taken)
    assert (parts.scheme, parts.hostname, parts.username) == ("https", OURS, None)
    assert "\\" not in taken
    assert taken.isascii()
    assert taken.isprintable()


def test_p33_no_link_made_of_hostile_text_leads_away(world) -> None:
    enrollment_id = world.anna.enrollment_id
    made = []
    for typed in HOSTILE:
        try:
            made.append(world.write(lambda conn, typed=typed: make_link(world, conn, enrollment_id, typed)))
        except InputError:
            continue
    world.run(world.services.refresh())

    assert made
    for link in made:
        answer = world.request("GET", f"/r/to/{link.slug}")
        assert answer.status_code in {302, 404}, link
        landed = urlsplit(answer.headers.get("location", SITE))
        assert (landed.scheme, landed.hostname) == ("https", OURS), link


def test_a_slug_leads_to_the_same_partner_for_ever(world) -> None:
    """New links come beside the old ones: what is printed on a flyer keeps working."""
    enrollment_id = world.anna.enrollment_id
    for number in range(3):
        world.write(lambda conn, number=number: make_link(world, conn, enrollment_id, f"{SITE}/{number}"))
    rival = world.add_partner("Rival", "RIVAL")
    with pytest.raises(InputError, match="taken"):
        world.write(lambda conn: make_link(world, conn, rival.enrollment_id, SITE, slug=world.anna.slug))
    world.run(world.services.refresh())

    slugs = [link.slug for link in world.read(lambda conn: links_of(conn, enrollment_id))]
    locations = [world.request("GET", f"/r/to/{slug}").headers["location"] for slug in slugs]
    assert slugs[0] == world.anna.slug
    assert all("via=ANNA" in location for location in locations)
    assert len(set(slugs)) == len({location.split("?")[0] for location in locations}) == 4


def test_sub_and_utm_parameters_of_a_link_are_kept_and_go_along(world) -> None:
    query = "sub1=a&sub2=b&sub3=c&sub4=d&sub5=e&utm_source=news&utm_medium=mail&utm_campaign=x&gclid=no"
    answer = world.request("GET", f"/r/to/{world.anna.slug}?{query}")
    world.run(world.services.project())

    for part in query.split("&")[:-1]:
        assert part in answer.headers["location"]
    assert "gclid" not in answer.headers["location"]
    [click] = world.read(lambda conn: list_clicks(conn, ClickFilter()))
    wanted = dict(part.split("=") for part in query.split("&")[:-1])
    assert {name: click.details.get(name) for name in wanted} == wanted


def make_link(world: Any, conn: Any, enrollment_id: str, typed: str, slug: str | None = None) -> Any:
    return add_link(
        conn,
        enrollment_id=enrollment_id,
        destination=typed,
        actor="test",
        now_ms=world.services.now_ms(),
        slug=slug,
    )
