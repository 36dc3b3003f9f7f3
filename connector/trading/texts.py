"""What went over the wire, for the journal: without what must not be written down anywhere."""

from collections.abc import Iterable

from connector.model.redaction import hide
from connector.venues.trading_contract import ApiRequest, Encoded, Message


def request_text(message: Message, unwritten: Iterable[str]) -> bytes:
    """A request as it left, headers aside; see `redaction.hide`."""
    if isinstance(message, ApiRequest):
        return hide(message.frame, unwritten)
    if isinstance(message, Encoded):
        head, _, body = message.data.partition(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0].removesuffix(b" HTTP/1.1")
        return hide(line + b"\n" + body if body else line, unwritten)
    text = f"{message.method} {message.target}".encode()
    return hide(text + b"\n" + message.body if message.body else text, unwritten)
