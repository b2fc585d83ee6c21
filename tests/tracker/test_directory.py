"""What the edge's snapshot says of a program's terms."""

from typing import Any

import msgspec
import pytest

from ingest.directory import Discount
from tracker.i18n.messages import InputError
from tracker.programs import store
from tracker.programs.defaults import default_settings
from tracker.programs.types import ProgramSettings, ReferredDiscount


def publish(world: Any, **changes: Any) -> None:
    settings = msgspec.structs.replace(default_settings(), **changes)
    world.write(
        lambda conn: store.publish_version(
            conn,
            program_id=world.program_id,
            settings=settings,
            note="",
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )
    world.run(world.services.refresh())


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (ReferredDiscount(kind="percent", value=10), Discount(kind="percent", value=10)),
        (ReferredDiscount(kind="percent", value=100, code="HI"), Discount(kind="percent", value=100, code="HI")),
        (ReferredDiscount(kind="amount", value=500), Discount(kind="amount", value=500, currency="EUR")),
    ],
    ids=["percent", "code", "amount"],
)
def test_a_landing_is_told_the_discount_of_the_program(world, told: ReferredDiscount, shown: Discount) -> None:
    publish(world, referred_discount=told)

    answer = world.browser({"t": "click", "c": "a", "r": "ANNA"}).json()

    assert answer["discount"] == msgspec.to_builtins(shown)
    assert "clean" not in answer


def test_a_landing_is_told_to_clean_its_address(world) -> None:
    publish(world, clean_urls=True)

    answer = world.browser({"t": "click", "c": "a", "r": "ANNA"}).json()

    assert answer["clean"] is True
    assert "discount" not in answer


def test_more_than_everything_is_no_discount(world) -> None:
    with pytest.raises(InputError, match="100 percent") as refusal:
        publish(world, referred_discount=ReferredDiscount(kind="percent", value=101))

    assert refusal.value.field == "referred_discount"


@pytest.mark.parametrize(
    "wrong", [{"kind": "percent", "value": 0}, {"kind": "gift", "value": 1}, {"kind": "amount", "value": 1, "code": ""}]
)
def test_a_discount_that_is_none_is_refused(wrong: dict) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, ReferredDiscount)


def test_terms_published_before_these_settings_read_as_they_were() -> None:
    stored = msgspec.to_builtins(default_settings())
    del stored["clean_urls"], stored["referred_discount"]

    assert msgspec.convert(stored, ProgramSettings) == default_settings()
