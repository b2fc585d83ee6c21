import re
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.neutral_names import draw_names
from tracker.settings import Settings

# What filter lists look for, in names of scripts, addresses and cookies.
KNOWN = re.compile(r"beacon|track|stat|count|collect|pixel|hit|log|ping|event|aff|ref|conv|gif|ads?|utm|ga|gtm|fb")


@given(seed=st.integers())
def test_drawn_names_are_settings_without_a_word(seed: int) -> None:
    names = draw_names(Random(seed))

    settings = msgspec.convert(names, Settings)
    shown = [
        settings.public_prefix[1:],
        settings.script_name,
        settings.cookie_name,
        settings.global_name,
        settings.token_name,
        *settings.url_parameters,
    ]
    assert len(set(shown)) == len(shown) == 6
    for name in shown:
        assert re.search("[a-z][a-z]", name) is None
        assert KNOWN.search(name) is None
        assert len(name) >= 3


def test_the_same_seed_draws_the_same_names_and_another_seed_others() -> None:
    assert draw_names(Random(1)) == draw_names(Random(1)) != draw_names(Random(2))


@pytest.mark.parametrize("seed", range(5))
def test_every_name_a_browser_sees_is_drawn(seed: int) -> None:
    plain, drawn = Settings(), msgspec.convert(draw_names(Random(seed)), Settings)

    changed = {name for name in Settings.__struct_fields__ if getattr(plain, name) != getattr(drawn, name)}

    assert changed == {
        "public_prefix", "script_name", "cookie_name", "global_name", "token_name", "url_parameters",
    }  # fmt: skip
