"""S4: the partner's household registers again and again, everybody under several mailboxes."""

from random import Random

from tracker.fraud.simulation.browsers import incognito
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import DAY_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write few people and many registrations, most of them within three days."""
    partner = plan.partner
    home = partner.owner.home
    members = [scene.people.newcomer(partner.owner.country, home=home) for _ in range(rng.randint(2, 4))]
    for index in range(plan.count):
        member = members[index % len(members)]
        other = scene.people.newcomer(partner.owner.country)
        is_again = index >= len(members)
        device = rng.choice(member.devices)
        act = Act(
            person=member,
            program=partner.program,
            partner=partner,
            clicked_ms=plan.begins_ms + rng.randrange(3 * DAY_MS),
            device=incognito(rng, device) if is_again else device,
            place=home,
            place_after=home,
            email=other.email if is_again else None,
            name=rng.choice((member.name, other.name)) if is_again else None,
            phone=other.phone if is_again else None,
            customer_id=f"c{other.person_id}",
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S4_household_ring", title="A household registers many times", sizes=(5, 9), run=run)
