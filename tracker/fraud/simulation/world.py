"""Making a world: everyday life, honest people who look odd, and fraud, in that order; then what stands around them.

`simulate` is deterministic: every part draws from a generator of its own, seeded by the world's seed and its name. No
clock, no `hash()`, no order of a set takes part.
"""

from random import Random

from tracker.fraud.simulation.confounders.registry import CONFOUNDERS
from tracker.fraud.simulation.draws import chance, moment_of_day, stream
from tracker.fraud.simulation.honest import live, mix_in
from tracker.fraud.simulation.networks import LINES
from tracker.fraud.simulation.people import place_of
from tracker.fraud.simulation.plan import Plan
from tracker.fraud.simulation.record import iso
from tracker.fraud.simulation.scene import Scene
from tracker.fraud.simulation.schemes.registry import SCHEMES
from tracker.fraud.simulation.trade import PROGRAMS
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, PPM, Parameters, Partner, World
from tracker.fraud.simulation.unseen.registry import UNSEEN

OCCURRENCES = (1, 2)  # of each confounder in a world
HONEST_SHARE_PPM = (300_000, 700_000)  # of a fraudulent partner's leads
HELD_AFTER_DAYS = (7, 30)  # when an adaptive scheme stops, as if its author had seen money held
LOGIN_EVERY_DAYS = 7
MOVES_PAYOUT_PPM = 50_000


def simulate(parameters: Parameters) -> World:
    """Return the world of these parameters: `network` lines first, then programs, then everything by time."""
    scene = Scene(parameters)
    live(scene)
    rng = stream(parameters.seed, "confounders")
    for confounder in CONFOUNDERS:
        own = stream(parameters.seed, f"confounder:{confounder.name}")
        for _ in range(rng.randint(*OCCURRENCES)):
            confounder.run(scene, own)
    running = _cheat(scene)
    for partner in scene.partners:
        scene.record.partner(partner, scheme=running.get(partner.partner_id))
    _stand_around(scene)
    lines, labels = scene.record.finished()
    return World(parameters=parameters, lines=_opening(parameters) + lines, labels=labels)


def _cheat(scene: Scene) -> dict[str, str]:
    """Run schemes until the base rate is met, and return the first scheme of each fraudulent partner.

    Partners and schemes are dealt out in turn from shuffled hands, so that each scheme comes up over the seeds. An
    honest 30 to 70 % of a fraudulent partner's leads come with it.
    """
    parameters = scene.parameters
    rng = stream(parameters.seed, "fraud")
    honest = scene.record.units()
    budget = honest * parameters.base_rate_ppm // (PPM - parameters.base_rate_ppm)
    free = [each for each in scene.partners if each.is_fraud]
    rng.shuffle(free)
    schemes = list(UNSEEN if parameters.unseen else SCHEMES)
    rng.shuffle(schemes)
    running: dict[str, str] = {}
    runs = dict.fromkeys((each.partner_id for each in free), 0)
    turn = 0
    while budget > 0 and free:
        scheme = schemes[turn % len(schemes)]
        turn += 1
        fitting = [each for each in free if scheme.fits(each)]
        if not fitting:
            continue  # nobody here could run it; those that anybody can remain
        partner = min(fitting, key=lambda each: runs[each.partner_id])
        runs[partner.partner_id] += 1
        running.setdefault(partner.partner_id, scheme.name)
        count = min(rng.randint(*scheme.sizes), budget)
        own = stream(parameters.seed, f"scheme:{scheme.name}:{turn}")
        scheme.run(scene, own, _plan(scene, rng, partner, count))
        share = rng.randrange(*HONEST_SHARE_PPM)
        mix_in(scene, rng, partner, count * share // (PPM - share))
        budget -= count
    for partner in free:
        if partner.partner_id not in running:
            mix_in(scene, rng, partner, rng.randint(3, 12))
    return running


def _plan(scene: Scene, rng: Random, partner: Partner, count: int) -> Plan:
    parameters = scene.parameters
    last_ms = parameters.start_ms + parameters.days * DAY_MS
    span_ms = max(last_ms - partner.joined_ms, 2 * DAY_MS)
    begins_ms = partner.joined_ms + rng.randrange(span_ms // 2) + HOUR_MS
    held_ms = begins_ms + rng.randint(*HELD_AFTER_DAYS) * DAY_MS
    ends_ms = min(held_ms, last_ms) if parameters.adaptive else last_ms
    others = [each for each in scene.partners if each.is_fraud and each is not partner]
    same = [each for each in others if each.program is partner.program]
    return Plan(
        partner=partner,
        count=count,
        begins_ms=begins_ms,
        ends_ms=max(ends_ms, begins_ms + HOUR_MS),
        accomplices=tuple([*same, *(each for each in others if each not in same)][:2]),
    )


def _opening(parameters: Parameters) -> tuple[dict[str, object], ...]:
    """Return the lines that come first: networks."""
    return tuple(
        {
            "type": "network",
            "at": iso(parameters.start_ms),
            "prefix": each.prefix,
            "country": each.country,
            "asn": each.asn,
            "class": each.network_class,
        }
        for each in LINES
    )


def _stand_around(scene: Scene) -> None:
    """Write programs, partners, their sign-ins and the accounts they are paid to."""
    rng = stream(scene.parameters.seed, "surroundings")
    start_ms = scene.parameters.start_ms
    for program in PROGRAMS:
        fields = {"program_id": program.program_id, "name": program.name, "currency": program.currency}
        scene.record.open("program", fields, at_ms=start_ms)
    for partner in scene.partners:
        owner = partner.owner
        base = {"program_id": partner.program.program_id, "partner_id": partner.partner_id}
        facts = {"name": owner.name, "email": owner.email, "phone": owner.phone, "partner_code": partner.code}
        scene.record.open("partner", base | facts, at_ms=partner.joined_ms)
        paid = base | {"payment_fingerprint": scene.payout_card(partner)}
        scene.record.open("payout_method", paid, at_ms=partner.joined_ms)
        if chance(rng, MOVES_PAYOUT_PPM):
            moved = base | {"payment_fingerprint": f"card_{rng.getrandbits(64):016x}"}
            scene.record.write("payout_method", moved, at_ms=start_ms + rng.randrange(30, 55) * DAY_MS)
        _sign_ins(scene, rng, partner, base)


def _sign_ins(scene: Scene, rng: Random, partner: Partner, base: dict[str, str]) -> None:
    """Write the partner's visits to the portal, about weekly, from wherever the partner is."""
    parameters = scene.parameters
    day = (partner.joined_ms - parameters.start_ms) // DAY_MS
    while day < parameters.days:
        at_ms = max(parameters.start_ms + day * DAY_MS + moment_of_day(rng), partner.joined_ms)
        device = rng.choice(partner.owner.devices)
        place = place_of(partner.owner, device, at_ms=at_ms, rng=rng, networks=scene.networks)
        address = scene.address(rng, place, at_ms)
        fields = base | {"ip": address, "user_agent": device.agent, "device_id": device.device_id}
        scene.record.write("partner_login", fields, at_ms=at_ms)
        day += rng.randint(2, 2 * LOGIN_EVERY_DAYS - 2)
