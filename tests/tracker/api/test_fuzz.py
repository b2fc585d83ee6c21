"""P42: whatever is sent to the public edge and the server API, the answer is never a 5xx and never slow."""

# ruff: noqa: E501  # Tables of odd values.

import json
import random
import time
from typing import Any
from urllib.parse import quote

import pytest

from tracker.ledger.verify import verify

SEED = 20_261_122
FAST = 300  # mutated requests in every run, per database
SLOW = 10_000
ODD_TEXTS = [
    "", " ", "\x00", "a\x00b", "\ud800", "e\u0301", "\u202e", "💥" * 50, "x" * 200, "x" * 5000, "' OR 1=1 --", "%00",
    "{{7*7}}", "<script>", "../../etc", "NaN", "null", "1e400", "१२३", "\ufeff", "\n", "\r\nX: y", "cnv_" + "0" * 32,
    "clk_", "vis_", "EUR\n", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-01-01T00:00:00+23:59", "-0", "::1", "fe80::1%eth0", "999.1.1.1",
]  # fmt: skip
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**13, 10**13 + 1, 10**29, 0.1,
    1e308, -0.0, float("nan"), float("inf"), [], {}, [[]], [None], {"": None}, {"a": {"b": {"c": []}}}, *ODD_TEXTS,
]  # fmt: skip
PATHS = [
    "/v1/track/sale", "/v1/track/lead", "/v1/track/refund", "/v1/test/clock", "/v1/conversions", "/v1/commissions",
    "/v1/clicks", "/v1/cases", "/v1/conversions/{id}", "/v1/commissions/{id}", "/v1/clicks/{id}", "/v1/cases/{id}",
    "/v1/cases/{id}/verdict", "/v1/events", "/v1/events/{id}", "/v1/reports/models", "/v1/docs", "/v1/openapi.json", "/r/e", "/r/to/{id}", "/r/to/anna", "/r/x.js", "/r/px", "/r/pb/{id}", "/r/pb/{key}", "/v1/track/click", "/v1/nowhere", "/healthz", "/readyz",
]  # fmt: skip
HEADERS = [
    "Idempotency-Key", "X-Forwarded-For", "Cookie", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Dest", "Sec-Purpose", "Sec-GPC",
    "User-Agent", "Accept-Encoding", "If-None-Match", "Referer", "webhook-id", "webhook-timestamp", "webhook-signature",
    "Content-Encoding", "Content-Type", "Authorization", "Accept-Language",
]  # fmt: skip
QUERIES = [
    "limit", "starting_after", "wait", "filter[status]", "filter[kind]", "filter[external_id]", "filter[visitor_id]",
    "filter[conversion_id]", "filter[verdict]", "filter[source]", "filter[code]", "created_at[gte]", "created_at[lte]", "occurred_at[gte]", "occurred_at[lte]",
    "filter[currency]", "url", "sub1", "via", "utm_source",
    "k", "r", "u", "c", "click_id", "status", "amount", "payout", "currency", "txid", "sale_status",
]  # fmt: skip


def honest_bodies(key: str) -> list[dict[str, Any]]:
    return [
        {
            "external_id": "o1", "amount": 1000, "currency": "EUR", "customer": {"external_id": "c", "email": "a@b.example"},
            "click_id": "k1", "visitor_id": "v1", "promo_code": "ANNA", "lead_id": "l1", "items": [{"sku": "s", "amount": 1}],
            "tax": 1, "occurred_at": "2026-03-05T09:30:00Z", "ip": "203.0.113.1", "user_agent": "x", "sub1": "s", "metadata": {"a": 1},
        },
        {"external_id": "r1", "refund_of": "o1", "amount": 10, "currency": "EUR"},
        {"advance_seconds": 1},
        {"verdict": "fraud", "action": "reject", "reason_code": "fraud", "public_text": "x", "deciding_finding": "fnd_1"},
        {"k": key, "t": "click", "c": "k1", "w": "v1", "r": "ANNA", "u": "https://shop.example", "a": 1, "s": 0, "d": {"a": 1}},
        {"k": key, "t": "sale", "o": "o2", "m": 100, "y": "EUR", "e": "a@b.example", "x": "c", "q": "ANNA", "g": "shop.example"},
        {"click_id": "k1", "status": "sale", "amount": "19.99", "currency": "EUR", "txid": "t1", "sale_status": "ok"},
        {"partner_code": "ANNA", "click_id": "k2", "ip": "203.0.113.1", "occurred_at": "2026-03-05T09:30:00Z", "sub1": "s"},
        {"k": key, "t": "lead", "i": "e1", "webhook-id": "m", "webhook-timestamp": 1, "webhook-signature": "v1,x"},
    ]  # fmt: skip


