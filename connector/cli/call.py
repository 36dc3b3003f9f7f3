"""Call an endpoint of a venue and print its answer.

Without ENDPOINT the venue's endpoints are listed, with --describe one of them is described.
Parameters are the venue's own, KEY=VALUE; what the venue would refuse is refused before anything is
sent, with the field and what is allowed. The call goes to the venue directly; a running daemon is
only asked what is left of the rate budget. With --strategy it goes through the daemon, with its
keys and budget, and is that strategy's: what may change something needs its trading session.

Endpoints that want a key need --config, and --account where it has several of the venue. Orders,
transfers and withdrawals are sent only if `allow` of the account names them, orders only while
nothing is halted. What may change something is written to calls.jsonl in the state directory first,
and never sent twice.

Exit codes: 0 done, 1 not done, 2 wrong usage, 3 unknown: it may have been done, find out."""

import argparse
import sys
from typing import Any

from connector.cli._arguments import add_overrides, pairs, seconds
from connector.cli._call_daemon import Asked, through
from connector.cli._call_direct import Direct
from connector.cli._call_output import describe, listing, show
from connector.errors import ConfigError
from connector.transport.calls import Called
from connector.venues.contract import Endpoint, Outcome, Request, load
from connector.venues.endpoint import Removed
from connector.venues.endpoint_text import NoEndpoint, find
from connector.venues.parameters import BadParameter

CODES = {Outcome.OK: 0, Outcome.ALREADY: 0, Outcome.UNKNOWN: 3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("venue", metavar="VENUE", nargs="?", help="its name, any case")
    parser.add_argument("endpoint", metavar="ENDPOINT", nargs="?", help="its name, any case")
    parser.add_argument("given", metavar="KEY=VALUE", nargs="*", help="parameters")
    parser.add_argument("--describe", action="store_true", help="say what the endpoint takes")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--config", metavar="FILE", help="hosts and accounts (TOML)")
    parser.add_argument("--account", metavar="NAME", default="", help="whose key to use")
    add_overrides(parser)
    parser.add_argument(
        "--strategy", metavar="NAME", default="", help="through the running daemon, as NAME"
    )
    parser.add_argument("--runtime-dir", default="", help="where the daemon's control socket is")
    parser.add_argument("--state-dir", default="", help="where calls.jsonl is")
    parser.add_argument("--timeout", type=seconds, default=10.0, metavar="S", help="for the answer")


def run(args: argparse.Namespace) -> int:
    if args.venue is None:
        from connector.venues.contract import folders

        raise ConfigError(f"whose endpoint? There are: {', '.join(map(_named, folders()))}")
    venue = load(args.venue)
    if args.endpoint is None:
        print(listing(venue, args.json))
        return 0
    try:
        row = find(venue.endpoints, args.endpoint)
        if args.describe:
            print(describe(row, args.json))
            return 0
        given = row.read(pairs(args.given))
        request = row.called(given)
    except (NoEndpoint, BadParameter, Removed) as error:
        print(f"connector call: {error}", file=sys.stderr)
        return 2
    called = _made(args, row, request, given)
    print(show(row, called, args.json))
    return CODES.get(called.outcome, 1)


def _named(folder: str) -> str:
    return load(folder).name


def _made(
    args: argparse.Namespace, row: Endpoint, request: Request, given: dict[str, Any]
) -> Called:
    if args.strategy:
        if args.config or args.set:
            raise ConfigError("--strategy: the daemon has a configuration of its own")
        asked = Asked(args.venue, args.account, args.timeout)
        return through(args.strategy, args.runtime_dir, row, asked, given)
    direct = Direct(
        args.venue, args.config, args.set, args.account, args.runtime_dir, args.state_dir
    )
    return direct.call(row, request, args.timeout)
