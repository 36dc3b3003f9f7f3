"""Take back what `connector halt` said: for everything, one account or one strategy.

Halts of other scopes stay and are shown; --all takes every one away and mends a damaged file.
--loss lets the day's profit and loss begin anew, for a loss limit that was reached.
Exit code 1: the daemon does not know a name, and nothing was taken back.
"""

import argparse
import sys

from connector.cli._halting import add_scopes, file_of, scopes, show, told, unknown
from connector.clock import wall_ns
from connector.model.paths import runtime_directory
from connector.trading import halts
from connector.trading.halts import Halt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_scopes(parser)
    parser.add_argument("--all", action="store_true", help="every halt there is")
    parser.add_argument("--loss", action="store_true", help="the day's loss begins anew, too")


def run(args: argparse.Namespace) -> int:
    if args.all and (args.account or args.strategy):
        print("connector resume: --all or names, not both", file=sys.stderr)
        return 2
    runtime = runtime_directory(args.runtime_dir)
    wanted = scopes(args)
    gone: list[Halt] = []
    with file_of(runtime) as fd:
        if args.all:
            gone = halts.clear(fd)
        else:
            for scope, name in wanted:
                gone += halts.clear(fd, scope, name)
        if args.loss:
            for scope, name in wanted:
                halts.set_back(fd, wall_ns(), scope, name)
        left = halts.read(fd)
    for one in gone:
        print(f"resumed: {one}")
    show(left)
    missed = unknown(told(runtime), wanted, "")
    return 1 if missed and (args.loss or not gone) else 0
