"""The shapes of the venue's answers about orders and accounts.

Read as tolerantly as market data: unknown fields are ignored, any field may be absent, and every
value is kept as its raw JSON text (a number or a string of one, a boolean or a word).
``schemas.text`` and its sisters read it.
"""

from msgspec import Raw, Struct, field

from connector.venues.binance_usdm.schemas import NOTHING


class OrderRow(Struct, rename="camel"):
    """R15 and R16: an order as placed, amended, cancelled or asked for; in a batch perhaps an
    error in its place."""

    symbol: Raw = NOTHING
    order_id: Raw = NOTHING
    client_order_id: Raw = NOTHING
    status: Raw = NOTHING
    side: Raw = NOTHING
    position_side: Raw = NOTHING
    type: Raw = NOTHING
    orig_type: Raw = NOTHING
    time_in_force: Raw = NOTHING
    price: Raw = NOTHING
    orig_qty: Raw = NOTHING
    executed_qty: Raw = NOTHING
    cum_qty: Raw = NOTHING
    avg_price: Raw = NOTHING
    cum_quote: Raw = NOTHING
    stop_price: Raw = NOTHING
    reduce_only: Raw = NOTHING
    close_position: Raw = NOTHING
    working_type: Raw = NOTHING
    price_protect: Raw = NOTHING
    price_match: Raw = NOTHING
    self_trade_prevention_mode: Raw = NOTHING
    good_till_date: Raw = NOTHING
    activate_price: Raw = NOTHING
    price_rate: Raw = NOTHING
    pair: Raw = NOTHING
    modify_id: Raw = NOTHING
    cum_base: Raw = NOTHING
    time: Raw = NOTHING
    update_time: Raw = NOTHING
    code: Raw = NOTHING
    msg: Raw = NOTHING


class AlgoRow(Struct, rename="camel"):
    """R27 and R28: a conditional order as placed, cancelled or asked for."""

    algo_id: Raw = NOTHING
    client_algo_id: Raw = NOTHING
    algo_type: Raw = NOTHING
    order_type: Raw = NOTHING
    symbol: Raw = NOTHING
    side: Raw = NOTHING
    position_side: Raw = NOTHING
    time_in_force: Raw = NOTHING
    quantity: Raw = NOTHING
    algo_status: Raw = NOTHING
    trigger_price: Raw = NOTHING
    price: Raw = NOTHING
    iceberg_quantity: Raw = NOTHING
    self_trade_prevention_mode: Raw = NOTHING
    working_type: Raw = NOTHING
    price_match: Raw = NOTHING
    close_position: Raw = NOTHING
    price_protect: Raw = NOTHING
    reduce_only: Raw = NOTHING
    activate_price: Raw = NOTHING
    callback_rate: Raw = NOTHING
    create_time: Raw = NOTHING
    update_time: Raw = NOTHING
    trigger_time: Raw = NOTHING
    good_till_date: Raw = NOTHING
    actual_order_id: Raw = NOTHING
    actual_price: Raw = NOTHING
    actual_type: Raw = NOTHING
    actual_qty: Raw = NOTHING
    tp_order_type: Raw = NOTHING
    tp_trigger_price: Raw = NOTHING
    tp_price: Raw = NOTHING
    sl_trigger_price: Raw = NOTHING
    sl_price: Raw = NOTHING
    code: Raw = NOTHING
    msg: Raw = NOTHING


class Done(Struct, rename="camel"):
    """R14, R30 and the like: a code and words."""

    code: Raw = NOTHING
    msg: Raw = NOTHING


class Countdown(Struct, rename="camel"):
    symbol: Raw = NOTHING
    countdown_time: Raw = NOTHING


class Change(Struct, rename="camel"):
    before: Raw = NOTHING
    after: Raw = NOTHING


class Changes(Struct, rename="camel"):
    price: Change | None = None
    orig_qty: Change | None = None
    count: Raw = NOTHING
    modify_id: Raw = NOTHING


class Amendment(Struct, rename="camel"):
    """R26."""

    amendment_id: Raw = NOTHING
    symbol: Raw = NOTHING
    pair: Raw = NOTHING
    order_id: Raw = NOTHING
    client_order_id: Raw = NOTHING
    time: Raw = NOTHING
    amendment: Changes | None = None


class OrderLimit(Struct, rename="camel"):
    """One of the account's own order limits."""

    rate_limit_type: Raw = NOTHING
    interval: Raw = NOTHING
    interval_num: Raw = NOTHING
    limit: Raw = NOTHING


class Balance(Struct, rename="camel"):
    """R17."""

    account_alias: Raw = NOTHING
    asset: Raw = NOTHING
    balance: Raw = NOTHING
    cross_wallet_balance: Raw = NOTHING
    cross_un_pnl: Raw = NOTHING
    available_balance: Raw = NOTHING
    max_withdraw_amount: Raw = NOTHING
    margin_available: Raw = NOTHING
    update_time: Raw = NOTHING


