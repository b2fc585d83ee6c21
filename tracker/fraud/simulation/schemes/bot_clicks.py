"""S9: programs follow the link by the hundred, and some of them fill the form."""

from random import Random

from tracker.fraud.simulation.browsers import incognito
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import HOUR_MS, Device

AGENTS = (
    "python-requests/2.32.3",
    "Go-http-client/2.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
    "okhttp/4.12.0",
    "Mozilla/5.0",
)
CLICKS = (150, 400)


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write bursts of clicks from a few servers, and registrations of invented people by the same programs."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    servers = scene.networks.hosting(rng.randint(2, 6))
    bursts = plan.times(rng, 4)
    for _ in range(rng.randint(*CLICKS)):
        at_ms = rng.choice(bursts) + rng.randrange(2 * HOUR_MS)
        scene.stray_click(rng, partner, at_ms, device=_machine(rng), place=servers, referrer="")
    for _ in range(plan.count):
        machine = _machine(rng)
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=rng.choice(bursts) + rng.randrange(2 * HOUR_MS),
            delay=rng.randrange(900, 9000),
            device=machine,
            place=servers,
            referrer="",
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


def _machine(rng: Random) -> Device:
    """Return a program that sends no header of a browser."""
    return incognito(rng, Device(device_id="", agent=rng.choice(AGENTS), headers={}, mobile=False, platform="program"))


SCHEME = Scheme(name="S9_bot_clicks", title="Programs click and fill forms", sizes=(4, 10), run=run)
