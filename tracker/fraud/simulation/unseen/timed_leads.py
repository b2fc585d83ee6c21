"""Registrations by a timer: every so many minutes through the night, from rented home lines.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, MINUTE_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write one every 10 to 40 minutes from one in the morning on, for two nights."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    every_ms = rng.randint(10, 40) * MINUTE_MS
    night_ms = plan.begins_ms // DAY_MS * DAY_MS + DAY_MS + HOUR_MS
    half = (plan.count + 1) // 2
    for index, line in enumerate(scene.networks.neighbours(country, plan.count)):
        night, turn = divmod(index, half)
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=night_ms + night * DAY_MS + turn * every_ms + rng.randrange(6000),
            delay=rng.randrange(50_000, 58_000),
            place=line,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="U8_timed_leads", title="Registrations by a timer", sizes=(12, 24), run=run)
