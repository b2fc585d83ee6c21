import pytest

from tracker.installation.policy import forbidden_connection, forbidden_script, split_policies

PAGE = "https://shop.example/"
SRC = "https://go.shop.example/r/x.js"
SEND = "https://go.shop.example/r/e"


@pytest.mark.parametrize(
    ("policy", "is_allowed"),
    [
        pytest.param("img-src 'none'", True, id="says nothing of scripts"),
        pytest.param("", True, id="empty"),
        pytest.param("default-src 'self'", False, id="default is the fallback"),
        pytest.param("default-src 'none'; script-src https://go.shop.example", True, id="own directive counts"),
        pytest.param("script-src *; script-src-elem 'self'", False, id="element directive before script-src"),
        pytest.param("script-src 'none'", False, id="none"),
        pytest.param("script-src", False, id="no source"),
        pytest.param("script-src *", True, id="star"),
        pytest.param("script-src https:", True, id="scheme"),
        pytest.param("script-src http:", True, id="http takes https"),
        pytest.param("script-src go.shop.example", True, id="bare host"),
        pytest.param("script-src http://go.shop.example", True, id="http host takes https"),
        pytest.param("SCRIPT-SRC HTTPS://GO.SHOP.EXAMPLE", True, id="any case"),
        pytest.param("script-src *.shop.example", True, id="wildcard"),
        pytest.param("script-src *.go.shop.example", False, id="wildcard is no host itself"),
        pytest.param("script-src https://go.shop.example:443", True, id="default port"),
        pytest.param("script-src https://go.shop.example:8443", False, id="other port"),
        pytest.param("script-src https://go.shop.example:*", True, id="any port"),
        pytest.param("script-src https://go.shop.example/r/", True, id="folder"),
        pytest.param("script-src https://go.shop.example/s/", False, id="other folder"),
        pytest.param("script-src https://go.shop.example/r/x.js", True, id="file"),
        pytest.param("script-src https://go.shop.example/r", False, id="path without slash is a file"),
        pytest.param("script-src 'nonce-abc'", True, id="nonce of the tag"),
        pytest.param("script-src 'nonce-other' 'strict-dynamic' https:", False, id="strict-dynamic ignores addresses"),
        pytest.param("script-src 'strict-dynamic' 'nonce-abc'", True, id="strict-dynamic with nonce"),
        pytest.param("script-src 'sha384-xyz'", True, id="hash of the tag"),
        pytest.param("script-src 'unsafe-inline' ???", False, id="nonsense matches nothing"),
        pytest.param("script-src 'self'; script-src *", False, id="first of repeated directives"),
    ],
)
def test_a_policy_allows_our_script_as_browsers_decide(policy, is_allowed):
    found = forbidden_script([policy], page_url=PAGE, src=SRC, nonce="abc", integrity="sha384-xyz")

    assert (found == "") is is_allowed


@pytest.mark.parametrize(
    ("policy", "url", "is_allowed"),
    [
        pytest.param("connect-src 'self'", SEND, False, id="self is not a subdomain"),
        pytest.param("connect-src 'self'", "https://shop.example/r/e", True, id="self"),
        pytest.param("connect-src 'self'", "https://shop.example:8443/r/e", False, id="self has its port"),
        pytest.param("script-src 'none'", SEND, True, id="scripts say nothing of connections"),
        pytest.param("default-src https://go.shop.example", SEND, True, id="default"),
    ],
)
def test_a_policy_allows_our_call_as_browsers_decide(policy, url, is_allowed):
    assert (forbidden_connection([policy], page_url=PAGE, url=url) == "") is is_allowed


def test_every_policy_must_allow():
    policies = split_policies(["script-src *, script-src 'self'"], ["script-src https:"])

    assert len(policies) == 3
    assert forbidden_script(policies, page_url=PAGE, src=SRC, nonce="", integrity="") == "script-src 'self'"


def test_page_on_a_port_of_loopback_sends_to_itself():
    assert (
        forbidden_connection(["connect-src 'self'"], page_url="http://127.0.0.1:8001/", url="http://127.0.0.1:8001/r/e")
        == ""
    )
