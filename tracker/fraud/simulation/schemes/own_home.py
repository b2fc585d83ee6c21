"""S3: the partner buys from home under another mailbox, in a private window."""

from random import Random

import msgspec

from tracker.fraud.simulation.browsers import incognito
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write purchases under invented names; nothing but the home connects them with the partner."""
    partner = plan.partner
    for at_ms in plan.times(rng):
        alias = msgspec.structs.replace(scene.people.newcomer(partner.owner.country), home=partner.owner.home)
        act = Act(
            person=alias,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            device=incognito(rng, rng.choice(partner.owner.devices)),
            place=partner.owner.home,
            place_after=partner.owner.home,
            buys=True,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S3_own_home", title="Own home, other mailbox", sizes=(2, 6), run=run)
