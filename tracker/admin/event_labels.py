"""Names people read for the words of refused events: doors, causes with their remedy, verdicts.

The page of refused events and the overview look them up; an unknown word shows as itself.
"""

import re
from collections.abc import Mapping

from tracker.i18n.messages import mark
from tracker.i18n.translator import Translator

# Verdict: (word, tone of its badge).
VERDICT: Mapping[str, tuple[str, str]] = {
    "quarantined": (mark("Waits"), "wait"),
    "accepted": (mark("Taken"), "good"),
    "discarded": (mark("Given up"), "quiet"),
}
DOOR: Mapping[str, str] = {
    "track_lead": mark("Lead from a server"),
    "track_sale": mark("Sale from a server"),
    "track_refund": mark("Refund from a server"),
    "track_click": mark("Click from a server"),
    "browser_event": mark("Event from a browser"),
    "postback": mark("Postback of another tracker"),
}
# Code: what is wrong, and what to do.
CAUSE: Mapping[str, tuple[str, str]] = {
    "invalid_request": (
        mark("A field is wrong"),
        mark("Correct the field the cause names and take the report again; mend what sends it, or the next one comes."),
    ),
    "invalid_json": (
        mark("It is no JSON"),
        mark("The text breaks off or has a stray character. Correct it, or report the event again."),
    ),
    "invalid_encoding": (
        mark("It is no UTF-8"),
        mark("The sender writes another encoding. Write the text anew here and let the sender use UTF-8."),
    ),
    "unsupported_media_type": (
        mark("The content type is not JSON"),
        mark("If the text below is right, take it as it is; let the sender add Content-Type: application/json."),
    ),
    "unsupported_encoding": (
        mark("It is compressed"),
        mark("Bodies are taken uncompressed only. Report the event again without Content-Encoding."),
    ),
    "body_too_large": (
        mark("It is too large"),
        mark("Only its beginning is kept. Report the event again with less in it."),
    ),
    "conflict": (
        mark("Its number is taken by another report"),
        mark(
            "The first report stays as it is. If this one is another order, give it a number of its own; if it "
            "repeats the first, discard it."
        ),
    ),
    "idempotency_conflict": (
        mark("Its Idempotency-Key is taken by another request"),
        mark("If the report is right, take it as it is; let the sender use a new key for each new request."),
    ),
    "bad_signature": (
        mark("Its signature does not fit"),
        mark(
            "Without the three webhook fields it is taken as a browser's claim, which pays nothing until your server "
            "confirms it. Check the signing secret of the sender."
        ),
    ),
    "wrong_key": (
        mark("Its key belongs to another program or mode"),
        mark("Put the key of this program and mode back; an event cannot move to another one."),
    ),
    "payload_cut": (
        mark("It is kept only in part"),
        mark("Write the whole text here, or report the event again in less."),
    ),
    "no_such_door": (
        mark("The door it came to is gone"),
        mark("Report the event at a door of today, or discard it."),
    ),
    "unknown_key": (
        mark("Its key is unknown or revoked"),
        mark("Put a publishable key of this program into it."),
    ),
    "unknown_code": (
        mark("Nobody has this code"),
        mark("Correct the code, or make the partner active who had it."),
    ),
    "origin_not_allowed": (
        mark("It came from a page that is no site of the program"),
        mark("Add the site to the program if it is yours, then take the event again; else discard it."),
    ),
    "gpc": (
        mark("The visitor objects to being tracked"),
        mark("Discard it, unless the program's terms ignore Global Privacy Control."),
    ),
    "changed": (
        mark("It names another amount than before"),
        mark("The first report of this click, transaction and status counts. Discard this one, or report a refund."),
    ),
    "unknown_sale": (
        mark("The sale it takes back is not known"),
        mark("Take it again once the sale has been reported."),
    ),
    "address_too_long": (
        mark("Its address is too long"),
        mark("Let the other tracker send a form or JSON instead."),
    ),
    "rate_limited": (
        mark("Too many came at once"),
        mark("Take it again in a minute."),
    ),
}

# What the decoder calls a type, and what people call it.
_TYPE: Mapping[str, str] = {
    "int": mark("a whole number"),
    "float": mark("a number"),
    "str": mark("a text"),
    "bool": mark("yes or no (true, false)"),
    "null": mark("nothing"),
    "object": mark("an object"),
    "array": mark("a list"),
}
_WRONG_TYPE = re.compile(r"(?:(?P<field>[^:`]+): )?Expected `(?P<wanted>[a-z| ]+)`, got `(?P<given>[a-z]+)`")
_UNKNOWN = re.compile(r"(?P<field>[^:`]+): Object contains unknown field `[^`]*`")
_MISSING = re.compile(r"(?P<field>[^:`]+): Object missing required field `[^`]*`")


def cause_text(cause: str, speech: Translator) -> str:
    """Return a cause as people say it where it is the decoder's own sentence, any other as it is."""
    if found := _UNKNOWN.fullmatch(cause):
        return speech.gettext("%(field)s: there is no such field; check its spelling.", field=found["field"])
    if found := _MISSING.fullmatch(cause):
        return speech.gettext("%(field)s: the field is missing.", field=found["field"])
    if found := _WRONG_TYPE.fullmatch(cause):
        kinds = [each for each in found["wanted"].split(" | ") if each != "null"]
        wanted = speech.gettext(" or ").join(_type(each, speech) for each in kinds)
        given = _type(found["given"], speech)
        text = speech.gettext("%(wanted)s belongs here, %(given)s was sent.", wanted=wanted, given=given)
        return f"{found['field']}: {text}" if found["field"] else text
    return cause


def _type(name: str, speech: Translator) -> str:
    return speech.gettext(_TYPE[name]) if name in _TYPE else name
