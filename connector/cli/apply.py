"""Set accounts up at their venues as the configuration wants them.

Shows for each account of FILE with a [accounts.NAME.setup] what is otherwise, asks, and changes
that and nothing else: position mode, multi-assets mode, and by instrument margin type, leverage and
the margin of isolated positions. Every change is written to calls.jsonl first and never sent twice;
the first that is not done ends it. `connector check --online` shows the same and changes nothing.

Exit codes: 0 everything is as wanted, 1 something is not, 2 wrong usage or configuration,
3 unknown: a change may have been made, look again."""

import argparse
import sys

from connector.cli._arguments import add_overrides
from connector.cli._setup import Account, Row, accounts, table, words
from connector.config import read
from connector.errors import ConfigError
from connector.venues.contract import Outcome

DONE = (Outcome.OK, Outcome.ALREADY)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="FILE", help="the configuration (TOML)")
    parser.add_argument("--account", default="", metavar="NAME", help="this one alone")
    parser.add_argument("--yes", action="store_true", help="change it without asking")
    parser.add_argument("--runtime-dir", default="", help="where the daemon's control socket is")
    parser.add_argument("--state-dir", default="", help="where calls.jsonl is")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    config = read(args.config, args.set)
    if args.account and args.account not in config.accounts:
        raise ConfigError(f"no account {args.account!r}; there are: {', '.join(config.accounts)}")
    found = [
        account
        for account in accounts(config, args.config, args.set, args.runtime_dir, args.state_dir)
        if args.account in ("", account.name)
    ]
    if not found:
        print("nothing is wanted: no account has a setup")
        return 0
    return max(_apply(account, yes=args.yes) for account in found)


def _apply(account: Account, *, yes: bool) -> int:
    rows = account.rows()
    print(f"account {account.name}\n{table(rows)}")
    otherwise = [row for row in rows if row.differs]
    if not otherwise:
        print("  as wanted")
        return 0
    if any(row.why for row in otherwise):
        print("  nothing was changed: what is marked CANNOT stands in the way")
        return 1
    if not yes and not _agreed():
        print("  nothing was changed")
        return 1
    for row in otherwise:
        code = _bring(account, row)
        if code:
            return code
    left = [row for row in account.rows() if row.differs]
    print("  as wanted" if not left else f"  still otherwise:\n{table(left)}")
    return 1 if left else 0


def _bring(account: Account, row: Row) -> int:
    """Make one change, from how things are by now: those before may have moved it."""
    now = next((one for one in account.rows() if one.wanted == row.wanted), row)
    name = f"{row.wanted.symbol} {row.wanted.name}".strip()
    if now.change is None:
        print(f"  {name}: {now.why or 'as wanted'}")
        return 1 if now.why else 0
    called = account.call(now.change)
    if called.outcome in DONE:
        print(f"  {name}: {row.wanted.value}")
        return 0
    print(f"  {name}: {words(called)}; nothing more was changed")
    return 3 if called.outcome is Outcome.UNKNOWN else 1


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("  --yes changes it without asking")
        return False
    return input("  change this? [y/N] ").strip().lower() in ("y", "yes")
