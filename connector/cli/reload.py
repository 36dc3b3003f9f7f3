"""Have the running daemon read its configuration again.

It takes what changed of the feeds and of on_request, at once and without touching anything else;
streams that go on notice nothing. A file with a fault, or with a change that needs a restart, is
refused whole, and the daemon goes on as it was. Exit codes: 0 taken, 1 refused or no daemon,
4 taken, but not all that the file wants of these venues can be had (each is named)."""

import argparse
import sys

import connector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime-dir", default="", help="as for connector run")


def run(args: argparse.Namespace) -> int:
    with connector.attach("connector-reload", args.runtime_dir or None) as session:
        answer = session.request("reload")
    venues = answer["venues"]
    print(f"taken: {', '.join(venues)}" if venues else "nothing changed")
    lacking = answer.get("unavailable", {})
    for venue, rows in lacking.items():
        for name, why in rows.items():
            print(f"connector: {venue}: {name}: unavailable: {why}", file=sys.stderr)
    return 4 if any(lacking.values()) else 0
