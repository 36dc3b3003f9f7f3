"""What can be asked of the venue's wallets, checked before anything is sent: section 4.8 of the
reference, and what came after it.

Amounts are Ev: the unscaled twins of the venue lose against them anyway. Only where the venue wants
both, or the plain one alone, they are decimals.
"""

from typing import Annotated, Literal

from msgspec import Meta

from connector.venues.phemex.params import Count, Currency, Decimal, Ms, Page, Params, Price

Currencies = Annotated[
    str,
    Meta(pattern=r"^[A-Z0-9]+(,[A-Z0-9]+)*$", description="currencies with commas between them"),
]
Kinds = Annotated[
    str, Meta(pattern=r"^[0-9]+(,[0-9]+)*$", description="numbers with commas between them")
]
Key = Annotated[str, Meta(min_length=1, max_length=64)]
Wallet = Literal["SPOT", "CONTRACT", "MARGIN", "COPY_TRADE"]
SharedWallet = Literal["SPOT", "CONTRACT", "MARGIN"]
"""Between users there is no other."""

# As published in 2020


class ChildrenParams(Params):
    offset: Count | None = None
    limit: Page | None = None
    with_count: bool | None = None


class ParentTransferParams(Params):
    """``clientCnt``: which sub-account, 0 when one calls itself."""

    client_cnt: Count
    currency: Currency
    amount_ev: Price


class MarginsParams(Params):
    """``moveOp``: 1 BTC account to wallet, 2 wallet to BTC account, 3 wallet to USD account,
    4 USD account to wallet. The same ``linkKey`` moves once."""

    move_op: Literal[1, 2, 3, 4]
    link_key: str | None = None
    btc_amount_ev: Price | None = None
    usd_amount_ev: Price | None = None


class MarginsHistoryParams(Params):
    """From ``start`` on, before ``end``; in ms."""

    start: Ms | None = None
    end: Ms | None = None
    offset: Count | None = None
    limit: Page | None = None
    with_count: bool | None = None


class WithdrawParams(Params):
    otp_code: str
    address: str
    amount_ev: Price
    currency: Currency


class WithdrawCodeParams(Params):
    code: str


class WithdrawIdParams(Params):
    id: Count


class WithdrawListParams(Params):
    currency: Currency | None = None
    limit: Page | None = None
    offset: Count | None = None
    with_count: bool | None = None


class WithdrawAddressParams(Params):
    otp_code: str
    address: str
    currency: Currency
    remark: str


# Today's


class TransferParams(Params):
    """``moveOp``: 1 from the contracts' account to the spot wallet, 2 the other way."""

    amount_ev: Price
    currency: Currency
    move_op: Literal[1, 2]


class TransfersParams(Params):
    """The last two days where times are left out; in ms."""

    currency: Currency
    start: Ms | None = None
    end: Ms | None = None
    offset: Count | None = None
    limit: Page | None = None


class ToParentParams(Params):
    """Without a ``requestKey`` the venue makes one."""

    amount_ev: Price
    currency: Currency
    request_key: Key | None = None


class UniversalTransferParams(Params):
    """0: the main account."""

    from_user_id: Count
    to_user_id: Count
    amount_ev: Price
    currency: Currency
    biz_type: Literal["SPOT", "PERPETUAL"]
    request_key: Key | None = None


class WalletTransferParams(Params):
    """The venue wants the amount twice and compares them."""

    from_acc_type: Wallet
    to_acc_type: Wallet
    amount_ev: Price
    amount: Decimal
    currency: Currency


class UserTransferParams(Params):
    """The same between a main account and its sub-accounts."""

    from_uid: Count
    from_acc_type: SharedWallet
    to_uid: Count
    to_acc_type: SharedWallet
    amount_ev: Price
    amount: Decimal
    currency: Currency


class WalletTransfersParams(Params):
    """The last three months; ``pageNum`` begins with 1."""

    currency: Currency | None = None
    biz_types: Kinds | None = None
    start: Ms | None = None
    end: Ms | None = None
    page_num: Annotated[int, Meta(ge=1)] | None = None
    page_size: Annotated[int, Meta(ge=1, le=20)] | None = None


class ChainWithdrawParams(Params):
    """Only to an address that was allowed on the venue's site; no mail asks again."""

    currency: Currency
    address: str
    amount: Decimal
    chain_name: str
    address_tag: str | None = None


class WithdrawalsParams(Params):
    currency: Currencies | None = None
    chain_name: str | None = None
    offset: Count | None = None
    limit: Page | None = None
    with_count: bool | None = None


class WithdrawAssetParams(Params):
    currency: Currency | None = None
    amount: Decimal | None = None


class DepositAddressParams(Params):
    currency: Currency
    chain_name: str


class DepositsParams(Params):
    currency: Currencies | None = None
    offset: Count | None = None
    limit: Page | None = None
    with_count: bool | None = None


class DepositChainsParams(Params):
    currency: Currency
