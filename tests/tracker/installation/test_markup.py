import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.installation.markup import event_url, is_skipped, parameter_of, read_markup
from tracker.installation.types import Tag

PAGE = "https://shop.example/pricing"
BASE = "https://go.shop.example/r/"
SRC = f"{BASE}x.js"


def tags_of(html):
    return read_markup(html, page_url=PAGE, script_base=BASE).tags


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(f'<script async src="{SRC}" data-key="pk_live_1"></script>', id="as documented"),
        pytest.param(f"<SCRIPT DATA-KEY=pk_live_1 SRC={SRC}></SCRIPT>", id="upper case, no quotes"),
        pytest.param(f'<script src="{SRC}" data-key="pk_live_1" data-key="pk_other"></script>', id="first of two"),
        pytest.param(f'<p>unclosed <b><script src=" {SRC} " data-key=" pk_live_1 ">', id="untidy"),
        pytest.param(f'<script>var a="</b>"</script><script src="{SRC}" data-key="pk_live_1"></script>', id="later"),
    ],
)
def test_tag_is_found_as_browsers_find_it(html):
    assert tags_of(html) == (Tag(src=SRC, key="pk_live_1"),)


@pytest.mark.parametrize(
    "html",
    [
        "",
        f'<!-- <script src="{SRC}" data-key="pk_live_1"></script> -->',
        f'<noscript><script src="{SRC}" data-key="pk_live_1"></script></noscript>',
        f'<template><script src="{SRC}" data-key="pk_live_1"></script></template>',
        f"<textarea>&lt;script src={SRC} data-key=pk_live_1></textarea>",
        '<script src="https://other.example/x.js" data-key="not ours"></script>',
        '<script data-key="sk_live_1" src="https://other.example/x.js"></script>',
    ],
)
def test_what_browsers_do_not_run_is_no_tag(html):
    assert tags_of(html) == ()


@pytest.mark.parametrize(
    ("attributes", "is_held"),
    [
        ('type="text/javascript"', False),
        ('type="module"', False),
        ('type=""', False),
        ('type="text/plain" data-category="marketing"', True),
    ],
)
def test_script_of_another_type_is_held_back(attributes, is_held):
    (tag,) = tags_of(f'<script {attributes} src="{SRC}" data-key="pk_live_1"></script>')

    assert tag.is_held is is_held


def test_script_with_its_address_put_aside_is_held_back():
    (tag,) = tags_of(f'<script type="text/plain" data-src="{SRC}" data-key="pk_live_1"></script>')

    assert (tag.src, tag.is_held) == (SRC, True)


def test_our_script_without_a_key_is_a_tag_without_a_key():
    assert tags_of(f'<script src="{SRC}"></script>') == (Tag(src=SRC, key=""),)


def test_addresses_are_relative_to_the_page_or_its_base():
    near = '<script src="/r/x.js" data-key="pk_1"></script>'

    assert tags_of(near)[0].src == "https://shop.example/r/x.js"
    assert tags_of(f'<base href="https://cdn.example/a/">{near}')[0].src == "https://cdn.example/r/x.js"
    assert tags_of('<script src="https://x:99999999/" data-key="pk_1"></script>')[0].src == ""


def test_policies_of_meta_elements_are_kept():
    html = '<meta http-equiv="Content-Security-Policy" content="script-src \'self\'"><meta name=x content=y>'

    assert read_markup(html, page_url=PAGE, script_base=BASE).policies == ("script-src 'self'",)


@pytest.mark.parametrize(
    ("params", "name"), [("", "via"), ("+partner", "via"), ("partner ref", "partner"), ("partner,ref", "partner")]
)
def test_check_uses_a_parameter_the_tag_listens_to(params, name):
    assert parameter_of(Tag(src=SRC, key="pk_1", params=params), own=["code"]) == name


def test_unread_tag_is_taken_to_be_the_installations_own():
    assert parameter_of(None, own=()) == "via"
    assert parameter_of(None, own=("code", "via")) == "code"


def test_events_go_beside_the_script_or_where_the_tag_says():
    assert event_url(Tag(src=SRC, key="pk_1"), PAGE) == "https://go.shop.example/r/e"
    assert event_url(Tag(src=SRC, key="pk_1", api="/m/"), PAGE) == "https://shop.example/m/e"


def test_skipped_paths_are_prefixes():
    tag = Tag(src=SRC, key="pk_1", skip="/checkout, /pri")

    assert is_skipped(tag, PAGE)
    assert not is_skipped(tag, "https://shop.example/")


@given(st.text(alphabet="<>/=\"' abcdeimnoprstyk-!&;#", max_size=300))
def test_no_html_breaks_the_reader(html):
    read_markup(html, page_url=PAGE, script_base=BASE)
