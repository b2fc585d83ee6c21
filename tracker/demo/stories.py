"""The demo's cases: what partners and customers did that the fraud rules ask a person about, honest people among them.

Each story is a handful of visits and reports; which rule speaks of it, and what is held, the product finds itself.
Stories of one partner that share no mailbox, phone, card, address or device would be one case, so a partner has at most
one such story, told last.
"""

from functools import partial

import msgspec

from ingest.conversions import BrowserSigns
from tracker.demo.stage import AGENTS, MINUTE_MS, Stage, person
from tracker.instants import DAY_MS
from tracker.partners.types import NewPartner

SECOND_MS = 1_000
# Places in PARTNERS.
QUART, LETTERS, POLDEN, BROD, PAVEL = 1, 2, 3, 4, 5
COUPONS, BONUS, WORKS, FASHION, ADS, DEALS, FRIENDS, COURSES, FORMS, NEIGHBOURS = range(6, 16)

# Numbers kept for films in the United Kingdom: nobody has them.
PHONES = ("+447700900142", "+447700900387")
# Mailboxes are compared by what a provider makes of dots and tags, and no reserved domain has a provider. These are
# nobody's: shorter than Google gives out.
SPELLINGS = ("demo@gmail.com", "de.mo@gmail.com", "demo+second@gmail.com", "d.e.mo+third@gmail.com")
PAIR = ("mo.de@gmail.com", "mode+2@gmail.com")
# A listed provider of boxes to throw away; no reserved domain is on such a list.
THROWN = "demo{}@example.mailinator.com"
AD = "&gclid=demo-ad-click"
PROGRAM = "python-requests/2.32.3"


def tell_stories(stage: Stage, added: list[NewPartner]) -> None:
    """Add what happened to the stage; numbers of people and orders are from 200 on."""
    _own_mailboxes(stage, added)
    _one_person_again(stage, added)
    _shared_phones_and_cards(stage, added)
    _shared_devices(stage, added)
    _crowds(stage, added)
    _programs(stage, added)
    _hurried(stage, added)
    _known_before(stage, added)
    _forged(stage, added[POLDEN])
    _found_at_night(stage, added)


def _own_mailboxes(stage: Stage, added: list[NewPartner]) -> None:
    """Let partners buy through their own links; a husband shares his wife's mailbox by a tag of his own."""
    for number, partner, email, amount, hours in (
        (201, PAVEL, "Pavel@partner.example", 17_800, 5),
        (202, ADS, "AdGarden@partner.example", 6_400, 60),
        (203, POLDEN, "polden+robert@partner.example", 4_200, 31),
    ):
        at_ms = stage.ago(hours=hours)
        visit = stage.visit(added[partner], at_ms)
        buyer = person(number, email=email)
        stage.sale(f"DEMO-{number}", at_ms + 12 * MINUTE_MS, amount=amount, customer=buyer, visit=visit)


def _one_person_again(stage: Stage, added: list[NewPartner]) -> None:
    """One mailbox in several spellings: for a bonus four times, and by somebody in a hurry who forgot."""
    for number, email in enumerate(SPELLINGS, start=210):
        at_ms = stage.ago(days=2, hours=2 * (214 - number))
        visit = stage.visit(added[COURSES], at_ms)
        buyer = person(number, email=email)
        stage.sale(f"DEMO-{number}", at_ms + 21 * MINUTE_MS, amount=2_900, customer=buyer, visit=visit)
    for number, email, days in ((215, PAIR[0], 5), (216, PAIR[1], 4)):
        at_ms = stage.ago(days=days)
        visit = stage.visit(added[FRIENDS], at_ms)
        buyer = person(number, email=email)
        stage.sale(f"DEMO-{number}", at_ms + 9 * SECOND_MS, amount=5_600, customer=buyer, visit=visit)


def _shared_phones_and_cards(stage: Stage, added: list[NewPartner]) -> None:
    """Strangers with one phone, and strangers with one card, each in a browser of their own."""
    for start, partner, phone in ((220, QUART, PHONES[0]), (224, NEIGHBOURS, PHONES[1])):
        for number in range(start, start + 3):
            at_ms = stage.ago(days=3, hours=7 * (start + 3 - number))
            visit = stage.visit(added[partner], at_ms)
            buyer = person(number, phone=phone)
            stage.sale(f"DEMO-{number}", at_ms + 35 * MINUTE_MS, amount=3_700, customer=buyer, visit=visit)
    for start, partner in ((230, BROD), (234, LETTERS)):
        for number in range(start, start + 3):
            at_ms = stage.ago(days=2, hours=5 * (start + 3 - number))
            visit = stage.visit(added[partner], at_ms)
            card = {"payment_fingerprint": f"demo-card-{start}"}
            stage.sale(
                f"DEMO-{number}",
                at_ms + 48 * MINUTE_MS,
                amount=4_800,
                customer=person(number),
                visit=visit,
                metadata=card,
            )


def _shared_devices(stage: Stage, added: list[NewPartner]) -> None:
    """Five people sit down one after another at one device; three friends order on one phone on their way."""
    for start, people, partner, gap, hours in ((240, 5, LETTERS, 4, 20), (246, 3, QUART, 8, 27)):
        began_ms = stage.ago(hours=hours)
        visit = stage.visit(added[partner], began_ms, agent=AGENTS[1])
        for place in range(people):
            number = start + place
            if partner == QUART:  # A phone on its way changes its address.
                visit = msgspec.structs.replace(visit, address=stage.address())
            at_ms = began_ms + gap * (place + 1) * MINUTE_MS + stage.chance.randrange(MINUTE_MS)
            stage.sale(f"DEMO-{number}", at_ms, amount=3_100, customer=person(number), visit=visit)


