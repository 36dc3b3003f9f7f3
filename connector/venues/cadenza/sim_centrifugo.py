"""A Centrifugo server as one client meets it: its commands, its clock, its ways to hang up.

Written from the protocol's reference alone, JSON over WebSocket, both ways. Pure: texts and times
in, bytes out. Channels and their histories are the `sim_broker.Broker`'s; who is written to when
something is published is the caller's.

Strict as the server is: a command before `connect`, a second one, an unknown request (`ping` and
camelCase names are), an id that does not rise, a pong that nobody asked for: closed with 3501."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from connector.venues.cadenza.sim_broker import (
    Broker,
    Claims,
    Expired,
    Namespace,
    Position,
    Rules,
)
from connector.venues.sim_contract import Reply

BAD_REQUEST, STALE, EXPIRED, NO_PONG, INVALID_TOKEN = 3501, 3502, 3005, 3012, 3500
NOT_AVAILABLE_CLOSE = 3508
UNKNOWN_CHANNEL, DENIED, NO_METHOD, TWICE, LIMIT, BAD = 102, 103, 104, 105, 106, 107
NOT_AVAILABLE, TOKEN_EXPIRED, OVER, UNRECOVERABLE = 108, 109, 110, 112
TEXTS = {
    UNKNOWN_CHANNEL: "unknown channel",
    DENIED: "permission denied",
    NO_METHOD: "method not found",
    TWICE: "already subscribed",
    LIMIT: "limit exceeded",
    BAD: "bad request",
    NOT_AVAILABLE: "not available",
    TOKEN_EXPIRED: "token expired",
    OVER: "expired",
    UNRECOVERABLE: "unrecoverable position",
}
REASONS = {
    3000: "connection closed",
    3001: "shutdown",
    3004: "internal server error",
    EXPIRED: "connection expired",
    3006: "subscription expired",
    3008: "slow",
    3010: "insufficient state",
    3011: "force reconnect",
    NO_PONG: "no pong",
    3013: "too many requests",
    3014: "state invalidated",
    INVALID_TOKEN: "invalid token",
    BAD_REQUEST: "bad request",
    STALE: "stale",
    3503: "force disconnect",
    3504: "connection limit",
    3505: "channel limit",
    3507: "permission denied",
    NOT_AVAILABLE_CLOSE: "not available",
}
UNSUBSCRIBED = {
    2000: "server unsubscribe",
    2500: "insufficient state",
    2501: "subscription expired",
    2502: "state invalidated",
}
REJECT = 2
"""Of the flags of a subscription: rather an error than what cannot be recovered."""
MS = 1000
ID_MOST = 2**32 - 1


class Wrong(Exception):
    """A command that is answered with an error."""

    def __init__(self, code: int) -> None:
        super().__init__(TEXTS[code])
        self.code = code


class Closed(Exception):
    """Something after which the server hangs up."""

    def __init__(self, code: int) -> None:
        super().__init__(REASONS[code])
        self.code = code


class Client:
    """One connection.

    ``now_ms`` is the venue's clock, ``verify`` reads a token at a time and raises `Expired` or
    ValueError, ``rpc`` answers a method for a user (None: there is no such one)."""

    def __init__(
        self,
        rules: Rules,
        broker: Broker,
        now_ms: Callable[[], int],
        verify: Callable[[str, int], Claims],
        rpc: Callable[[str, str, Any], Any] = lambda user, method, data: None,
    ) -> None:
        self.rules, self._broker, self._now_ms = rules, broker, now_ms
        self._verify, self._rpc = verify, rpc
        self.name = broker.name_client()
        self.user = ""
        self.streams: dict[str, None] = {}
        """The channels it is subscribed to."""
        self._connected = False
        self._last = 0
        self._opened_ms = now_ms()
        self._ping_ms = self._pong_ms = 0
        self._exp_ms = 0
        self._expiring: dict[str, int] = {}
        """By channel: when its subscription ends."""
        self._added: list[str] = []
        self._removed: list[str] = []
        self._published: list[tuple[str, bytes]] = []
        self._commands: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
            "connect": self._connect,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "publish": self._publish,
            "presence": self._presence,
            "presence_stats": self._presence_stats,
            "history": self._history,
            "rpc": self._call,
            "send": self._send,
            "refresh": self._refresh,
            "sub_refresh": self._sub_refresh,
        }

    # What the shell calls

    def receive(self, text: bytes) -> Reply:
        """Answer one text message: commands, one a line, one after another."""
        out: list[bytes] = []
        self._added, self._removed, self._published = [], [], []
        close = 0
        try:
            for line in text.split(b"\n"):
                if line.strip():
                    out += self._line(line)
        except Closed as closed:
            close = closed.code
        return self._reply(out, close)

    def turn(self) -> Reply | None:
        """Time passed: pings, and what was waited for in vain."""
        self._added, self._removed, self._published = [], [], []
        now_ms, rules = self._now_ms(), self.rules
        if not self._connected:
            late = now_ms - self._opened_ms > rules.stale_s * MS
            return self._reply([], STALE) if late else None
        if self._exp_ms and now_ms > self._exp_ms + rules.grace_s * MS:
            return self._reply([], EXPIRED)
        if self._pong_ms and now_ms > self._pong_ms:
            return self._reply([], NO_PONG)
        over = [name for name, at_ms in self._expiring.items() if now_ms > at_ms]
        if over:
            return self._reply([self._end(name, 2501) for name in over], 0)
        if rules.ping_s and now_ms >= self._ping_ms:
            self._ping_ms = now_ms + rules.ping_s * MS
            self._pong_ms = now_ms + rules.pong_s * MS if rules.pong else 0
            return self._reply([b"{}"], 0)
        return None

    def end(self, pattern: Callable[[str], bool], code: int) -> Reply:
        """End the subscriptions of these channels, as the server may."""
        self._added, self._removed, self._published = [], [], []
        return self._reply([self._end(name, code) for name in list(self.streams) if pattern(name)])

    def gone(self) -> None:
        """The connection is closed."""
        for name in self.streams:
            self._broker.leave(name, self.name)

    # Lines

    def _reply(self, out: Iterable[bytes], close: int = 0) -> Reply:
        return Reply(
            b"\n".join(out),
            close,
            added=tuple(self._added),
            removed=tuple(self._removed),
            reason=REASONS.get(close, ""),
            published=tuple(self._published),
        )

    def _line(self, line: bytes) -> list[bytes]:
        try:
            command = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise Closed(BAD_REQUEST) from None
        if not isinstance(command, dict):
            raise Closed(BAD_REQUEST)
        if not command:
            if not self._pong_ms:
                raise Closed(BAD_REQUEST)
            self._pong_ms = 0
            return []
        number = command.get("id", 0)
        key = next((name for name in self._commands if command.get(name) is not None), "")
        fields = command.get(key)
        if not key or not isinstance(fields, dict) or not _is_id(number):
            raise Closed(BAD_REQUEST)
        if (key == "connect") == self._connected:
            raise Closed(BAD_REQUEST)
        if key == "send":
            self._send(fields)
            return []
        if number <= self._last:
            raise Closed(BAD_REQUEST)
        self._last = number
        try:
            result = self._commands[key](fields)
        except Wrong as wrong:
            error = {"code": wrong.code, "message": TEXTS[wrong.code]}
            return [orjson.dumps({"id": number, "error": error})]
        return [orjson.dumps({"id": number, key: result})]

    def _lean(self, result: dict[str, Any]) -> dict[str, Any]:
        """Without what has its zero value, unless the server is told to print that."""
        if self.rules.print_zeros:
            return result
        return {name: value for name, value in result.items() if value not in (0, "", False, None)}

    # The connection

    def _connect(self, fields: dict[str, Any]) -> dict[str, Any]:
        token = _text(fields, "token")
        asked = _table(fields, "subs")
        if not token:
            raise Closed(BAD_REQUEST)
        now_ms = self._now_ms()
        claims = self._claims(token, now_ms)
        if any(self._namespace(name) is None for name in asked):
            raise Closed(BAD_REQUEST)
        self.user, self._connected = claims.user, True
        rules = self.rules
        if rules.expires:
            self._exp_ms = claims.exp_s * MS
        # The first one comes after half an interval to a whole one.
        self._ping_ms = now_ms + rules.ping_s * MS * 3 // 4
        result = self._lean(
            {
                "client": self.name,
                "version": rules.version,
                "expires": rules.expires,
                "ttl": self._ttl(self._exp_ms, now_ms),
                "ping": rules.ping_s,
                "pong": rules.pong,
                "time": now_ms,
            }
        )
        wanted = dict.fromkeys([*rules.channels_of(self.user), *claims.channels, *asked])
        subs = {
            name: self._enter(name, asked.get(name) or {}, server=True)
            for name in wanted
            if self._namespace(name) is not None and rules.allowed(self.user, name)
        }
        return result | ({"subs": subs} if subs else {})

    def _claims(self, token: str, now_ms: int) -> Claims:
        try:
            return self._verify(token, now_ms)
        except Expired:
            raise Wrong(TOKEN_EXPIRED) from None
        except ValueError:
            raise Closed(INVALID_TOKEN) from None

    def _ttl(self, exp_ms: int, now_ms: int) -> int:
        return max(0, exp_ms // MS - now_ms // MS) if exp_ms else 0

    def _refresh(self, fields: dict[str, Any]) -> dict[str, Any]:
        token = _text(fields, "token")
        if not token or not self.rules.expires:
            raise Closed(BAD_REQUEST)
        now_ms = self._now_ms()
        self._exp_ms = self._claims(token, now_ms).exp_s * MS
        ttl = self._ttl(self._exp_ms, now_ms)
        return self._lean(
            {"client": self.name, "version": self.rules.version, "expires": True, "ttl": ttl}
        )

    def _send(self, fields: dict[str, Any]) -> None:
        """Nobody takes messages here."""
        raise Closed(NOT_AVAILABLE_CLOSE)

    def _call(self, fields: dict[str, Any]) -> dict[str, Any]:
        found = self._rpc(self.user, _text(fields, "method"), fields.get("data"))
        if found is None:
            raise Wrong(NO_METHOD)
        return {"data": found}

    # Channels

    def _namespace(self, channel: str) -> Namespace | None:
        head, colon, _ = channel.partition(":")
        return self.rules.namespaces.get(head if colon else "")

    def _channel(self, fields: dict[str, Any]) -> tuple[str, Namespace]:
        channel = _text(fields, "channel")
        if not channel:
            raise Closed(BAD_REQUEST)
        namespace = self._namespace(channel)
        if namespace is None:
            raise Wrong(UNKNOWN_CHANNEL)
        return channel, namespace

    def _subscribe(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, namespace = self._channel(fields)
        if not channel.isascii():
            raise Wrong(BAD)
        if len(channel) > self.rules.channel_length or len(self.streams) >= self.rules.channels:
            raise Wrong(LIMIT)
        if channel in self.streams:
            raise Wrong(TWICE)
        token = _text(fields, "token")
        if not self.rules.allowed(self.user, channel) or (namespace.token and not token):
            raise Wrong(DENIED)
        claims = self._subscription(token, channel) if token else None
        result = self._enter(channel, fields)
        if claims is not None and claims.exp_s:
            result |= self._expire(channel, claims)
        return result

    def _subscription(self, token: str, channel: str) -> Claims:
        try:
            claims = self._verify(token, self._now_ms())
        except Expired:
            raise Wrong(TOKEN_EXPIRED) from None
        except ValueError:
            raise Wrong(DENIED) from None
        if claims.user != self.user or claims.channel != channel:
            raise Wrong(DENIED)
        return claims

    def _expire(self, channel: str, claims: Claims) -> dict[str, Any]:
        now_ms = self._now_ms()
        self._expiring[channel] = claims.exp_s * MS + self.rules.grace_s * MS
        return {"expires": True, "ttl": self._ttl(claims.exp_s * MS, now_ms)}

    def _enter(
        self, channel: str, fields: dict[str, Any], *, server: bool = False
    ) -> dict[str, Any]:
        """Subscribe, and bring what was missed since the position that was named."""
        namespace = self._namespace(channel)
        assert namespace is not None
        asked = server or _flag(fields, "recoverable") or _flag(fields, "recover")
        recoverable = namespace.recovery and asked
        positioned = recoverable or (namespace.recovery and _flag(fields, "positioned"))
        result: dict[str, Any] = {}
        if positioned:
            top = self._broker.top(channel)
            result = {"positioned": True, "epoch": top.epoch, "offset": top.offset}
        if recoverable:
            result["recoverable"] = True
        if recoverable and _flag(fields, "recover"):
            since = Position(_text(fields, "epoch"), _number(fields, "offset"))
            missed = self._broker.since(channel, since, namespace, self._now_ms())
            if missed is None and _number(fields, "flag") & REJECT:
                raise Wrong(UNRECOVERABLE)
            result |= {"was_recovering": True, "recovered": missed is not None}
            if missed:
                result["publications"] = missed
        self.streams[channel] = None
        self._added.append(channel)
        self._broker.join(channel, self.name, self.user)
        return self._lean(result)

    def _unsubscribe(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, _ = self._channel(fields)
        if channel in self.streams:
            self._drop(channel)
        return {}

    def _drop(self, channel: str) -> None:
        del self.streams[channel]
        self._expiring.pop(channel, None)
        self._broker.leave(channel, self.name)
        if channel in self._added:
            self._added.remove(channel)
        self._removed.append(channel)

    def _end(self, channel: str, code: int) -> bytes:
        self._drop(channel)
        said = {"code": code, "reason": UNSUBSCRIBED[code]}
        return orjson.dumps({"push": {"channel": channel, "unsubscribe": said}})

    def _publish(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, namespace = self._channel(fields)
        if "data" not in fields:
            raise Wrong(BAD)
        if not namespace.publish or not self.rules.allowed(self.user, channel):
            raise Wrong(DENIED)
        self._published.append((channel, orjson.dumps(fields["data"])))
        return {}

    def _of_members(self, fields: dict[str, Any], *, on: str) -> tuple[str, Namespace]:
        """A channel of which only who is subscribed may ask, where the feature is on."""
        channel, namespace = self._channel(fields)
        if not getattr(namespace, on):
            raise Wrong(NOT_AVAILABLE)
        if channel not in self.streams:
            raise Wrong(DENIED)
        return channel, namespace

    def _presence(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, _ = self._of_members(fields, on="presence")
        found = self._broker.members(channel)
        return {"presence": {name: {"user": user, "client": name} for name, user in found.items()}}

    def _presence_stats(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, _ = self._of_members(fields, on="presence")
        found = self._broker.members(channel)
        return {"num_clients": len(found), "num_users": len({*found.values()})}

    def _history(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, namespace = self._of_members(fields, on="history")
        limit, since = _number(fields, "limit"), None
        if "since" in fields:
            start = _table(fields, "since")
            since = Position(_text(start, "epoch"), _number(start, "offset"))
        most = self.rules.history_most if limit < 0 else min(limit, self.rules.history_most)
        found = self._broker.history(
            channel, namespace, self._now_ms(), since, most, reverse=_flag(fields, "reverse")
        )
        if found is None:
            raise Wrong(UNRECOVERABLE)
        top = self._broker.top(channel)
        return self._lean({"epoch": top.epoch, "offset": top.offset}) | (
            {"publications": found} if found else {}
        )

    def _sub_refresh(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel, _ = self._channel(fields)
        token = _text(fields, "token")
        if channel not in self.streams:
            raise Wrong(DENIED)
        if not token:
            raise Wrong(BAD)
        claims = self._subscription(token, channel)
        return self._expire(channel, claims) if claims.exp_s else {}


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= ID_MOST


def _field(fields: dict[str, Any], name: str, kind: type, zero: Any) -> Any:
    """A field, or its zero value where it is missing or null; another type is no command."""
    value = fields.get(name)
    if value is None:
        return zero
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Closed(BAD_REQUEST)
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    return str(_field(fields, name, str, ""))


def _number(fields: dict[str, Any], name: str) -> int:
    return int(_field(fields, name, int, 0))


def _flag(fields: dict[str, Any], name: str) -> bool:
    return bool(_field(fields, name, bool, False))


def _table(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(_field(fields, name, dict, {}))
