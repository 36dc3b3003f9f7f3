"""The channels of a simulated Centrifugo: what was published, who listens, which tokens are good.

A publication's offset grows by one in each channel; the epoch says of which count it is. Where the
namespace keeps history, so much of it can be brought again."""

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from msgspec import Struct


class Expired(Exception):
    """A token that was good once."""


class Claims(Struct, frozen=True):
    """What a token says."""

    user: str
    exp_s: int = 0
    """0: it does not end."""
    channel: str = ""
    """Of a subscription's token."""
    channels: tuple[str, ...] = ()
    """Which the server subscribes the connection to."""


class Namespace(Struct, frozen=True, kw_only=True):
    """What the channels of a prefix can do."""

    history_size: int = 0
    history_ms: int = 300_000
    recovery: bool = False
    """Positions are granted to who asks, and what was missed is brought."""
    newest: bool = False
    """Recovery brings the newest publication alone (the cache mode)."""
    publish: bool = False
    """By clients."""
    presence: bool = False
    history: bool = False
    """Clients may read it."""
    token: bool = False
    """A subscription needs a token of its own."""


class Rules(Struct, frozen=True, kw_only=True):
    """How the server is set up; the defaults are its own."""

    namespaces: Mapping[str, Namespace]
    """By prefix; "": of channels without one."""
    ping_s: int = 25
    pong: bool = True
    pong_s: int = 8
    stale_s: int = 10
    expires: bool = False
    """A session ends with its token."""
    grace_s: int = 25
    channels: int = 128
    """Of one connection."""
    channel_length: int = 255
    history_most: int = 300
    print_zeros: bool = False
    """Write fields of zero value, too, as the vendor's samples do."""
    version: str = "5.4.9"
    allowed: Callable[[str, str], bool] = lambda user, channel: True
    """Whether a user may listen to a channel."""
    channels_of: Callable[[str], tuple[str, ...]] = lambda user: ()
    """To which the server subscribes every connection of a user."""


class Position(Struct, frozen=True):
    epoch: str
    offset: int


class _Log:
    """One channel."""

    def __init__(self, epoch: str, size: int) -> None:
        self.epoch, self.offset = epoch, 0
        self.held: deque[tuple[int, int, dict[str, Any]]] = deque(maxlen=size)
        """Offset, time and what was published."""


