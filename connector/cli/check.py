"""Check a configuration, a machine or a venue before trusting them.

Without options every fault of FILE is named at once. --machine names what costs latency here with
the command that mends it; --online asks each venue what it lists and says what would be subscribed.
Exit codes: 0 nothing to say, 1 something costs latency or is not available, 2 the configuration is
wrong."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from connector.cli._arguments import add_overrides
from connector.config import (
    Config,
    VenueSettings,
    configured,
    directory_fault,
    private_streams,
    read,
    runtime_directory,
    state_directory,
)
from connector.config_trading import (
    AccountSettings,
    AccountType,
    LimitSettings,
    StrategySettings,
)
from connector.errors import ConfigError, ConnectorError
from connector.instruments import cache, following, joined, kept, wishes
from connector.market.selection import EVERY, connections, fitting, room, select, shards
from connector.model.instrument import Instrument
from connector.model.secret import SecretRef
from connector.venues.contract import Bases, Request, Venue, load

SHOWN = 5
"""Of the instruments that find no place."""
MEND = (
    "take fewer instruments or channels, or set max_connections if the venue was seen to take more"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="FILE", nargs="?", help="the configuration (TOML)")
    parser.add_argument("--machine", action="store_true", help="look at this machine")
    parser.add_argument("--online", action="store_true", help="ask the venues")
    parser.add_argument("--runtime-dir", default="", help="as for connector run")
    parser.add_argument("--state-dir", default="", help="as for connector run")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    if args.config is None and not args.machine:
        print("connector check: give a FILE, --machine, or both")
        return 2
    config = read(args.config, args.set) if args.config is not None else None
    code = 0
    if config is not None:
        code |= _show(config, args)
        code |= _accounts(config)
        if args.online:
            code |= asyncio.run(_online(config))
            code |= _setups(config, args)
    if args.machine:
        code |= _machine(config.daemon.cpu if config is not None else None)
    return code


def _show(config: Config, args: argparse.Namespace) -> int:
    runtime = runtime_directory(args.runtime_dir or config.daemon.runtime_dir)
    state = state_directory(args.state_dir or config.daemon.state_dir)
    faults = [fault for fault in map(directory_fault, (runtime, state)) if fault]
    if runtime.resolve() == state.resolve():
        faults.append(f"{runtime}: the runtime and the state directory must differ")
    if faults:
        raise ConfigError("\n".join(faults))
    code = 0
    print(f"{args.config}: no fault found")
    print(f"  runtime directory  {runtime}{_access(runtime)}")
    print(f"  state directory    {state}{_access(state)}")
    print(f"  loop               {config.daemon.loop.value}")
    print(f"  market ring        {config.daemon.ring_bytes:,} bytes")
    for name, settings in config.venues.items():
        venue = configured(name, settings)
        print(f"  {venue.folder} ({venue.name})  {venue.rest_url}  {venue.ws_url}")
        for feeds in settings.feeds:
            must = "required" if feeds.required else "optional"
            channels = " ".join(channel.value for channel in feeds.channels)
            print(f"    {must}: {' '.join(feeds.instruments)}: {channels}")
        code |= _login(venue)
        code |= _room(venue, settings, private_streams(config, name), _known(venue, state))
    return code


def _login(venue: Venue) -> int:
    """Whether whoever asks can read what the venue's login takes."""
    if venue.access is None:
        return 0
    code = 0
    try:
        venue.access.keeper()
        print("    login: what it takes can be read")
    except ConfigError as error:
        print(f"    login: not possible here: {error}")
        code = 1
    if venue.access.allow:
        print(f"    calls allowed: {', '.join(one.value for one in venue.access.allow)}")
    return code


def _known(venue: Venue, state: Path) -> list[Instrument]:
    """What the venue listed when it was last asked here; [] when it never was."""
    try:
        return kept(venue, cache(venue, state).read_bytes()).instruments
    except (OSError, ValueError):
        return []


