"""The venue's account endpoints: balances, positions, settings."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    RATIO,
    Balance,
    MarginType,
    PositionView,
)
from connector.venues.binance_usdm.sim_desk import W1, W5, Call, Desk, Signed, by_symbol, fixed
from connector.venues.binance_usdm.sim_orders import position_side_of, units
from connector.venues.binance_usdm.sim_params import Fault, invalid
from connector.venues.binance_usdm.sim_refusals import POSITION_MODE, refusals
from connector.venues.binance_usdm.sim_rows import margin_type, money, ms, qty
from connector.venues.sim_contract import decimal

DONE = {"code": 200, "msg": "success"}
MARGIN_TYPES = {
    "ISOLATED": MarginType.ISOLATED,
    "CROSSED": MarginType.CROSSED,
    "CROSS": MarginType.CROSSED,
}


# Balances


def balance(desk: Desk, call: Call) -> list[dict[str, Any]]:
    return [
        {
            "accountAlias": desk.aliases[call.account],
            "asset": row.asset,
            "balance": money(row.wallet_m),
            "crossWalletBalance": money(row.cross_wallet_m),
            "crossUnPnl": money(row.cross_unrealized_m),
            "availableBalance": money(row.available_m),
            "maxWithdrawAmount": money(_withdrawable_m(row)),
            "marginAvailable": True,
            "updateTime": ms(row.updated_ns),
        }
        for row in desk.engine.balances(call.account)
    ]


def _withdrawable_m(row: Balance) -> int:
    """Unrealised profit cannot be taken out."""
    return max(0, min(row.available_m, row.cross_wallet_m))


def _asset(row: Balance, *, v2: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "asset": row.asset,
        "walletBalance": money(row.wallet_m),
        "unrealizedProfit": money(row.unrealized_m),
        "marginBalance": money(row.wallet_m + row.unrealized_m),
        "maintMargin": money(row.maintenance_m),
        "initialMargin": money(row.position_margin_m + row.order_margin_m),
        "positionInitialMargin": money(row.position_margin_m),
        "openOrderInitialMargin": money(row.order_margin_m),
        "crossWalletBalance": money(row.cross_wallet_m),
        "crossUnPnl": money(row.cross_unrealized_m),
        "availableBalance": money(row.available_m),
        "maxWithdrawAmount": money(_withdrawable_m(row)),
        "updateTime": ms(row.updated_ns),
    }
    if v2:
        found["marginAvailable"] = True
    return found


def _totals(balances: Iterable[Balance]) -> dict[str, str]:
    """Single-asset mode: USDT only."""
    rows = [row for row in balances if row.asset == "USDT"]

    def total(*names: str) -> str:
        return money(sum(getattr(row, name) for row in rows for name in names))

    return {
        "totalInitialMargin": total("position_margin_m", "order_margin_m"),
        "totalMaintMargin": total("maintenance_m"),
        "totalWalletBalance": total("wallet_m"),
        "totalUnrealizedProfit": total("unrealized_m"),
        "totalMarginBalance": total("wallet_m", "unrealized_m"),
        "totalPositionInitialMargin": total("position_margin_m"),
        "totalOpenOrderInitialMargin": total("order_margin_m"),
        "totalCrossWalletBalance": total("cross_wallet_m"),
        "totalCrossUnPnl": total("cross_unrealized_m"),
        "availableBalance": total("available_m"),
        "maxWithdrawAmount": money(sum(_withdrawable_m(row) for row in rows)),
    }


def account_v2(desk: Desk, call: Call) -> dict[str, Any]:
    engine = desk.engine
    balances = engine.balances(call.account)
    return {
        "feeTier": 0,
        "feeBurn": call.account in desk.fee_burners,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **_totals(balances),
        "assets": [_asset(row, v2=True) for row in balances],
        "positions": [
            {
                "symbol": view.symbol,
                "initialMargin": money(view.initial_margin_m),
                "maintMargin": money(view.maintenance_m),
                "unrealizedProfit": money(view.unrealized_m),
                "positionInitialMargin": money(view.position_margin_m),
                "openOrderInitialMargin": money(view.order_margin_m),
                "leverage": str(view.leverage),
                "isolated": view.margin_type == MarginType.ISOLATED,
                "entryPrice": decimal(view.entry_e8, 8),
                "breakEvenPrice": decimal(view.break_even_e8, 8),
                "maxNotional": _whole(view.max_notional_m),
                "positionSide": view.position_side.name,
                "positionAmt": qty(engine.rules(view.symbol), view.lots),
                "notional": money(view.notional_m),
                "isolatedWallet": money(view.isolated_wallet_m),
                "bidNotional": money(view.bid_notional_m),
                "askNotional": money(view.ask_notional_m),
                "updateTime": ms(view.updated_ns),
            }
            for view in engine.positions(call.account)
        ],
    }


def account_v3(desk: Desk, call: Call) -> dict[str, Any]:
    engine = desk.engine
    balances = engine.balances(call.account)
    return {
        **_totals(balances),
        "assets": [_asset(row, v2=False) for row in balances],
        "positions": [
            {
                "symbol": view.symbol,
                "positionSide": view.position_side.name,
                "positionAmt": qty(engine.rules(view.symbol), view.lots),
                "unrealizedProfit": money(view.unrealized_m),
                "isolatedMargin": money(view.isolated_margin_m),
                "notional": money(view.notional_m),
                "isolatedWallet": money(view.isolated_wallet_m),
                "initialMargin": money(view.initial_margin_m),
                "maintMargin": money(view.maintenance_m),
                "updateTime": ms(view.updated_ns),
            }
            for view in _touched(desk, call, "")
        ],
    }


def _touched(desk: Desk, call: Call, symbol: str) -> list[PositionView]:
    """Version 3 tells only of positions that are open or have open orders."""
    engine, account = desk.engine, call.account
    return [
        view
        for name in ([symbol] if symbol else desk.ordered(account))
        for view in engine.positions(account, name)
        if view.lots or engine.open_orders(account, name)
    ]


# Positions


def positions_v2(desk: Desk, call: Call) -> list[dict[str, Any]]:
    engine = desk.engine
    return [
        {
            "entryPrice": decimal(view.entry_e8, 8),
            "breakEvenPrice": decimal(view.break_even_e8, 8),
            "marginType": margin_type(view.margin_type),
            "isAutoAddMargin": "false",
            "isolatedMargin": money(view.isolated_margin_m),
            "leverage": str(view.leverage),
            "liquidationPrice": decimal(view.liquidation_e8, 8),
            "markPrice": decimal(view.mark_e8, 8),
            "maxNotionalValue": _whole(view.max_notional_m),
            "positionAmt": qty(engine.rules(view.symbol), view.lots),
            "notional": money(view.notional_m),
            "isolatedWallet": money(view.isolated_wallet_m),
            "symbol": view.symbol,
            "unRealizedProfit": money(view.unrealized_m),
            "positionSide": view.position_side.name,
            "updateTime": ms(view.updated_ns),
        }
        for view in engine.positions(call.account, desk.some_symbol(call.params))
    ]


def positions_v3(desk: Desk, call: Call) -> list[dict[str, Any]]:
    engine = desk.engine
    return [
        {
            "symbol": view.symbol,
            "positionSide": view.position_side.name,
            "positionAmt": qty(engine.rules(view.symbol), view.lots),
            "entryPrice": decimal(view.entry_e8, 8),
            "breakEvenPrice": decimal(view.break_even_e8, 8),
            "markPrice": decimal(view.mark_e8, 8),
            "unRealizedProfit": money(view.unrealized_m),
            "liquidationPrice": decimal(view.liquidation_e8, 8),
            "isolatedMargin": money(view.isolated_margin_m),
            "notional": money(view.notional_m),
            "marginAsset": engine.rules(view.symbol).asset,
            "isolatedWallet": money(view.isolated_wallet_m),
            "initialMargin": money(view.initial_margin_m),
            "maintMargin": money(view.maintenance_m),
            "positionInitialMargin": money(view.position_margin_m),
            "openOrderInitialMargin": money(view.order_margin_m),
            "adl": 0,
            "bidNotional": money(view.bid_notional_m),
            "askNotional": money(view.ask_notional_m),
            "updateTime": ms(view.updated_ns),
        }
        for view in _touched(desk, call, desk.some_symbol(call.params))
    ]


def _whole(amount_m: int) -> str:
    return str(amount_m // RATIO)


# Settings


def account_config(desk: Desk, call: Call) -> dict[str, Any]:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": desk.engine.hedge_mode(call.account),
        "multiAssetsMargin": False,
        "updateTime": 0,
        "tradeGroupId": -1,
    }


def symbol_config(desk: Desk, call: Call) -> list[dict[str, Any]]:
    symbol = desk.some_symbol(call.params)
    rows = []
    for name in [symbol] if symbol else desk.engine.symbols():
        config = desk.engine.symbol_config(call.account, name)
        rows.append(
            {
                "symbol": name,
                "marginType": config.margin_type.name,
                "isAutoAddMargin": False,
                "leverage": config.leverage,
                "maxNotionalValue": _whole(config.max_notional_m),
            }
        )
    return rows


def hedge_mode(desk: Desk, call: Call) -> dict[str, bool]:
    return {"dualSidePosition": desk.engine.hedge_mode(call.account)}


def set_hedge_mode(desk: Desk, call: Call) -> dict[str, Any]:
    call.params.required("dualSidePosition")
    wanted = call.params.flag("dualSidePosition")
    with refusals(POSITION_MODE):
        desk.engine.set_hedge_mode(call.account, wanted, call.now_ns)
    desk.collect(call.now_ms)
    return DONE


def multi_assets(desk: Desk, call: Call) -> dict[str, bool]:
    return {"multiAssetsMargin": False}


def set_multi_assets(desk: Desk, call: Call) -> dict[str, Any]:
    """Single-asset mode is all that is simulated."""
    call.params.required("multiAssetsMargin")
    if not call.params.flag("multiAssetsMargin"):
        raise Fault(-4171, "No need to change joint margin.")
    raise Fault(-1020, "This operation is not supported.")


def fee_burn(desk: Desk, call: Call) -> dict[str, bool]:
    return {"feeBurn": call.account in desk.fee_burners}


def set_fee_burn(desk: Desk, call: Call) -> dict[str, Any]:
    """Kept, and without effect: nobody here has BNB to pay fees with."""
    call.params.required("feeBurn")
    if call.params.flag("feeBurn"):
        desk.fee_burners.add(call.account)
    else:
        desk.fee_burners.discard(call.account)
    return DONE


def trading_status(desk: Desk, call: Call) -> dict[str, Any]:
    """No quantitative rule is in force here, so no indicator has a value."""
    desk.some_symbol(call.params)
    return {"indicators": {}, "updateTime": call.now_ms}


def set_leverage(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    leverage = call.params.number("leverage", required=True)
    assert leverage is not None
    with refusals(None, BAD_LEVERAGE=str(leverage)):
        config = desk.engine.set_leverage(call.account, rules.symbol, leverage, call.now_ns)
    desk.collect(call.now_ms)
    return {
        "symbol": rules.symbol,
        "leverage": config.leverage,
        "maxNotionalValue": _whole(config.max_notional_m),
    }


def set_margin_type(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    wanted = MARGIN_TYPES.get(call.params.required("marginType").upper())
    if wanted is None:
        raise invalid("marginType")
    with refusals():
        desk.engine.set_margin_type(call.account, rules.symbol, wanted, call.now_ns)
    desk.collect(call.now_ms)
    return DONE


def adjust_margin(desk: Desk, call: Call) -> dict[str, Any]:
    params = call.params
    rules = desk.symbol(params)
    side = position_side_of(params)
    amount = params.decimal("amount", required=True)
    kind = params.number("type", required=True)
    assert amount is not None
    if kind not in (1, 2):
        raise invalid("type")
    amount_m = units(amount, 8)
    if amount_m <= 0:
        raise Fault(-4055, "Amount must be positive.")
    with refusals():
        desk.engine.adjust_margin(
            call.account, rules.symbol, side, amount_m if kind == 1 else -amount_m, call.now_ns
        )
    desk.collect(call.now_ms)
    desk.margin_moves.setdefault(call.account, []).append(
        {
            "symbol": rules.symbol,
            "type": kind,
            "deltaType": "USER_ADJUST",
            "amount": money(amount_m),
            "asset": rules.asset,
            "time": call.now_ms,
            "positionSide": side.name,
        }
    )
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": kind,
    }


def commission_rate(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    maker_r, taker_r = desk.engine.fees(call.account, rules.symbol)
    return {
        "symbol": rules.symbol,
        "makerCommissionRate": _ratio(maker_r),
        "takerCommissionRate": _ratio(taker_r),
        "rpiCommissionRate": _ratio(maker_r),
    }


def _ratio(value_r: int) -> str:
    return f"{(Decimal(value_r) / RATIO).quantize(Decimal('0.000001')):f}"


def leverage_bracket(desk: Desk, call: Call) -> Any:
    symbol = desk.some_symbol(call.params)
    rows = [
        {"symbol": name, "brackets": _brackets(desk.rules(name))}
        for name in ([symbol] if symbol else desk.engine.symbols())
    ]
    return rows[0] if symbol else rows


def _brackets(rules: Rules) -> list[dict[str, Any]]:
    rows = []
    floor_m = 0
    for number, row in enumerate(rules.brackets, 1):
        rows.append(
            {
                "bracket": number,
                "initialLeverage": row.leverage,
                "notionalCap": row.cap_m // RATIO,
                "notionalFloor": floor_m // RATIO,
                "maintMarginRatio": row.maintenance_r / RATIO,
                "cum": row.deduction_m / RATIO,
            }
        )
        floor_m = row.cap_m
    return rows


def adl_quantile(desk: Desk, call: Call) -> list[dict[str, Any]]:
    """Nobody is deleveraged here: every position is last in the queue."""
    hedge = desk.engine.hedge_mode(call.account)
    symbol = desk.some_symbol(call.params)
    names = dict.fromkeys(view.symbol for view in _touched(desk, call, symbol) if view.lots)
    last = {"LONG": 0, "SHORT": 0, "HEDGE" if hedge else "BOTH": 0}
    return [{"symbol": name, "adlQuantile": last} for name in names]


def rate_limits(desk: Desk, call: Call) -> list[dict[str, Any]]:
    names = {10_000: ("SECOND", 10), 60_000: ("MINUTE", 1)}
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": names[length_ms][0],
            "intervalNum": names[length_ms][1],
            "limit": limit,
        }
        for length_ms, limit in desk.counts.windows
    ]


ROUTES: dict[tuple[str, str], Signed] = {
    ("GET", "/fapi/v2/balance"): Signed(fixed(10), balance),
    ("GET", "/fapi/v3/balance"): Signed(W5, balance),
    ("GET", "/fapi/v2/account"): Signed(fixed(10), account_v2),
    ("GET", "/fapi/v3/account"): Signed(W5, account_v3),
    ("GET", "/fapi/v2/positionRisk"): Signed(fixed(10), positions_v2),
    ("GET", "/fapi/v3/positionRisk"): Signed(W5, positions_v3),
    ("GET", "/fapi/v1/accountConfig"): Signed(W5, account_config),
    ("GET", "/fapi/v1/symbolConfig"): Signed(W5, symbol_config),
    ("GET", "/fapi/v1/positionSide/dual"): Signed(fixed(30), hedge_mode),
    ("POST", "/fapi/v1/positionSide/dual"): Signed(W1, set_hedge_mode),
    ("GET", "/fapi/v1/multiAssetsMargin"): Signed(fixed(30), multi_assets),
    ("POST", "/fapi/v1/multiAssetsMargin"): Signed(W1, set_multi_assets),
    ("GET", "/fapi/v1/feeBurn"): Signed(fixed(30), fee_burn),
    ("POST", "/fapi/v1/feeBurn"): Signed(W1, set_fee_burn),
    ("GET", "/fapi/v1/apiTradingStatus"): Signed(by_symbol(1, 10), trading_status),
    ("POST", "/fapi/v1/leverage"): Signed(W1, set_leverage),
    ("POST", "/fapi/v1/marginType"): Signed(W1, set_margin_type),
    ("POST", "/fapi/v1/positionMargin"): Signed(W1, adjust_margin),
    ("GET", "/fapi/v1/commissionRate"): Signed(fixed(20), commission_rate),
    ("GET", "/fapi/v1/leverageBracket"): Signed(W1, leverage_bracket),
    ("GET", "/fapi/v1/rateLimit/order"): Signed(W1, rate_limits),
    ("GET", "/fapi/v1/adlQuantile"): Signed(W5, adl_quantile),
}
