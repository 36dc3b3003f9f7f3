"""What went over the wire, for the journal: without what must not be written down anywhere."""

import re
from collections.abc import Iterable
from functools import cache

from connector.venues.trading_contract import ApiRequest, Encoded, Message

HIDDEN = b"***"


def request_text(message: Message, unwritten: Iterable[str]) -> bytes:
    """A request as it left, headers aside; see ``hide``."""
    if isinstance(message, ApiRequest):
        return hide(message.frame, unwritten)
    if isinstance(message, Encoded):
        head, _, body = message.data.partition(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0].removesuffix(b" HTTP/1.1")
        return hide(line + b"\n" + body if body else line, unwritten)
    text = f"{message.method} {message.target}".encode()
    return hide(text + b"\n" + message.body if message.body else text, unwritten)


def hide(text: bytes, unwritten: Iterable[str]) -> bytes:
    """The text with the values of these parameters hidden, whether it is a query or JSON."""
    return _pattern(tuple(unwritten)).sub(_hidden, text)


def _hidden(found: "re.Match[bytes]") -> bytes:
    assert found.lastindex is not None
    return found[found.lastindex] + HIDDEN


@cache
def _pattern(names: tuple[str, ...]) -> "re.Pattern[bytes]":
    if not names:
        return re.compile(rb"(?!)()")
    one = b"(?:" + b"|".join(re.escape(name).encode() for name in names) + b")"
    return re.compile(
        # As a parameter: up to the next one.
        rb"(\b" + one + rb"=)[^&\s\"\\]*"
        # In JSON: up to the closing quote, with blanks and whatever is escaped.
        rb"|(\"" + one + rb"\"\s*:\s*\")(?:[^\"\\]|\\.)*"
        # In JSON inside a text, where each quote is escaped once.
        rb"|(\\\"" + one + rb"\\\"\s*:\s*\\\")"
        rb"(?:[^\"\\]|\\\\(?:\\.|[^\"\\])|\\[^\"\\])*"
    )
