"""Everyday life: honest customers of all partners, people nobody referred, and clicks that lead to nothing.

The world calls `live` first, and `mix_in` for the honest part of a fraudulent partner's traffic.
"""

from random import Random

from tracker.fraud.simulation.draws import chance, moment, pick, stream, zipf
from tracker.fraud.simulation.people import place_of
from tracker.fraud.simulation.scene import Act, Scene
from tracker.fraud.simulation.trade import PROGRAM_SHARES, PROGRAMS
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, PPM, Partner, Person

ORGANIC_PPM = 150_000
CODE_ONLY_PPM = {"coupon": 350_000, "sales_agent": 600_000, "influencer": 180_000}
CODE_ONLY_ELSE_PPM = 50_000
CLICKED_BEFORE_PPM = 250_000
RETURNS_PPM = 350_000  # clicks without a conversion by somebody who has been there
OWNER_TESTS = 3  # times a partner tries the own link, about


def live(scene: Scene) -> None:
    """Write the honest background of the whole world."""
    rng = stream(scene.parameters.seed, "honest")
    partners = [each for each in scene.partners if not each.is_fraud]
    weights = zipf(len(partners))
    converted: dict[str, int] = {}
    for _ in range(rng.randint(*scene.parameters.leads)):
        if chance(rng, ORGANIC_PPM):
            _organic(scene, rng)
            continue
        partner = pick(rng, partners, weights)
        converted[partner.partner_id] = converted.get(partner.partner_id, 0) + _referred(scene, rng, partner)
    for partner in partners:
        stray(scene, rng, partner, conversions=converted.get(partner.partner_id, 0))
        _test_own_link(scene, rng, partner)


def mix_in(scene: Scene, rng: Random, partner: Partner, count: int) -> None:
    """Write the honest customers of a partner who also cheats."""
    stray(scene, rng, partner, conversions=sum(_referred(scene, rng, partner) for _ in range(count)))
    _test_own_link(scene, rng, partner)


def stray(
    scene: Scene, rng: Random, partner: Partner, *, conversions: int, within: tuple[int, int] | None = None
) -> None:
    """Write a sample of the clicks that led to nothing, as many as the partner's rate asks for.

    `within`: the two instants between which they fall, more of them early; by default any time.
    """
    lost = conversions * (PPM - partner.conversion_ppm) // partner.conversion_ppm
    people: list[Person] = []
    for _ in range(lost // scene.parameters.click_sample):
        if not people or not chance(rng, RETURNS_PPM):
            people.append(scene.people.newcomer(scene.country(rng, partner.program)))
        person = rng.choice(people[-20:])
        device = rng.choice(person.devices)
        at_ms = _instant(scene, rng, partner, within)
        place = place_of(person, device, at_ms=at_ms, rng=rng, networks=scene.networks)
        scene.stray_click(rng, partner, at_ms, device=device, place=place)


def _test_own_link(scene: Scene, rng: Random, partner: Partner) -> None:
    for _ in range(rng.randrange(OWNER_TESTS + 1)):
        at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
        scene.stray_click(rng, partner, at_ms, device=rng.choice(partner.owner.devices), place=partner.owner.home)


def _instant(scene: Scene, rng: Random, partner: Partner, within: tuple[int, int] | None) -> int:
    if within is None:
        return moment(rng, scene.parameters, since_ms=partner.joined_ms)
    return min(rng.randrange(*within), rng.randrange(*within))


def _organic(scene: Scene, rng: Random) -> None:
    program = pick(rng, PROGRAMS, PROGRAM_SHARES)
    person = scene.people.newcomer(scene.country(rng, program))
    clicked_ms = moment(rng, scene.parameters)
    scene.refer(rng, Act(person=person, program=program, partner=None, clicked_ms=clicked_ms, clicks=False))


def _referred(scene: Scene, rng: Random, partner: Partner) -> int:
    """Write one honest conversion and return how many of its kind came by a click (0 or 1)."""
    program = partner.program
    person = scene.people.newcomer(scene.country(rng, program))
    clicked_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    by_code = chance(rng, CODE_ONLY_PPM.get(partner.kind, CODE_ONLY_ELSE_PPM))
    if chance(rng, CLICKED_BEFORE_PPM):
        _looked_before(scene, rng, partner, before_ms=clicked_ms, person=person)
    has_code = partner.kind == "coupon" and chance(rng, 600_000)
    scene.refer(
        rng,
        Act(
            person=person,
            program=program,
            partner=partner,
            clicked_ms=clicked_ms,
            clicks=not by_code,
            with_code=has_code,
        ),
    )
    return 0 if by_code else 1


def _looked_before(scene: Scene, rng: Random, partner: Partner, *, before_ms: int, person: Person) -> None:
    """Write an earlier visit, mostly through the same partner, sometimes through another of the program."""
    rivals = [each for each in scene.partners if each.program is partner.program and not each.is_fraud]
    through = rng.choice(rivals) if rivals and chance(rng, 300_000) else partner
    at_ms = before_ms - rng.randrange(HOUR_MS, 6 * DAY_MS)
    device = rng.choice(person.devices)
    place = place_of(person, device, at_ms=at_ms, rng=rng, networks=scene.networks)
    scene.stray_click(rng, through, at_ms, device=device, place=place)