class Broker:
    """All channels of a server. ``recovery_most`` publications at the most are brought at once.
    ``born_ms`` is in its epochs and its clients' ids: no two servers have the same ones."""

    def __init__(self, rules: Rules, born_ms: int = 0) -> None:
        self.rules = rules
        self._born = f"{born_ms:x}-" if born_ms else ""
        self._head = f"{born_ms & 0xFFFFFFFF:08x}"
        self._logs: dict[str, _Log] = {}
        self._members: dict[str, dict[str, str]] = {}
        self._epochs = self._clients = 0

    def name_client(self) -> str:
        self._clients += 1
        return f"{self._head}-0000-4000-8000-{self._clients:012x}"

    # Publishing

    def publish(self, channel: str, data: bytes, now_ms: int) -> bytes:
        """Number a publication and keep it; returns the push for whoever listens."""
        namespace = self._namespace(channel)
        if namespace is None:
            raise ValueError(f"no namespace of {channel}")
        pub = b'{"push":{"channel":' + orjson.dumps(channel) + b',"pub":{"data":' + data
        if namespace.recovery:
            log = self._log(channel)
            log.offset += 1
            held = {"data": orjson.Fragment(data), "offset": log.offset}
            log.held.append((log.offset, now_ms, held))
            pub += b',"offset":%d' % log.offset
        return pub + b"}}}"

    def forget(self, pattern: str = "*") -> None:
        """Lose what channels hold; their count goes on."""
        for name in fnmatch.filter(self._logs, pattern):
            self._logs[name].held.clear()

    def begin_anew(self, pattern: str = "*") -> None:
        """Lose channels altogether, as a server does that is started again: a new epoch."""
        for name in fnmatch.filter(list(self._logs), pattern):
            del self._logs[name]

    def top(self, channel: str) -> Position:
        log = self._log(channel)
        return Position(log.epoch, log.offset)

    def since(
        self, channel: str, since: Position, namespace: Namespace, now_ms: int
    ) -> list[dict[str, Any]] | None:
        """What was published after a position, None if that is not known any more.

        A position of no epoch is good if everything from the beginning is held."""
        log = self._log(channel)
        held = self._fresh(log, namespace, now_ms)
        if namespace.newest:
            newest = held[-1:] if held else []
            if not newest or newest[0]["offset"] == since.offset:
                return [] if since.offset == log.offset and since.epoch == log.epoch else None
            return newest
        if since.epoch not in ("", log.epoch) or since.offset > log.offset:
            return None
        missed = [one for one in held if one["offset"] > since.offset]
        whole = len(missed) == log.offset - since.offset
        return missed if whole and len(missed) <= self.rules.history_most else None

    def history(
        self,
        channel: str,
        namespace: Namespace,
        now_ms: int,
        since: Position | None,
        most: int,
        *,
        reverse: bool,
    ) -> list[dict[str, Any]] | None:
        """A part of what is held, None if it was asked for from a position of another epoch."""
        log = self._log(channel)
        found = self._fresh(log, namespace, now_ms)
        if since is not None:
            if since.epoch not in ("", log.epoch):
                return None
            if reverse:
                found = [one for one in found if one["offset"] < since.offset]
            else:
                found = [one for one in found if one["offset"] > since.offset]
        return (found[::-1] if reverse else found)[:most]

    def _fresh(self, log: _Log, namespace: Namespace, now_ms: int) -> list[dict[str, Any]]:
        return [one for _, at_ms, one in log.held if now_ms - at_ms <= namespace.history_ms]

    # Who listens

    def join(self, channel: str, client: str, user: str) -> None:
        self._members.setdefault(channel, {})[client] = user

    def leave(self, channel: str, client: str) -> None:
        self._members.get(channel, {}).pop(client, None)

    def members(self, channel: str) -> Mapping[str, str]:
        """Users by client."""
        return self._members.get(channel, {})

    def _namespace(self, channel: str) -> Namespace | None:
        head, colon, _ = channel.partition(":")
        return self.rules.namespaces.get(head if colon else "")

    def _log(self, channel: str) -> _Log:
        log = self._logs.get(channel)
        if log is None:
            namespace = self._namespace(channel)
            self._epochs += 1
            size = namespace.history_size if namespace is not None else 0
            log = self._logs[channel] = _Log(f"epoch-{self._born}{self._epochs}", size)
        return log


# Tokens


def sign(claims: Mapping[str, Any], secret: bytes) -> str:
    """A JWT with HMAC-SHA256."""
    parts = [_packed(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_packed(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def read(token: str, secret: bytes, now_ms: int) -> Claims:
    """The claims of a JWT; raises `Expired`, or ValueError on what is none of ours."""
    signed, _, signature = token.rpartition(".")
    wanted = _packed(hmac.digest(secret, signed.encode(), hashlib.sha256))
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        raise ValueError("the signature is another one")
    head, _, body = signed.partition(".")
    fields = _unpacked(body)
    if _unpacked(head).get("alg") != "HS256":
        raise ValueError("another algorithm")
    user, exp_s = fields.get("sub"), fields.get("exp", 0)
    channels = fields.get("channels", [])
    if not isinstance(user, str) or not user or not isinstance(exp_s, int):
        raise ValueError("no user, or an end that is no time")
    if exp_s and exp_s * 1000 <= now_ms:
        raise Expired
    return Claims(user, exp_s, str(fields.get("channel", "")), tuple(channels))


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, orjson.JSONDecodeError) as error:
        raise ValueError(f"no token: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("no token: not an object")
    return found
