"""Identity links fold into journey keys; neither their order nor their repetition matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.identity import fold_identity

LINKS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abc123")), max_size=12)


@pytest.mark.parametrize(
    ("links", "keys"),
    [
        ([], {}),
        ([("v", "c")], {"v": "v"}),
        ([("v2", "c"), ("v1", "c")], {"v1": "v1", "v2": "v1"}),
        ([("v1", "c1"), ("v2", "c2")], {"v1": "v1", "v2": "v2"}),
        ([("v3", "c1"), ("v2", "c1"), ("v2", "c2"), ("v1", "c2")], {"v1": "v1", "v2": "v1", "v3": "v1"}),
        ([("x", "y"), ("y", "z")], {"x": "x", "y": "y"}),
    ],
    ids=["nothing", "one", "two_devices", "two_people", "chain", "visitor_named_like_a_customer"],
)
def test_visitors_of_one_person_share_the_smallest_id(links, keys):
    assert fold_identity(links) == keys


@given(LINKS, st.randoms(use_true_random=False))
def test_invariant_11_order_and_repetition_of_links_decide_nothing(links, shuffler):
    again = links * 2
    shuffler.shuffle(again)

    assert fold_identity(again) == fold_identity(links)


@given(LINKS)
def test_every_linked_visitor_has_a_key_that_is_its_own_key(links):
    keys = fold_identity(links)

    assert set(keys) == {visitor for visitor, _ in links}
    assert all(keys[key] == key <= visitor for visitor, key in keys.items())


@given(LINKS, LINKS)
def test_invariant_11_folding_is_associative(left, right):
    """Folding the keys of one part into the other equals folding both at once."""
    whole = fold_identity(left + right)

    for part in (fold_identity(left), fold_identity(right)):
        assert all(whole[visitor] == whole[key] for visitor, key in part.items())
