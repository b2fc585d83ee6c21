"""New terms are looked at before they are published: what they would have done, then publishing, and the way back."""

import html
import re

import pytest

from tracker.partners.store import add_partner
from tracker.programs import store as programs
from tracker.recompute import preview

HOUR_MS = 3_600_000


@pytest.fixture
def terms(owner, world):
    """The form as it stands filled in, so that one field can be changed."""
    page = owner.get(f"/admin/programs/{world.program.program_id}/terms").text
    fields = dict(re.findall(r'<input class="input" id="(\w+)" name="\w+" type="text" value="([^"]*)"', page))
    fields |= dict(re.findall(r'<input type="hidden" name="(reward_id_\d)" value="([^"]*)"', page))
    for name, options in re.findall(r'<select class="input" id="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        fields[name] = chosen[1]
    fields |= dict.fromkeys(re.findall(r'type="checkbox" name="(\w+)" value="on" checked', page), "on")
    return fields | {"note": "Try the first click"}


@pytest.fixture
def rivals(shop, world):
    """Two sales, each with a click of Maria and a later one of Boris."""
    boris = shop.write(
        lambda conn: add_partner(
            conn,
            program_id=shop.program_id,
            name="Boris & <b>Sons</b>",
            email="boris@example.com",
            code=None,
            actor="cli",
            now_ms=shop.services.now_ms(),
        )
    )
    for number in range(2):
        visitor = f"visitor-{number}"
        shop.click(f"first-{number}", visitor_id=visitor, ago_ms=2 * HOUR_MS)
        shop.click(f"last-{number}", visitor_id=visitor, ago_ms=HOUR_MS, enrollment_id=boris.enrollment_id)
        shop.sale(f"A-{number}", visitor_id=visitor)
    return boris


def path_of(world):
    return f"/admin/programs/{world.program.program_id}/terms"


def version_of(shop):
    return shop.read(lambda conn: programs.get_program(conn, shop.program_id)).version


def row_of(page, name):
    """The cells of a partner's row, as text."""
    row = re.search(rf'<tr><th scope="row"><a [^>]*>{re.escape(html.escape(name))}</a>.*?</tr>', page.text, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row[0], re.DOTALL)]


def test_changed_attribution_shows_first_what_it_would_have_done(owner, shop, rivals, terms, world):
    page = owner.send(path_of(world), **{**terms, "model": "first_click"})

    assert page.status_code == 200
    assert version_of(shop) == 1, "nothing is published yet"
    assert "What version 2 would have done" in page.text
    assert re.search(r"<del>Last click</del> → <ins>First click</ins>", page.text)
    lost = ["€200.00", "€0.00", "-€200.00", "€40.00", "€0.00", "-€40.00"]
    assert row_of(page, "Boris & <b>Sons</b>") == lost
    assert row_of(page, "Мария Иванова") == ["€0.00", "€200.00", "+€200.00", "€0.00", "€40.00", "+€40.00"]
    assert page.text.index("Boris &amp;") < page.text.index("Мария"), "who would lose comes first"
    assert len(re.findall(r'<a href="/admin/conversions/cnv_[0-9a-f]{32}">A-\d</a>', page.text)) == 2
    assert "<b>Sons" not in page.text
    # Each example says whose commission it is, before and after.
    assert page.text.count("commission of Boris &amp; &lt;b&gt;Sons&lt;/b&gt;: €20.00") == 2
    assert page.text.count("commission of Мария Иванова: €20.00") == 2


def test_what_was_typed_comes_back_and_is_what_gets_published(owner, shop, rivals, terms, world):
    typed = {**terms, "model": "first_click", "window_days": "45", "note": 'Why "not" <now>'}
    page = owner.send(path_of(world), **typed)
    hidden = [
        (name, html.unescape(value))
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
        if name != "csrf_token"
    ]
    carried = dict(hidden)
    assert len(hidden) == len(carried)

    back = owner.send(path_of(world), **carried, step="edit")
    published = owner.send(path_of(world), **carried, step="publish")

    assert 'name="window_days" type="text" value="45"' in back.text
    assert 'value="first_click" selected' in back.text
    assert 'value="Why &#34;not&#34; &lt;now&gt;"' in back.text
    assert "Version 2 is in force" in published.text
    settings = shop.read(lambda conn: programs.get_program(conn, shop.program_id)).settings
    assert (settings.attribution.model, settings.attribution.window_seconds) == ("first_click", 45 * 86_400)


def test_a_new_rate_is_published_at_once_and_previewed_on_request(owner, shop, rivals, terms, world):
    changed = {**terms, "reward_value_0": "40"}

    looked = owner.send(path_of(world), **changed, step="preview")
    assert version_of(shop) == 1
    done = owner.send(path_of(world), **changed)

    assert row_of(looked, "Boris & <b>Sons</b>")[3:] == ["€40.00", "€80.00", "+€40.00"]
    assert re.search(r"Only another commission</dt><dd>2", looked.text)
    assert "Version 2 is in force" in done.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "Nothing differs from the terms in force", id="equal"),
        pytest.param({"window_days": "0"}, "Give a whole number", id="wrong"),
    ],
)
def test_terms_that_cannot_be_published_are_refused_before_the_look(owner, terms, world, changes, words):
    page = owner.send(path_of(world), **{**terms, **changes, "step": "preview"})

    assert page.status_code == 422
    assert words in page.text
    assert 'value="Try the first click"' in page.text


def test_terms_published_by_somebody_else_meanwhile_are_looked_at_again(owner, shop, terms, world):
    owner.send(path_of(world), **{**terms, "hold_days": "20"})

    page = owner.send(path_of(world), **{**terms, "model": "linear"}, version="2", step="publish")

    assert version_of(shop) == 2
    assert "Somebody published other terms meanwhile" in page.text
    assert 'name="version" value="3"' in page.text
    assert re.search(r"<del>20 days</del> → <ins>30 days</ins>", page.text), "the older form would take it back"


def test_a_look_that_was_cut_says_so(owner, shop, rivals, terms, world, monkeypatch):
    monkeypatch.setattr(preview, "GROUPS_AT_ONCE", 1)
    monkeypatch.setattr(
        preview.preview_settings, "__kwdefaults__", {**preview.preview_settings.__kwdefaults__, "budget_s": 0.0}
    )

    page = owner.send(path_of(world), **{**terms, "model": "first_click"})

    assert "the newest 1 of 2 conversions" in page.text


def test_a_program_without_conversions_says_so(owner, terms, world):
    page = owner.send(path_of(world), **{**terms, "model": "linear"})

    assert "No partner earned in these days" in page.text


def test_who_may_not_publish_may_not_look_either(open_browser, world, terms):
    reviewer = open_browser()
    reviewer.sign_in("reviewer")

    assert reviewer.send(path_of(world), **{**terms, "model": "linear", "step": "preview"}).status_code == 403
