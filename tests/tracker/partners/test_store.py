import pytest

from tracker.i18n.messages import InputError
from tracker.links import store as links_store
from tracker.partners import store
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program

NOW_MS = 1_790_000_000_000


@pytest.fixture
def program_id(database, run):
    return run(database.write(new_program))


def new_program(conn, name="Friends"):
    program = create_program(
        conn,
        name=name,
        currency="EUR",
        time_zone="UTC",
        settings=default_settings(),
        sites=["https://shop.example"],
        actor="cli",
        now_ms=NOW_MS,
    )
    return program.program_id


@pytest.fixture
def add(database, run, program_id):
    def added(**changes):
        values = {"program_id": program_id, "name": "Ann Lee", "email": "ann@example.com", "code": None}
        values |= {"actor": "cli", "now_ms": NOW_MS, **changes}
        return run(database.write(lambda conn: store.add_partner(conn, **values)))

    return added


def test_new_partner_is_active_with_code_and_link(database, run, add):
    new = add()

    enrollment = run(database.read(lambda conn: store.get_enrollment(conn, new.enrollment_id)))
    links = run(database.read(lambda conn: links_store.links_of(conn, new.enrollment_id)))
    statuses = run(database.read(lambda conn: store.statuses_of(conn, new.enrollment_id)))
    assert (enrollment.status, enrollment.code) == ("active", "ANN-LEE")
    assert [(link.slug, link.destination) for link in links] == [("ann-lee", "https://shop.example/")]
    assert [(each.status, each.reason_code) for each in statuses] == [("active", "joined")]


def test_partner_in_two_programs_is_one_partner_with_slugs_of_their_own(database, run, add):
    other = run(database.write(lambda conn: new_program(conn, "Others")))

    first = add()
    second = add(program_id=other, email="ANN@example.com", name="Somebody Else")

    assert first.partner_id == second.partner_id
    assert second.code == "ANN-LEE"
    assert second.slug != first.slug
    assert second.slug.startswith("ann-lee-")


def test_second_enrollment_in_one_program_is_refused(add):
    add()

    with pytest.raises(InputError, match="in this program already"):
        add()


def test_equal_names_get_numbered_codes(add):
    codes = [add(email=f"a{number}@example.com").code for number in range(3)]

    assert codes == ["ANN-LEE", "ANN-LEE-2", "ANN-LEE-3"]


def test_code_is_unique_over_partners_and_promo_codes(database, run, add):
    first = add(code="SPRING")
    promo = {"enrollment_id": first.enrollment_id, "valid_to_ms": None, "actor": "cli", "now_ms": NOW_MS}
    run(database.write(lambda conn: links_store.add_promo_code(conn, code="SUMMER", **promo)))

    with pytest.raises(InputError, match="is taken"):
        add(email="b@example.com", code="summer")
    with pytest.raises(InputError, match="is taken"):
        run(database.write(lambda conn: links_store.add_promo_code(conn, code="spring", **promo)))
    assert add(email="c@example.com", name="Summer").code == "SUMMER-2"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a\u200bb"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email": "a@b"}, "email"),
        ({"email": "a@example.com\r\nBcc: x@example.com"}, "email"),
        ({"code": "!"}, "code"),
        ({"destination": "https://evil.example/"}, "destination"),
        ({"program_id": "prg_" + "0" * 32}, "program_id"),
    ],
)
def test_refused_partner_leaves_nothing(database, run, add, changes, field):
    with pytest.raises(InputError) as refused:
        add(**changes)

    assert refused.value.field == field
    assert run(database.read(store.list_partners)) == []


def test_status_moves_are_kept_with_their_instants(database, run, add):
    new = add()
    for number, (status, reason) in enumerate([("paused", ""), ("active", ""), ("banned", "Own orders")], start=1):
        run(
            database.write(
                lambda conn, status=status, reason=reason, number=number: store.change_status(
                    conn,
                    enrollment_id=new.enrollment_id,
                    status=status,
                    reason_code="requested",
                    reason=reason,
                    role="manager",
                    actor="cli",
                    now_ms=NOW_MS + number,
                )
            )
        )

    statuses = run(database.read(lambda conn: store.statuses_of(conn, new.enrollment_id)))

    assert [(each.status, each.effective_from_ms - NOW_MS) for each in statuses] == [
        ("active", 0),
        ("paused", 1),
        ("active", 2),
        ("banned", 3),
    ]


def test_list_finds_by_name_address_and_code_whatever_the_case(database, run, add):
    add(name="Мария Петрова", email="maria@example.com", code="MASHA")
    add(name="100% Reviews", email="reviews@example.com")

    def found(search):
        return [row.email for row in run(database.read(lambda conn: store.list_partners(conn, search=search)))]

    for search in ("мария", "Мария", "МАРИЯ П", "петрова", "MARIA@", "masha"):
        assert found(search) == ["maria@example.com"], search
    assert found("100%") == ["reviews@example.com"]
    assert found("%") == ["reviews@example.com"]
    assert found("_") == []
    assert len(found("")) == 2


def test_list_continues_where_a_page_ended(database, run, add):
    for number in range(5):
        add(email=f"a{number}@example.com", now_ms=NOW_MS + number)

    seen, before = [], None
    while page := run(database.read(lambda conn, at=before: store.list_partners(conn, before=at, limit=2))):
        seen += [row.email for row in page]
        before = page[-1].enrollment_id

    assert seen == [f"a{number}@example.com" for number in (4, 3, 2, 1, 0)]


def test_personal_terms_are_kept(database, run, add):
    new = add()
    run(
        database.write(
            lambda conn: store.set_terms(
                conn,
                enrollment_id=new.enrollment_id,
                rate_bps=3350,
                allow_own_purchases=True,
                actor="cli",
                now_ms=NOW_MS,
            )
        )
    )

    enrollment = run(database.read(lambda conn: store.get_enrollment(conn, new.enrollment_id)))

    assert (enrollment.rate_bps, enrollment.allow_own_purchases) == (3350, True)


def test_snapshot_holds_everything(database, run, add):
    new = add()

    enrollments = run(database.read(store.all_enrollments))
    links = run(database.read(links_store.all_links))

    assert [each.enrollment_id for each in enrollments] == [new.enrollment_id]
    assert [each.slug for each in links] == [new.slug]
    assert run(database.read(links_store.all_promo_codes)) == []
