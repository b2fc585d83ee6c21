"""The public edge's snapshot of keys, codes, slugs and hosts, held in memory.

`refresh` reads it whole after every change and every few seconds (another process may have changed something); the
edge then answers without a query.
"""

from collections import defaultdict

from sqlalchemy import Connection

from ingest.directory import Discount, LinkTarget, PostbackTarget, Referral, Site
from tracker.keys import store as keys
from tracker.keys.make import digest_of, signing_bytes, signing_value
from tracker.keys.types import ApiKey
from tracker.links import store as links_store
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.programs.types import Program


class Snapshot:
    """An implementation of `ingest.directory.Directory`."""

    def __init__(self, secret: bytes) -> None:
        """Start empty; the root secret is what signing keys derive from."""
        self._secret = secret
        self._sites: dict[str, Site] = {}
        self._referrals: dict[tuple[str, str], Referral] = {}
        self._links: dict[str, LinkTarget] = {}
        self._origins: frozenset[str] = frozenset()
        self._secret_keys: dict[bytes, ApiKey] = {}
        self._postbacks: dict[bytes, PostbackTarget] = {}

    def secret_key(self, value: str) -> ApiKey | None:
        """Return the server key in force with this value."""
        return self._secret_keys.get(digest_of(value))

    def postback(self, key: str) -> PostbackTarget | None:
        """Return what a postback key stands for."""
        return self._postbacks.get(digest_of(key))

    def site(self, key: str) -> Site | None:
        """Return what a publishable key stands for."""
        return self._sites.get(key)

    def referral(self, program_id: str, code: str) -> Referral | None:
        """Return whose code it is, without case and blanks; only active partners."""
        return self._referrals.get((program_id, code.strip().upper()))

    def is_known_origin(self, origin: str) -> bool:
        """Tell whether any program has this origin."""
        return origin in self._origins

    def link(self, slug: str) -> LinkTarget | None:
        """Return where a slug leads."""
        return self._links.get(slug)

    def load(self, conn: Connection) -> None:
        """Read everything again; the old snapshot serves until the new one is whole."""
        offered = {program.program_id: program for program in programs.list_programs(conn)}
        origins = {program_id: frozenset(sites) for program_id, sites in programs.sites_by_program(conn).items()}
        enrolled = partners.all_enrollments(conn)
        people = partners.names_of_partners(conn)
        sites: dict[str, Site] = {}
        in_force = keys.keys_in_force(conn)
        secret_keys = keys.keys_by_digest(conn, "secret")
        postbacks = {
            digest: PostbackTarget(
                key_id=key.key_id,
                program_id=key.program_id,
                livemode=key.livemode,
                currency=offered[key.program_id].currency,
            )
            for digest, key in keys.keys_by_digest(conn, "postback").items()
            if key.program_id in offered
        }
        signing = self._signing_secrets(in_force)
        for key in in_force:
            program = offered.get(key.program_id)
            if key.kind != "publishable" or key.public_value is None or program is None:
                continue
            sites[key.public_value] = Site(
                program_id=key.program_id,
                livemode=key.livemode,
                origins=origins.get(key.program_id, frozenset()),
                cookie_days=program.settings.cookie_days,
                gpc=program.settings.gpc,
                signing_secrets=signing[(key.program_id, key.livemode)],
                clean_urls=program.settings.clean_urls,
                cookieless=program.settings.cookieless,
                discount=_discount_of(program),
            )
        active = {one.enrollment_id: one for one in enrolled if one.status == "active"}
        codes = [(one.program_id, one.code, one) for one in active.values()]
        codes += [
            (promo.program_id, promo.code, active[promo.enrollment_id])
            for promo in links_store.all_promo_codes(conn)
            if promo.enrollment_id in active
        ]
        by_id = {one.enrollment_id: one for one in enrolled}
        links: dict[str, LinkTarget] = {}
        for link in links_store.all_links(conn):
            owner = by_id[link.enrollment_id]
            program = offered.get(owner.program_id)
            if program is None:
                continue
            links[link.slug] = LinkTarget(
                program_id=owner.program_id,
                enrollment_id=owner.enrollment_id,
                code=owner.code,
                destination=link.destination,
                hosts=origins.get(owner.program_id, frozenset()),
                cookie_days=program.settings.cookie_days,
                gpc=program.settings.gpc,
                is_active=owner.status == "active",
                cookieless=program.settings.cookieless,
            )
        self._sites, self._links, self._secret_keys, self._postbacks = sites, links, secret_keys, postbacks
        self._referrals = {
            (program_id, code): Referral(
                enrollment_id=owner.enrollment_id, code=code, partner_name=people.get(owner.partner_id, "")
            )
            for program_id, code, owner in codes
        }
        self._origins = frozenset().union(*origins.values())

    def _signing_secrets(self, in_force: list[ApiKey]) -> dict[tuple[str, bool], tuple[bytes, ...]]:
        found: dict[tuple[str, bool], tuple[bytes, ...]] = defaultdict(tuple)
        for key in in_force:
            if key.kind == "signing":
                value = signing_value(secret=self._secret, key_id=key.key_id)
                found[(key.program_id, key.livemode)] += (signing_bytes(value),)
        return found


def _discount_of(program: Program) -> Discount | None:
    """Return what the program's pages show a referred visitor; a fixed amount is in the program's currency."""
    told = program.settings.referred_discount
    if told is None:
        return None
    currency = program.currency if told.kind == "amount" else None
    return Discount(kind=told.kind, value=told.value, currency=currency, code=told.code)
