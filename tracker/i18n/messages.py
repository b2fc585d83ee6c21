"""Texts that wait for their reader's language: message ids with parameters, and errors that carry one.

Pure code and stores make messages with `msg` and raise `InputError`; faces write them out through a
`Translator`. The command line and the API read `str(refusal)`, which is plain English. Nothing here
translates.
"""

import msgspec

Parameter = str | int


class Message(msgspec.Struct, frozen=True):
    """An English text with named placeholders (`%(name)s`) and the values that fill them."""

    msgid: str
    params: dict[str, Parameter] = {}

    def __str__(self) -> str:
        return self.msgid % self.params if self.params else self.msgid.replace("%%", "%")


def msg(msgid: str, **params: Parameter) -> Message:
    """Return a message; the name of this function marks its first argument for extraction."""
    return Message(msgid, params)


def mark(msgid: str) -> str:
    """Return the text unchanged; marks a label for extraction that is translated where it is shown."""
    return msgid


class InputError(ValueError):
    """A given value cannot be taken: which field, and a message with cause and remedy."""

    def __init__(self, field: str, message: Message) -> None:
        super().__init__(str(message))
        self.field = field
        self.message = message
