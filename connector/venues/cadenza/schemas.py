"""The venue's answers: the envelope and its data (section 4.1 of the reference)."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from connector.venues.cadenza.models import (
    AccountOperation,
    AuthSession,
    AuthUser,
    Credential,
    Dealer,
    Info,
    Instrument,
    Kline,
    MarketVenue,
    OrderBook,
    Pagination,
    Portfolio,
    Quote,
    Security,
    Signed,
    Subscription,
    Ticker,
    Total,
    TradeOrder,
    TradingAccount,
    Wallet,
)


class Envelope(Struct):
    """Around every answer but that of ``health``."""

    success: bool | None = None
    errno: int = 0
    error: str | None = None
    details: dict[str, Any] | None = None


class WordAnswer(Envelope):
    """``"ok"``, or nothing."""

    data: str | UnsetType | None = UNSET


class InfoAnswer(Envelope):
    data: Info | None = None


class UserAnswer(Envelope):
    data: AuthUser | None = None


class SessionAnswer(Envelope):
    data: AuthSession | None = None


class SignupAnswer(Envelope):
    data: Signed | None = None


class OrdersAnswer(Envelope):
    data: list[TradeOrder] | None = None
    pagination: Pagination | None = None


class OrderAnswer(Envelope):
    data: TradeOrder | None = None


class QuoteAnswer(Envelope):
    data: Quote | None = None


class AccountAnswer(Envelope):
    data: TradingAccount | None = None


class AccountsAnswer(Envelope):
    data: list[TradingAccount] | None = None
    pagination: Pagination | None = None


class OperationsAnswer(Envelope):
    data: list[AccountOperation] | None = None
    pagination: Pagination | None = None


class CredentialAnswer(Envelope):
    data: Credential | None = None


class CredentialsAnswer(Envelope):
    data: list[Credential] | None = None
    pagination: Pagination | None = None


class SubscriptionAnswer(Envelope):
    data: Subscription | None = None


class SubscriptionsAnswer(Envelope):
    data: list[Subscription] | None = None
    pagination: Pagination | None = None


class PortfoliosAnswer(Envelope):
    data: list[Portfolio] | None = None
    pagination: Pagination | None = None


class VenuesAnswer(Envelope):
    data: list[MarketVenue] | None = None


class TotalAnswer(Envelope):
    data: Total | None = None


class InstrumentAnswer(Envelope):
    data: Instrument | None = None


class InstrumentsAnswer(Envelope):
    data: list[Instrument] | None = None
    pagination: Pagination | None = None


class SecurityAnswer(Envelope):
    data: Security | None = None


class SecuritiesAnswer(Envelope):
    data: list[Security] | None = None
    pagination: Pagination | None = None


class BookAnswer(Envelope):
    data: OrderBook | None = None


class BooksAnswer(Envelope):
    data: list[OrderBook] | None = None


class TickerAnswer(Envelope):
    data: Ticker | None = None


class TickersAnswer(Envelope):
    data: list[Ticker] | None = None
    pagination: Pagination | None = None


class KlineAnswer(Envelope):
    data: Kline | None = None


class DealerAnswer(Envelope):
    data: Dealer | None = None


class DealersAnswer(Envelope):
    data: list[Dealer] | None = None
    pagination: Pagination | None = None


class WalletAnswer(Envelope):
    data: Wallet | None = None


class WalletsAnswer(Envelope):
    data: list[Wallet] | None = None
    pagination: Pagination | None = None
