"""What fits a terminal, and how much does not."""

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text


class Screenful:
    """``view`` with ``foot`` under it. What the window is too low for is left out above the foot,
    which says how many lines that are."""

    def __init__(self, view: RenderableType, foot: str) -> None:
        self._view, self._foot = view, foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = max(options.height or console.height, 1)
        lines = console.render_lines(self._view, options.update(height=None), pad=False)
        foot, shown = self._foot, lines
        if len(lines) + 2 > height:
            shown = lines[: max(height - 1, 0)]
            left = len(lines) - len(shown)
            foot = f"… {left} more lines in a higher window or with --once  {foot}"
        for line in shown:
            yield from line
            yield Segment.line()
        if shown is lines:
            yield Segment.line()
        yield Text(foot, "dim", no_wrap=True, overflow="crop", end="")
