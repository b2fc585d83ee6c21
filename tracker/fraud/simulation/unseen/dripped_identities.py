"""Real people's stolen details, one registration a day, each through another stranger's home line.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.draws import moment_of_day
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import DAY_MS, MINUTE_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write one registration a day, patient and well made, that never becomes a customer."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    midnight_ms = plan.begins_ms // DAY_MS * DAY_MS + DAY_MS
    for day, line in enumerate(scene.networks.neighbours(country, plan.count)):
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=midnight_ms + day * DAY_MS + moment_of_day(rng),
            delay=rng.randrange(2 * MINUTE_MS, 11 * MINUTE_MS),
            place=line,
            buys=False,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="U1_dripped_identities", title="Stolen identities, one a day", sizes=(8, 16), run=run)
