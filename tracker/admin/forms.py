"""A form as it was sent or as it is first shown: its values, and what is wrong with them.

Views read values from it, note every refusal on it and give it back to the template, so that nothing typed is lost.
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tracker.i18n.messages import InputError, Message, msg
from tracker.i18n.text import fits_storage

BODY_MAX = 64 * 1024  # bytes; our longest form is a tenth of it
FIELDS_MAX = 200  # fields of one form; the terms of a program have about sixty
_FORM_TYPE = "application/x-www-form-urlencoded"


class Form:
    """Values by field name, and one message per field that was refused."""

    def __init__(self, values: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(values)
        self._values = dict(self._pairs)
        self.errors: dict[str, Message] = {}

    def get(self, name: str, default: str = "") -> str:
        """Return a field's value without outer blanks."""
        return self._values.get(name, default).strip()

    def raw(self, name: str) -> str:
        """Return a field's value exactly as sent, for passwords."""
        return self._values.get(name, "")

    def all(self, name: str) -> list[str]:
        """Return every value of a field that may be sent several times."""
        return [value for key, value in self._pairs if key == name]

    def sent(self, *, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Return every field as it was sent, in its order, to be sent once more."""
        return [(name, value) for name, value in self._pairs if name not in without]

    def is_on(self, name: str) -> bool:
        """Tell whether a checkbox was ticked."""
        return bool(self._values.get(name))

    def whole(self, name: str, *, low: int, high: int) -> int:
        """Return a whole number between two bounds; notes the refusal and returns `low` otherwise."""
        typed = self.get(name)
        if typed.isascii() and typed.isdigit() and len(typed) <= 12 and low <= int(typed) <= high:
            return int(typed)
        self.errors[name] = msg("Give a whole number from %(low)s to %(high)s.", low=low, high=high)
        return low

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return a value out of a closed list; notes the refusal and returns the first otherwise."""
        value = self.get(name)
        if value in allowed:
            return value
        self.errors[name] = msg("Choose one of the list.")
        return allowed[0]

    def refuse(self, error: InputError) -> "Form":
        """Note a refusal under its field and return the form, to be shown again."""
        self.errors[error.field] = error.message
        return self


async def read_form(request: Request) -> Form:
    """Return the sent form. Refuses other content types (415), bodies over 64 KiB (413) and unreadable text (400)."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM_TYPE:
        raise HTTPException(415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise HTTPException(413)
    try:
        text = bytes(body).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise HTTPException(400) from error
    if not all(fits_storage(name) and fits_storage(value) for name, value in pairs):
        raise HTTPException(400)
    return Form(pairs)
