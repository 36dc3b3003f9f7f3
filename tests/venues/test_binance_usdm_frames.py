"""Frames captured from today's venue: each decodes into the struct of its kind, comes out of it
equal, and no field is dropped."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector.venues.binance_usdm import schemas, schemas_streams, schemas_user
from tests.venues.test_binance_usdm_samples import again

FRAMES = Path(__file__).parents[3] / "shared" / "data" / "frames"
STRUCTS = {
    "depthUpdate": schemas.DepthUpdate,
    "aggTrade": schemas.AggTradeEvent,
    "trade": schemas.TradeEvent,
    "bookTicker": schemas.BookTicker,
    "markPriceUpdate": schemas.MarkPriceUpdate,
    "kline": schemas_streams.KlineEvent,
    "": schemas.DepthSnapshot,
    "TRADE_LITE": schemas_user.TradeLite,
    "ORDER_TRADE_UPDATE": schemas_user.OrderTradeUpdate,
    "ACCOUNT_UPDATE": schemas_user.AccountUpdate,
    "ALGO_UPDATE": schemas_user.AlgoUpdate,
}
EACH = [
    json.loads(line)["raw"]
    for name in ("binance_usdm_public_2026.jsonl", "binance_usdm_private.open.jsonl")
    if (FRAMES / name).exists()
    for line in (FRAMES / name).read_text().splitlines()
]


def test_every_kind_was_captured() -> None:
    if not EACH:
        pytest.skip(f"no captured frames in {FRAMES}")
    assert {json.loads(raw).get("data", json.loads(raw)).get("e", "") for raw in EACH} == {*STRUCTS}


@pytest.mark.parametrize("raw", EACH, ids=[f"{at}" for at in range(len(EACH))])
def test_a_frame_goes_in_and_comes_out_whole(raw: str) -> None:
    frame: dict[str, Any] = json.loads(raw)
    data = frame.get("data", frame)
    found = msgspec.json.decode(json.dumps(data), type=STRUCTS[data.get("e", "")])
    said = again(found)
    for side in ("b", "a"):  # an empty side is one, too
        if data.get(side) == []:
            assert getattr(found, side) == said.setdefault(side, [])
    assert said == data
