"""How a venue says what a connection carries and in which form, where it can be asked."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Form(Struct, frozen=True):
    """The form of a connection's messages, where it has several and one of them is read."""

    ask: Callable[[int], bytes]
    """The question, by request id."""
    right: Callable[[Any], bool]
    """Whether the answer (``Control.result``) names the form that is read; ValueError: it is no
    answer."""
    change: Callable[[int], bytes]
    """The message that sets that form."""


class Inquiry(Struct, frozen=True):
    """Questions about a connection, asked on it; the answer is a ``Control`` of that id."""

    ask: Callable[[int], bytes]
    """Which streams it carries, by request id."""
    names: Callable[[Any], frozenset[str]]
    """The streams of the answer (``Control.result``); ValueError: it is no answer."""
    kind: Callable[[str], str] = str
    """What a stream is, whatever pace its name says: one that is listed in another's place and is
    of its kind is the same stream, spelled otherwise."""
    form: Form | None = None
    """None: there is one form only."""
