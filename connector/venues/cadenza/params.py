"""What can be asked of the venue, checked before anything is sent: sections 5, 6 and 8 of the
reference.

Words of enumerations are those of both published states; a word that only one of them has is the
venue's to refuse.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Uuid = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        description="a UUID, as 14f773c5-2079-41e0-90e4-340a7b4d3391",
    ),
]
Uuids = Annotated[list[Uuid], Meta(min_length=1, description="UUIDs")]
Email = Annotated[
    str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, description="an email address")
]
Word = Annotated[str, Meta(min_length=1)]
Password = Annotated[str, Meta(min_length=8, description="at least 8 characters")]
InstrumentId = Annotated[
    str, Meta(pattern=r"^[^:\s]+:\S+$", description="VENUE:SYMBOL, as BINANCE:BTC/USDT")
]
SecurityId = Annotated[
    str, Meta(pattern=r"^[^:\s]+:\S+$", description="VENUE:ASSET, as BINANCE:BTC")
]
Amount = Annotated[
    str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="a plain decimal, as -0.5")
]
Positive = Annotated[
    str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$", description="a plain decimal not below zero, as 0.5")
]
Ms = Annotated[int, Meta(ge=0)]
Most = Annotated[int, Meta(ge=1, le=1000)]
"""Rows in one answer; 50 where it is left out."""
Count = Annotated[int, Meta(ge=0)]
Depth = Annotated[int, Meta(ge=1, le=1000)]
Ttl = Annotated[int, Meta(ge=1, le=300)]
Key = Annotated[
    str, Meta(pattern=r"^[!-~]{1,36}$", description="1 to 36 characters without a blank")
]
"""The length is ours: the venue names none, and this one is what the connector's ids have."""
Iso = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
        description="a time, as 2026-01-15T10:30:00Z",
    ),
]
Leverage = Annotated[int, Meta(ge=1)]

Venue = Literal[
    "BINANCE", "B2C2", "WINTERMUTE", "BLOCKFILLS", "STONEX", "CUMBERLAND", "IBKR", "DERIBIT",
    "BITFINEX", "OKX", "BINANCE_UAT", "B2C2_UAT", "WINTERMUTE_UAT", "BLOCKFILLS_UAT", "STONEX_UAT",
    "CUMBERLAND_UAT", "IBKR_UAT", "DERIBIT_UAT", "BITFINEX_UAT", "OKX_UAT", "BINANCE_SANDBOX",
    "B2C2_SANDBOX", "IBKR_PAPER", "MOCK", "PAPER", "HYPERLIQUID", "HYPERLIQUID_UAT", "FERMATA",
]  # fmt: skip
OrderSide = Literal["BUY", "SELL"]
OrderType = Literal[
    "MARKET", "LIMIT", "LIMIT_MAKER", "STOP", "STOP_LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT",
    "TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "TRAILING_STOP", "QUOTED",
]  # fmt: skip
OrderStatus = Literal[
    "CREATED", "SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "FILLED", "CANCELLED",
    "PENDING_CANCEL", "REPLACED", "PENDING_REPLACE", "REJECTED", "EXPIRED", "REVOKED", "UNKNOWN",
]  # fmt: skip
TimeInForce = Literal[
    "GTC", "IOC", "FOK", "GTD", "DAY", "GTX", "OPG", "CLS", "GFA", "GFS", "GTM", "MOO", "MOC",
    "EXT",
]  # fmt: skip
QuantityType = Literal["BASE", "QUOTE", "POSITION_RATIO", "POSITION_PERCENTAGE"]
QuantityRounding = Literal[
    "UP", "DOWN", "NEAREST", "CEIL", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN"
]
ContingencyType = Literal["OCO", "OTO", "OTOCO"]
CredentialType = Literal["API_KEY", "HMAC", "OAUTH", "RSA", "ED25519", "TOKEN"]
CredentialStatus = Literal[
    "CREATED", "ACTIVE", "EXPIRED", "REVOKED", "VALIDATED", "INACTIVE", "ERROR", "UNKNOWN",
    "SETUP", "LOCKED", "DISCONNECTED", "SUSPENDED", "DELETED",
]  # fmt: skip
"""The first four today; the later ones in January 2026, when the filter had the words of
accounts."""
AccountStatus = Literal[
    "NEW", "CREATED", "ACTIVE", "INACTIVE", "LOCKED", "DISCONNECTED", "UNAVAILABLE", "SETUP",
    "SUSPENDED", "DELETED", "UNKNOWN",
]  # fmt: skip
OperationType = Literal[
    "CONNECT", "DISCONNECT", "ENABLE", "DISABLE", "UPDATE", "CREDENTIAL_REVOKE",
    "CREDENTIAL_ROTATE",
]  # fmt: skip
SecurityType = Literal[
    "STOCK", "CRYPTO", "CURRENCY", "COMMODITY", "INDEX", "BOND", "OPTION", "FUTURES", "PERPETUAL",
    "CFD", "CASH", "DERIVATIVE", "FUTURE", "FOREX",
]  # fmt: skip
InstrumentStatus = Literal["ACTIVE", "INACTIVE", "DISABLED", "DELISTED"]
Interval = Literal[
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w",
    "1M",
]  # fmt: skip
DealerStatus = Literal["ACTIVE", "PAUSED", "ARCHIVED"]
WalletType = Literal["DEALER", "CLIENT", "EXCHANGE", "ACCOUNTING"]


