"""The forms in which the simulated Cadenza may tell of accounts: nobody knows which one is live.

Written from the venue's reference alone (sections 9.8 and 11.4). ``A1`` to ``A5`` are its names of
them: models of today's clients, models of a year ago with an envelope, the example of the published
page, and the two of its narrative pages, which have words of their own for states and balances.
What a form has no message for is not told in it."""

from collections.abc import Mapping
from typing import Any

from connector.venues.cadenza.sim_desk import Account, Credential, Purse, Streamed
from connector.venues.cadenza.sim_envelope import iso, made
from connector.venues.cadenza.sim_tickets import ACCEPTED, CREATED, SUBMITTED, Ticket
from connector.venues.sim_contract import decimal

FORMS = ("A1", "A2", "A3", "A4", "A5")
"""The usual one first."""
OLD_WORDS = {CREATED: "PENDING", SUBMITTED: "PENDING", ACCEPTED: "OPEN"}
"""What the narrative pages call these states."""
Told = dict[str, Any]


def order(form: str, ticket: Ticket, before: str, profile: str, event: int) -> Told:
    """What is told of an order's change. ``before``: the status it had; ``event``: its number."""
    match form:
        case "A1":
            return {"data": ticket.rpc()}
        case "A2":
            about = "event.tradeOrder.statusChanged", "TRADE_ORDER_SERVICE"
            row = ticket.told(profile)
            data = {"order": row, "previousStatus": before, "newStatus": ticket.status}
            return _enveloped(*about, ticket.updated_ms, event, data)
        case "A3":
            about_it = {"orderId": ticket.order_id, "status": ticket.status}
            return {"type": "orderUpdate", "order": about_it}
        case "A4":
            row = ticket.told(profile)
            row["status"] = _old(ticket.status)
            del row["executions"]
            if "canceledAt" in row:
                row["cancelledAt"] = row.pop("canceledAt")
            return {"eventType": "orderUpdate", "order": row}
        case _:
            return {
                "type": "order",
                "tradeOrderId": ticket.order_id,
                "status": _old(ticket.status),
                "executedQuantity": decimal(ticket.qty(ticket.filled_lots), 8),
                "timestamp": ticket.updated_ms,
            }


def _old(status: str) -> str:
    return OLD_WORDS.get(status, status)


def money(
    form: str, account: Account, changed: Mapping[str, Purse], whole: Mapping[str, Any],
    event: int, *, all_of_it: bool = False,
) -> list[Told]:  # fmt: skip
    """What is told of changed balances. ``whole``: the account's portfolio as REST gives it."""
    match form:
        case "A1":
            rows = [row for row in whole["balances"] if row["securitySymbol"] in changed]
            names = {row["securitySymbol"] for row in rows}
            positions = [row for row in whole["positions"] if row["securitySymbol"] in names]
            told: Told = {
                "tradingAccountId": account.account_id,
                "updateMode": "SNAPSHOT" if all_of_it else "DELTA",
                "balances": [_with_iso(row) for row in rows],
                "positions": [_with_iso(row) for row in positions],
                "updatedAt": iso(account.updated_ms),
            }
            if all_of_it:
                told |= {"accountInfo": account_row(account), "summary": whole["summary"]}
            return [{"data": told}]
        case "A2":
            about = "event.portfolio.updated", "PORTFOLIO_SERVICE"
            return [_enveloped(*about, account.updated_ms, event, dict(whole))]
        case "A3":
            return []
        case "A4":
            rows = [_flat(asset, purse) for asset, purse in changed.items()]
            if len(rows) == 1 and not all_of_it:
                return [{"eventType": "balanceUpdate", "balance": rows[0]}]
            summary: Told = {"totalValue": whole["summary"]["equity"]}
            summary |= dict.fromkeys(("unrealizedPnl", "realizedPnl"), "0")
            told = {
                "tradingAccountId": account.account_id, "balances": rows,
                "positions": whole["positions"], "summary": summary,
            }  # fmt: skip
            return [{"eventType": "portfolioUpdate", "portfolio": told}]
        case _:
            rows = [{"type": "balance", **_flat(asset, purse)} for asset, purse in changed.items()]
            for row in rows:
                del row["total"]
            return rows


def _flat(asset: str, purse: Purse) -> Told:
    return {
        "symbol": asset,
        "available": decimal(purse.free, 8),
        "locked": decimal(purse.locked, 8),
        "total": decimal(purse.free + purse.locked, 8),
    }


def _with_iso(row: Mapping[str, Any]) -> Told:
    """A row of REST with the times that the other models have."""
    times = {name: iso(row[name]) for name in ("createdAt", "updatedAt", "closedAt") if name in row}
    return {**row, **times}


def _enveloped(kind: str, sender: str, now_ms: int, event: int, data: Any) -> Told:
    about = {
        "eventId": made("event", event), "eventType": kind, "timestamp": iso(now_ms),
        "sender": sender, "receiver": "MARKET_REALTIME",
    }  # fmt: skip
    return {"metadata": about, "data": data}


# What only the first form tells of


def account_row(account: Account) -> Told:
    """An account, the keys to it with it: secrets, too."""
    return {
        "tradingAccountId": account.account_id,
        "userId": account.user_id,
        "nickname": account.nickname,
        "externalAccountId": account.external_id,
        "venue": account.venue,
        "status": account.status,
        "accountType": "SPOT",
        "externalAccountType": "SPOT",
        "positionMode": "NETTING",
        "credentials": [credential_row(one) for one in account.credentials],
        "createdAt": iso(account.created_ms),
        "updatedAt": iso(account.updated_ms),
    }


def credential_row(key: Credential) -> Told:
    row = {
        "credentialId": key.credential_id, "nickname": key.nickname, "credentialType": key.kind,
        "status": key.status, "venue": key.venue, "apiKey": key.key, "withInfo": True,
        "withSecret": True, "createdAt": iso(key.created_ms), "updatedAt": iso(key.updated_ms),
    }  # fmt: skip
    return row | ({"revokedAt": iso(key.revoked_ms)} if key.revoked_ms else {})


def stream_row(one: Streamed) -> Told:
    """A subscription; it does not say whose account it is about."""
    return {
        "subscriptionId": one.subscription_id, "venue": one.venue, "subscriptionType": one.kind,
        "status": one.status, "createdAt": iso(one.created_ms), "updatedAt": iso(one.updated_ms),
    }  # fmt: skip
