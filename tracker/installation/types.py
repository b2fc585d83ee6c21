"""Records of checked installations: what the server read of the owner's page, and what arrived from the browser."""

from typing import Literal

import msgspec

from ingest.install_check import Sighting
from tracker.i18n.messages import Message
from tracker.outgoing import Trouble

KeyStanding = Literal["live", "test", "other_program", "unknown", "missing"]
Tone = Literal["good", "wait", "bad", "quiet"]


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """The script tag as it stands in the page; `src` is absolute, the options as typed.

    `is_held`: a consent manager holds the script back by another `type`.
    """

    src: str
    key: str
    is_held: bool = False
    nonce: str = ""
    integrity: str = ""
    api: str = ""
    consent: str = "granted"
    params: str = ""
    skip: str = ""


class PageReading(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's HTML and headers say. `status` is None when it was not read; `trouble` says why."""

    status: int | None
    trouble: Trouble | None = None
    location: str = ""
    is_html: bool = True
    tag: Tag | None = None
    tags: int = 0
    key_standing: KeyStanding = "missing"
    # The directive that forbids, as it stands there; "" when nothing does.
    script_forbidden_by: str = ""
    connect_forbidden_by: str = ""
    has_policy: bool = False


class ScriptReading(msgspec.Struct, frozen=True, kw_only=True):
    """What the script's address answers; `status` is None when it was not asked."""

    url: str
    status: int | None = None
    trouble: Trouble | None = None
    is_script: bool = False


class HostReading(msgspec.Struct, frozen=True, kw_only=True):
    """What DNS says, seen from this server; no address means that the name was not found."""

    host: str
    addresses: tuple[str, ...] = ()
    canonical: str | None = None


class SiteReading(msgspec.Struct, frozen=True, kw_only=True):
    """All that the server found out by itself."""

    page: PageReading
    script: ScriptReading | None
    site_host: HostReading
    script_host: HostReading


class InstallCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One check: the page, the reserved code it is opened with, what was read, and the click once it came."""

    check_id: str
    code: str
    program_id: str
    site: str
    page_url: str
    started_at_ms: int
    reading: SiteReading
    sighting: Sighting | None = None
    seen_at_ms: int | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the result: what was looked at, how it stands, why, and what to do about it."""

    tone: Tone
    title: str
    text: Message
    remedy: Message | None = None
