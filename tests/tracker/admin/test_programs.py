import re

import pytest

PROGRAM = {
    "name": "Spring friends",
    "currency": "eur",
    "time_zone": "Europe/Berlin",
    "sites": "https://one.example\nhttps://two.example:8443/",
    "reward_on_0": "sale",
    "reward_kind_0": "percent",
    "reward_value_0": "12.5",
    "hold_days": "14",
}
TERMS = {
    "reward_on_0": "sale",
    "reward_kind_0": "percent",
    "reward_value_0": "25",
    "reward_id_0": "sale-percent",
    "reward_on_1": "lead",
    "reward_kind_1": "fixed",
    "reward_value_1": "3.50",
    "hold_days": "45",
    "cookie_days": "60",
    "gpc": "honor",
    "model": "linear",
    "window_days": "60",
    "coupon_policy": "coupon_first",
    "binding": "none",
    "commission_months": "12",
    "note": "Autumn",
    # Looked at; see test_publishing.py for the way there.
    "step": "publish",
}


def test_list_shows_each_program_with_reward_sites_and_partners(owner, world):
    page = owner.get("/admin/programs")

    assert page.status_code == 200
    for text in ("Friends of the shop", "20% of every sale", "https://shop.example", "version 1"):
        assert text in page.text


def test_new_program_gets_keys_and_shows_the_secret_once(owner, services):
    page = owner.send("/admin/programs", **PROGRAM)

    assert page.status_code == 201
    assert services.refreshed == 1
    secret = re.search(r"sk_live_[0-9A-Za-z]{49}", page.text)
    assert secret
    for text in ("Spring friends", "12.5% of every sale", "https://two.example:8443", "14 days", "pk_live_"):
        assert text in page.text
    address = re.search(r"/admin/programs/prg_[0-9a-f]{32}", page.text)
    assert address
    again = owner.get(address[0])
    assert secret[0] not in again.text
    assert "…" + secret[0][-4:] in again.text


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        pytest.param({"currency": "XYZ"}, "currency", "is not a currency in use", id="currency"),
        pytest.param({"name": "  "}, "name", "Is empty", id="no name"),
        pytest.param({"name": "a\u202eb"}, "name", "invisible character U+202E", id="bidi"),
        pytest.param({"name": "n" * 81}, "name", "Has 81 characters", id="long name"),
        pytest.param({"time_zone": "Mars/Base"}, "time_zone", "is not a time zone", id="zone"),
        pytest.param({"sites": "http://shop.example"}, "sites", "is not safe for visitors", id="http"),
        pytest.param({"sites": "https://a.example/path"}, "sites", "is more than an origin", id="path"),
        pytest.param({"reward_value_0": ""}, "reward_value_0", "needs a reward", id="no reward"),
        pytest.param({"reward_value_0": "abc"}, "reward_value_0", "is not a number", id="words"),
        pytest.param({"reward_value_0": "100.5"}, "reward_value_0", "from 0 to 100", id="over 100"),
        pytest.param({"reward_value_0": "0"}, "reward_value_0", "rewards nobody", id="zero"),
        pytest.param({"reward_on_0": "lead"}, "reward_value_0", "no amount to take a percentage", id="lead"),
        pytest.param({"hold_days": "366"}, "hold_days", "from 0 to 365", id="hold"),
    ],
)
def test_refused_program_says_why_beside_the_field_and_keeps_what_was_typed(owner, changes, field, words):
    page = owner.send("/admin/programs", **{**PROGRAM, **changes})

    assert page.status_code == 422
    error = re.search(rf'id="{field}-error">([^<]+)', page.text)
    assert error
    assert words in error[1]
    assert 'value="Europe/Berlin"' in page.text or "time_zone" in changes


def test_publishing_terms_makes_a_version_with_its_difference(owner, world, services):
    path = f"/admin/programs/{world.program.program_id}"

    page = owner.send(f"{path}/terms", **TERMS)

    assert page.status_code == 200
    assert services.refreshed == 1
    for text in ("Version 2 is in force", "25% of every sale", "€3.50 for every lead", "Equal shares", "Autumn"):
        assert text in page.text
    assert re.search(r"<del>30 days</del> → <ins>45 days</ins>", page.text)
    assert re.search(r"<del>20%</del> → <ins>25%</ins>", page.text)
    assert "12 months" in page.text


def test_terms_form_shows_the_terms_in_force(owner, world):
    page = owner.get(f"/admin/programs/{world.program.program_id}/terms")

    assert page.status_code == 200
    assert 'name="reward_value_0" type="text" value="20"' in page.text
    assert 'value="last_click" selected' in page.text


