"""The list of schemes that no rule was tuned on. They make worlds of their own (`--unseen`).

Their parameters are nobody's to look at while writing or tuning a rule; only the report shows what was found of them.
"""

from tracker.fraud.simulation.plan import Scheme
from tracker.fraud.simulation.unseen import (
    click_injection,
    dripped_identities,
    emulator_farm,
    gift_card_resale,
    leaked_code,
    partner_triangle,
    template_names,
    timed_leads,
)

UNSEEN: tuple[Scheme, ...] = (
    dripped_identities.SCHEME,
    partner_triangle.SCHEME,
    leaked_code.SCHEME,
    click_injection.SCHEME,
    template_names.SCHEME,
    emulator_farm.SCHEME,
    gift_card_resale.SCHEME,
    timed_leads.SCHEME,
)
