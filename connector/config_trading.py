"""The settings of accounts and strategies; `connector.config` reads them with everything else."""

import difflib
import re
from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct

from connector._speedups.decimal import parse
from connector.config_paper import PaperSettings, judge_paper
from connector.config_setup import SetupSettings, judge_setup
from connector.errors import ConfigError
from connector.model.policies import OnDeath, OnStart
from connector.model.secret import SecretRef
from connector.venues.contract import Permission, Venue, load
from connector.venues.trading_contract import Transport

STRATEGY = r"[A-Za-z0-9._-]{1,64}"
"""A strategy's or an account's name."""


COUNTDOWN_S = 60.0
"""Renewed three times within: weight 30 a minute for each instrument with orders, at Binance."""


class AccountType(Enum):
    """Where an account's orders go."""

    LIVE = "live"
    """To the venue, under a key."""
    PAPER = "paper"
    """Nowhere: they are matched here against the venue's market data."""


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``limits`` of an account or of a strategy; what is left out is not limited. Money in the
    quote's units, as decimals in quotes."""

    order_notional: str | None = None
    """Of one order, at the dearest of its price, the mark and the price it would meet."""
    order_quantity: dict[str, str] = {}
    """Of one order, by symbol."""
    exposure: str | None = None
    """At mark, of positions and of all that open orders could add to them, over instruments."""
    open_orders: Annotated[int, Meta(ge=0)] | None = None
    orders_per_second: Annotated[int, Meta(ge=1)] | None = None
    """New orders and amends in any second."""
    collar_bps: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    """How far a limit price may lie behind the other side's best, in hundredths of a percent."""
    loss: str | None = None
    """Realised and unrealised together since midnight UTC or `connector resume --loss`."""


def money_e(text: str) -> int:
    """A decimal of the quote in 10^-8; raises ValueError."""
    value_e = parse(text, 8)
    if value_e < 0:
        raise ValueError("below zero")
    return value_e


class AccountSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[accounts.<name>]``: one key of one account and who may trade with it."""

    venue: str
    """The venue's folder or exchange name."""
    strategies: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Strategies that may use it; everybody else is refused."""
    type: AccountType = AccountType.LIVE
    """``paper``: no key, nothing is sent."""
    key: str = ""
    """Where the public half of the key is kept: ``env:``, ``file:`` or ``credential:``."""
    secret: str = ""
    """Where the secret half is kept; nowhere where the venue's own login is all it takes."""
    paper: PaperSettings = PaperSettings()
    foreign_to: tuple[str, ...] = ()
    """Strategies that hear of the account's orders that were not placed here."""
    kind: str = ""
    """Of the key: what the venue lists in ``Trading.key_kinds``; empty: its first."""
    transport: Transport = Transport.HTTP
    """How orders travel."""
    connections: Annotated[int, Meta(ge=2, le=32)] = 4
    """Warm HTTP connections; one of them is kept for cancels."""
    exclusive: bool = False
    """Nobody else trades on it: allows the venue's countdown and flattening."""
    reconcile_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """Between looks at orders, positions and balances while own orders are open; 0: only when the
    private stream was interrupted."""
    countdown_s: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """Unless renewed within it the venue cancels every order of an instrument with own orders; 0:
    not used. None: 60 where the account is exclusive and the venue has one."""
    required: bool = True
    """READY waits until it is reconciled."""
    allow: tuple[Permission, ...] = ()
    """Calls of the venue that may be made with its key beside what needs no permission."""
    limits: LimitSettings = LimitSettings()
    """What all its strategies together may do."""
    setup: SetupSettings = SetupSettings()
    """How it shall be set up at the venue."""

    @property
    def guarded_s(self) -> float:
        """The countdown that is used where the venue has one; 0: none."""
        if self.type is AccountType.PAPER:
            return 0.0
        if self.countdown_s is None:
            return COUNTDOWN_S if self.exclusive else 0.0
        return self.countdown_s


class StrategySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[strategies.<name>]``: a strategy that trades."""

    on_death: OnDeath = OnDeath.CANCEL
    """What becomes of its orders when its session ends and it is not back within ``grace_s``."""
    grace_s: Annotated[float, Meta(ge=0, le=1e6)] = 10.0
    """Long enough for a restart of its process; until then its orders stay."""
    lease_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    """Its session ends when it has not looked for events for so long: it hangs; 0: never."""
    on_start: OnStart = OnStart.ADOPT
    """What becomes of orders that a start of the daemon finds."""
    limits: LimitSettings = LimitSettings()
    """What it may do on all its accounts together."""


class StrategyProtocol(Struct, frozen=True, forbid_unknown_fields=True):
    """``[strategy_protocol]``: how answers and updates are written as JSON."""

    timezone: str = "UTC"
    """Of their local times, e.g. ``Asia/Shanghai``."""


Symbols = Mapping[str, frozenset[str] | None]
"""What the feeds of each venue's folder name; None: whatever it lists."""