class Params(Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Parameters, sent in the order they stand in; None is not sent."""


class NoParams(Params):
    """There are none."""


# The user


class SignupParams(Params):
    email: Email
    password: Password
    metadata: dict[str, Any] | None = None


class LoginParams(Params):
    email: Email
    password: Word


class RefreshParams(Params):
    refresh_token: Word


class UserParams(Params):
    email: Email | None = None
    password: Password | None = None
    metadata: dict[str, Any] | None = None


class RecoverParams(Params):
    email: Email


# Orders


class SubmitParams(Params):
    """Section 5.1."""

    trading_account_id: Uuid
    order_side: OrderSide
    order_type: OrderType
    quantity: Positive
    instrument_id: InstrumentId | None = None
    idempotency_key: Key | None = None
    client_order_id: Key | None = None
    contingency_type: ContingencyType | None = None
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    quantity_type: QuantityType | None = None
    quantity_rounding: QuantityRounding | None = None
    position_id: Uuid | None = None
    time_in_force: TimeInForce | None = None
    expire_at: Ms | None = None
    quote_id: Uuid | None = None
    leverage: Leverage | None = None
    await_closed: bool | None = None
    take_profit_price: Positive | None = None
    take_profit_limit_price: Positive | None = None
    stop_loss_price: Positive | None = None
    stop_loss_limit_price: Positive | None = None
    take_profit_time_in_force: TimeInForce | None = None
    stop_loss_time_in_force: TimeInForce | None = None


class CancelParams(Params):
    trading_account_id: Uuid
    trade_order_id: Uuid


class OrdersParams(Params):
    trade_order_id: Uuid | None = None
    order_list_id: Uuid | None = None
    external_order_list_id: Word | None = None
    order_status: OrderStatus | None = None
    trading_account_id: Uuid | None = None
    instrument_id: InstrumentId | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Most | None = None
    offset: Count | None = None
    cursor: Word | None = None
    ascending: bool | None = None


class QuoteParams(Params):
    dealer_account_id: Uuid
    order_side: OrderSide
    trader_account_id: Uuid | None = None
    instrument_id: InstrumentId | None = None
    base_asset: Word | None = None
    quote_asset: Word | None = None
    quantity: Positive | None = None
    quote_quantity: Positive | None = None
    quote_request_id: Key | None = None
    ttl: Ttl | None = None
    expire_at: Iso | None = None
    pricing_profile_id: Word | None = None


# Accounts


class ConnectParams(Params):
    """In the earlier state the first two were needed; today none is."""

    credential_ids: Uuids | None = None
    external_trading_account_id: Word | None = None
    nickname: Word | None = None
    venue: Venue | None = None
    dealer_account_id: Uuid | None = None


class AccountParams(Params):
    trading_account_id: Uuid


class RenameParams(Params):
    trading_account_id: Uuid
    nickname: Word | None = None


class AccountsParams(Params):
    trading_account_id: Uuid | None = None
    venue: Venue | None = None
    account_status: AccountStatus | None = None
    user_id: Uuid | None = None
    tenant_id: Word | None = None
    limit: Most | None = None
    offset: Count | None = None


class OperationsParams(Params):
    trading_account_id: Uuid | None = None
    operation_type: OperationType | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Most | None = None
    offset: Count | None = None
    cursor: Word | None = None


class CredentialsParams(Params):
    credential_type: CredentialType | None = None
    credential_status: CredentialStatus | None = None
    credential_ids: Uuids | None = None


class CreateCredentialParams(Params):
    venue: Venue
    credential_type: CredentialType
    nickname: Word | None = None
    api_key: Word | None = None
    api_secret: Word | None = None
    api_passphrase: Word | None = None


class CredentialParams(Params):
    credential_id: Uuid


class RotateParams(Params):
    """``api_key`` was needed in the earlier state."""

    credential_id: Uuid
    api_key: Word | None = None
    api_secret: Word | None = None
    api_passphrase: Word | None = None


class VerifyParams(Params):
    credential_ids: Uuids


class EndStreamParams(Params):
    subscription_id: Uuid | None = None
    trading_account_id: Uuid | None = None
    instrument_id: InstrumentId | None = None


class AccountStreamsParams(Params):
    trading_account_id: Uuid | None = None
    limit: Most | None = None
    offset: Count | None = None
    cursor: Word | None = None


class PortfoliosParams(Params):
    trading_account_id: Uuid | None = None
    venue: Venue | None = None
    currency: Word | None = None
    limit: Most | None = None
    offset: Count | None = None


# The market


class SyncInstrumentsParams(Params):
    venue: Venue
    symbols: Annotated[list[Word], Meta(min_length=1)]


class InstrumentParams(Params):
    instrument_id: InstrumentId


class InstrumentsParams(Params):
    venue: Venue | None = None
    symbols: list[Word] | None = None
    security_type: SecurityType | None = None
    instrument_status: InstrumentStatus | None = None
    limit: Most | None = None
    offset: Count | None = None


class SyncSecuritiesParams(Params):
    venue: Venue


class SecurityParams(Params):
    security_id: SecurityId


class SecuritiesParams(Params):
    venue: Venue | None = None
    security_id: SecurityId | None = None
    limit: Most | None = None
    offset: Count | None = None


class BookParams(Params):
    """``venue`` and ``symbol`` name the instrument in the earlier state only."""

    instrument_id: InstrumentId | None = None
    venue: Venue | None = None
    symbol: Word | None = None
    depth: Depth | None = None


class BooksParams(Params):
    instrument_ids: Annotated[list[InstrumentId], Meta(max_length=20)] | None = None
    venue: Venue | None = None
    symbols: Annotated[list[Word], Meta(max_length=20)] | None = None
    depth: Depth | None = None


class BookStreamsParams(Params):
    instrument_id: InstrumentId | None = None


class TickersParams(Params):
    instrument_ids: list[InstrumentId] | None = None
    limit: Most | None = None
    offset: Count | None = None
    cursor: Word | None = None


class KlineParams(Params, rename={"instrument_id": "instrumentId", "from_": "from"}):
    interval: Interval
    instrument_id: InstrumentId | None = None
    from_: Ms | None = None
    to: Ms | None = None
    limit: Most | None = None


# The venue's own dealers and wallets


class NewDealerParams(Params):
    name: Word
    base_currencies: Annotated[list[Word], Meta(min_length=1)]
    risk_threshold: Positive | None = None
    config: dict[str, Any] | None = None


class DealerParams(Params):
    dealer_account_id: Uuid


class DealersParams(Params):
    status: DealerStatus | None = None
    limit: Most | None = None
    offset: Count | None = None
    cursor: Word | None = None


class LinkParams(Params):
    dealer_account_id: Uuid
    trading_account_id: Uuid


class NewWalletParams(Params):
    nickname: Word | None = None


class WalletParams(Params):
    wallet_id: Uuid


class WalletsParams(Params):
    wallet_type: WalletType | None = None
    limit: Most | None = None
    offset: Count | None = None
    cursor: Word | None = None


class WalletTransferParams(Params):
    source_wallet_id: Uuid
    dest_wallet_id: Uuid
    asset: Word
    amount: Positive
