"""Shapes of answers that several routes of the API share; those of one route stand beside it."""

from typing import Generic, Literal, TypeVar

import msgspec

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A page of a list, newest first; the next one starts after its last item."""

    data: list[Item]
    has_more: bool


class Links(msgspec.Struct, frozen=True, kw_only=True, rename={"self_": "self"}):
    """Where the object can be read."""

    self_: str


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A report that is stored and will be decided in a moment."""

    id: str
    livemode: bool
    links: Links
    status: Literal["received"] = "received"
