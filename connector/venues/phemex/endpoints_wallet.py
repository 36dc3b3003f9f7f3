"""The venue's REST table: wallets, between accounts and out of the venue. Sections 4.1 and 4.8 of
the reference, and what took the place of their calls.

All of it is counted with the requests that the venue does not name.
"""

from functools import partial
from typing import Any

from msgspec import Raw, Struct

from connector.venues.endpoint import Endpoint, Permission, Status
from connector.venues.parameters import needed
from connector.venues.phemex import params_wallet as p
from connector.venues.phemex import schemas_history as h
from connector.venues.phemex import schemas_trading as s
from connector.venues.phemex.endpoints_trading import row as any_row
from connector.venues.phemex.limits import OTHERS

row = partial(any_row, pool=OTHERS)


def move(
    name: str,
    call: str,
    summary: str,
    params: type[Struct],
    permission: Permission = Permission.TRANSFER,
    **more: Any,
) -> Endpoint:
    """Money moves, by a request whose parameters are its body."""
    if "successor" in more:
        more["status"] = Status.REPLACED
    return row(name, call, summary, params, s.Reply, body=True, permission=permission, **more)


# As published in 2020. Nothing here has a key of its own but the transfers of margin, so nothing
# is repeated.
FIRST_ROWS = (
    row(
        "children",
        "GET /phemex-user/users/children",
        "sub-accounts with their wallets",
        p.ChildrenParams,
        h.listed(Raw),
    ),
    *(
        move(
            name,
            f"POST /exchange/wallets/{name}",
            summary,
            p.ParentTransferParams,
            successor="userTransfer",
        )
        for name, summary in (
            ("transferOut", "from a sub-account to its parent"),
            ("transferIn", "from the parent to a sub-account"),
        )
    ),
    row(
        "moveMargin",
        "POST /exchange/margins",
        "between the wallet and the trading accounts; the same linkKey moves once",
        p.MarginsParams,
        s.Reply,
        rules=(
            needed("btcAmountEv", "moveOp", 1, 2, 3),
            needed("usdAmountEv", "moveOp", 4),
        ),
        body=True,
        permission=Permission.TRANSFER,
        status=Status.REPLACED,
        successor="transfer",
        since="2022-04-08",
    ),
    row(
        "marginMoves",
        "GET /exchange/margins/transfer",
        "what was moved between the wallet and the trading accounts",
        p.MarginsHistoryParams,
        h.listed(Raw),
        status=Status.REPLACED,
        successor="transfers",
        since="2022-04-08",
    ),
    row(
        "createWithdraw",
        "POST /exchange/wallets/createWithdraw",
        "ask for a withdrawal, to be confirmed by mail",
        p.WithdrawParams,
        s.Reply,
        body=True,
        query=frozenset({"otpCode"}),
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="withdraw",
    ),
    row(
        "confirmWithdraw",
        "GET /exchange/wallets/confirm/withdraw",
        "confirm a withdrawal by the code from the mail",
        p.WithdrawCodeParams,
        s.Reply,
        acts=True,
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="the link in the venue's mail",
    ),
    row(
        "cancelWithdraw",
        "POST /exchange/wallets/cancelWithdraw",
        "take a withdrawal back, until somebody at the venue looks at it",
        p.WithdrawIdParams,
        s.Reply,
        body=True,
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="cancelWithdrawal",
    ),
    row(
        "withdrawals",
        "GET /exchange/wallets/withdrawList",
        "withdrawals",
        p.WithdrawListParams,
        s.Reply,
        status=Status.REPLACED,
        successor="withdrawHistory",
    ),
    row(
        "createWithdrawAddress",
        "POST /exchange/wallets/createWithdrawAddress",
        "allow an address for withdrawals",
        p.WithdrawAddressParams,
        s.Reply,
        body=True,
        query=frozenset({"otpCode"}),
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="the venue's site",
    ),
)

