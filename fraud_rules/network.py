"""Kinds of network an address may belong to, and what each is worth as evidence.

The tables are the law of the same-address rules: `self_network` and `same_ip_leads` read them, the
shell reads the names. Nothing here looks an address up.
"""

from typing import Literal

from fraud_rules.msgids import N_

NetworkClass = Literal["fixed", "mobile", "edu", "corporate", "hosting", "vpn", "tor", "relay", "unknown"]

NETWORK_CLASSES: tuple[NetworkClass, ...] = (
    "fixed",
    "mobile",
    "edu",
    "corporate",
    "hosting",
    "vpn",
    "tor",
    "relay",
    "unknown",
)

# How much one shared address says about one shared person: a home says all, a relay next to nothing.
DAMPING_PPM: dict[NetworkClass, int] = {
    "fixed": 1_000_000,
    "mobile": 400_000,
    "edu": 400_000,
    "corporate": 500_000,
    "hosting": 1_000_000,
    "vpn": 500_000,
    "tor": 1_000_000,
    "relay": 200_000,
    "unknown": 800_000,
}

# Mean leads per address and day, in millionths, until an installation has 14 days of its own data.
DAILY_LEADS_PPM: dict[NetworkClass, int] = {
    "fixed": 50_000,
    "mobile": 2_000_000,
    "edu": 2_000_000,
    "corporate": 500_000,
    "hosting": 50_000,
    "vpn": 1_000_000,
    "tor": 1_000_000,
    "relay": 5_000_000,
    "unknown": 200_000,
}

NETWORK_TITLES: dict[NetworkClass, str] = {
    "fixed": N_("home internet"),
    "mobile": N_("mobile network"),
    "edu": N_("campus network"),
    "corporate": N_("company network"),
    "hosting": N_("server hosting"),
    "vpn": N_("VPN"),
    "tor": N_("Tor exit"),
    "relay": N_("privacy relay"),
    "unknown": N_("network of unknown kind"),
}
