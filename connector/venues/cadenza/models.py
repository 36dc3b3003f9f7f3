"""What the venue's answers are about (section 9 of the reference), as tolerant msgspec structs.

Whatever may be absent or null in one of the published states is, and unknown fields are ignored:
``connector.transport.calls.unknown_fields`` tells them. Words of enumerations stay texts; decimals
come as texts, or as numbers somewhere, and stay what they are.
"""

from typing import Any

from msgspec import Struct

Decimal = str | int | float | None
Ms = int | None
Text = str | None


class Model(Struct, rename="camel"):
    """Names as the venue writes them."""


class Pagination(Model):
    offset: int | None = None
    limit: int | None = None
    total: int | None = None
    cursor: str | None = None
    has_next: bool | None = None


# The service, the user


class Info(Model):
    name: Text = None
    version: Text = None
    description: Text = None
    documentation: Text = None


class Health(Model):
    """The one answer without an envelope."""

    status: Text = None
    timestamp: Ms = None
    iso_date_time: Text = None
    version: Text = None
    checks: dict[str, dict[str, Any]] | None = None


class AppMetadata(Model):
    tenant_id: Text = None
    environments: list[str] | None = None


class AuthUser(Model):
    id: Text = None
    email: Text = None
    phone: Text = None
    email_confirmed_at: Text = None
    phone_confirmed_at: Text = None
    last_sign_in_at: Text = None
    role: Text = None
    created_at: Text = None
    updated_at: Text = None
    app_metadata: AppMetadata | None = None
    user_metadata: dict[str, Any] | None = None
    identities: list[dict[str, Any]] | None = None


class AuthSession(Model):
    access_token: Text = None
    refresh_token: Text = None
    token_type: Text = None
    expires_in: int | None = None
    """Seconds."""
    expires_at: int | None = None
    """Unix seconds; one page of the venue takes it for milliseconds."""
    user: AuthUser | None = None


class Signed(AuthSession):
    """Of ``signup``: a user in the earlier state, a session today."""

    id: Text = None
    email: Text = None
    phone: Text = None
    email_confirmed_at: Text = None
    phone_confirmed_at: Text = None
    last_sign_in_at: Text = None
    role: Text = None
    created_at: Text = None
    updated_at: Text = None
    app_metadata: AppMetadata | None = None
    user_metadata: dict[str, Any] | None = None
    identities: list[dict[str, Any]] | None = None


# Orders


class Fee(Model):
    security: Text = None
    asset: Text = None
    venue: Text = None
    quantity: Decimal = None
    """Nobody says which sign a rebate has; above zero is taken as paid."""


class Execution(Model):
    execution_id: Text = None
    external_trade_id: Text = None
    venue: Text = None
    instrument_id: Text = None
    order_side: Text = None
    executed_quantity: Decimal = None
    executed_price: Decimal = None
    executed_cost: Decimal = None
    fees: list[Fee] | None = None
    executed_at: Ms = None
    executed_at_date_time: Text = None


class TradeOrder(Model):
    trade_order_id: Text = None
    trading_account_id: Text = None
    venue: Text = None
    position_id: Text = None
    quote_id: Text = None
    instrument_id: Text = None
    base_asset: Text = None
    quote_asset: Text = None
    order_side: Text = None
    order_type: Text = None
    time_in_force: Text = None
    status: Text = None
    reject_reason: Text = None
    cancel_reason: Text = None
    limit_price: Decimal = None
    stop_price: Decimal = None
    quantity: Decimal = None
    order_quantity_type: Text = None
    quantity_rounding: Text = None
    executed_price: Decimal = None
    """The average."""
    executed_quantity: Decimal = None
    executed_cost: Decimal = None
    fees: list[Fee] | None = None
    executions: list[Execution] | None = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
    expire_at: Ms = None
    expire_at_date_time: Text = None
    canceled_at: Ms = None
    canceled_at_date_time: Text = None
    order_list_id: Text = None
    external_order_list_id: Text = None
    contingency_type: Text = None
    take_profit_price: Decimal = None
    take_profit_limit_price: Decimal = None
    stop_loss_price: Decimal = None
    stop_loss_limit_price: Decimal = None
    take_profit_time_in_force: Text = None
    stop_loss_time_in_force: Text = None


class Quote(Model):
    quote_id: Text = None
    dealer_account_id: Text = None
    base_asset: Text = None
    quote_asset: Text = None
    order_side: Text = None
    quantity: Decimal = None
    quote_quantity: Decimal = None
    price: Decimal = None
    status: Text = None
    created_at: Ms = None
    created_at_date_time: Text = None
    expire_at: Ms = None
    expire_at_date_time: Text = None
    quote_request_id: Text = None
    external_quote_id: Text = None
    venue: Text = None
    instrument_id: Text = None
    trader_account_id: Text = None
    quantity_type: Text = None
    reject_reason: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
    pricing_profile_id: Text = None


# Accounts


class Credential(Model):
    credential_id: Text = None
    venue: Text = None
    credential_type: Text = None
    nickname: Text = None
    status: Text = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
    revoked_at: Ms = None
    revoked_at_date_time: Text = None


class TradingAccount(Model):
    trading_account_id: Text = None
    external_trading_account_id: Text = None
    venue: Text = None
    nickname: Text = None
    account_type: Text = None
    external_account_type: Text = None
    position_mode: Text = None
    collateral_mode: Text = None
    margin_mode: Text = None
    credentials: list[Credential] | None = None
    status: Text = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None


