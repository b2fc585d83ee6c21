"""What people read of a refused event's cause."""

import pytest

from ingest.drops import DropReason
from tracker.admin.event_labels import CAUSE, DOOR, cause_text
from tracker.i18n.translator import translator_of
from tracker.replay import DOORS


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("amount: Expected `int | null`, got `str`", "amount: a whole number belongs here, a text was sent."),
        ("m: Expected `int | str | null`, got `float`", "m: a whole number or a text belongs here, a number was sent."),
        ("amout: Object contains unknown field `amout`", "amout: there is no such field; check its spelling."),
        ("external_id: Object missing required field `external_id`", "external_id: the field is missing."),
        ('currency: "ZZZ" is not a currency in use.', 'currency: "ZZZ" is not a currency in use.'),
        ("", ""),
    ],
    ids=["type", "types", "unknown", "missing", "own-words", "erased"],
)
def test_the_decoders_sentences_are_said_as_people_say_them(cause: str, text: str) -> None:
    assert cause_text(cause, translator_of("en")) == text


def test_every_door_and_drop_that_may_refuse_has_a_name() -> None:
    assert set(DOOR) == set(DOORS)
    # These are no fault of an event that a person takes again: nobody prefetches, frames or repeats by hand.
    silent = {DropReason.PREFETCH, DropReason.NOT_NAVIGATION, DropReason.FRAMED, DropReason.DUPLICATE}
    assert {reason.value for reason in set(DropReason) - silent} <= set(CAUSE)
