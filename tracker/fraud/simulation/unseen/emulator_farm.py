"""Emulated telephones: one agent to the letter, telephone numbers in a row, addresses of one carrier.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.browsers import draw_device, incognito
from tracker.fraud.simulation.names import draw_phone
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import MINUTE_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write registrations over days, with numbers bought as one block."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    emulator = draw_device(rng, country, kind="phone", model="chrome-android")
    carrier = scene.networks.mobile(country)
    block = draw_phone(rng, country)[:-2]
    first = rng.randrange(99 - min(plan.count, 60))
    for index, at_ms in enumerate(plan.times(rng)):
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(MINUTE_MS, 6 * MINUTE_MS),
            device=incognito(rng, emulator),
            place=carrier,
            phone=f"{block}{(first + index) % 100:02d}",
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="U6_emulator_farm", title="Emulated telephones", sizes=(8, 18), run=run)