def judge_limits(
    limits: LimitSettings, named: frozenset[str] | None, path: str, faults: list[str]
) -> None:
    """Add what types cannot say; ``named``: the symbols that can be traded, None: any."""
    texts = {name: getattr(limits, name) for name in ("order_notional", "exposure", "loss")}
    given = {name: text for name, text in texts.items() if text is not None}
    for symbol, text in limits.order_quantity.items():
        given[f"order_quantity.{symbol}"] = text
        if symbol != symbol.strip().upper() or not symbol:
            faults.append(f"{path}.order_quantity: {symbol!r} is not a symbol as venues write it")
        elif named is not None and symbol not in named:
            near = difflib.get_close_matches(symbol, named, 1, 0.5)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            faults.append(f"{path}.order_quantity.{symbol}: no feeds name it{hint}")
    for name, text in given.items():
        try:
            if not money_e(text) and name == "loss":
                faults.append(f"{path}.loss: 0 would stop everything at once")
        except (ValueError, OverflowError):
            faults.append(
                f'{path}.{name}: {text!r} is no decimal from 0 with at most 8 places, as "250.5"'
            )


def judge_account(
    account: AccountSettings,
    serving: Mapping[str, Venue],
    symbols: Symbols,
    path: str,
    faults: list[str],
) -> None:
    """Add what types cannot say; ``serving``: the configured venues by folder."""
    paper = account.type is AccountType.PAPER
    named = _named(account.venue, symbols)
    judge_limits(account.limits, named, f"{path}.limits", faults)
    secret = _has_secret(account.venue, serving)
    for name in ("key", "secret"):
        reference = getattr(account, name)
        if paper and reference:
            faults.append(f"{path}.{name}: a paper account has none")
        elif name == "secret" and not secret:
            if reference:
                faults.append(f"{path}.{name}: none: who has logged in may trade with it")
        elif not paper and not reference:
            faults.append(f"{path}.{name}: missing")
        elif not paper:
            try:
                SecretRef.parse(reference)
            except ValueError as error:
                faults.append(f"{path}.{name}: {error}")
    if paper:
        judge_paper(account.paper, f"{path}.paper", faults)
    elif account.paper != PaperSettings():
        faults.append(f'{path}.paper: only with type = "paper"')
    if paper and account.allow:
        faults.append(f"{path}.allow: a paper account has no key to call the venue with")
    if paper and account.countdown_s:
        faults.append(f"{path}.countdown_s: nothing of a paper account is at the venue")
    for name in ("strategies", "foreign_to"):
        for strategy in getattr(account, name):
            if not re.fullmatch(STRATEGY, strategy):
                faults.append(f"{path}.{name}: {strategy!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    try:
        folder = load(account.venue).folder
    except ConfigError as error:
        faults.append(f"{path}.venue: {error}")
        return
    if folder not in serving:
        faults.append(f"{path}.venue: {account.venue} is not configured under venues")
        return
    trading = serving[folder].trading
    if trading is None:
        faults.append(f"{path}.venue: {account.venue} has market data only")
        return
    has = trading.setup.settings if trading.setup is not None and not paper else frozenset[str]()
    judge_setup(account.setup, has, named, f"{path}.setup", faults)
    if account.kind and account.kind not in trading.key_kinds:
        faults.append(f"{path}.kind: {account.kind!r}; known: {', '.join(trading.key_kinds)}")
    if account.countdown_s and not account.exclusive:
        faults.append(
            f"{path}.countdown_s: it cancels everybody's orders: only if exclusive = true"
        )
    if account.countdown_s and trading.countdown is None:
        faults.append(f"{path}.countdown_s: the venue has no countdown")
    if account.countdown_s and account.countdown_s < 1:
        faults.append(f"{path}.countdown_s: less than a second cannot be renewed in time")
    if account.transport not in trading.transports:
        known = ", ".join(one.value for one in trading.transports)
        faults.append(f"{path}.transport: not {account.transport.value}; the venue has {known}")


def _has_secret(venue: str, serving: Mapping[str, Venue]) -> bool:
    """Whether an account there has one of its own."""
    try:
        trading = serving[load(venue).folder].trading
    except (ConfigError, KeyError):
        return True
    return trading is None or trading.secret


def _reduces(venue: str) -> bool:
    """Whether orders there can be bound to a position."""
    try:
        trading = load(venue).trading
    except ConfigError:
        return True
    return trading is None or trading.reduces


def _named(venue: str, symbols: Symbols) -> frozenset[str] | None:
    """The symbols an account there may trade; None: any, or it is no venue."""
    try:
        return symbols.get(load(venue).folder)
    except ConfigError:
        return None


def judge_strategy(
    name: str,
    strategy: StrategySettings,
    accounts: Mapping[str, AccountSettings],
    symbols: Symbols,
    path: str,
    faults: list[str],
) -> None:
    """Add what types cannot say."""
    if 0 < strategy.lease_s < 1:
        faults.append(f"{path}.lease_s: less than a second ends strategies that only think")
    mine = {key: one for key, one in accounts.items() if name in one.strategies}
    each = [_named(one.venue, symbols) for one in mine.values()]
    known = [one for one in each if one is not None]
    named = frozenset[str]().union(*known) if known and len(known) == len(each) else None
    judge_limits(strategy.limits, named, f"{path}.limits", faults)
    if not mine:
        faults.append(f"{path}: no account names it among its strategies")
    if strategy.on_death is not OnDeath.FLATTEN:
        return
    for key, account in mine.items():
        others = sorted(set(account.strategies) - {name})
        if not account.exclusive:
            faults.append(
                f"{path}.on_death: flatten closes every position of accounts.{key}, "
                "which is not exclusive"
            )
        elif others:
            faults.append(
                f"{path}.on_death: flatten closes every position of accounts.{key}, "
                f"which {', '.join(others)} may use, too"
            )
        if not _reduces(account.venue):
            faults.append(
                f"{path}.on_death: flatten needs orders that can only reduce a position, "
                f"which {account.venue} of accounts.{key} has not"
            )