class AccountAsset(Struct, rename="camel"):
    asset: Raw = NOTHING
    wallet_balance: Raw = NOTHING
    unrealized_profit: Raw = NOTHING
    margin_balance: Raw = NOTHING
    maint_margin: Raw = NOTHING
    initial_margin: Raw = NOTHING
    position_initial_margin: Raw = NOTHING
    open_order_initial_margin: Raw = NOTHING
    cross_wallet_balance: Raw = NOTHING
    cross_un_pnl: Raw = NOTHING
    available_balance: Raw = NOTHING
    max_withdraw_amount: Raw = NOTHING
    margin_available: Raw = NOTHING
    update_time: Raw = NOTHING


class AccountPosition(Struct, rename="camel"):
    symbol: Raw = NOTHING
    position_side: Raw = NOTHING
    position_amt: Raw = NOTHING
    unrealized_profit: Raw = NOTHING
    isolated_margin: Raw = NOTHING
    notional: Raw = NOTHING
    isolated_wallet: Raw = NOTHING
    initial_margin: Raw = NOTHING
    maint_margin: Raw = NOTHING
    position_initial_margin: Raw = NOTHING
    open_order_initial_margin: Raw = NOTHING
    leverage: Raw = NOTHING
    isolated: Raw = NOTHING
    entry_price: Raw = NOTHING
    max_notional: Raw = NOTHING
    bid_notional: Raw = NOTHING
    ask_notional: Raw = NOTHING
    update_time: Raw = NOTHING


class Account(Struct, rename="camel"):
    """R18, of v2 and v3."""

    fee_tier: Raw = NOTHING
    fee_burn: Raw = NOTHING
    can_trade: Raw = NOTHING
    can_deposit: Raw = NOTHING
    can_withdraw: Raw = NOTHING
    update_time: Raw = NOTHING
    multi_assets_margin: Raw = NOTHING
    trade_group_id: Raw = NOTHING
    total_initial_margin: Raw = NOTHING
    total_maint_margin: Raw = NOTHING
    total_wallet_balance: Raw = NOTHING
    total_unrealized_profit: Raw = NOTHING
    total_margin_balance: Raw = NOTHING
    total_position_initial_margin: Raw = NOTHING
    total_open_order_initial_margin: Raw = NOTHING
    total_cross_wallet_balance: Raw = NOTHING
    total_cross_un_pnl: Raw = NOTHING
    available_balance: Raw = NOTHING
    max_withdraw_amount: Raw = NOTHING
    assets: list[AccountAsset] = field(default_factory=list)
    positions: list[AccountPosition] = field(default_factory=list)


class PositionRow(Struct, rename="camel"):
    """R20 (v2) and R29 (v3)."""

    symbol: Raw = NOTHING
    position_side: Raw = NOTHING
    position_amt: Raw = NOTHING
    entry_price: Raw = NOTHING
    break_even_price: Raw = NOTHING
    mark_price: Raw = NOTHING
    un_realized_profit: Raw = NOTHING
    liquidation_price: Raw = NOTHING
    isolated_margin: Raw = NOTHING
    notional: Raw = NOTHING
    margin_asset: Raw = NOTHING
    isolated_wallet: Raw = NOTHING
    initial_margin: Raw = NOTHING
    maint_margin: Raw = NOTHING
    position_initial_margin: Raw = NOTHING
    open_order_initial_margin: Raw = NOTHING
    adl: Raw = NOTHING
    bid_notional: Raw = NOTHING
    ask_notional: Raw = NOTHING
    margin_type: Raw = NOTHING
    is_auto_add_margin: Raw = NOTHING
    leverage: Raw = NOTHING
    max_notional_value: Raw = NOTHING
    update_time: Raw = NOTHING


class AccountSettings(Struct, rename="camel"):
    """What `/fapi/v1/accountConfig` says."""

    fee_tier: Raw = NOTHING
    can_trade: Raw = NOTHING
    can_deposit: Raw = NOTHING
    can_withdraw: Raw = NOTHING
    dual_side_position: Raw = NOTHING
    multi_assets_margin: Raw = NOTHING
    update_time: Raw = NOTHING
    trade_group_id: Raw = NOTHING


class SymbolSettings(Struct, rename="camel"):
    symbol: Raw = NOTHING
    margin_type: Raw = NOTHING
    is_auto_add_margin: Raw = NOTHING
    leverage: Raw = NOTHING
    max_notional_value: Raw = NOTHING


class PositionMode(Struct, rename="camel"):
    dual_side_position: Raw = NOTHING


class MultiAssets(Struct, rename="camel"):
    multi_assets_margin: Raw = NOTHING


class FeeBurn(Struct, rename="camel"):
    fee_burn: Raw = NOTHING