def _likely(venue: Venue, symbol: str) -> Instrument:
    """An instrument of which only the name is known."""
    return Instrument(
        symbol=symbol,
        exchange=venue.name,
        price_exponent=0,
        qty_exponent=0,
        price_digits=0,
        qty_digits=0,
        tick_e=1,
        step_e=1,
    )


def _room(venue: Venue, settings: VenueSettings, private: int, listed: Sequence[Instrument]) -> int:
    """Whether everything that is wanted finds a place on the connections that may be open."""
    most = room(venue, settings.max_connections, private)
    if most is None:
        return 0
    wanted, known = wishes(settings), {one.symbol.upper() for one in listed}
    every = any(EVERY in wish.instruments for wish in wanted)
    named = {name for wish in wanted for name in wish.instruments} - {EVERY}
    # Whatever is not listed here takes as many streams as anything else.
    unknown = [_likely(venue, name) for name in sorted(named) if name.upper() not in known]
    found = shards(venue, select(venue, [*listed, *unknown], [], wanted).chosen)
    need = sum(connections(venue, shard) for shard in found)
    may = f"{most} of {venue.limits.streams} streams each may be open"
    if private and not settings.max_connections:
        may += f", and {private} for accounts"
    print(f"    connections: {need} needed; {may}")
    if every and not listed:
        print("      `*`: how many it takes is known with --online, or once a daemon has run here")
    fit = fitting(venue, found, most)
    if fit == len(found):
        return 0
    without = [one.instrument.symbol for shard in found[fit:] for one in shard.chosen]
    shown = ", ".join(without[:SHOWN]) + (", …" if len(without) > SHOWN else "")
    print(f"      TOO MANY: {len(without)} instruments will be unavailable: {shown}")
    print(f"      {MEND}")
    return 1


def _accounts(config: Config) -> int:
    """Who may trade with what, and whether the keys can be read by whoever asks."""
    code = 0
    for name, account in config.accounts.items():
        users = ", ".join(account.strategies)
        if account.type is AccountType.PAPER:
            paper = account.paper
            money = ", ".join(f"{amount} {asset}" for asset, amount in paper.balances.items())
            way = f"PAPER: {paper.latency_us} us one way, begins with {money or 'nothing'}"
            print(f"  account {name} ({account.venue})  {way}, used by {users}")
            continue
        venue = load(account.venue).trading
        kind = account.kind or (venue.key_kinds[0] if venue is not None else "")
        way = f"{kind} key, orders over {account.transport.value}"
        print(f"  account {name} ({account.venue})  {way}, used by {users}")
        for what in ("key", "secret"):
            if not getattr(account, what):
                continue  # the venue has none
            try:
                SecretRef.parse(getattr(account, what)).read()
            except ConfigError as error:
                print(f"    {what} cannot be read here: {error}")
                code = 1
        print(f"    countdown: {_countdown(account)}")
        if account.allow:
            print(f"    calls allowed: {', '.join(one.value for one in account.allow)}")
        print(f"    limits: {_limits(account.limits) or _unlimited(account, config)}")
    trading = {name for account in config.accounts.values() for name in account.strategies}
    for name in sorted(trading):
        strategy = config.strategies.get(name, StrategySettings())
        by = "" if name in config.strategies else " (the defaults: it has no section)"
        print(
            f"  strategy {name}  gone for {strategy.grace_s:g} s: {strategy.on_death.value};"
            f" found at a start: {strategy.on_start.value}{by}"
        )
        if limits := _limits(strategy.limits):
            print(f"    limits: {limits}")
    return code


def _setups(config: Config, args: argparse.Namespace) -> int:
    """How accounts are set up at their venues, where the configuration says how they shall be."""
    from connector.cli._setup import accounts, table

    code = 0
    for account in accounts(config, args.config, args.set, args.runtime_dir, args.state_dir):
        try:
            rows = account.rows()
        except ConnectorError as error:
            print(error)
            code = 1
            continue
        print(f"account {account.name}\n{table(rows)}")
        if any(row.differs for row in rows):
            print(f"  connector apply {args.config} changes what is marked")
            code = 1
    return code


