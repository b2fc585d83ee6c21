"""P52: nothing of an erased person is found any more, and the accounts add up as before."""

import pytest
from sqlalchemy import insert, select

from tracker.audit.store import list_entries, record
from tracker.audit.verify import verify_chain
from tracker.cases.tables import findings
from tracker.clicks import store as clicks
from tracker.conversions import store as conversions
from tracker.conversions.late import DECIDE
from tracker.conversions.process import process_conversion
from tracker.db.ids import new_id
from tracker.db.schema import APPEND_ONLY
from tracker.db.triggers import guarded_tables
from tracker.fraud.allow.store import add_entry, get_entry
from tracker.fraud.allow.types import NewEntry
from tracker.i18n.messages import InputError
from tracker.jobs import store as jobs
from tracker.ledger import store as ledger
from tracker.ledger.verify import verify_ledger
from tracker.partners.store import get_partner
from tracker.partners.tables import partner_logins
from tracker.privacy.erase import erase_person
from tracker.privacy.persons import find_person
from tracker.privacy.store import findings_about, verdicts_of
from tracker.privacy.types import Asked


@pytest.fixture
def erase(world):
    def erased(reason="Asked for by letter of 3 May.", **asked):
        return world.run(erase_person(world.services, Asked(**asked), reason=reason, actor="test"))

    return erased


def balances(world):
    now_ms = world.services.now_ms()
    return world.read(lambda conn: ledger.balances(conn, world.anna.enrollment_id, livemode=True, now_ms=now_ms))


def test_p52_nothing_of_an_erased_customer_is_found(world, planted, erase, places_of):
    before = {text: places_of(text) for text in planted.texts}
    assert all(before.values()), before

    erased = erase(email=planted.email)

    assert {text: places for text in planted.texts if (places := places_of(text))} == {}
    assert erased.left == ()
    assert {"customers", "conversions", "clicks", "custom_events", "refused_events", "inbox"} <= set(erased.counts)


def test_p52_the_accounts_add_up_as_before(world, planted, erase):
    owed, days = balances(world), world.read(lambda conn: clicks.clicks_by_day(conn, livemode=True, from_day=0))

    erase(email=planted.email)

    assert balances(world) == owed
    assert owed
    assert owed[0].total_minor
    assert world.run(verify_ledger(world.services.db)).ok
    assert world.read(verify_chain) == ()
    assert world.read(lambda conn: clicks.clicks_by_day(conn, livemode=True, from_day=0)) == days
    assert world.read(guarded_tables) == set(APPEND_ONLY)
    kept = world.read(lambda conn: conversions.get_conversion(conn, planted.own["sale"]))
    assert (kept.external_id, kept.amount_minor, kept.report) == (planted.own["order"], 10_000, {"tax": 1_000})


def test_an_erased_sale_that_is_decided_again_pays_the_same_partner(world, erase):
    """It named its browser alone; without that the credited click must still be found."""
    visitor = world.click()
    told = world.track("sale", world.sale(visitor_id=visitor, customer={"external_id": "new", "email": "n@n.example"}))
    assert told.json()["attribution"]["winner"]
    owed = balances(world)

    erase(email="n@n.example")
    world.write(lambda conn: jobs.enqueue(conn, kind=DECIDE, subject_id=told.json()["id"], run_at_ms=0))
    world.run(process_conversion(world.services, told.json()["id"]))

    assert balances(world) == owed
    decision = world.read(lambda conn: conversions.newest_decision(conn, told.json()["id"]))
    assert decision.explanation["winner"][0]["touch"] == f"clk_{visitor}"


def test_the_other_customer_keeps_everything(world, planted, erase, places_of):
    texts = ("other@elsewhere.example", "Otto Other", "other-page", "OtherBrowser")
    before = {text: places_of(text) for text in texts}

    erase(email=planted.email)

    # A text moves inside its files; in the tables everything stays where it was.
    tables = {text: [place for place in places_of(text) if not place.endswith((".db", "-wal"))] for text in texts}
    assert tables == {
        text: [place for place in places if not place.endswith((".db", "-wal"))] for text, places in before.items()
    }
    assert all(tables.values())


def test_a_second_erasure_finds_nothing_more(planted, erase):
    erase(email=planted.email)

    assert erase(email=planted.email).counts == {}