def test_terms_equal_to_those_in_force_are_refused(owner, world):
    same = {
        **TERMS,
        "reward_value_0": "20",
        "reward_value_1": "",
        "hold_days": "30",
        "model": "last_click",
        "window_days": "30",
        "coupon_policy": "click_first",
        "binding": "first_conversion",
        "commission_months": "",
    }

    page = owner.send(f"/admin/programs/{world.program.program_id}/terms", **same)

    assert page.status_code == 422
    assert "Nothing differs from the terms in force" in page.text


@pytest.mark.parametrize("field", ["window_days", "cookie_days", "commission_months", "model", "gpc"])
def test_refused_terms_keep_the_note(owner, world, field):
    page = owner.send(f"/admin/programs/{world.program.program_id}/terms", **{**TERMS, field: "-1"})

    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert 'value="Autumn"' in page.text


OWN = {"model": "custom", "custom_base": "time_decay", "custom_from_start": "3 1,5", "custom_from_end": "2"}


def test_own_weights_are_published_shown_and_given_back_by_the_form(owner, world):
    path = f"/admin/programs/{world.program.program_id}"

    page = owner.send(f"{path}/terms", **{**TERMS, **OWN})

    assert page.status_code == 200
    for text in ("Own weights", "Weights start from", "Recent clicks weigh more", "3 1.5", "Factor of clicks between"):
        assert text in page.text
    again = owner.get(f"{path}/terms").text
    assert 'value="custom" selected' in again
    assert 'value="time_decay" selected' in again
    assert re.search(r'name="custom_from_start"[^>]*value="3 1.5"', again)
    assert re.search(r'name="custom_between"[^>]*value="1"', again)


def fold_of(page, name):
    """The fold that a field lies in, as it begins."""
    return re.findall(r"<details[^>]*>", page[: page.index(f'name="{name}"')])[-1]


def test_weights_and_half_life_are_published_and_their_fold_is_open_where_the_model_needs_them(owner, world):
    path = f"/admin/programs/{world.program.program_id}"
    closed = owner.get(f"{path}/terms").text
    assert "open" not in fold_of(closed, "position_weights")
    assert re.search(r'name="position_weights"[^>]*value="2/5 1/5 2/5"', closed)
    assert re.search(r'name="half_life_days"[^>]*value="7"', closed)

    for model in ("position_based", "time_decay"):
        fields = {"model": model, "position_weights": "0,5 1/4 1/4", "half_life_days": "14"}
        owner.send(f"{path}/terms", **{**TERMS, **fields})
        again = owner.get(f"{path}/terms").text

        assert "open" in fold_of(again, "half_life_days"), model
        assert re.search(r'name="position_weights"[^>]*value="0.5 1/4 1/4"', again)
        assert re.search(r'name="half_life_days"[^>]*value="14"', again)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"position_weights": "1/2 1/2"}, "position_weights"),
        ({"position_weights": "1/2 1/2 1/2"}, "position_weights"),
        ({"position_weights": "much 0 1"}, "position_weights"),
        ({"position_weights": "-1 1 1"}, "position_weights"),
        ({"half_life_days": "0"}, "half_life_days"),
        ({"half_life_days": "1e3"}, "half_life_days"),
    ],
    ids=["two", "sum of 1.5", "word", "negative", "none", "no whole number"],
)
def test_impossible_weights_are_refused_beside_their_field(owner, world, fields, field):
    path = f"/admin/programs/{world.program.program_id}/terms"

    page = owner.send(path, **{**TERMS, "model": "position_based", **fields})

    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert "open" in fold_of(page.text, field)


