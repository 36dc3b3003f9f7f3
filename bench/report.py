"""Figures, the table that shows them and the JSON that keeps them."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass
class Figure:
    """One measured number; ``goal`` is an upper limit, a lower one with ``at_least``."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


@dataclass
class Group:
    """The figures of one bench; ``regression`` says what a change for the worse would mean."""

    title: str
    regression: str
    figures: list[Figure] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        goal: float | None = None,
        *,
        at_least: bool = False,
        note: str = "",
    ) -> None:
        self.figures.append(Figure(name, value, unit, goal, at_least, note))


def number(value: float) -> str:
    """Three significant digits or all whole ones."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def show(group: Group) -> None:
    """Print one group as a table."""
    print(f"\n{group.title}\n  slower here: {group.regression}")
    width = max((len(figure.name) for figure in group.figures), default=0)
    for figure in group.figures:
        goal, verdict = "", ""
        if figure.goal is not None:
            goal = f"goal {'>=' if figure.at_least else '<='} {number(figure.goal)}"
            verdict = "met" if figure.met else "MISSED"
        line = f"  {figure.name:{width}s} {number(figure.value):>12s} {figure.unit:10s}"
        print(f"{line} {goal:16s} {verdict:7s} {figure.note}".rstrip(), flush=True)


def show_machine(facts: dict[str, str]) -> None:
    """Print what the figures were measured on."""
    print("  ".join(f"{key} {value};" for key, value in facts.items()).rstrip(";"), flush=True)


def write(groups: list[Group], facts: dict[str, str], path: Path | None, kind: str) -> Path:
    """Keep all as JSON: at ``path``, or under ``bench/results`` with the time in its name."""
    if path is None:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    found = {"kind": kind, "machine": facts, "groups": [asdict(group) for group in groups]}
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path
