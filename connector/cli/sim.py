"""Run a simulated venue: synthetic or replayed market data over the venue's own protocols.

When it listens it prints one JSON line: ``{"rest": URL, "ws": URL, "ca": FILE or null, "pid": N}``,
with ``"account"`` (name, key, secret and what else the venue wants) when it made a throw-away one.
``connector sim fault KIND [key=value ...] --url URL`` makes a running one misbehave.
"""

import argparse
import asyncio
import gzip
import signal
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson
from msgspec.structs import replace

from connector.cli._arguments import port, seconds, whole
from connector.errors import ConfigError

if TYPE_CHECKING:
    from connector.sim.matching.engine import Engine
    from connector.sim.server import VenueClock
    from connector.venues.sim_contract import VenueSim
    from connector.venues.sim_setup import SimAccount


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="fault KIND key=value",
        help="order a fault from a running simulator instead (connector.sim.faults lists the kinds;"
        " 'fault clear' takes all out of force, 'fault list' shows them), or change what it lists:"
        " instrument SYMBOL key=value (status, tick, listed=true|false; step, price of a new one)",
    )
    parser.add_argument("--url", help="for fault: the REST URL the simulator printed")
    parser.add_argument("--venue", default="binance_usdm", help="whose protocol (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=port, default=0, help="port; 0 (default) takes a free one")
    parser.add_argument("--tls", metavar="FOLDER", help="speak TLS; writes a new ca.pem there")
    parser.add_argument(
        "--symbols", default="", metavar="N", help="how many, or names with commas (default 4)"
    )
    parser.add_argument("--exchange-info", metavar="FILE", help="list what this answer lists")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="messages a second and symbol (default 100)"
    )
    parser.add_argument("--levels", type=int, default=2000, help="levels a side (at least 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the synthetic flow")
    parser.add_argument("--no-bursts", action="store_true", help="an even flow")
    parser.add_argument("--replay", nargs="+", metavar="FILE", help="recordings, in this order")
    parser.add_argument("--speed", default="1", help="of a replay: 1, a factor, or max")
    parser.add_argument("--symbol", default="", help="replay only this symbol")
    parser.add_argument("--settle", type=float, default=0.3, metavar="S",
                        help="a replay starts so long after the first subscription")  # fmt: skip
    parser.add_argument("--snapshot-wait", type=float, default=10.0, metavar="S",
                        help="a replay waits so long for the first depth request")  # fmt: skip
    parser.add_argument("--exit-at-end", action="store_true", help="stop when a replay is through")
    parser.add_argument("--scenario", metavar="FILE", help='faults by time: [{"at_s":1,"kind":..}]')
    parser.add_argument("--ping", type=seconds, metavar="S", help="between pings")
    parser.add_argument("--pong", type=seconds, metavar="S", help="pong deadline")
    parser.add_argument("--lifetime", type=seconds, metavar="S", help="of a socket")
    parser.add_argument("--silence", type=seconds, metavar="S", help="a client without a ping ends")
    parser.add_argument("--weight-limit", type=whole, default=0, metavar="N",
                        help="REST weight a minute (default: what exchangeInfo says)")  # fmt: skip
    parser.add_argument("--connects", type=whole, help="sockets in 5 min and address")
    parser.add_argument("--backlog", type=whole, default=64, metavar="MIB", help="cut off beyond")
    parser.add_argument(
        "--stamps", metavar="FILE", help="write down when each message left (connector.sim.stamps)"
    )
    parser.add_argument("--account", action="append", metavar="NAME=KEY:SECRET", default=[],
                        help="an account; may be given more than once (default:"
                        " a throw-away one, printed)")  # fmt: skip
    parser.add_argument("--accounts", metavar="FILE", help="accounts of a TOML file")
    parser.add_argument("--listen-key-life", type=seconds, default=3600.0, metavar="S",
                        help="of a listen key (default 3600)")  # fmt: skip
    parser.add_argument("--order-limits", default="300,1200", metavar="N,N",
                        help="orders in 10 s and in a minute (default 300,1200)")  # fmt: skip
    parser.add_argument("--strict-private", action="store_true",
                        help="private URLs deliver only the events they name")  # fmt: skip
    parser.add_argument("--born-names", action="store_true",
                        help="triggered conditional orders get other client ids")  # fmt: skip
    parser.add_argument("--token-life", type=whole, default=0, metavar="S",
                        help="of a login's token; sockets end with it")  # fmt: skip
    parser.add_argument("--history", type=whole, default=0, metavar="N",
                        help="messages a stream keeps, where it may keep some")  # fmt: skip
    parser.add_argument("--profile", default="", metavar="NAME",
                        help="state of its interface, where a venue has several")  # fmt: skip
    parser.add_argument("--bare-errors", action="store_true", help="control errors not wrapped")


