"""What the venue's reference and its page of 2021 list: endpoints, streams, events, error codes.

Read from their own text, so that our tables have no say in what there is to be counted."""

import itertools
import re
from pathlib import Path

CALL = re.compile(r"(GET|POST|PUT|DELETE) (/\w+/[\w/-]+)")
PARTS = {
    "<symbol>": ["btcusdt"],
    "<pair>": ["btcusdt"],
    "<contractType>": ["perpetual"],
    "<assetSymbol>": ["btcusd"],
    "<levels>": ["5", "10", "20"],
}
REMOVED, FOREIGN = "removed 2", "out of scope"
"""Words of a row that nobody can have any more, and of one that no connector needs."""


class Page:
    """The page of 2021, as text."""

    def __init__(self, path: Path) -> None:
        lines = [line.strip() for line in path.read_text().splitlines()]
        self.calls = [" ".join(found.groups()) for line in lines if (found := CALL.match(line))]
        name = re.compile(r"(?:Stream Names?:\s*)?((?:<|!)\w+\S*)(?: OR \S+)*\.?$")
        self.streams = [found[1] for line in lines if (found := name.match(line))]
        events = re.compile(r"""["']e["']: ?["'](\w+)["']""")
        self.events = {found[1] for line in lines if (found := events.match(line))}
        codes = re.compile(r"(-\d{4}) ")
        self.codes = {int(found[1]) for line in lines if (found := codes.match(line))}


class Reference:
    """The reference, which says what is true today."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self.intervals = self.rows("4")["kline interval"][0].split()

    def rows(self, section: str) -> dict[str, list[str]]:
        """The rows of a section's table: the first cell → the others."""
        head = re.escape(section) + r"\.?\s"
        _, text = re.split(f"(?m)^##+ {head}.*$", self.text, maxsplit=1)
        text = re.split("(?m)^##", text, maxsplit=1)[0]
        cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:2] == "| "]
        return {first: others for first, *others in cells[1:]}

    def calls(self, section: str) -> dict[str, list[str]]:
        """The calls of each of its endpoints' rows, but for those out of scope."""
        return {
            number: list(_calls(cells[0]))
            for number, cells in self.rows(section).items()
            if FOREIGN not in " ".join(cells)
        }

    def streams(self, section: str) -> dict[str, list[str]]:
        """The streams that each row of its table names, for one symbol."""
        found = {}
        for first, cells in self.rows(section).items():
            if REMOVED not in " ".join(cells):
                spans = _spans(cells[0] if first.isdigit() else first)
                found[spans[0]] = [name for one in spans for name in self._filled(one)]
        return found

    def _filled(self, template: str) -> list[str]:
        parts = {**PARTS, "<interval>": self.intervals}
        pieces = re.split(r"(<\w+>)", template)
        return ["".join(one) for one in itertools.product(*(parts.get(p, [p]) for p in pieces))]

    def market_events(self) -> set[str]:
        names: set[str] = set()
        for section in ("10.1", "10.2"):
            for cells in self.rows(section).values():
                for told in re.findall(r"\be=([^;]*)", " | ".join(cells)):
                    first, *others = told.split(", ")
                    names.add(first)
                    for other in itertools.takewhile(lambda one: one.endswith("Update"), others):
                        *markets, last = other.split("/")  # KR_/HK_/CN_EquityUpdate
                        names |= {last, *(one + last.partition("_")[2] for one in markets)}
        return names

    def user_events(self) -> set[str]:
        return {first.split()[0] for first in self.rows("13.2")}

    def codes(self) -> dict[int, bool]:
        """Each code → whether it was there in 2021."""
        return {
            int(code): cells[-1].strip() == "y"
            for code, cells in self.rows("12").items()
            if re.fullmatch(r"-?\d+", code)
        }


def _calls(cell: str) -> list[str]:
    """``GET/POST /a/b``, ``GET /a/{b,c}``, ``GET /a/b, .../c`` and ``GET /a/b (x), c (y)``."""
    methods, paths = re.sub(r" \([^)]*\)", "", cell).split(" ", 1)
    found: list[str] = []
    for path in re.split(r", (?![^{]*\})", paths):
        if path.startswith("..."):
            _, first, rest = path.split("/", 2)
            found += [f"{one}/{rest}" for one in found if one.endswith(f"/{first}")]
        elif path.startswith("/"):
            start, *choice = re.split(r"\{(.*?)\}", path)
            names = choice[0].split(", " if ", " in choice[0] else ",") if choice else [""]
            found += [start + name + "".join(choice[1:]) for name in names]
        else:
            found.append(f"{found[0].rsplit('/', 1)[0]}/{path}")
    return [f"{method} {path}" for method in methods.split("/") for path in found]


def _spans(cell: str) -> list[str]:
    """The templates of a cell, what begins in the middle completed by what stands before."""
    first, *more = re.findall("`([^`]+)`", cell)
    kind = re.sub("<.*?>", "", first.split("@")[1]) if "@" in first else ""
    whole = [first]
    for one in more:
        if not one.startswith("@"):
            whole.append(one)
        elif re.sub("<.*?>", "", one[1:].split("@")[0]) == kind:
            whole.append(first.split("@")[0] + one)
        else:
            whole.append(first + one)
    return whole