def _crowds(stage: Stage, added: list[NewPartner]) -> None:
    """Six people come from one address within half an hour; a class orders its books on the school's computers."""
    for start, people, partner, gap, hours, address in (
        (250, 6, BROD, 5, 3, "203.0.113.7"),
        (257, 7, COURSES, 4, 9, "198.18.250.90"),
    ):
        began_ms = stage.ago(hours=hours)
        for place in range(people):
            number = start + place
            at_ms = began_ms + place * gap * MINUTE_MS + stage.chance.randrange(MINUTE_MS)
            visit = stage.visit(added[partner], at_ms, address=address, agent=AGENTS[3])
            # Every other one only registers.
            kind = "sale" if place % 2 else "lead"
            stage.sale(
                f"DEMO-{number}",
                at_ms + 3 * MINUTE_MS,
                amount=1_900,
                customer=person(number),
                visit=visit,
                kind=kind,
            )


def _programs(stage: Stage, added: list[NewPartner]) -> None:
    """Let a program fill in the form, and a browser that contradicts itself come with a box to throw away."""
    at_ms = stage.ago(hours=14)
    visit = msgspec.structs.replace(stage.visit(added[FORMS], at_ms), agent=PROGRAM)
    signs = BrowserSigns()
    stage.sale("DEMO-265", at_ms + 6 * MINUTE_MS, amount=7_900, customer=person(265), visit=visit, signs=signs)
    at_ms = stage.ago(hours=2)
    visit = stage.visit(added[PAVEL], at_ms, agent=AGENTS[0])
    odd = BrowserSigns(has_language=False, platform="Linux", http_version="1.0")
    buyer = person(266, email=THROWN.format(266))
    stage.sale("DEMO-266", at_ms + 4 * MINUTE_MS, amount=3_600, customer=buyer, visit=visit, signs=odd)


def _hurried(stage: Stage, added: list[NewPartner]) -> None:
    """Boxes to throw away that buy within seconds, and a bought ad whose visitor does."""
    for number, hours in ((270, 40), (271, 16)):
        at_ms = stage.ago(hours=hours)
        visit = stage.visit(added[DEALS], at_ms)
        buyer = person(number, email=THROWN.format(number))
        stage.sale(f"DEMO-{number}", at_ms + 6 * SECOND_MS, amount=2_700, customer=buyer, visit=visit)
    at_ms = stage.ago(hours=11)
    visit = stage.visit(added[ADS], at_ms, query=AD)
    stage.sale("DEMO-273", at_ms + 8 * SECOND_MS, amount=5_200, customer=person(273), visit=visit)


def _known_before(stage: Stage, added: list[NewPartner]) -> None:
    """Let a customer of three weeks ago come by a link now; the shop calls a visitor of an ad an old customer."""
    stage.sale("DEMO-280", stage.ago(days=21), amount=6_100, customer=person(280))
    at_ms = stage.ago(days=1, hours=4)
    visit = stage.visit(added[FRIENDS], at_ms)
    stage.sale("DEMO-281", at_ms + 10 * SECOND_MS, amount=6_300, customer=person(280), visit=visit)
    at_ms = stage.ago(hours=18)
    visit = stage.visit(added[NEIGHBOURS], at_ms, query=AD)
    buyer = person(282, is_new=False)
    stage.sale("DEMO-282", at_ms + 25 * MINUTE_MS, amount=9_400, customer=buyer, visit=visit)


def _forged(stage: Stage, partner: NewPartner) -> None:
    """Another order comes under the number of one that was reported."""
    at_ms = stage.ago(hours=22)
    visit = stage.visit(partner, at_ms)
    for delay, number, amount in ((50, 285, 2_200), (58, 286, 22_000)):
        stage.sale("DEMO-285", at_ms + delay * MINUTE_MS, amount=amount, customer=person(number), visit=visit)


def _found_at_night(stage: Stage, added: list[NewPartner]) -> None:
    """Tell what only many conversions of a partner show: sales at the till, made-up people, a clock, returned goods."""
    for place in range(8):
        at_ms = stage.ago(days=1 + place // 2, hours=1 + 9 * (place % 2))
        visit = stage.visit(added[COUPONS], at_ms)
        delay_ms = (24 + 3 * place) * SECOND_MS
        stage.sale(f"DEMO-{300 + place}", at_ms + delay_ms, amount=2_400, customer=person(300 + place), visit=visit)
    for place, domain in enumerate(("mail", "post", "box", "customer", "letters")):
        number, at_ms = 310 + place, stage.ago(days=1 + place, hours=3 * place)
        visit = stage.visit(added[BONUS], at_ms)
        buyer = person(number, email=f"coffeefan{31 + 4 * place}@{domain}.example")
        stage.sale(f"DEMO-{number}", at_ms + 33 * MINUTE_MS, amount=2_050, customer=buyer, visit=visit)
    clock_ms = stage.ago(days=1, hours=12)
    for place in range(12):
        number, at_ms = 320 + place, clock_ms + (place * 37 * 60 + stage.chance.randrange(90)) * SECOND_MS
        visit = stage.visit(added[WORKS], at_ms - 7 * MINUTE_MS)
        stage.sale(f"DEMO-{number}", at_ms, amount=1_650, customer=person(number), visit=visit)
    # Three customers who keep one piece of three or four.
    sent_back = partial(stage.refund, amount=4_300)
    for place in range(10):
        at_ms = stage.ago(days=9 - place // 2, hours=5 * (place % 2))
        visit = stage.visit(added[FASHION], at_ms)
        order, buyer = f"DEMO-{340 + place}", person(340 + place % 3)
        stage.sale(order, at_ms + 40 * MINUTE_MS, amount=4_300, customer=buyer, visit=visit)
        if place < 7:
            sent_back(order, at_ms + DAY_MS)
