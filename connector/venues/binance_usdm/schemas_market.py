"""The shapes of the venue's answers about the market that feeds do not read.

As tolerant as `schemas_trading`: any field may be absent, every value is its raw JSON text.
"""

from msgspec import Raw, Struct, field

from connector.venues.binance_usdm.schemas import NOTHING


class Kline(Struct, array_like=True):
    """R6: a row of twelve."""

    open_time: Raw = NOTHING
    open: Raw = NOTHING
    high: Raw = NOTHING
    low: Raw = NOTHING
    close: Raw = NOTHING
    volume: Raw = NOTHING
    close_time: Raw = NOTHING
    quote_volume: Raw = NOTHING
    count: Raw = NOTHING
    taker_buy_volume: Raw = NOTHING
    taker_buy_quote_volume: Raw = NOTHING
    ignored: Raw = NOTHING


class Ticker24h(Struct, rename="camel"):
    """R8."""

    symbol: Raw = NOTHING
    price_change: Raw = NOTHING
    price_change_percent: Raw = NOTHING
    weighted_avg_price: Raw = NOTHING
    prev_close_price: Raw = NOTHING
    last_price: Raw = NOTHING
    last_qty: Raw = NOTHING
    open_price: Raw = NOTHING
    high_price: Raw = NOTHING
    low_price: Raw = NOTHING
    volume: Raw = NOTHING
    quote_volume: Raw = NOTHING
    open_time: Raw = NOTHING
    close_time: Raw = NOTHING
    first_id: Raw = NOTHING
    last_id: Raw = NOTHING
    count: Raw = NOTHING


class Price(Struct, rename="camel"):
    """R9."""

    symbol: Raw = NOTHING
    price: Raw = NOTHING
    time: Raw = NOTHING


class BestPrices(Struct, rename="camel"):
    """R10."""

    symbol: Raw = NOTHING
    bid_price: Raw = NOTHING
    bid_qty: Raw = NOTHING
    ask_price: Raw = NOTHING
    ask_qty: Raw = NOTHING
    time: Raw = NOTHING
    last_update_id: Raw = NOTHING


class PublicForcedOrder(Struct, rename="camel"):
    """R11; the average price is spelled as the venue does."""

    symbol: Raw = NOTHING
    price: Raw = NOTHING
    orig_qty: Raw = NOTHING
    executed_qty: Raw = NOTHING
    avrage_price: Raw = NOTHING
    status: Raw = NOTHING
    time_in_force: Raw = NOTHING
    type: Raw = NOTHING
    side: Raw = NOTHING
    time: Raw = NOTHING


class OpenInterest(Struct, rename="camel"):
    """R12."""

    open_interest: Raw = NOTHING
    symbol: Raw = NOTHING
    time: Raw = NOTHING


class IndexPart(Struct, rename="camel"):
    base_asset: Raw = NOTHING
    quote_asset: Raw = NOTHING
    weight_in_quantity: Raw = NOTHING
    weight_in_percentage: Raw = NOTHING


class IndexInfo(Struct, rename="camel"):
    """R13."""

    symbol: Raw = NOTHING
    time: Raw = NOTHING
    component: Raw = NOTHING
    base_asset_list: list[IndexPart] = field(default_factory=list)


class FundingRate(Struct, rename="camel"):
    symbol: Raw = NOTHING
    funding_rate: Raw = NOTHING
    funding_time: Raw = NOTHING
    mark_price: Raw = NOTHING
    rate_type: Raw = NOTHING


class FundingInfo(Struct, rename="camel"):
    symbol: Raw = NOTHING
    adjusted_funding_rate_cap: Raw = NOTHING
    adjusted_funding_rate_floor: Raw = NOTHING
    funding_interval_hours: Raw = NOTHING
    disclaimer: Raw = NOTHING


class AssetIndex(Struct, rename="camel"):
    symbol: Raw = NOTHING
    time: Raw = NOTHING
    index: Raw = NOTHING
    bid_buffer: Raw = NOTHING
    ask_buffer: Raw = NOTHING
    bid_rate: Raw = NOTHING
    ask_rate: Raw = NOTHING
    auto_exchange_bid_buffer: Raw = NOTHING
    auto_exchange_ask_buffer: Raw = NOTHING
    auto_exchange_bid_rate: Raw = NOTHING
    auto_exchange_ask_rate: Raw = NOTHING


class Constituent(Struct, rename="camel"):
    exchange: Raw = NOTHING
    symbol: Raw = NOTHING
    price: Raw = NOTHING
    weight: Raw = NOTHING


class Constituents(Struct, rename="camel"):
    symbol: Raw = NOTHING
    time: Raw = NOTHING
    constituents: list[Constituent] = field(default_factory=list)


class FundAsset(Struct, rename="camel"):
    asset: Raw = NOTHING
    margin_balance: Raw = NOTHING
    update_time: Raw = NOTHING


class InsuranceFund(Struct, rename="camel"):
    """A fund, and the symbols it stands for."""

    symbols: list[Raw] = field(default_factory=list)
    assets: list[FundAsset] = field(default_factory=list)


class AdlRisk(Struct, rename="camel"):
    symbol: Raw = NOTHING
    adl_risk: Raw = NOTHING
    update_time: Raw = NOTHING


class TradingSession(Struct, rename="camel"):
    start_time: Raw = NOTHING
    end_time: Raw = NOTHING
    type: Raw = NOTHING


class MarketSchedule(Struct, rename="camel"):
    sessions: list[TradingSession] = field(default_factory=list)


class TradingSchedule(Struct, rename="camel"):
    """By market: EQUITY, COMMODITY and others."""

    update_time: Raw = NOTHING
    market_schedules: dict[str, MarketSchedule] = field(default_factory=dict)


class OpenInterestStatistic(Struct, rename="camel"):
    symbol: Raw = NOTHING
    sum_open_interest: Raw = NOTHING
    sum_open_interest_value: Raw = NOTHING
    timestamp: Raw = NOTHING


class LongShortRatio(Struct, rename="camel"):
    symbol: Raw = NOTHING
    long_short_ratio: Raw = NOTHING
    long_account: Raw = NOTHING
    short_account: Raw = NOTHING
    timestamp: Raw = NOTHING


class TakerVolume(Struct, rename="camel"):
    buy_sell_ratio: Raw = NOTHING
    buy_vol: Raw = NOTHING
    sell_vol: Raw = NOTHING
    timestamp: Raw = NOTHING


class Basis(Struct, rename="camel"):
    pair: Raw = NOTHING
    contract_type: Raw = NOTHING
    index_price: Raw = NOTHING
    futures_price: Raw = NOTHING
    basis: Raw = NOTHING
    basis_rate: Raw = NOTHING
    annualized_basis_rate: Raw = NOTHING
    timestamp: Raw = NOTHING


class DeliveryPrice(Struct, rename="camel"):
    delivery_time: Raw = NOTHING
    delivery_price: Raw = NOTHING
