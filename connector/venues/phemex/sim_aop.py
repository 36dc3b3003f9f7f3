"""The rows of accounts and positions as the simulated Phemex tells them, on the private stream and
by REST. Written from the venue's reference alone; values are integers of the settlement currency.
"""

from typing import Any

from msgspec import Struct

from connector.sim.matching.types import RATIO, PositionView
from connector.venues.phemex import sim_listings as listings
from connector.venues.phemex.sim_rules import CoinRules

CODES = {"BTC": 1, "USD": 2, "USDT": 3, "ETH": 4, "SUI": 401}
"""Numbers of currencies as far as they are known; others follow from 501."""
OTHERS = ("SOL", "XRP", "ADA", "LINK", "AVAX")


def account_id(user_id: int, currency: str) -> int:
    code = CODES.get(currency)
    if code is None:
        code = 501 + (OTHERS.index(currency) if currency in OTHERS else len(OTHERS))
    return user_id * 10_000 + code


class Holding(Struct, kw_only=True):
    """What an account has done in a symbol, beyond what the matching engine keeps."""

    leverage_er: int = 0
    """Above 0 isolated, else cross; 0: the maximum of the risk limit."""
    risk_limit_ev: int = 0
    term: int = 1
    """Counts positions: one more whenever one is closed."""
    ended_ns: int = 0
    version: int = 0
    sequence: int = 0
    time_ns: int = 0
    funded_ns: int = 0
    closed_pnl_ev: int = 0
    funding_ev: int = 0
    fees_ev: int = 0
    lots: int = 0
    """As last told; negative when short. So are the next two."""
    value_ev: int = 0
    assigned_ev: int = 0


class Exposure(Struct, frozen=True):
    """Open orders of a symbol: quantity and value of each side."""

    buy: int = 0
    buy_ev: int = 0
    sell: int = 0
    sell_ev: int = 0


def ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def ratios(leverage_er: int, fee: int = listings.TAKER_FEE_ER) -> tuple[int, int, int]:
    """Initial margin, and what a buy and a sell cost of their value, fees to open and to close
    included."""
    margin = listings.INITIAL_ER
    if leverage_er:
        margin = RATIO * RATIO // abs(leverage_er)
    buy, sell = (margin + fee + ceil(fee * (RATIO + sign * margin), RATIO) for sign in (1, -1))
    return margin, buy, sell


class Figures(Struct, frozen=True):
    """The numbers of one position."""

    value_ev: int
    unrealized_ev: int
    mark_ev: int
    cost_ev: int
    order_cost_ev: int

    @property
    def used_ev(self) -> int:
        return self.cost_ev + max(0, -self.unrealized_ev) + self.order_cost_ev


def figures(rules: CoinRules, view: PositionView, holding: Holding, exposure: Exposure) -> Figures:
    """A position at its mark price, and what it binds."""
    unit = rules.unit_m
    value_ev = abs(view.notional_m - view.unrealized_m) // unit
    fee = rules.taker_fee_r
    margin, buy_er, sell_er = ratios(holding.leverage_er, fee)
    sign = 1 if view.lots >= 0 else -1
    share = margin * RATIO + fee * (RATIO + sign * margin)
    orders = exposure.buy_ev * buy_er + exposure.sell_ev * sell_er
    return Figures(
        value_ev,
        view.unrealized_m // unit,
        abs(view.notional_m) // unit,
        ceil(value_ev * share, RATIO * RATIO),
        ceil(orders, RATIO),
    )


def side(lots: int) -> str:
    return "Buy" if lots > 0 else "Sell" if lots else "None"


def account_row(user_id: int, currency: str, balance_ev: int, used_ev: int) -> dict[str, Any]:
    return {
        "accountBalanceEv": balance_ev,
        "accountID": account_id(user_id, currency),
        "bonusBalanceEv": 0,
        "currency": currency,
        "totalUsedBalanceEv": used_ev,
        "userID": user_id,
    }


