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
    return _pattern(tuple(unwritten)).sub(rb"\1" + HIDDEN, text)


@cache
def _pattern(names: tuple[str, ...]) -> "re.Pattern[bytes]":
    if not names:
        return re.compile(rb"(?!)()")
    one = "|".join(map(re.escape, names)).encode()
    # As a parameter: up to the next one. In JSON, also inside a text: up to the closing quote.
    return re.compile(rb"((?:\b(?:" + one + rb')=|\\?"(?:' + one + rb')\\?"\s*:\s*\\?"))[^&\s"\\]*')
