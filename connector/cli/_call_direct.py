"""A call of an endpoint by a client of its own: no daemon is needed, a running one is only asked
what is left of the rate budget."""

import asyncio
import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import connector
from connector.clock import monotonic_ns
from connector.config import Config, VenueSettings, configured, read, state_directory
from connector.config_trading import AccountSettings, AccountType
from connector.errors import ConfigError, ConnectorError
from connector.model.paths import runtime_directory
from connector.model.redaction import hide
from connector.model.secret import SecretRef
from connector.trading import halts
from connector.transport.calls import Called, perform
from connector.transport.http import HttpClient
from connector.transport.rest import Rest
from connector.transport.tls import client_context
from connector.venues.contract import (
    Endpoint,
    Outcome,
    Request,
    Security,
    Venue,
    load,
)
from connector.venues.trading_contract import Signer

CALLS = "calls.jsonl"
SECOND_NS = 1_000_000_000


class Direct:
    """What a call needs beside its request; raises ConfigError before anything is sent."""

    def __init__(
        self,
        venue: str,
        config: str | None,
        overrides: list[str],
        account: str,
        runtime_dir: str,
        state_dir: str,
    ) -> None:
        folder = load(venue).folder
        if config is None and overrides:
            raise ConfigError("--set overrides a value of --config FILE")
        self._config = read(config, overrides) if config is not None else None
        self._settings, self._section = _settings(self._config, folder)
        self.venue = configured(folder, self._settings)
        self._account = account
        daemon = self._config.daemon if self._config is not None else None
        self._runtime_dir = runtime_dir or (daemon.runtime_dir if daemon else "")
        self._state_dir = state_dir or (daemon.state_dir if daemon else "")

    def call(self, row: Endpoint, request: Request, timeout_s: float) -> Called:
        """Send it, if it may be sent."""
        name, account, signer = "", None, None
        entry = self.venue.access
        if row.permission is not None and entry is not None and row.permission not in entry.allow:
            raise ConfigError(
                f"{row.name} is not allowed: venues.{self._section}.allow does not name "
                f'"{row.permission.value}"'
            )
        if row.trades and entry is not None:
            _not_halted(runtime_directory(self._runtime_dir), "")
        if row.security is not Security.NONE and entry is not None and self._config is None:
            raise ConfigError("it wants a login: name a configuration with --config FILE")
        if row.security is not Security.NONE and entry is None:
            name, account = self._choose()
            if row.permission is not None and row.permission not in account.allow:
                raise ConfigError(
                    f"{row.name} is not allowed: accounts.{name}.allow does not name "
                    f'"{row.permission.value}"'
                )
            if row.trades:
                _not_halted(runtime_directory(self._runtime_dir), name)
            signer = _signer(self.venue, name, account)
        self._spare(request)
        return asyncio.run(self._call(row, request, signer, name, timeout_s))

    async def _call(
        self, row: Endpoint, request: Request, signer: Signer | None, name: str, timeout_s: float
    ) -> Called:
        rest = self.rest(timeout_s)
        notes = _Notes(self._state_dir, self.venue, row, request, name)
        try:
            if signer is not None and self.venue.trading is not None:
                try:
                    venue_ns = await _venue_time(rest, self.venue)
                except (ConnectorError, ValueError) as error:
                    text = f"the venue's time is not known: {error}"
                    return Called(endpoint=row.name, outcome=Outcome.NOT_EXECUTED, message=text)
                request = self.venue.trading.sign(request, signer, venue_ns)
            notes.sent()
            called = await perform(rest, self.venue, row, request)
            notes.answered(called)
            return called
        finally:
            await rest.close()

    def rest(self, timeout_s: float) -> Rest:
        """A door to the venue under a budget of its own; to be closed."""
        secure = self.venue.rest_url.startswith("https:")
        context = client_context(self._settings.ca_file) if secure else None
        client = HttpClient(
            self.venue.rest_url,
            context,
            timeout_s=timeout_s,
            local_address=self._settings.local_address,
        )
        return Rest(self.venue, client, lambda _counter, _amount: None)

    def signer(self) -> Signer:
        """Of the account whose key is used."""
        return _signer(self.venue, *self._choose())

    def _choose(self) -> tuple[str, AccountSettings]:
        """The account whose key is used."""
        if self._config is None:
            raise ConfigError("it wants a key: name a configuration with --config FILE")
        mine = {
            name: one
            for name, one in self._config.accounts.items()
            if load(one.venue).folder == self.venue.folder
        }
        if self._account:
            if self._account not in mine:
                known = f"there are: {', '.join(mine)}" if mine else "there is none"
                raise ConfigError(
                    f"no account {self._account!r} of {self.venue.name} is configured; {known}"
                )
            chosen = self._account
        elif len(mine) == 1:
            (chosen,) = mine
        else:
            known = f"name one with --account: {', '.join(mine)}" if mine else "there is none"
            raise ConfigError(f"it wants the key of an account of {self.venue.name}; {known}")
        if mine[chosen].type is AccountType.PAPER:
            raise ConfigError(f"accounts.{chosen} is a paper account: it has no key")
        return chosen, mine[chosen]

    def _spare(self, request: Request) -> None:
        """ConfigError where a running daemon's budget has no room for the request."""
        try:
            session = connector.attach("call", runtime_directory(self._runtime_dir))
        except ConnectorError:
            return  # there is no daemon, or none that would tell us
        with session:
            names = list(session.request("state")["state"].get("venues", {}))
            if self._section not in names:
                return
            index = names.index(self._section)
            for one in session.counters.budgets():
                if (one.venue, one.account, one.pool) != (index, None, request.pool):
                    continue
                if one.left < request.weight:
                    wait_s = max(0, one.resets_ns - monotonic_ns()) / SECOND_NS
                    raise ConnectorError(
                        f"the running daemon has {one.left} of {one.limit} {one.pool} left, and "
                        f"{request.name} costs {request.weight}: try again in {wait_s:.0f} s"
                    )


