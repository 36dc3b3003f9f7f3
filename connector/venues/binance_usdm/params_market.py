"""What can be asked of the venue's market data endpoints, checked before anything is sent."""

from typing import Annotated, Literal

from msgspec import Meta

from connector.venues.binance_usdm.params import Id, Ms, Pair, Params, Symbol

Interval = Literal[
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"
]
"""There is no 1s here: production refuses it (-1120)."""
Period = Literal["5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"]
ContractType = Literal["PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"]
"""TRADIFI_PERPETUAL is how the venue writes it."""
Thousand = Annotated[int, Meta(ge=1, le=1000)]


class DepthParams(Params):
    symbol: Symbol
    limit: Literal[5, 10, 20, 50, 100, 500, 1000] | None = None


class RpiDepthParams(Params):
    symbol: Symbol
    limit: Literal[1000] | None = None


class TradesParams(Params):
    symbol: Symbol
    limit: Thousand | None = None


class HistoricalTradesParams(Params):
    """Of the last month only."""

    symbol: Symbol
    limit: Annotated[int, Meta(ge=1, le=500)] | None = None
    from_id: Id | None = None


class AggTradesParams(Params):
    """Of the last 48 hours only."""

    symbol: Symbol
    from_id: Id | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Thousand | None = None


class KlinesParams(Params):
    symbol: Symbol
    interval: Interval
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=1500)] | None = None


class PairKlinesParams(Params):
    pair: Pair
    interval: Interval
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=1500)] | None = None


class ContinuousKlinesParams(Params):
    pair: Pair
    contract_type: ContractType
    interval: Interval
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=1500)] | None = None


class AllForceOrdersParams(Params):
    symbol: Symbol | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Thousand | None = None


class FundingRateParams(Params):
    symbol: Symbol | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Thousand | None = None


class AssetIndexParams(Params):
    symbol: Annotated[str, Meta(min_length=1, description="an asset's pair, as BTCUSD")] | None = (
        None
    )


class StatisticParams(Params):
    """Of the last 30 days only."""

    symbol: Symbol
    period: Period
    limit: Annotated[int, Meta(ge=1, le=500)] | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None


class BasisParams(Params):
    """Of the last 30 days only."""

    pair: Pair
    contract_type: Literal["PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER"]
    period: Period
    limit: Annotated[int, Meta(ge=1, le=500)] | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None


class PairParams(Params):
    pair: Pair
