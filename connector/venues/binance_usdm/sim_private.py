"""The private stream's names: listen keys, their life, and what the forms of its URL deliver.

A private stream is one kind of event under one listen key, ``<listenKey>@ORDER_TRADE_UPDATE``; a
bare listen key stands for all of them. After a key's end its connections stay open and are silent.
"""

import secrets
import string

import orjson

EVENTS = (
    "ORDER_TRADE_UPDATE",
    "ACCOUNT_UPDATE",
    "TRADE_LITE",
    "ALGO_UPDATE",
    "ACCOUNT_CONFIG_UPDATE",
    "MARGIN_CALL",
    "STRATEGY_UPDATE",
    "GRID_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
    "listenKeyExpired",
)
VALID_MS = 3600_000
_LETTERS = string.ascii_letters + string.digits


def listen_key_of(stream: str) -> str:
    """The listen key of a private stream; "" when it is none."""
    key, at, event = stream.rpartition("@")
    return key if at and event in EVENTS else ""


class ListenKeys:
    """One active key an account; times are the venue's clock."""

    def __init__(self, valid_ms: int = VALID_MS) -> None:
        self._valid_ms = valid_ms
        self._active: dict[str, tuple[str, int]] = {}
        self._accounts: dict[str, str] = {}

    def create(self, account: str, now_ms: int) -> str:
        """The account's key, made or extended."""
        key = self.extend(account, now_ms)
        if key is None:
            key = "".join(secrets.choice(_LETTERS) for _ in range(64))
            self._active[account] = key, now_ms + self._valid_ms
            self._accounts[key] = account
        return key

    def extend(self, account: str, now_ms: int) -> str | None:
        """Let the key live on; None when there is none."""
        found = self._active.get(account)
        if found is None or found[1] <= now_ms:
            return None
        self._active[account] = found[0], now_ms + self._valid_ms
        return found[0]

    def close(self, account: str) -> bool:
        """End the key; False when there is none."""
        found = self._active.pop(account, None)
        if found is None:
            return False
        del self._accounts[found[0]]
        return True

    def active(self, account: str) -> str | None:
        found = self._active.get(account)
        return None if found is None else found[0]

    def known(self, key: str) -> bool:
        return key in self._accounts

    def next_ms(self) -> int | None:
        """When the next key ends."""
        return min((until_ms for _, until_ms in self._active.values()), default=None)

    def expire(self, now_ms: int) -> list[str]:
        """End the keys whose time is over and tell which."""
        over = [name for name, (_, until_ms) in self._active.items() if until_ms <= now_ms]
        keys = []
        for account in over:
            keys.append(self._active[account][0])
            self.close(account)
        return keys

    def streams(self, name: str, strict: bool) -> tuple[str, ...]:
        """The private streams behind a name of a URL or a SUBSCRIBE.

        ``strict`` is what clients reported of production: only events that the URL names arrive.
        """
        key = listen_key_of(name)
        if key:
            return (name,) if self.known(key) else ()
        if strict or not self.known(name):
            return ()
        return tuple(f"{name}@{event}" for event in EVENTS)


def expired(key: str, now_ms: int) -> bytes:
    return orjson.dumps({"e": "listenKeyExpired", "E": now_ms, "listenKey": key})
