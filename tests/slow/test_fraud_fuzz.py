"""Ten thousand hostile leads through every fraud rule: none may fail, whatever the texts are."""

import json
from random import Random

import pytest

from tracker.fraud.replay.run import replay

LEADS = 10_000
HOSTILE = (
    "", " ", "\x00", "\x00\x1b[31m", "A" * 20_000, "é́" * 3000, "😀" * 2000, "\u202egnp.exe", "\ufeff", "﷽" * 50,
    "'; DROP TABLE clicks; --", "<script>alert(1)</script>", "${jndi:ldap://x}", "%s%n%d%(x)s", "{0.__class__}",
    "../../etc/passwd", "a@b@c@d", "@", "a@", "@b.cc", "a b@c.dd", f"{'x' * 400}@example.org", "x@" + "a." * 200 + "cc",
    "ann@xn--a.example", "ann@пример.рф", "ann@example..org", "ann@.org", "+" * 500, "+7 (912) 345-67-89 доб. 5" * 40,
    "٠١٢٣٤٥٦٧٨٩", "00000000", "1e309", "NaN", "Mozilla/5.0", "Mozilla/5.0 " + "(" * 5000, "python-requests/2.32",
    "(" * 3000 + ")" * 3000, "Chrome/" + "9" * 4000, "http://[::1", "https://x.example/?" + "gclid=&" * 2000,
    "https://x.example/?gclid=%ff%fe", "javascript:alert(1)", "//\\\\x", "İstanbul ß ﬁ", "aaaaaaaaaaaaaaaaaaaaaaaa!",
)  # fmt: skip
ADDRESSES = (
    "203.0.113.5", "2001:db8::1", "::ffff:203.0.113.9", "fe80::1%eth0", "0.0.0.0", "255.255.255.255", "::",
    "1.2.3", "999.1.1.1", "9" * 5000, "banana", "203.0.113.5, 10.0.0.1", "[2001:db8::1]:443", "١٢٧.٠.٠.١",
)  # fmt: skip


def draw_text(draw: Random) -> str:
    kind = draw.randrange(4)
    if kind == 0:
        return "".join(chr(draw.choice((draw.randrange(32, 127), draw.randrange(0x250, 0x2FF0)))) for _ in range(40))
    if kind == 1:
        return draw.choice(HOSTILE) + draw.choice(HOSTILE)
    return draw.choice(HOSTILE)


def draw_lead(draw: Random, number: int) -> dict[str, object]:
    texts = [draw_text(draw) for _ in range(12)]
    return {
        "type": draw.choice(("lead", "lead", "sale", "click")),
        "program_id": draw.choice(("p", "q", texts[0][:200] or "p")),
        "at": f"2026-03-{1 + number * 28 // LEADS:02d}T{number % 24:02d}:{number % 60:02d}:00Z",
        "partner_id": draw.choice(("a", "b", texts[1][:200] or "a")),
        "ip": draw.choice(ADDRESSES),
        "user_agent": texts[2],
        "headers": {draw.choice(("accept-language", "sec-ch-ua-platform", "sec-fetch-dest", "purpose")): texts[3]},
        "device_id": draw.choice(("d", "e", texts[4][:8000])),
        "landing_url": texts[5],
        "referrer": texts[6],
    } | draw_rest(draw, number, texts[7:])


def draw_rest(draw: Random, number: int, texts: list[str]) -> dict[str, object]:
    return {
        "external_id": f"L{number}",
        "customer": {
            "email": texts[0][:8000],
            "phone": texts[1][:8000],
            "name": texts[2][:8000],
            "country": texts[3][:8000],
        },
        "payment_fingerprint": draw.choice(("card", texts[4][:8000] or "card")),
        "promo_code": draw.choice(("CODE", texts[1][:8000] or "CODE")),
        "metadata": {"source": texts[2]},
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hostile_leads_never_make_a_rule_fail(seed):
    draw = Random(seed)
    lines = []
    for number in range(LEADS):
        event = draw_lead(draw, number)
        if event["type"] == "click":
            event = {key: value for key, value in event.items() if key in {*CLICK_FIELDS}} | {"click_id": f"c{number}"}
        lines.append(json.dumps(event).encode())
    for name in ("a", "b"):
        partner = {"type": "partner", "program_id": "p", "partner_id": name, "at": "2026-03-01T00:00:00Z"}
        partner |= {"name": draw_text(draw)[:8000], "email": draw_text(draw)[:8000], "phone": draw_text(draw)[:8000]}
        lines.insert(0, json.dumps(partner).encode())

    result = replay(lines)

    assert {error.field for error in result.errors} <= {"ip"}
    assert len(result.scores) > LEADS // 2


CLICK_FIELDS = (
    "type", "program_id", "at", "partner_id", "ip", "user_agent", "headers", "device_id", "landing_url", "referrer",
)  # fmt: skip
