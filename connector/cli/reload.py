"""Have the running daemon read its configuration again.

It takes what changed of the feeds and of on_request, at once and without touching anything else;
streams that go on notice nothing. A file with a fault, or with a change that needs a restart, is
refused whole, and the daemon goes on as it was. Exit codes: 0 taken, 1 refused or no daemon."""

import argparse

import connector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime-dir", default="", help="as for connector run")


def run(args: argparse.Namespace) -> int:
    with connector.attach("connector-reload", args.runtime_dir or None) as session:
        answer = session.request("reload")
    venues = answer["venues"]
    print(f"taken: {', '.join(venues)}" if venues else "nothing changed")
    return 0
