"""``python -m bench [NAME...]``: what the hot path costs on this machine.

Names: kernels, ipc, path, orders, calls; without any, all of them. Prints tables with the goals
beside, keeps JSON under ``bench/results``."""

import argparse
import subprocess
import sys
from pathlib import Path

from bench.machine import facts
from bench.report import Group, show, show_machine, write

NAMES = ("kernels", "ipc", "path", "orders", "calls")


def calls() -> int:
    """pytest-benchmark over ``bench/kernels``."""
    folder = Path(__file__).parent / "kernels"
    options = ["-p", "no:cacheprovider", "--benchmark-enable", "--benchmark-columns=min,median"]
    command = [sys.executable, "-m", "pytest", str(folder), "-q", *options]
    return subprocess.run(command, check=False, cwd=folder.parents[1]).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=8, help="turns of each contender")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in NAMES]
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(NAMES)}")
    names = asked.names or NAMES
    machine = facts()
    show_machine(machine)
    groups: list[Group] = []
    for name in names:
        if name == "calls":
            continue
        found = []
        if name == "kernels":
            from bench import kernels

            found = kernels.run(asked.rounds)
        elif name == "ipc":
            from bench import ipc

            found = ipc.run(asked.rounds)
        elif name == "path":
            from bench import path

            found = path.run(asked.rounds)
        elif name == "orders":
            from bench import orders

            found = orders.run(asked.rounds)
        for group in found:
            show(group)
        groups += found
    if groups:
        print(f"\nkept in {write(groups, machine, asked.json, 'bench')}")
    return calls() if "calls" in names else 0


if __name__ == "__main__":
    raise SystemExit(main())