# Today's. Where a request has a key of its own it is the caller's to give.
ROWS = (
    move(
        "transfer",
        "POST /assets/transfer",
        "between the contracts' account and the spot wallet",
        p.TransferParams,
    ),
    row(
        "transfers",
        "GET /assets/transfer",
        "what was moved between the contracts' account and the spot wallet",
        p.TransfersParams,
        s.Reply,
    ),
    move(
        "spotToParent",
        "POST /assets/spots/sub-accounts/transfer",
        "from a sub-account's spot wallet to its parent's",
        p.ToParentParams,
    ),
    row(
        "spotToParentMoves",
        "GET /assets/spots/sub-accounts/transfer",
        "what was moved between spot wallets of parent and sub-accounts",
        p.TransfersParams,
        s.Reply,
    ),
    move(
        "futuresToParent",
        "POST /assets/futures/sub-accounts/transfer",
        "from a sub-account's contracts to its parent's",
        p.ToParentParams,
    ),
    row(
        "futuresToParentMoves",
        "GET /assets/futures/sub-accounts/transfer",
        "what was moved between the contracts of parent and sub-accounts",
        p.TransfersParams,
        s.Reply,
    ),
    move(
        "universalTransfer",
        "POST /assets/universal-transfer",
        "between parent and sub-accounts, any way; for the parent",
        p.UniversalTransferParams,
    ),
    move(
        "walletTransfer",
        "POST /wallets/account/transfer",
        "between two wallets of the account",
        p.WalletTransferParams,
    ),
    move(
        "userTransfer",
        "POST /wallets/account/main-sub-transfer",
        "between wallets of parent and sub-accounts; a sub-account's only to its parent",
        p.UserTransferParams,
    ),
    row(
        "walletTransfers",
        "GET /wallets/account/transfer",
        "what was moved between wallets in the last three months",
        p.WalletTransfersParams,
        s.Reply,
    ),
    row(
        "withdraw",
        "POST /phemex-withdraw/wallets/api/createWithdraw",
        "withdraw to an address allowed on the venue's site; no mail asks again",
        p.ChainWithdrawParams,
        s.Reply,
        permission=Permission.WITHDRAW,
    ),
    row(
        "cancelWithdrawal",
        "POST /phemex-withdraw/wallets/api/cancelWithdraw",
        "take a withdrawal back",
        p.WithdrawIdParams,
        s.Reply,
        permission=Permission.WITHDRAW,
    ),
    row(
        "withdrawHistory",
        "GET /phemex-withdraw/wallets/api/withdrawHist",
        "withdrawals",
        p.WithdrawalsParams,
        s.Reply,
    ),
    row(
        "withdrawAsset",
        "GET /phemex-withdraw/wallets/api/asset/info",
        "what can be withdrawn, by which chains, and what it costs",
        p.WithdrawAssetParams,
        s.Reply,
    ),
    row(
        "depositAddress",
        "GET /phemex-deposit/wallets/api/depositAddress",
        "where to pay in",
        p.DepositAddressParams,
        s.Reply,
    ),
    row(
        "deposits",
        "GET /phemex-deposit/wallets/api/depositHist",
        "what was paid in",
        p.DepositsParams,
        s.Reply,
    ),
    row(
        "depositChains",
        "GET /phemex-deposit/wallets/api/chainCfg",
        "chains a currency can be paid in by",
        p.DepositChainsParams,
        s.Reply,
    ),
    row(
        "walletDepositAddress",
        "GET /exchange/wallets/v2/depositAddress",
        "the same as depositAddress, by the address it had before",
        p.DepositAddressParams,
        s.Reply,
        status=Status.REPLACED,
        successor="depositAddress",
    ),
    row(
        "walletDeposits",
        "GET /exchange/wallets/depositList",
        "the same as deposits, by the address it had before",
        p.DepositsParams,
        s.Reply,
        status=Status.REPLACED,
        successor="deposits",
    ),
)

ENDPOINTS = {one.name: one for one in (*FIRST_ROWS, *ROWS)}