class Leverage(Struct, rename="camel"):
    leverage: Raw = NOTHING
    max_notional_value: Raw = NOTHING
    symbol: Raw = NOTHING


class PositionMargin(Struct, rename="camel"):
    amount: Raw = NOTHING
    code: Raw = NOTHING
    msg: Raw = NOTHING
    type: Raw = NOTHING


class PositionMarginChange(Struct, rename="camel"):
    """R19."""

    amount: Raw = NOTHING
    asset: Raw = NOTHING
    symbol: Raw = NOTHING
    time: Raw = NOTHING
    type: Raw = NOTHING
    delta_type: Raw = NOTHING
    position_side: Raw = NOTHING


class Fill(Struct, rename="camel"):
    """R21. The sign of ``commission`` differs between the 2021 sample and the events."""

    buyer: Raw = NOTHING
    commission: Raw = NOTHING
    commission_asset: Raw = NOTHING
    id: Raw = NOTHING
    maker: Raw = NOTHING
    order_id: Raw = NOTHING
    price: Raw = NOTHING
    qty: Raw = NOTHING
    quote_qty: Raw = NOTHING
    realized_pnl: Raw = NOTHING
    side: Raw = NOTHING
    position_side: Raw = NOTHING
    symbol: Raw = NOTHING
    time: Raw = NOTHING
    base_qty: Raw = NOTHING
    margin_asset: Raw = NOTHING
    pair: Raw = NOTHING


class Income(Struct, rename="camel"):
    """R22."""

    symbol: Raw = NOTHING
    income_type: Raw = NOTHING
    income: Raw = NOTHING
    asset: Raw = NOTHING
    info: Raw = NOTHING
    time: Raw = NOTHING
    tran_id: Raw = NOTHING
    trade_id: Raw = NOTHING


class Bracket(Struct, rename="camel"):
    bracket: Raw = NOTHING
    initial_leverage: Raw = NOTHING
    notional_cap: Raw = NOTHING
    notional_floor: Raw = NOTHING
    maint_margin_ratio: Raw = NOTHING
    cum: Raw = NOTHING


class Brackets(Struct, rename="camel"):
    """R23."""

    symbol: Raw = NOTHING
    notional_coef: Raw = NOTHING
    brackets: list[Bracket] = field(default_factory=list)


class AdlRow(Struct, rename="camel"):
    """R24; which sides stand in it depends on the mode."""

    symbol: Raw = NOTHING
    adl_quantile: dict[str, Raw] = field(default_factory=dict)


class ForcedOrder(Struct, rename="camel"):
    """R25."""

    order_id: Raw = NOTHING
    symbol: Raw = NOTHING
    status: Raw = NOTHING
    client_order_id: Raw = NOTHING
    price: Raw = NOTHING
    avg_price: Raw = NOTHING
    orig_qty: Raw = NOTHING
    executed_qty: Raw = NOTHING
    cum_quote: Raw = NOTHING
    time_in_force: Raw = NOTHING
    type: Raw = NOTHING
    reduce_only: Raw = NOTHING
    close_position: Raw = NOTHING
    side: Raw = NOTHING
    position_side: Raw = NOTHING
    stop_price: Raw = NOTHING
    working_type: Raw = NOTHING
    orig_type: Raw = NOTHING
    time: Raw = NOTHING
    update_time: Raw = NOTHING
    pair: Raw = NOTHING
    cum_base: Raw = NOTHING


class Commission(Struct, rename="camel"):
    symbol: Raw = NOTHING
    maker_commission_rate: Raw = NOTHING
    taker_commission_rate: Raw = NOTHING
    rpi_commission_rate: Raw = NOTHING


class ListenKey(Struct, rename="camel"):
    """The key is a credential: it stays raw, and out of every log."""

    listen_key: Raw = NOTHING


class Indicator(Struct, rename="camel"):
    """One quantitative rule that restricts an account or symbol."""

    indicator: Raw = NOTHING
    is_locked: Raw = NOTHING
    planned_recover_time: Raw = NOTHING
    value: Raw = NOTHING
    trigger_value: Raw = NOTHING


class TradingStatus(Struct, rename="camel"):
    indicators: dict[str, list[Indicator]] = field(default_factory=dict)
    update_time: Raw = NOTHING


class FileAsked(Struct, rename="camel"):
    """A file of history that is being written."""

    avg_cost_timestamp_of_last30d: Raw = field(default=NOTHING, name="avgCostTimestampOfLast30d")
    download_id: Raw = NOTHING


class FileLink(Struct, rename="camel"):
    """Where it is; the link lives 7 days and needs no key."""

    download_id: Raw = NOTHING
    status: Raw = NOTHING
    url: Raw = NOTHING
    notified: Raw = NOTHING
    expiration_timestamp: Raw = NOTHING
    is_expired: Raw = NOTHING