def _settings(config: Config | None, folder: str) -> tuple[VenueSettings, str]:
    """The venue's section, and what it is called."""
    for name, settings in (config.venues if config is not None else {}).items():
        if load(name).folder == folder:
            return settings, name
    return VenueSettings(feeds=()), folder


def _signer(venue: Venue, name: str, account: AccountSettings) -> Signer:
    if venue.trading is None:
        raise ConfigError(f"{venue.name} has market data only")
    key = SecretRef.parse(account.key).read().reveal().decode()
    secret = SecretRef.parse(account.secret).read().reveal() if account.secret else b""
    try:
        return venue.trading.signer(key, secret, account.kind or venue.trading.key_kinds[0])
    except ValueError as error:
        raise ConfigError(f"accounts.{name}: {error}") from None


def _not_halted(runtime_dir: Path, account: str) -> None:
    """ConnectorError while a halt stands; what cannot be read counts as one."""
    path = halts.path_of(runtime_dir)
    try:
        with path.open("rb") as file:
            standing = halts.read(file.fileno())
    except FileNotFoundError:
        return  # nobody has halted anything here
    except (OSError, halts.Damaged) as error:
        raise ConnectorError(f"halted: {path}: {error}") from None
    for halt in standing:
        if halt.scope is halts.Scope.EVERYTHING or (
            halt.scope is halts.Scope.ACCOUNT and halt.name == account
        ):
            raise ConnectorError(f"halted: {halt}")


async def _venue_time(rest: Rest, venue: Venue) -> int:
    """The venue's clock; what the way back took is not known, so it is a little late."""
    assert venue.trading is not None
    lookups = venue.trading.lookups
    return lookups.server_ns(await rest.ask(lookups.time()))


class _Notes:
    """What may have changed something, in a file of the state directory, a line before it is sent
    and one when it was answered."""

    def __init__(
        self, state_dir: str, venue: Venue, row: Endpoint, request: Request, account: str
    ) -> None:
        self._path = Path(state_directory(state_dir)) / CALLS if row.changes else None
        unwritten = venue.unwritten
        if venue.trading is not None:
            unwritten += venue.trading.unwritten
        asked = hide(request.query.encode() + request.body, unwritten).decode(errors="replace")
        self._about = {
            "venue": venue.name,
            "account": account,
            "endpoint": row.name,
            "parameters": asked,
        }

    def sent(self) -> None:
        """Before it is; ConfigError: it cannot be written down, so it must not be sent."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write({"what": "sent"})
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror}; nothing was sent") from None

    def answered(self, called: Called) -> None:
        if self._path is None:
            return
        told = {
            "what": called.outcome.value,
            "status": called.status,
            "code": called.code,
            "message": hide(called.message.encode()).decode(),
        }
        with contextlib.suppress(OSError):  # it is shown all the same
            self._write(told)

    def _write(self, what: dict[str, Any]) -> None:
        assert self._path is not None
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, **what, **self._about}, ensure_ascii=False)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self._path, flags, 0o600)
        try:
            os.write(fd, line.encode() + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
