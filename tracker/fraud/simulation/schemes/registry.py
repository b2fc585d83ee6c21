"""The list of known schemes. A new one is a file here and a line there."""

from tracker.fraud.simulation.plan import Scheme
from tracker.fraud.simulation.schemes import (
    bonus_hunter,
    bot_clicks,
    checkout_hijack,
    datacenter_farm,
    household_ring,
    one_address_farm,
    own_alias,
    own_email,
    own_home,
    refund_cycle,
    stuffing,
    vpn_rotation,
)

SCHEMES: tuple[Scheme, ...] = (
    own_email.SCHEME,
    own_alias.SCHEME,
    own_home.SCHEME,
    household_ring.SCHEME,
    one_address_farm.SCHEME,
    datacenter_farm.SCHEME,
    vpn_rotation.SCHEME,
    bonus_hunter.SCHEME,
    bot_clicks.SCHEME,
    stuffing.SCHEME,
    checkout_hijack.SCHEME,
    refund_cycle.SCHEME,
)
