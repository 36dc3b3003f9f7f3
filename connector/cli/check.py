"""Check a configuration, a machine or a venue before trusting them.

Without options every fault of FILE is named at once. --machine names what costs latency here with
the command that mends it; --online asks each venue what it lists and says what would be subscribed.
Exit codes: 0 nothing to say, 1 something costs latency or is not available, 2 the configuration is
wrong."""

import argparse
import asyncio
from pathlib import Path

from connector.config import (
    Config,
    VenueSettings,
    configured,
    directory_fault,
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
from connector.model.secret import SecretRef
from connector.venues.contract import Bases, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="FILE", nargs="?", help="the configuration (TOML)")
    parser.add_argument("--machine", action="store_true", help="look at this machine")
    parser.add_argument("--online", action="store_true", help="ask the venues")
    parser.add_argument("--runtime-dir", default="", help="as for connector run")
    parser.add_argument("--state-dir", default="", help="as for connector run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one value"
    )


def run(args: argparse.Namespace) -> int:
    if args.config is None and not args.machine:
        print("connector check: give a FILE, --machine, or both")
        return 2
    config = read(args.config, args.set) if args.config is not None else None
    code = 0
    if config is not None:
        _show(config, args)
        code |= _accounts(config)
        if args.online:
            code |= asyncio.run(_online(config))
    if args.machine:
        code |= _machine(config.daemon.cpu if config is not None else None)
    return code


def _show(config: Config, args: argparse.Namespace) -> None:
    runtime = runtime_directory(args.runtime_dir or config.daemon.runtime_dir)
    state = state_directory(args.state_dir or config.daemon.state_dir)
    faults = [fault for fault in map(directory_fault, (runtime, state)) if fault]
    if runtime.resolve() == state.resolve():
        faults.append(f"{runtime}: the runtime and the state directory must differ")
    if faults:
        raise ConfigError("\n".join(faults))
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
        way = f"{account.kind} key, orders over {account.transport.value}"
        print(f"  account {name} ({account.venue})  {way}, used by {users}")
        for what in ("key", "secret"):
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
    codes = [await _venue(name, settings) for name, settings in config.venues.items()]
    return max(codes, default=0)


async def _venue(name: str, settings: VenueSettings) -> int:
    from connector.instruments import wishes
    from connector.market.selection import select, shards
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
        body = await rest.ask(venue.instruments_request())
        listing = venue.instruments(body)
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
    for number, shard in enumerate(shards(venue, selection.chosen)):
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
        requests = [venue.snapshot_request(one.instrument) for one in selection.chosen]
        print(f"  first snapshots: weight {sum(request.weight for request in requests)}")
    for symbol, why in selection.unavailable.items():
        print(f"  UNAVAILABLE {symbol}: {why}")
    return 1 if selection.unavailable else 0