def _limits(limits: LimitSettings) -> str:
    """What is limited; "" where nothing is."""
    found = {key: getattr(limits, key) for key in limits.__struct_fields__}
    quantities = found.pop("order_quantity")
    words = [f"{key} {value}" for key, value in found.items() if value is not None]
    words += [f"order_quantity {symbol} {most}" for symbol, most in quantities.items()]
    return ", ".join(words)


def _unlimited(account: AccountSettings, config: Config) -> str:
    """What is said of a live account that has no limits of its own."""
    free = [
        name
        for name in account.strategies
        if not (name in config.strategies and _limits(config.strategies[name].limits))
    ]
    if not free:
        return "none of its own; those of its strategies hold"
    return f"NONE: {', '.join(free)} may send orders of any size, number and loss"


def _countdown(account: AccountSettings) -> str:
    """What looks after its orders while no daemon does."""
    venue = load(account.venue)
    if venue.trading is None or venue.trading.countdown is None:
        return f"{venue.folder} has none: a daemon that dies or hangs leaves orders open"
    if account.guarded_s:
        return f"{account.guarded_s:g} s, for instruments with own orders"
    why = "countdown_s = 0" if account.exclusive else "not exclusive"
    return f"off: {why}; a daemon that dies or hangs leaves orders open"


def _access(path: Path) -> str:
    return "" if path.is_dir() else "  (will be made)"


def _machine(cpu: int | None) -> int:
    from connector.cli._machine import findings

    code = 0
    print("this machine")
    for finding in findings(cpu):
        word = {True: "good", False: "COSTS", None: "?"}[finding.good]
        print(f"  {word:<6} {finding.name}: {finding.seen}")
        if finding.good is False:
            code = 1
            print(f"         mend: {finding.mend}")
    return code


async def _online(config: Config) -> int:
    codes = [
        await _venue(name, settings, private_streams(config, name))
        for name, settings in config.venues.items()
    ]
    return max(codes, default=0)


async def _venue(name: str, settings: VenueSettings, private: int) -> int:
    from connector.transport.http import HttpClient
    from connector.transport.rest import Rest
    from connector.transport.tls import client_context

    venue = configured(name, settings)
    context = client_context(settings.ca_file) if venue.rest_url.startswith("https:") else None
    client = HttpClient(
        venue.rest_url,
        context,
        timeout_s=settings.request_s,
        local_address=settings.local_address,
    )
    rest = Rest(venue, client, lambda _counter, _amount: None)
    try:
        listings = []
        request: Request | None = venue.instruments_request()
        while request is not None:
            body = await rest.ask(request)
            listings.append(venue.instruments(body))
            request = following(venue, request, body)
        listing = joined(listings)
        pools = venue.pools_of(body)
    except (ConnectorError, ValueError) as error:
        print(f"{venue.folder}: {error}")
        return 1
    finally:
        await rest.close()
    selection = select(venue, listing.instruments, listing.faults, wishes(settings))
    print(f"{venue.folder}: {len(listing.instruments)} instruments listed")
    for pool in pools:
        print(f"  limit: {pool.limit} {pool.name} in {pool.window_ns // 10**9} s")
    found = shards(venue, selection.chosen)
    fit = fitting(venue, found, room(venue, settings.max_connections, private))
    for number, shard in enumerate(found[:fit]):
        for route in venue.routes:
            streams = shard.streams[route.name]
            if streams:
                place = f"{venue.ws_url}{route.path}, {venue.lines} line(s)"
                print(f"  connection {route.name}/{number}: {len(streams)} streams at {place}")
                for row in streams:
                    print(f"    {row.stream}")
    if venue.bases is Bases.STREAMED:
        print("  first snapshots: on the streams")
    else:
        requests = [
            venue.snapshot_request(one.instrument) for shard in found[:fit] for one in shard.chosen
        ]
        print(f"  first snapshots: weight {sum(request.weight for request in requests)}")
    for symbol, why in selection.unavailable.items():
        print(f"  UNAVAILABLE {symbol}: {why}")
    code = _room(venue, settings, private, listing.instruments)
    return 1 if selection.unavailable else code
