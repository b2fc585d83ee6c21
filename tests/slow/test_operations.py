"""Doctor, metrics and the log of a real server in a process of its own."""

import http.client
import re
import secrets
import sqlite3

import pytest

CANARY_AGENT = "Mozilla/5.0 (X11; Linux x86_64) CanaryBrowser/7.7"
CANARY_MAIL = "canary.person@canary-mail.example"
CANARY_PHONE = "+491700420042"
CANARY_ADDRESS = "198.51.100.77"
CLICKS = 1_000_000
STARTS = 20
START_S = 2.0


def test_doctor_tries_the_running_server_and_leaves_nothing_behind(installation):
    installation.start()

    answer = installation.molva("doctor")

    found = {finding["check"]: finding for finding in answer["findings"]}
    assert answer["ok"], answer
    assert {found[name]["state"] for name in ("snippet", "test click", "test sale")} == {"ok"}
    assert str(installation.port) in found["snippet"]["cause"]
    audited = sqlite3.connect(f"file:{installation.data_dir / 'molva.db'}?mode=ro", uri=True)
    left = audited.execute("SELECT count(*) FROM api_keys WHERE last_used_at_ms IS NOT NULL").fetchone()[0]
    audited.close()
    assert left == 0


def ask(installation, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=20)
    try:
        named = {"User-Agent": CANARY_AGENT, "X-Forwarded-For": CANARY_ADDRESS}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), answer.headers
    finally:
        connection.close()


