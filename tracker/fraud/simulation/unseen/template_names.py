"""Invented people from one template, each at another small mail domain of the partner's own.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.names import draw_name
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import MINUTE_MS

WORDS = ("blue", "north", "silver", "river", "maple", "stone", "cloud", "amber", "field", "harbor", "lumen", "pine")


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write addresses like first.lastNN at domains that are used once or twice, over mobile lines."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    for at_ms in plan.times(rng):
        name = draw_name(rng, country)
        first, last = name.latin()
        domain = f"{rng.choice(WORDS)}{rng.choice(WORDS)}.{rng.choice(('com', 'net', 'org', 'info'))}"
        person = scene.people.newcomer(country)
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(MINUTE_MS, 7 * MINUTE_MS),
            place=person.mobile,
            name=name.full,
            email=f"{first}.{last}{rng.randrange(10, 100)}@{domain}",
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="U5_template_names", title="One template, many mail domains", sizes=(8, 16), run=run)