class AccountOperation(Model):
    operation_id: Text = None
    trading_account_id: Text = None
    operation_type: Text = None
    status: Text = None
    created_at: Ms = None
    created_at_date_time: Text = None


class Subscription(Model):
    subscription_id: Text = None
    venue: Text = None
    trading_account_id: Text = None
    instrument_id: Text = None
    subscription_type: Text = None
    status: Text = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
    last_event_timestamp: Ms = None
    last_event_timestamp_date_time: Text = None
    channel: Text = None


class Position(Model):
    position_id: Text = None
    security_symbol: Text = None
    external_position_id: Text = None
    trading_account_id: Text = None
    instrument_id: Text = None
    security_type: Text = None
    status: Text = None
    position_side: Text = None
    quantity: Decimal = None
    entry_price: Decimal = None
    exit_price: Decimal = None
    current_price: Decimal = None
    unrealized_pnl: Decimal = None
    realized_pnl: Decimal = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
    closed_at: Ms = None
    closed_at_date_time: Text = None


class Balance(Model):
    security_symbol: Text = None
    security_type: Text = None
    external_balance_id: Text = None
    trading_account_id: Text = None
    status: Text = None
    position_id: Text = None
    free: Decimal = None
    locked: Decimal = None
    borrowed: Decimal = None
    total: Decimal = None
    net: Decimal = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
    # As the narrative pages show it.
    symbol: Text = None
    currency: Text = None
    available: Decimal = None


class Summary(Model):
    trading_account_id: Text = None
    currency: Text = None
    leverage: int | None = None
    equity: Decimal = None
    margin: Decimal = None
    margin_loan: Decimal = None
    margin_usage: Decimal = None
    margin_requirement: Decimal = None
    margin_level: Decimal = None
    credit: Decimal = None
    risk_exposure: Decimal = None
    max_risk_exposure: Decimal = None
    risk_exposure_rate: Decimal = None


class Portfolio(Model):
    trading_account_id: Text = None
    venue: Text = None
    positions: list[Position] | None = None
    balances: list[Balance] | None = None
    summary: Summary | None = None
    updated_at: Ms = None
    updated_at_date_time: Text = None


# The market


class MarketVenue(Model):
    venue: Text = None
    status: Text = None


class Instrument(Model):
    instrument_id: Text = None
    venue: Text = None
    symbol: Text = None
    external_symbol: Text = None
    description: Text = None
    instrument_type: Text = None
    status: Text = None
    base_asset: Text = None
    quote_asset: Text = None
    base_security_type: Text = None
    quote_security_type: Text = None
    base_precision: int | None = None
    quote_precision: int | None = None
    base_max_significant: int | None = None
    quote_max_significant: int | None = None
    base_scale: int | None = None
    quote_scale: int | None = None
    lot_size: Decimal = None
    """The step of quantities."""
    pip_size: Decimal = None
    """The step of prices."""
    min_quantity: Decimal = None
    max_quantity: Decimal = None
    min_notional: Decimal = None
    max_notional: Decimal = None
    order_filters: Any = None
    trading_hours: Any = None
    order_types: list[str | None] | None = None
    time_in_force_options: list[str | None] | None = None
    is_iceberg_allowed: bool | None = None
    iceberg_min_quantity: Decimal = None
    delivery_date: Ms = None
    delivery_date_time: Text = None
    exercise_style: Text = None
    strike_price: Decimal = None


class Security(Model):
    security_id: Text = None
    symbol: Text = None
    venue: Text = None
    security_type: Text = None
    precision: int | None = None
    scale: int | None = None
    min_quantity: Decimal = None
    lot_size: Decimal = None


class OrderBook(Model):
    """Either form; ``columns`` says what the cells of a row are: price and quantity where it is
    absent."""

    instrument_id: Text = None
    venue: Text = None
    symbol: Text = None
    update_type: Text = None
    order_book_type: Text = None
    columns: list[str] | None = None
    bids: list[list[Decimal]] | None = None
    asks: list[list[Decimal]] | None = None
    timestamp: Ms = None
    timestamp_date_time: Text = None


class Ticker(Model):
    venue: Text = None
    symbol: Text = None
    timestamp: Ms = None
    timestamp_date_time: Text = None
    instrument_id: Text = None
    last_price: Decimal = None
    last_quantity: Decimal = None
    bid_price: Decimal = None
    bid_quantity: Decimal = None
    ask_price: Decimal = None
    ask_quantity: Decimal = None
    price_change_percent: Decimal = None


class Kline(Model):
    venue: Text = None
    symbol: Text = None
    interval: Text = None
    timestamp: Ms = None
    timestamp_date_time: Text = None
    is_closed: bool | None = None
    candles: list[list[int | str | float | None]] | None = None
    """Open time, open, high, low, close, volume; the oldest first."""
    instrument_id: Text = None


class Total(Model):
    total: int | None = None


# The venue's own dealers and wallets


class Dealer(Model):
    dealer_account_id: Text = None
    name: Text = None
    status: Text = None
    base_currencies: list[str] | None = None
    risk_threshold: Decimal = None
    linked_account_ids: list[str] | None = None
    config: Any = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None


class Wallet(Model):
    wallet_id: Text = None
    wallet_type: Text = None
    status: Text = None
    allow_negative: bool | None = None
    metadata: dict[str, Any] | None = None
    created_at: Ms = None
    created_at_date_time: Text = None
    updated_at: Ms = None
    updated_at_date_time: Text = None