class Mutator:
    """Requests made by a seeded chance, so that a failure can be sent again."""

    def __init__(self, world: Any, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = world
        self.bodies = honest_bodies(world.keys["publishable", True])
        made = world.write(lambda conn: world.make_key(conn, world.program_id, "postback", livemode=True))
        world.run(world.services.refresh())
        self.postback_key = made.value

    def value(self) -> Any:
        return self.chance.choice(ODD_VALUES)

    def mutate(self, value: Any) -> Any:
        """Change one place somewhere inside."""
        if isinstance(value, dict) and value and self.chance.random() < 0.9:
            changed = dict(value)
            name = self.chance.choice(list(changed))
            step = self.chance.random()
            if step < 0.6:
                changed[name] = self.mutate(changed[name])
            elif step < 0.75:
                del changed[name]
            elif step < 0.9:
                changed[str(self.chance.choice(ODD_TEXTS))] = self.value()
            else:
                changed = dict.fromkeys(changed, self.value())
            return changed
        if isinstance(value, list) and value and self.chance.random() < 0.7:
            return [self.mutate(value[0])] * self.chance.choice([1, 2, 201])
        return self.value()

    def body(self) -> bytes:
        body = self.chance.choice(self.bodies)
        for _ in range(self.chance.choice([0, 1, 1, 2, 3])):
            body = self.mutate(body)
        raw = json.dumps(body, ensure_ascii=self.chance.random() < 0.5).encode("utf-8", "surrogatepass")
        step = self.chance.random()
        if step < 0.1:
            cut = self.chance.randrange(len(raw) + 1)
            return raw[:cut] + self.chance.randbytes(self.chance.randrange(4)) + raw[cut:]
        if step < 0.15:
            return raw[: self.chance.randrange(len(raw) + 1)]
        if step < 0.18:
            return raw * 3
        return b"[" * 30_000 if step < 0.19 else raw

    def header(self) -> tuple[str, bytes]:
        text = self.chance.choice(
            [*ODD_TEXTS, "1", "same-site", "prefetch", "br;q=0", "gzip, br", "Bearer x", "_mv=1.a.b.c~a.b.c"]
        )
        value = text.encode("utf-8", "surrogatepass").translate(None, b"\x00\r\n")[:4000].strip()
        return self.chance.choice(HEADERS), value

    def request(self) -> dict[str, Any]:
        path = self.chance.choice(PATHS)
        odd = quote(str(self.chance.choice(ODD_TEXTS))[:500].encode("utf-8", "surrogatepass"), safe="")
        query = "&".join(
            f"{quote(self.chance.choice(QUERIES))}={quote(str(self.chance.choice(ODD_TEXTS))[:900].encode('utf-8', 'surrogatepass'))}"
            for _ in range(self.chance.choice([0, 0, 1, 2]))
        )
        key = self.world.keys["secret", self.chance.random() < 0.7]
        headers: dict[str, bytes] = {"Authorization": f"Bearer {key}".encode(), "Content-Type": b"application/json"}
        headers.update(self.header() for _ in range(self.chance.choice([0, 0, 1, 2])))
        is_write = (
            "track" in path
            or (path == "/r/pb/{key}" and self.chance.random() < 0.5)
            or path in ("/r/e", "/v1/test/clock")
            or path.endswith("verdict")
        )
        method = "POST" if is_write else "GET"
        if self.chance.random() < 0.1:
            method = self.chance.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"])
        url = path.replace("{id}", odd or "x").replace("{key}", self.postback_key) + (f"?{query}" if query else "")
        return {"method": method, "path": url, "headers": headers, "content": self.body() if method != "GET" else b""}


def hunt(world: Any, *, seed: int, requests: int) -> None:
    mutator = Mutator(world, seed)
    for number in range(requests):
        asked = mutator.request()
        started = time.monotonic()
        try:
            answer = world.request(**asked)
        except Exception as error:
            error.add_note(f"request {number} of seed {seed}: {asked}")
            raise
        assert answer.status_code < 500, (number, asked, answer.text)
        assert time.monotonic() - started < 2, (number, asked)
        if answer.status_code >= 400 and asked["path"].startswith(("/v1", "/r/")) and asked["method"] != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json", (asked, answer.text)
            assert answer.json()["detail"]


@pytest.mark.parametrize("seed", [SEED])
def test_p42_no_input_makes_a_5xx(world, seed: int) -> None:
    hunt(world, seed=seed, requests=FAST)
    assert verified(world).ok


@pytest.mark.slow
def test_p42_no_input_makes_a_5xx_at_length(world) -> None:
    hunt(world, seed=SEED + 1, requests=SLOW)
    assert verified(world).ok


def verified(world: Any) -> Any:
    return world.read(verify)