def test_own_weights_stay_while_another_model_is_in_force(owner, world):
    path = f"/admin/programs/{world.program.program_id}"
    owner.send(f"{path}/terms", **{**TERMS, **OWN})

    page = owner.send(f"{path}/terms", **TERMS)

    assert page.status_code == 200
    assert re.search(r'name="custom_from_end"[^>]*value="2"', owner.get(f"{path}/terms").text)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"custom_from_start": "", "custom_from_end": ""}, "custom_from_start", "need a factor"),
        ({"custom_from_start": "much"}, "custom_from_start", "is no factor"),
        ({"custom_from_end": "1000"}, "custom_from_end", "is no factor"),
        ({"custom_from_end": "1 " * 21}, "custom_from_end", "There are 21 factors here; give at most 20"),
        ({"custom_between": "1 2"}, "custom_between", "There are 2 factors here; give at most 1"),
        (
            {"custom_from_start": "0", "custom_between": "0", "custom_from_end": ""},
            "custom_from_start",
            "would weigh 0",
        ),
        ({"custom_base": "last_click"}, "custom_base", "Choose one"),
        ({"model": "linear", "custom_from_start": "much"}, "custom_from_start", "is no factor"),
    ],
)
def test_impossible_own_weights_are_refused_beside_their_field(owner, world, fields, field, words):
    path = f"/admin/programs/{world.program.program_id}"
    owner.send(f"{path}/terms", **{**TERMS, **OWN})

    page = owner.send(f"{path}/terms", **{**TERMS, **OWN, **fields})

    assert page.status_code == 422
    error = re.search(rf'id="{field}-error">([^<]+)', page.text)
    assert error
    assert words in error[1]
    assert '<details class="fold" open>' in page.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"discount_kind": "percent", "discount_value": "10"}, "10% off for referred visitors"),
        (
            {"discount_kind": "amount", "discount_value": "5.50", "discount_code": "FRIEND"},
            "€5.50 off for referred visitors with the code FRIEND",
        ),
    ],
    ids=["percent", "amount"],
)
def test_discount_for_visitors_is_published_and_shown(owner, world, services, fields, words):
    path = f"/admin/programs/{world.program.program_id}"

    page = owner.send(f"{path}/terms", **TERMS, **fields, clean_urls="on")

    assert page.status_code == 200
    assert words in page.text
    assert services.refreshed == 1
    again = owner.get(f"{path}/terms").text
    assert f'value="{fields["discount_value"]}"' in again
    assert re.search(r'name="clean_urls"[^>]*checked', again)
    assert words not in owner.send(f"{path}/terms", **TERMS, discount_kind="none").text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"discount_kind": "percent", "discount_value": "101"}, "discount_value"),
        ({"discount_kind": "percent", "discount_value": ""}, "discount_value"),
        ({"discount_kind": "amount", "discount_value": "0"}, "discount_value"),
        ({"discount_kind": "amount", "discount_value": "ten"}, "discount_value"),
        ({"discount_kind": "percent", "discount_value": "5", "discount_code": "x" * 65}, "discount_code"),
        ({"discount_kind": "gift"}, "discount_kind"),
    ],
)
def test_impossible_discount_is_refused_beside_its_field(owner, world, fields, field):
    page = owner.send(f"/admin/programs/{world.program.program_id}/terms", **TERMS, **fields)

    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text


def test_site_is_added_in_its_normal_form_and_removed(owner, world, services):
    path = f"/admin/programs/{world.program.program_id}/sites"

    added = owner.send(path, site="HTTPS://Blog.Shop.Example:443/")
    removed = owner.send(f"{path}/remove", site="https://blog.shop.example")

    assert "https://blog.shop.example is a site of this program now" in added.text
    assert "is no site of this program any more" in removed.text
    assert services.refreshed == 2


def test_bad_site_is_refused_beside_its_field(owner, world):
    page = owner.send(f"/admin/programs/{world.program.program_id}/sites", site="ftp://shop.example")

    assert page.status_code == 422
    assert 'id="site-error"' in page.text


@pytest.mark.parametrize(
    ("kind", "mode", "pattern"),
    [
        ("secret", "live", r"sk_live_[0-9A-Za-z]{49}"),
        ("secret", "test", r"sk_test_[0-9A-Za-z]{49}"),
        ("postback", "live", r"pb_live_[0-9A-Za-z]{49}"),
        ("signing", "live", r"whsec_[0-9A-Za-z+/]{43}="),
    ],
)
def test_created_key_is_shown_once(owner, world, kind, mode, pattern):
    path = f"/admin/programs/{world.program.program_id}"

    page = owner.send(f"{path}/keys", kind=kind, mode=mode)

    value = re.search(pattern, page.text)
    assert page.status_code == 201
    assert value
    assert value[0] not in owner.get(path).text


def test_unknown_kind_of_key_is_refused(owner, world):
    page = owner.send(f"/admin/programs/{world.program.program_id}/keys", kind="master")

    assert page.status_code == 422
    assert "is not a kind of key" in page.text


def test_revoked_key_is_shown_as_revoked_and_refreshes_the_edge(owner, world, services):
    path = f"/admin/programs/{world.program.program_id}"

    page = owner.send(f"{path}/keys/{world.key.key_id}/revoke")

    assert "is revoked; it opens nothing any more" in page.text
    assert "Revoked" in page.text
    assert "No publishable key" in page.text
    assert services.refreshed == 1


@pytest.mark.parametrize(
    "path",
    [
        "/admin/programs/prg_00000000000000000000000000000000",
        "/admin/programs/prg_xyz",
        "/admin/programs/%00",
        "/admin/partners/prt_00000000000000000000000000000000",
        "/admin/partners/prg_00000000000000000000000000000000",
        "/admin/nowhere",
        "/admin/programs/x/y/z",
    ],
)
def test_unknown_address_is_a_page_that_says_so(owner, path):
    page = owner.get(path)

    assert page.status_code == 404
    assert "There is nothing here" in page.text


def test_key_of_another_program_is_not_revoked(owner, world):
    made = owner.send("/admin/programs", **PROGRAM)
    other = re.search(r"/admin/programs/(prg_[0-9a-f]{32})", made.text)
    assert other

    page = owner.send(f"/admin/programs/{other[1]}/keys/{world.key.key_id}/revoke")

    assert page.status_code == 404