def position_row(
    rules: CoinRules,
    view: PositionView,
    holding: Holding,
    exposure: Exposure,
    row: dict[str, Any],
) -> dict[str, Any]:
    """A position on the private stream; ``row`` is its account's."""
    found = figures(rules, view, holding, exposure)
    margin, buy_er, sell_er = ratios(holding.leverage_er, rules.taker_fee_r)
    balance_ev = row["accountBalanceEv"]
    unit_e8 = 10 ** (8 - rules.average_digits)
    liquidation_ep = view.liquidation_e8 // unit_e8
    isolated_ev = view.isolated_wallet_m // rules.unit_m
    return {
        "accountID": row["accountID"],
        "assignedPosBalanceEv": isolated_ev,
        "avgEntryPriceEp": view.entry_e8 // unit_e8,
        "bankruptCommEv": 0,
        "bankruptPriceEp": liquidation_ep,
        "buyLeavesQty": exposure.buy,
        "buyLeavesValueEv": exposure.buy_ev,
        "buyValueToCostEr": buy_er,
        "createdAtNs": 0,
        "crossSharedBalanceEv": balance_ev - row["totalUsedBalanceEv"],
        "cumClosedPnlEv": holding.closed_pnl_ev,
        "cumFundingFeeEv": holding.funding_ev,
        "cumTransactFeeEv": holding.fees_ev,
        "currency": rules.asset,
        "dataVer": holding.version,
        "deleveragePercentileEr": 0,
        "displayLeverageEr": RATIO * RATIO // margin,
        "estimatedOrdLossEv": 0,
        "execSeq": holding.sequence,
        "freeCostEv": 0,
        "freeQty": -view.lots,
        "initMarginReqEr": margin,
        "lastFundingTime": holding.funded_ns,
        "lastTermEndTime": holding.ended_ns,
        "leverageEr": holding.leverage_er,
        "liquidationPriceEp": liquidation_ep,
        "maintMarginReqEr": listings.MAINTENANCE_ER,
        "makerFeeRateEr": 0,
        "markPriceEp": view.mark_e8 // unit_e8,
        "orderCostEv": found.order_cost_ev,
        "posCostEv": found.cost_ev,
        "positionMarginEv": isolated_ev if holding.leverage_er > 0 else balance_ev,
        "positionStatus": "Normal",
        "riskLimitEv": holding.risk_limit_ev,
        "sellLeavesQty": exposure.sell,
        "sellLeavesValueEv": exposure.sell_ev,
        "sellValueToCostEr": sell_er,
        "side": side(view.lots),
        "size": abs(view.lots),
        "symbol": rules.symbol,
        "takerFeeRateEr": 0,
        "term": holding.term,
        "transactTimeNs": holding.time_ns,
        "unrealisedPnlEv": found.unrealized_ev,
        "updatedAtNs": 0,
        "usedBalanceEv": found.used_ev,
        "userID": row["userID"],
        "valueEv": found.value_ev,
    }


def rest_row(row: dict[str, Any], *, live: bool) -> dict[str, Any]:
    """The same by REST, which has other names for some; ``live``: with the unrealised profit."""
    same = (
        "accountID", "symbol", "currency", "side", "positionStatus", "leverageEr",
        "initMarginReqEr", "maintMarginReqEr", "riskLimitEv", "size", "valueEv",
        "avgEntryPriceEp", "posCostEv", "assignedPosBalanceEv", "bankruptCommEv",
        "bankruptPriceEp", "positionMarginEv", "liquidationPriceEp", "deleveragePercentileEr",
        "markPriceEp", "estimatedOrdLossEv", "usedBalanceEv", "cumClosedPnlEv",
        "cumFundingFeeEv", "cumTransactFeeEv",
    )  # fmt: skip
    found = {name: row[name] for name in (*same, "posSide", "posMode") if name in row}
    found |= {
        "crossMargin": row["leverageEr"] <= 0,
        "buyValueToCostEr": row["buyValueToCostEr"],
        "sellValueToCostEr": row["sellValueToCostEr"],
        "markValueEv": row["valueEv"] + row["unrealisedPnlEv"],
        "unRealisedPosLossEv": max(0, -row["unrealisedPnlEv"]),
        "takeProfitEp": 0,
        "stopLossEp": 0,
        "realisedPnlEv": row["cumClosedPnlEv"],
        "cumRealisedPnlEv": row["cumClosedPnlEv"],
        "execSeq": row["execSeq"],
        "transactTimeNs": row["transactTimeNs"],
    }
    if live:
        found["unRealisedPnlEv"] = row["unrealisedPnlEv"]
    return found
