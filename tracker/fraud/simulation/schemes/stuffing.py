"""S10: a page loads the referral link as a picture or in a hidden frame; some of its readers buy later anyway."""

from random import Random

import msgspec

from tracker.fraud.simulation.draws import delay_ms
from tracker.fraud.simulation.people import place_of
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import DAY_MS, Device

LOADS = (150, 350)
STUFFED_LATER_DAYS = 12  # the reader buys on an errand of the reader's own, up to so long after


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write loads by people who never clicked, and the sales credited to them."""
    partner = plan.partner
    page = f"https://{partner.site}/forum/topic-{rng.randrange(900)}"
    for at_ms in plan.times(rng, rng.randint(*LOADS)):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        device = rng.choice(person.devices)
        place = place_of(person, device, at_ms=at_ms, rng=rng, networks=scene.networks)
        headers = _loaded(rng, device)
        scene.stray_click(rng, partner, at_ms, device=device, place=place, click_headers=headers, referrer=page)
    for at_ms in plan.times(rng):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        device = rng.choice(person.devices)
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(STUFFED_LATER_DAYS * DAY_MS) + delay_ms(rng, partner.program),
            device=device,
            click_headers=_loaded(rng, device),
            referrer=page,
        )
        if scene.refer(rng, fraudulent(act, SCHEME.name)) is None:
            scene.refer(rng, fraudulent(msgspec.structs.replace(act, delay=DAY_MS // 2), SCHEME.name))


def _loaded(rng: Random, device: Device) -> dict[str, str]:
    """Return the headers of a load that nobody asked for; old browsers do not say."""
    if "sec-fetch-dest" not in device.headers:
        return device.headers
    kept = {name: value for name, value in device.headers.items() if name != "sec-fetch-user"}
    dest = rng.choice(("image", "image", "iframe"))
    return kept | {"sec-fetch-dest": dest, "sec-fetch-mode": "navigate" if dest == "iframe" else "no-cors"}


SCHEME = Scheme(name="S10_stuffing", title="The link hidden in a page", sizes=(5, 12), run=run)