def test_the_trail_tells_of_the_erasure_without_the_person(world, planted, erase, places_of):
    erase(email=planted.email, reason=f"{planted.email} asked for it")

    entries = [entry for entry in world.read(list_entries) if entry.action == "person.erased"]
    assert {entry.reason for entry in entries} == {"[erased] asked for it"}
    assert all(entry.object_id.startswith("cus_") and entry.after["clicks"] == 1 for entry in entries)
    assert places_of(planted.email) == []


def test_what_staff_wrote_into_the_trail_is_named_and_left(world, planted, erase):
    """A chained entry cannot change: the answer says so instead of promising what it cannot do."""

    def write(conn):
        record(conn, at_ms=1, actor="test", action="case.noted", object_id="x", reason=f"Wrote to {planted.email}")

    world.write(write)

    left = erase(email=planted.email).left

    assert [one.what for one in left] == ["audit_entry"]
    assert world.read(verify_chain) == ()


def test_a_rebuilt_projection_brings_nothing_back(world, planted, erase):
    erase(email=planted.email)
    rows = world.run(world.services.db.inbox.rows(after=0, up_to=2**62, limit=1000))

    own = [row.body for row in rows if planted.visitor in row.body]

    assert len(own) == 1
    assert planted.address not in own[0]
    assert planted.agent not in own[0]


def test_one_customer_of_two_is_erased_alone(world, planted, erase, places_of):
    customer_id = world.read(lambda conn: conversions.get_conversion(conn, planted.own["lead"])).customer_id

    erase(customer=customer_id)

    assert world.read(lambda conn: conversions.get_customer(conn, customer_id)).erased_at_ms is not None
    assert places_of("Quandtmeier")  # The other customer with that mailbox stays.


def test_a_browser_is_erased_without_the_customer(world, planted, erase):
    erase(visitor=f"vis_{planted.visitor}")

    row = world.read(lambda conn: conversions.get_conversion(conn, planted.own["sale"]))
    customer = world.read(lambda conn: conversions.get_customer(conn, row.customer_id))
    assert (row.visitor_id, row.host_key, row.masked_ip, row.agent_id) == (None, None, None, None)
    assert customer.email == planted.email
    click = world.read(lambda conn: clicks.find_click(conn, program_id=world.program_id, click_id=planted.visitor))
    assert (click.page_url, click.http_referer, click.masked_ip, click.visitor_id) == (
        None,
        None,
        None,
        planted.visitor,
    )
    assert click.enrollment_id == world.anna.enrollment_id


def test_the_erased_agent_is_taken_up_anew_by_the_next_visitor(world, planted, erase):
    """The projector remembers numbers; a forgotten text must not come back under its old one."""
    erase(email=planted.email)

    again = world.client(peer="192.0.2.77")
    click_id = planted.click(again, planted.agent, mark="token-4711")
    world.run(again.aclose())
    world.run(world.services.project())

    click = world.read(lambda conn: clicks.find_click(conn, program_id=world.program_id, click_id=click_id))
    agent = world.read(lambda conn: clicks.get_agent(conn, click.agent_id))
    assert agent.text == planted.agent
    assert "token-4711" in click.page_url


def test_a_partner_with_an_open_balance_is_refused(world, planted, erase):
    with pytest.raises(InputError, match="open balance in EUR"):
        erase(partner=world.anna.partner_id)

    assert world.read(lambda conn: get_partner(conn, world.anna.partner_id)).name == "Anna"


def test_a_partner_without_money_loses_name_and_mailbox(world, erase, places_of):
    carla = world.add_partner("Carla Canary", "CARLA")
    page = world.request("GET", "/portal/")
    assert page.status_code < 500

    erased = erase(partner=carla.partner_id)

    gone = world.read(lambda conn: get_partner(conn, carla.partner_id))
    assert (gone.name, gone.email) == ("[erased]", f"{carla.partner_id}@erased.invalid")
    assert erased.counts["partners"] == 1
    assert places_of("Carla Canary") == []
    assert places_of("carla@partners.example") == []
    assert world.read(lambda conn: conn.execute(select(partner_logins)).all()) == []
    assert erase(partner=carla.partner_id).counts == {}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({}, "one of e-mail, customer, visitor or partner", id="nobody"),
        pytest.param({"email": "a@b.example", "customer": "cus_1"}, "one of e-mail", id="two at once"),
        pytest.param({"email": "nonsense"}, "not an e-mail address", id="no mailbox"),
        pytest.param({"customer": "prt_1"}, "not an id of the form cus_", id="another kind of id"),
        pytest.param({"customer": "cus_" + "0" * 32}, "no such customer", id="unknown customer"),
        pytest.param({"partner": "prt_" + "0" * 32}, "no such partner", id="unknown partner"),
        pytest.param({"visitor": "vis_nobody"}, "No click and no conversion", id="unknown browser"),
    ],
)
def test_who_is_meant_must_be_clear(shared_world, asked, said):
    with pytest.raises(InputError, match=said):
        shared_world.read(lambda conn: find_person(conn, Asked(**asked)))