def sign_in(installation, password):
    """Return the session cookie and the page that follows, as a browser gets them."""
    _, page, headers = ask(installation, "GET", "/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    cookie = "; ".join(value.split(";")[0] for value in headers.get_all("Set-Cookie"))
    form = f"email=owner%40shop.example&password={password}&csrf_token={token}"
    _, _, headers = ask(
        installation,
        "POST",
        "/login",
        form,
        cookie=cookie,
        origin=f"http://127.0.0.1:{installation.port}",
        content_type="application/x-www-form-urlencoded",
    )
    cookies = [value.split(";")[0] for value in headers.get_all("Set-Cookie") or []]
    return next((value for value in cookies if value.startswith("molva_session=")), None)


def test_p45_nothing_that_tells_of_a_person_or_opens_a_door_is_logged(installation_of, tmp_path):
    """Canaries go through every door, right and wrong; log and database are searched for them afterwards."""
    installation = installation_of(
        log_level="debug", metrics_token="canary-metrics-token-0001", trusted_proxies="127.0.0.1/32"
    )
    installation.start()
    password, wrong = f"canary-{secrets.token_hex(8)}", f"wrong-{secrets.token_hex(8)}"
    (tmp_path / "password").write_text(password)
    owner = ("--email", "owner@shop.example", "--password-file", str(tmp_path / "password"))
    installation.molva("user", "reset-password", *owner)
    assert sign_in(installation, wrong) is None
    session = sign_in(installation, password)
    assert session is not None
    assert ask(installation, "GET", "/admin/", cookie=session)[0] == 200
    portal_token = f"canary{secrets.token_hex(20)}"
    forged_key = f"sk_live_{secrets.token_hex(24)}"
    key, bearer = installation.publishable_key, {"authorization": f"Bearer {installation.secret_key}"}
    event = '{"v":1,"t":"click","k":"%s","i":"i","c":"canary-click","r":"ANNA","u":"https://shop.example/?mail=%s"}'
    sale = (
        '{"external_id":"canary-order","amount":1000,"currency":"EUR","click_id":"canary-click",'
        f'"ip":"{CANARY_ADDRESS}","user_agent":"{CANARY_AGENT}",'
        f'"customer":{{"external_id":"42","email":"{CANARY_MAIL}","phone":"{CANARY_PHONE}","name":"Canary Person"}}}}'
    )
    json_type = {"content_type": "application/json"}
    shop = {"origin": "https://shop.example", "content_type": "text/plain"}

    ask(installation, "GET", f"/p/{portal_token}")
    ask(installation, "POST", f"/p/{portal_token}", "")
    assert ask(installation, "POST", "/r/e", event % (key, CANARY_MAIL), **shop)[0] == 200
    assert ask(installation, "POST", "/v1/track/sale?wait=true", sale, **bearer, **json_type)[0] == 200
    ask(installation, "POST", "/v1/track/sale", sale.replace("1000", "2000"), **bearer, **json_type)
    ask(installation, "POST", "/v1/track/sale", sale, authorization=f"Bearer {forged_key}", **json_type)
    ask(installation, "POST", "/v1/track/sale", f'{{"{CANARY_MAIL}": 1}}', **bearer, **json_type)
    ask(installation, "GET", f"/nowhere/{portal_token}?email={CANARY_MAIL}")
    ask(installation, "GET", f"/v1/nowhere/{portal_token}", **bearer)
    assert ask(installation, "GET", "/metrics", authorization="Bearer canary-metrics-token-0001")[0] == 200
    ask(installation, "GET", "/metrics", authorization=f"Bearer {forged_key}")
    # A failure while storing: the database is locked from outside, so errors are logged with what they quote.
    lock = sqlite3.connect(installation.data_dir / "molva.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    ask(installation, "POST", "/v1/track/sale", sale.replace("canary-order", "canary-late"), **bearer, **json_type)
    lock.execute("ROLLBACK")
    lock.close()
    assert installation.stop(20) == 0

    doors = {
        "root secret": (installation.data_dir / "secret.key").read_text().strip(),
        "secret key": installation.secret_key,
        "password": password,
        "session": session.partition("=")[2],
        "metrics token": "canary-metrics-token-0001",
    }
    people = {
        "wrong password": wrong,
        "forged key": forged_key,
        "mail": CANARY_MAIL,
        "phone": CANARY_PHONE,
        "address": CANARY_ADDRESS,
        "agent": "CanaryBrowser",
        "name": "Canary Person",
        "private address": portal_token,
    }
    text = installation.log()
    assert "server_started" in text
    assert {name for name, canary in (doors | people).items() if canary in text} == set()
    stored = b"".join(path.read_bytes() for path in installation.data_dir.glob("*.db*"))
    assert {name for name, canary in doors.items() if canary.encode() in stored} == set()


@pytest.mark.slow
def test_p03_a_server_with_a_million_clicks_is_ready_within_two_seconds(installation, client_of, figures):
    installation.start()
    with client_of(installation) as client:
        assert client.post_click("the-first-of-many")
        client.newest("clicks", lambda _item: False)
    assert installation.stop(20) == 0
    multiply_clicks(installation.data_dir / "molva.db", CLICKS)

    installation.start_seconds.clear()
    for _ in range(STARTS):
        installation.start()
        assert installation.stop(20) == 0

    seconds = sorted(installation.start_seconds)
    figures(clicks=CLICKS, starts=STARTS, median_s=f"{seconds[STARTS // 2]:.2f}", longest_s=f"{seconds[-1]:.2f}")
    assert seconds[-1] <= START_S


def multiply_clicks(path, wanted):
    """Fill the table with copies of its one row under other ids, as if projected over months."""
    conn = sqlite3.connect(path)
    columns = [row[1] for row in conn.execute("PRAGMA table_info(clicks)")]
    new = {"seq": "n.value + 1000", "click_key": "CAST('many-' || n.value AS BLOB)"}
    values = ", ".join(new.get(name, f"c.{name}") for name in columns)
    conn.execute(
        f"WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {wanted}) "
        f"INSERT INTO clicks ({', '.join(columns)}) SELECT {values} FROM n, (SELECT * FROM clicks LIMIT 1) c"
    )
    conn.execute(f"UPDATE cursors SET seq = {wanted + 1000} WHERE name = 'clicks'")
    conn.commit()
    assert conn.execute("SELECT count(*) FROM clicks").fetchone()[0] == wanted + 1
    conn.close()
