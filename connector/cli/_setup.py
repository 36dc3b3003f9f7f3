"""How accounts are set up at their venues, beside how the configuration wants them."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from connector.cli._call_direct import Direct
from connector.config import Config
from connector.config_trading import AccountType
from connector.errors import ConnectorError
from connector.model.instrument import Instrument
from connector.transport.calls import Called
from connector.venues.contract import Outcome, load
from connector.venues.setup_contract import MARGINS, Change, Setting, Setup, State

TIMEOUT_S = 10.0
MARGIN_DRIFT = Decimal("0.01")
"""Of a position's margin, as a share: funding is paid out of it or into it every few hours, and
nobody wants money moved after each."""


class Row(Struct, frozen=True):
    """One setting."""

    wanted: Setting
    now: str | None
    """None: the venue does not say; of a position's margin: there is no such position."""
    change: Change | None = None
    """What brings it about; None: it is as wanted, or cannot be."""
    why: str = ""
    """Why it cannot."""

    @property
    def differs(self) -> bool:
        return self.change is not None or bool(self.why)


class Account:
    """One account of the configuration that is to be set up some way."""

    def __init__(self, name: str, config: Config, direct: Direct) -> None:
        self.name, self._settings = name, config.accounts[name]
        self._direct = direct
        trading = direct.venue.trading
        assert trading is not None
        assert trading.setup is not None
        self._setup: Setup = trading.setup
        self._instruments: dict[str, Instrument] = {}

    def rows(self) -> list[Row]:
        """All settings that are wanted, as they are now. ConnectorError: the venue does not say."""
        wanted = self._settings.setup.wanted()
        instruments = self._listed({one.symbol.upper() for one in wanted if one.symbol})
        names = {one.symbol.upper(): one.symbol for one in instruments}
        wanted = [replace(one, symbol=names.get(one.symbol.upper(), one.symbol)) for one in wanted]
        bodies = []
        for look in self._setup.looks(instruments):
            called = self.call(look)
            if called.outcome is not Outcome.OK:
                raise ConnectorError(f"accounts.{self.name}: {look.endpoint}: {words(called)}")
            bodies.append(called.body)
        try:
            state = self._setup.state(bodies, instruments)
        except ValueError as error:
            raise ConnectorError(f"accounts.{self.name}: an answer: {error}") from None
        aims = {(one.name, one.symbol): one.value for one in wanted}
        return [self._row(one, state, aims) for one in wanted]

    def call(self, change: Change) -> Called:
        """Make a call with the account's key."""
        row = self._direct.venue.endpoints[change.endpoint]
        request = row.called(row.read(dict(change.params)))
        return self._direct.call(row, request, TIMEOUT_S)

    def _row(self, wanted: Setting, state: State, aims: State) -> Row:
        now = state.get((wanted.name, wanted.symbol))
        if now is not None and _same(wanted, now):
            return Row(wanted, now)
        instrument = self._instruments.get(wanted.symbol)
        if wanted.symbol and instrument is None:
            return Row(wanted, now, why="the venue does not list it")
        if wanted.name in MARGINS and now is None:
            return Row(wanted, None)  # nothing to compare while there is no position
        try:
            return Row(wanted, now, self._setup.change(wanted, state, aims, instrument))
        except ValueError as error:
            return Row(wanted, now, why=str(error))

    def _listed(self, symbols: set[str]) -> list[Instrument]:
        venue = self._direct.venue
        if symbols and not self._instruments:
            row = venue.endpoints[venue.instruments_endpoint]
            called = self._direct.call(row, venue.instruments_request(), TIMEOUT_S)
            if called.outcome is not Outcome.OK:
                raise ConnectorError(f"{venue.folder}: no instruments: {words(called)}")
            listed = venue.instruments(called.body).instruments
            self._instruments = {one.symbol: one for one in listed if one.symbol.upper() in symbols}
        return list(self._instruments.values())


def accounts(
    config: Config, path: str, overrides: list[str], runtime_dir: str, state_dir: str
) -> Iterator[Account]:
    """The accounts of which the configuration wants something."""
    for name, account in config.accounts.items():
        if account.type is AccountType.LIVE and account.setup.wanted():
            folder = load(account.venue).folder
            direct = Direct(folder, path, overrides, name, runtime_dir, state_dir)
            yield Account(name, config, direct)


def table(rows: list[Row]) -> str:
    """The settings, what is otherwise marked."""
    lines = []
    for row in rows:
        name = f"{row.wanted.symbol} {row.wanted.name}".strip()
        if not row.differs:
            words = f"{row.now}" if row.now is not None else "(no position)"
            lines.append(f"    {name:<28} {words}")
        else:
            now = row.now if row.now is not None else "?"
            why = f"  CANNOT: {row.why}" if row.why else ""
            lines.append(f"  ! {name:<28} {now} -> {row.wanted.value}{why}")
    return "\n".join(lines)


def _same(wanted: Setting, now: str) -> bool:
    if wanted.name in MARGINS:
        value = Decimal(wanted.value)
        return abs(Decimal(now) - value) <= value * MARGIN_DRIFT
    return wanted.value == now


def words(called: Called) -> str:
    code = f" {called.code}" if called.code else ""
    return f"{called.outcome.value}{code}: {called.message}".rstrip(": ")