def test_what_reviewers_saw_and_wrote_loses_the_person(world, erase):
    email = "anna@partners.example"
    told = world.track("sale", world.sale(partner_code="ANNA", customer={"external_id": "7", "email": email})).json()
    case = world.api("GET", f"/v1/cases/{told['case_id']}").json()
    body = {
        "verdict": "fraud",
        "action": "reject",
        "reason_code": "self_referral",
        "public_text": f"You bought as {email}.",
        "note": f"wrote to {email.upper()}",
    }
    answer = world.api("POST", f"/v1/cases/{case['id']}/verdict", json=body)
    assert answer.status_code == 200, answer.text
    row = world.read(lambda conn: conversions.get_conversion(conn, told["id"]))

    erase(customer=row.customer_id)

    found = world.read(lambda conn: findings_about(conn, [told["id"]]))
    judged = world.read(lambda conn: verdicts_of(conn, [told["case_id"]]))
    told = {name: value for finding in found for name, value in finding.params.items() if name != "count"}
    assert told == {"email": "[erased]", "partner_email": "[erased]", "domain": "[erased]"}
    assert not any("partners.example" in str(finding.cluster_key) for finding in found)
    assert [(verdict.public_text, verdict.note) for verdict in judged] == [
        ("You bought as [erased].", "wrote to [erased]")
    ]
    assert world.run(verify_ledger(world.services.db)).ok


def test_an_erasure_needs_a_reason(planted, erase):
    with pytest.raises(InputError, match="Say why"):
        erase(email=planted.email, reason="  ")


def test_a_mailbox_nobody_has_is_no_error(erase):
    assert erase(email="nobody@nowhere.example").counts == {}


def test_an_erased_persons_browser_and_mailbox_leave_the_allow_list(world, planted, erase):
    person = world.read(lambda conn: find_person(conn, Asked(email=planted.email)))
    browser = min(person.browsers)

    def add(conn, **condition):
        entry = NewEntry(program_id=world.program_id, rules=("self_email",), reason=f"Is {planted.email}", **condition)
        return add_entry(conn, entry, known_rules=["self_email"], actor="test", now_ms=world.services.now_ms())

    device = world.write(lambda conn: add(conn, visitor_id=browser.visitor_id))
    domain = world.write(lambda conn: add(conn, email_domain="mail.example"))

    erase(email=planted.email)

    over, kept = (world.read(lambda conn, each=each: get_entry(conn, each.allow_id)) for each in (device, domain))
    assert (over.visitor_id, over.revoked_by) == ("[erased]", "test")
    assert (kept.revoked_at_ms, kept.email_domain) == (None, "mail.example")
    assert over.reason == kept.reason == "Is [erased]"


def test_p52_what_cases_and_findings_are_joined_by_tells_nothing_of_the_person(world, erase, places_of):
    """A phone on several leads is the fact of their case; a rule of the night names a customer by the mailbox."""
    phone, digits = "+49 30 2268419", "+49302268419"
    for number in range(4):
        person = {"external_id": f"c-{number}", "email": f"somebody{number}@mail{number}.example", "phone": phone}
        world.track("lead", {"external_id": f"lead-{number}", "partner_code": "ANNA", "customer": person})
    told = world.read(lambda conn: conn.execute(select(findings)).mappings().all())
    nightly = dict(told[0]) | {
        "finding_id": new_id("fnd", 1),
        "conversion_id": None,
        "livemode": True,
        "enrollment_id": world.anna.enrollment_id,
        "cluster_key": "person:email:somebody0@mail0.example",
    }
    world.write(lambda conn: conn.execute(insert(findings), [nightly]))
    assert {"cases.cluster_key", "findings.cluster_key"} <= set(places_of(digits))
    assert "findings.cluster_key" in places_of("somebody0@mail0.example")

    for number in range(4):
        erase(email=f"somebody{number}@mail{number}.example")

    assert places_of(digits) == []
    assert places_of("somebody0@mail0.example") == []
    assert world.read(verify_chain) == ()
