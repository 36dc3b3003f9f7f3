"""What `connector halt` and `connector resume` share."""

import argparse
import difflib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import connector
from connector.errors import ConnectorError
from connector.trading import halts
from connector.trading.halts import Damaged, Halt, Scope

ANSWER_S = 3.0
"""A daemon that hangs does not answer, a busy one does; the file holds before it is asked."""


def add_scopes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", default="", metavar="NAME", help="only this account")
    parser.add_argument("--strategy", default="", metavar="NAME", help="only this strategy")
    parser.add_argument("--runtime-dir", default="", help="where the daemon's control socket is")


def scopes(args: argparse.Namespace) -> list[tuple[Scope, str]]:
    """What the command line means."""
    found = [(Scope.ACCOUNT, args.account)] if args.account else []
    if args.strategy:
        found.append((Scope.STRATEGY, args.strategy))
    return found or [(Scope.EVERYTHING, "")]


@contextmanager
def file_of(runtime_dir: Path) -> Iterator[int]:
    """The halt file, open; ConnectorError says what is wrong with it."""
    path = halts.path_of(runtime_dir)
    try:
        with halts.writing(runtime_dir) as fd:
            yield fd
    except (OSError, Damaged) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConnectorError(f"{path}: {why}") from None


def told(runtime_dir: Path, answer_s: float = ANSWER_S) -> dict[str, Any] | None:
    """The state of the daemon, if one answers in time."""
    try:
        with connector.attach("halt", runtime_dir, timeout=answer_s) as session:
            state = session.request("state")["state"]
    except (ConnectorError, OSError):
        return None
    return state if isinstance(state, dict) else None


def show(standing: list[Halt]) -> None:
    """What stands."""
    for one in standing:
        print(f"halted: {one}")
    if not standing:
        print("nothing is halted")


def unknown(state: dict[str, Any] | None, wanted: list[tuple[Scope, str]], but: str) -> bool:
    """Says which names the daemon does not know: one that is misspelt halts nothing."""
    if state is None:
        return False
    known = {
        Scope.ACCOUNT: list(state["accounts"]),
        Scope.STRATEGY: sorted(
            {s for one in state["accounts"].values() for s in one["strategies"]}
        ),
    }
    found = False
    for scope, name in wanted:
        if scope not in known or name in known[scope]:
            continue
        found = True
        there = ", ".join(known[scope]) or "none"
        near = difflib.get_close_matches(name, known[scope], 1, 0.5)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        what = f"{scope.name.lower()} {name!r}"
        print(f"connector: the daemon has no {what}: {but}it has {there}{hint}", file=sys.stderr)
    return found
