"""What stands beside the buttons of a case: the money an action moves, and what another case keeps frozen."""

import pytest

from tracker.admin.case_effects import effect_text
from tracker.cases.types import Preview
from tracker.i18n.translator import Translator

EUR, USD = ("EUR", 700), ("USD", 300)


@pytest.fixture
def told():
    def text(action, **clear):
        preview = Preview(action="clear", changes=(), statuses={}, taken_back=(), **clear)
        return effect_text(action, {"clear": preview}, Translator("en"))

    return text


@pytest.mark.parametrize(
    ("clear", "text"),
    [
        pytest.param({}, "no money moves", id="nothing"),
        pytest.param({"released": (EUR,)}, "releases €7.00", id="alone"),
        pytest.param({"still_frozen": (EUR,)}, "€7.00 stays frozen by another case", id="by-another"),
        pytest.param(
            {"released": (EUR,), "still_frozen": (USD,)},
            "releases €7.00; $3.00 stays frozen by another case",
            id="both",
        ),
        pytest.param({"given_again": (EUR,), "still_frozen": (USD,)}, "gives €7.00 again", id="appeal"),
    ],
)
def test_clearing_says_what_it_sets_free(told, clear, text):
    assert told("clear", **clear) == text


@pytest.mark.parametrize(
    ("clear", "text"),
    [
        pytest.param({}, "nothing is frozen, nothing moves", id="nothing"),
        pytest.param({"released": (EUR,)}, "€7.00 stays frozen", id="alone"),
        pytest.param({"released": (EUR,), "still_frozen": (EUR, USD)}, "€14.00, $3.00 stays frozen", id="both"),
    ],
)
@pytest.mark.parametrize("action", ["ask", "hold"])
def test_postponing_says_all_that_waits(told, action, clear, text):
    assert told(action, **clear) == text
