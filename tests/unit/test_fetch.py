"""Where a download of trades by their ids begins: the venue keeps a part of the past only."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from connector.cli.fetch import Download, Source
from connector.venues.contract import load
from connector.venues.histories import Row

TRADES = load("binance_usdm").histories["trades"]
NEWEST = 1000
"""Trade n is of n seconds."""


class Kept(Source):
    """Trades from ``oldest`` on; asked for earlier ones the venue gives the oldest, or nothing."""

    def __init__(self, oldest: int, gives_oldest: bool) -> None:
        self.history, self.page = TRADES, 10
        self.oldest, self.gives_oldest = oldest, gives_oldest

    async def rows(self, params: Mapping[str, Any]) -> list[Row]:
        first = params.get("fromId", NEWEST)
        if first < self.oldest and not self.gives_oldest:
            return []
        first = max(first, self.oldest)
        kept = range(first, min(first + int(params["limit"]), NEWEST + 1))
        return [(one, "1", "1", "1", one * 1000, True) for one in kept]


@pytest.mark.parametrize("gives_oldest", [True, False])
@pytest.mark.parametrize("oldest", [0, 1, 2, 400, 999, 1000])
@pytest.mark.parametrize("start", [0, 1, 2, 399, 400, 401, 998, 1000, 1001])
def test_the_first_row_that_is_wanted_and_kept_is_found(
    oldest: int, start: int, gives_oldest: bool
) -> None:
    files: Any = SimpleNamespace()
    source = Kept(oldest, gives_oldest)
    download = Download(source, files, start * 1000, 10**9, None, None)
    before = asyncio.run(download._before())
    wanted = [one for one in range(oldest, NEWEST + 1) if one >= start]
    if wanted:
        rows = asyncio.run(source.rows(TRADES.after(before, 0, 1)))
        assert [row[0] for row in rows] == wanted[:1]
    else:
        assert before >= NEWEST - 1
