"""The Centrifugo JSON protocol's shapes and codes: bytes out, bytes in, no state.

A text frame holds JSON objects, one a line. The server omits fields that are zero, false or empty;
the vendor's own samples print some of them: a missing field means its zero value, and so does a
null where a list or an object may be. Keys are snake_case, whatever a vendor's schema says. What
is not known is ignored."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec import Raw, Struct

CLIENT_FRAME_MOST = 60_000
"""Bytes of one frame of ours; the server refuses more than 64 KiB."""
COMMANDS_MOST = 20
"""Commands in one frame; each is handled after the one before."""
NOTHING = Raw(b"")
PONG = b"{}"
"""Also what the server's ping looks like."""


class Class(Enum):
    """What to do after an error or a close."""

    RETRY = "retry"
    """With backoff."""
    TOKEN = "token"
    """Get a new token, then again."""
    RESYNC = "resync"
    """The kept position is of no use: start without it and rebuild what depends on it."""
    OTHER_LINE = "other line"
    """This connection is full: use another one."""
    FINAL = "final"
    """Trying again cannot help."""


ERRORS: Mapping[int, tuple[str, Class]] = {
    100: ("internal server error", Class.RETRY),
    101: ("unauthorized", Class.FINAL),
    102: ("unknown channel", Class.FINAL),
    103: ("permission denied", Class.FINAL),
    104: ("method not found", Class.FINAL),
    105: ("already subscribed", Class.RETRY),
    106: ("limit exceeded", Class.OTHER_LINE),
    107: ("bad request", Class.FINAL),
    108: ("not available", Class.FINAL),
    109: ("token expired", Class.TOKEN),
    110: ("expired", Class.TOKEN),
    111: ("too many requests", Class.RETRY),
    112: ("unrecoverable position", Class.RESYNC),
    113: ("concurrent pagination", Class.RETRY),
}
"""Codes of error replies; those from 400 on are the application's."""

CLOSES: Mapping[int, str] = {
    3000: "connection closed",
    3001: "shutdown",
    3004: "server error",
    3005: "connection expired",
    3006: "subscription expired",
    3008: "slow",
    3009: "write error",
    3010: "insufficient state",
    3011: "force reconnect",
    3012: "no pong",
    3013: "too many requests",
    3014: "state invalidated",
    3500: "invalid token",
    3501: "bad request",
    3502: "stale",
    3503: "force disconnect",
    3504: "connection limit",
    3505: "channel limit",
    3506: "inappropriate protocol",
    3507: "permission denied",
    3508: "not available",
    3509: "too many errors",
}
"""Codes the server closes with, or pushes as `disconnect`."""


def error_class(code: int, temporary: bool) -> Class:
    """What an error reply means; ``temporary`` is the server's own flag."""
    known = ERRORS.get(code)
    if known is not None and known[1] is not Class.FINAL:
        return known[1]
    return Class.RETRY if temporary else Class.FINAL


def close_class(code: int) -> Class:
    """What a close means. 3500, an invalid token, is terminal for the server; the vendor's own
    client fetches a new one and connects again: allow that once."""
    if code in (3005, 3500):
        return Class.TOKEN
    if code == 3014:
        return Class.RESYNC
    if 3500 <= code <= 3999 or 4500 <= code <= 4999:
        return Class.FINAL
    return Class.RETRY


def unsubscribe_class(code: int) -> Class:
    """What an `unsubscribe` push means for its channel."""
    if code < 2500:
        return Class.FINAL
    return {2501: Class.TOKEN, 2502: Class.RESYNC}.get(code, Class.RETRY)


# In


class ClientInfo(Struct, frozen=True):
    user: str = ""
    client: str = ""
    conn_info: Raw = NOTHING
    chan_info: Raw = NOTHING


class Publication(Struct, frozen=True):
    """``data`` is any JSON, undecoded."""

    data: Raw = NOTHING
    offset: int = 0
    """0: the channel keeps no positions."""
    time: int = 0
    """When the server took it, in ms; 0: it does not say."""
    info: ClientInfo | None = None
    tags: dict[str, str] | None = None
    delta: bool = False


class SubscribeResult(Struct, frozen=True):
    expires: bool = False
    ttl: int = 0
    recoverable: bool = False
    positioned: bool = False
    epoch: str = ""
    offset: int = 0
    publications: list[Publication] | None = None
    recovered: bool = False
    was_recovering: bool = False
    data: Raw = NOTHING


class ConnectResult(Struct, frozen=True):
    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0
    data: Raw = NOTHING
    subs: dict[str, SubscribeResult] | None = None
    ping: int = 0
    pong: bool = False
    session: str = ""
    node: str = ""
    time: int = 0


class RefreshResult(Struct, frozen=True):
    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0


class ErrorBody(Struct, frozen=True):
    code: int = 0
    message: str = ""
    temporary: bool = False


class Person(Struct, frozen=True):
    """Of a join or leave."""

    info: ClientInfo = ClientInfo()


class Unsubscribed(Struct, frozen=True):
    code: int = 0
    reason: str = ""


class Disconnect(Struct, frozen=True):
    code: int = 0
    reason: str = ""
    reconnect: bool = False


class Message(Struct, frozen=True):
    data: Raw = NOTHING


class Push(Struct, frozen=True):
    channel: str = ""
    pub: Publication | None = None
    join: Person | None = None
    leave: Person | None = None
    unsubscribe: Unsubscribed | None = None
    message: Message | None = None
    subscribe: SubscribeResult | None = None
    connect: ConnectResult | None = None
    disconnect: Disconnect | None = None
    refresh: RefreshResult | None = None


class Reply(Struct, frozen=True):
    """One object of a frame: a reply (``id`` above 0), a push, or, empty, the server's ping."""

    id: int = 0
    error: ErrorBody | None = None
    push: Push | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: Raw = NOTHING
    publish: Raw = NOTHING
    presence: Raw = NOTHING
    presence_stats: Raw = NOTHING
    history: Raw = NOTHING
    rpc: Raw = NOTHING
    refresh: RefreshResult | None = None
    sub_refresh: RefreshResult | None = None


_REPLY = msgspec.json.Decoder(Reply)
PING = Reply()
"""What ``decode`` gives for the empty object, and for nothing else."""
_BLANK = b" \t\r\n"
_encode = msgspec.json.Encoder().encode


def decode(line: bytes) -> Reply:
    """One object of a frame; raises ValueError when the line is none."""
    if line.translate(None, _BLANK) == PONG:
        return PING
    try:
        return _REPLY.decode(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None


# Out


def command(number: int, key: str, fields: Mapping[str, Any]) -> bytes:
    """One command without its line end; fields that are None, False, "" or 0 are left out, as the
    server does: they mean the same."""
    body = {
        name: value
        for name, value in fields.items()
        if isinstance(value, Raw) or value not in (None, False, "", 0)
    }
    return _encode({"id": number, key: body} if number else {key: body})


def join(commands: Sequence[bytes]) -> list[bytes]:
    """Frames for these commands, in order, each within the server's limits."""
    frames: list[bytes] = []
    part: list[bytes] = []
    size = 0
    for one in commands:
        if part and (len(part) == COMMANDS_MOST or size + len(one) >= CLIENT_FRAME_MOST):
            frames.append(b"\n".join(part))
            part, size = [], 0
        part.append(one)
        size += len(one) + 1
    if part:
        frames.append(b"\n".join(part))
    return frames