def run(args: argparse.Namespace) -> int:
    if args.words:
        return _order(args)
    import uvloop

    context = ca = None
    if args.tls:
        from connector.sim.tls import server_context

        context = server_context(Path(args.tls), list(dict.fromkeys([args.host, "localhost"])))
        ca = str(Path(args.tls).resolve() / "ca.pem")
    return uvloop.run(_serve(args, context, ca))


async def _serve(args: argparse.Namespace, context: ssl.SSLContext | None, ca: str | None) -> int:
    from connector.sim.server import Options, Server, VenueClock, ready_line
    from connector.sim.stamps import Stamps
    from connector.venues.sim_contract import load
    from connector.venues.sim_setup import OrderSetup

    venue = load(args.venue)
    given = {
        "ping_s": args.ping,
        "pong_s": args.pong,
        "silence_s": args.silence,
        "lifetime_s": args.lifetime,
        "connects": args.connects,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    options = Options(
        sockets=replace(venue.sockets, **wanted),
        backlog_bytes=args.backlog * 1024 * 1024,
        weight_limit=args.weight_limit,
        bare_errors=args.bare_errors,
    )
    clock = VenueClock()
    market = _market(venue, args, clock)
    scenario = _scenario(args.scenario)
    accounts, made = _accounts(args, venue.funds, venue.written)
    engine = _engine(venue, market, clock, args.born_names)
    setup = OrderSetup(
        accounts=accounts,
        listen_key_ms=int(args.listen_key_life * 1000),
        order_limits=_order_limits(args.order_limits),
        strict_private=args.strict_private,
        token_s=args.token_life,
        history=args.history,
        profile=_profile(venue, args.profile, getattr(market, "profile", "")),
    )
    try:
        server = Server(venue, market, options, clock=clock, engine=engine, setup=setup)
    except ValueError as error:
        raise ConfigError(f"accounts: {error}") from None
    try:
        await server.start(args.host, args.port, context)
    except OSError as error:
        raise ConfigError(f"cannot listen on {args.host}:{args.port}: {error}") from None
    stamps = _stamps(args.stamps)
    if stamps is not None:
        server.hub.stamps = Stamps(stamps, venue.stamped)
    ready = ready_line(server, args.host, ca)
    if made is not None:
        ready["account"] = {"name": made.name, **venue.credentials(made, [*market.symbols])}
    print(orjson.dumps(ready).decode(), flush=True)
    loop = asyncio.get_running_loop()
    for at_s, command in scenario:
        loop.call_later(at_s, server.command, command)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    serving = asyncio.ensure_future(server.serve())
    waiting = [asyncio.ensure_future(stopped.wait())]
    if args.exit_at_end:
        waiting.append(asyncio.ensure_future(server.ended.wait()))
    try:
        await asyncio.wait({serving, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
    finally:
        for each in waiting:
            each.cancel()
        await server.stop()
        if stamps is not None:
            stamps.close()
    return 0


def _profile(venue: "VenueSim", name: str, recorded: str) -> str:
    """The state of the venue to be; a recording is of one."""
    if name and recorded and name != recorded:
        raise ConfigError(f"--profile {name}: the recording is of {recorded!r}")
    if name and name not in venue.profiles:
        known = f"there are: {', '.join(venue.profiles)}" if venue.profiles else "it has one only"
        raise ConfigError(f"--profile: {venue.folder} has no {name!r}; {known}")
    return name or recorded


def _engine(
    venue: "VenueSim", market: Any, clock: "VenueClock", born_names: bool = False
) -> "Engine":
    """A matching engine over the market's own book."""
    from connector.sim.matching.engine import Engine

    # Ids of another start are not met again.
    engine = Engine(first_order_id=clock(), born_names=born_names)
    try:
        market.attach(engine, venue.rules)
    except ValueError as error:
        raise ConfigError(f"cannot trade on what is listed: {error}") from None
    return engine


def _order_limits(text: str) -> list[tuple[int, int]]:
    numbers = text.split(",")
    if len(numbers) != 2 or not all(each.isdecimal() and int(each) for each in numbers):
        raise ConfigError(f"--order-limits: two numbers above 0, as 300,1200, not {text!r}")
    return [(10_000, int(numbers[0])), (60_000, int(numbers[1]))]


def _accounts(
    args: argparse.Namespace, funds: Mapping[str, int], written: Callable[[str], str]
) -> tuple[list["SimAccount"], "SimAccount | None"]:
    """The accounts, and the throw-away one if it had to be made."""
    from connector.sim.accounts import from_file, from_words, throw_away

    try:
        found = from_words(args.account, funds)
    except ValueError as error:
        raise ConfigError(f"--account: {error}") from None
    if args.accounts:
        try:
            found += from_file(Path(args.accounts), funds)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--accounts {args.accounts}: {error}") from None
    names = [account.name for account in found]
    if len(set(names)) < len(names):
        raise ConfigError("--account, --accounts: a name comes twice")
    if found:
        return found, None
    made = throw_away(funds, written)
    return [made], made


def _stamps(path: str | None) -> BinaryIO | None:
    try:
        return None if path is None else open(path, "wb")
    except OSError as error:
        raise ConfigError(f"--stamps {path}: {error.strerror}") from None


def _market(venue: "VenueSim", args: argparse.Namespace, clock: "VenueClock") -> Any:
    from connector.sim.listings import contracts
    from connector.sim.synthetic import SyntheticMarket

    if args.replay:
        return _replay(venue, args)
    wanted = args.symbols or "4"
    count = int(wanted) if wanted.isdecimal() else 0
    spelled = {row.symbol.upper(): row.symbol for row in venue.listings}
    names = None if wanted.isdecimal() else wanted.upper().split(",")
    names = names and [spelled.get(name, name) for name in names]
    if args.exchange_info:
        try:
            info = Path(args.exchange_info).read_bytes()
            rows = venue.contracts(gzip.decompress(info) if info[:2] == b"\x1f\x8b" else info)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--exchange-info {args.exchange_info}: {error}") from None
        if names is not None:
            listed = {row.symbol.upper(): row for row in rows}
            missing = [name for name in names if name.upper() not in listed]
            if missing:
                raise ConfigError(f"--exchange-info does not list {', '.join(missing)}")
            rows = [listed[name.upper()] for name in names]
        elif args.symbols:
            rows = rows[:count]
    else:
        rows = contracts(
            venue.listings, count if names is None else names, args.seed, venue.invented
        )
    if not rows:
        raise ConfigError("--symbols: at least one is needed")
    if args.rate <= 0:
        raise ConfigError("--rate must be above 0")
    return SyntheticMarket(
        venue,
        rows,
        rate=args.rate,
        levels=args.levels,
        seed=args.seed,
        bursts=not args.no_bursts,
        wall_ms=clock,
        weight_limit=args.weight_limit,
    )


def _replay(venue: "VenueSim", args: argparse.Namespace) -> Any:
    from connector.sim.replay import ReplayMarket

    def warn(sentence: str) -> None:
        print(f"connector sim: {sentence}", file=sys.stderr)

    try:
        speed = 0.0 if args.speed == "max" else float(args.speed)
        info = Path(args.exchange_info).read_bytes() if args.exchange_info else b""
        if info.startswith(b"\x1f\x8b"):
            info = gzip.decompress(info)
        if speed < 0 or (args.speed != "max" and not speed):
            raise ValueError("--speed must be above 0, or max")
        return ReplayMarket(
            venue,
            [Path(path) for path in args.replay],
            speed=speed,
            symbol=args.symbol.upper(),
            info=info,
            settle_s=args.settle,
            snapshot_wait_s=args.snapshot_wait,
            weight_limit=args.weight_limit,
            warn=warn,
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"--replay: {error}") from None


def _scenario(path: str | None) -> list[tuple[float, bytes]]:
    """The commands of a scenario file, each with its time; ConfigError names what is wrong."""
    if path is None:
        return []
    from connector.sim.faults import Faults

    try:
        steps = []
        for row in orjson.loads(Path(path).read_bytes()):
            at_s = float(row.pop("at_s"))
            Faults().add(row)
            steps.append((at_s, orjson.dumps(row)))
        return steps
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"--scenario {path}: {error!r}") from None


def _order(args: argparse.Namespace) -> int:
    """``connector sim fault ...`` and ``instrument ...``: send one command to a running simulator
    and print its answer."""
    import urllib.error
    import urllib.request

    if args.words[0] not in ("fault", "instrument") or len(args.words) < 2 or not args.url:
        raise ConfigError(
            "usage: connector sim fault KIND|instrument SYMBOL [key=value ...] --url URL"
        )
    kind, *pairs = args.words[1:]
    method, body, door = "POST", None, "faults"
    if args.words[0] == "instrument":
        door, body = "instruments", orjson.dumps({"symbol": kind} | dict(map(_text, pairs)))
    elif kind == "clear":
        method = "DELETE"
    elif kind == "list":
        method = "GET"
    else:
        body = orjson.dumps({"kind": kind} | dict(_pair(each) for each in pairs))
    request = urllib.request.Request(f"{args.url.rstrip('/')}/_sim/{door}", body, method=method)
    context = None
    if args.url.startswith("https:"):
        # The simulator's authority is made anew at each start: there is nothing to trust it by.
        context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            print(answer.read().decode())
            return 0
    except urllib.error.HTTPError as error:
        with error:
            print(f"connector sim: {error.read().decode()}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"connector sim: no simulator at {args.url}: {error}", file=sys.stderr)
        return 1


def _text(text: str) -> tuple[str, str | bool]:
    """Numbers stay as they are written."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"instrument: expected key=value, not {text!r}")
    return key, {"true": True, "false": False}.get(value, value)


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"fault: expected key=value, not {text!r}")
    try:
        return key, orjson.loads(value)
    except orjson.JSONDecodeError:
        return key, value
