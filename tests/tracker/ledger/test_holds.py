from tracker.ledger.holds import freezes, frozen_by, releases
from tracker.ledger.types import Hold


def hold(seq, kind, transfer_id="com_1", case_id="cas_1"):
    return Hold(
        hold_id=f"hld_{seq}",
        seq=seq,
        transfer_id=transfer_id,
        case_id=case_id,
        kind=kind,
        at_ms=1,
        actor="cli",
        reason_code="case_opened",
    )


def test_the_newest_row_of_a_case_counts_in_any_order():
    rows = [hold(3, "freeze"), hold(2, "release"), hold(1, "freeze")]

    assert frozen_by(rows) == {"com_1": ("cas_1",)}
    assert frozen_by([*rows, hold(4, "release")]) == {}


def test_an_accrual_stays_frozen_until_every_case_released_it():
    rows = [hold(1, "freeze"), hold(2, "freeze", case_id="cas_2")]

    assert frozen_by(rows) == {"com_1": ("cas_1", "cas_2")}
    assert frozen_by([*rows, hold(3, "release")]) == {"com_1": ("cas_2",)}


def test_a_case_freezes_an_accrual_once(make):
    rows = [hold(1, "freeze"), hold(2, "freeze", transfer_id="com_2", case_id="cas_2")]

    new = freezes(
        ["com_1", "com_2", "com_2"], rows, case_id="cas_1", at_ms=5, actor="user:usr_1", make_id=make.ids("hld")
    )

    assert [(each.transfer_id, each.case_id, each.kind, each.actor) for each in new] == [
        ("com_2", "cas_1", "freeze", "user:usr_1")
    ]


def test_a_case_releases_only_what_it_freezes(make):
    rows = [
        hold(1, "freeze"),
        hold(2, "freeze", transfer_id="com_2"),
        hold(3, "release", transfer_id="com_2"),
        hold(4, "freeze", transfer_id="com_3", case_id="cas_2"),
    ]

    new = releases(rows, case_id="cas_1", at_ms=5, actor="cli", reason_code="legitimate", make_id=make.ids("hld"))

    assert [(each.transfer_id, each.kind, each.reason_code) for each in new] == [("com_1", "release", "legitimate")]
