import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.i18n.messages import InputError
from tracker.partners.codes import candidates, normal_code
from tracker.partners.moves import MOVES, check_move, moves_for
from tracker.partners.types import STATUSES


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Ann Lee", "ANN-LEE"),
        ("Мария Щукина", "MARIIA-SHCHUKINA"),
        ("Müller & Söhne", "MULLER-SOHNE"),
        ("李", "PARTNER"),
        ("A1", "PARTNER-A1"),
        ("--- x ---", "PARTNER-X"),
        ("N" * 60, "N" * 24),
    ],
)
def test_code_is_made_from_the_name(name, code):
    assert next(candidates(name, random="ABC234")) == code


@given(st.text(max_size=200))
def test_every_candidate_of_any_name_is_a_code(name):
    made = list(candidates(name, random="ABC234"))

    assert len(set(made)) == len(made) == 100
    assert all(normal_code(code) == code for code in made)


@pytest.mark.parametrize("typed", ["", "ab", "a" * 33, "a b c", "код", "ａｂｃ", "a_b", "ab\n", "ab\x00c", "ıııı"])
def test_what_is_no_code_is_refused(typed):
    with pytest.raises(InputError, match="is not a code"):
        normal_code(typed)


def test_code_is_upper_case_without_outer_blanks():
    assert normal_code(" spring-15 ") == "SPRING-15"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("target", STATUSES)
def test_only_moves_of_the_state_machine_pass(status, target):
    if target in MOVES[status]:
        check_move(status, target, role="owner")
        return
    with pytest.raises(InputError, match=re.escape(f'from "{status}" to "{target}"')):
        check_move(status, target, role="owner")


def test_ends_have_no_way_on():
    assert [status for status in STATUSES if not MOVES[status]] == ["left", "declined", "rejected"]


@pytest.mark.parametrize("role", ["admin", "manager", "reviewer", "finance", "viewer"])
def test_only_an_owner_lifts_a_ban(role):
    assert moves_for("banned", role) == ()
    with pytest.raises(InputError, match="Only an owner"):
        check_move("banned", "active", role=role)
