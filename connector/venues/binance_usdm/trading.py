"""The order side of Binance USD-M as data and pure functions."""

from functools import partial

import msgspec

from connector.model.instrument import Instrument
from connector.model.intents import PositionSide
from connector.venues.binance_usdm import answers, orders, signing, user, ws_api
from connector.venues.binance_usdm.answers import (
    POSITION_SIDES,
    SIDES,
    positive,
    scaled,
    stamp,
    whole,
)
from connector.venues.binance_usdm.config import Config
from connector.venues.binance_usdm.endpoints import ENDPOINTS
from connector.venues.binance_usdm.limits import ORDERS, POOLS, pools
from connector.venues.binance_usdm.schemas import MS, RateLimit, ServerTime, integer, text
from connector.venues.binance_usdm.schemas_trading import (
    AccountSettings,
    Balance,
    Fill,
    ListenKey,
    PositionRow,
)
from connector.venues.binance_usdm.setup import SETUP
from connector.venues.contract import Endpoint, Pool, Request, Scales
from connector.venues.trading_contract import (
    MONEY_EXPONENT,
    AccountConfigEvent,
    BalanceEvent,
    Batches,
    Charge,
    Execution,
    Instruments,
    Intent,
    Lookups,
    OrderEvent,
    PositionEvent,
    PrivateStream,
    Source,
    StreamKey,
    Trading,
    Transport,
)

SECOND_NS = 1_000_000_000
KEEP_NS = 600 * SECOND_NS
"""The key lives an hour; six chances to lose a request before it ends."""
ECHO_NS = 3 * SECOND_NS
"""A private socket may connect and say nothing: an accepted order without its event proves it."""

_TIME = msgspec.json.Decoder(ServerTime)
_KEY = msgspec.json.Decoder(ListenKey)
_POSITIONS = msgspec.json.Decoder(list[PositionRow])
_BALANCES = msgspec.json.Decoder(list[Balance])
_SETTINGS = msgspec.json.Decoder(AccountSettings)
_LIMITS = msgspec.json.Decoder(list[RateLimit])
_FILLS = msgspec.json.Decoder(list[Fill])


def _server_ns(body: bytes) -> int:
    return integer(_TIME.decode(body).server_time, "serverTime") * MS


def _key(body: bytes) -> str:
    key = text(_KEY.decode(body).listen_key)
    if not key:
        raise ValueError("listenKey: missing")
    return key


def _target(key: str) -> str:
    """The form that names its events: without names nothing arrives (section 13.1)."""
    return f"/private/ws?listenKey={key}&events={'/'.join(user.EVENTS)}"


def _order(intent: Intent) -> Request:
    name, params = orders.translate(intent, 0)
    return ENDPOINTS[name].request(**params)


def _open_orders(instruments: Instruments) -> tuple[Request, ...]:
    """Everything in two answers, whatever it is about."""
    return ENDPOINTS["openOrders"].request(), ENDPOINTS["openAlgos"].request()


def _positions(instruments: Instruments) -> tuple[Request, ...]:
    return (ENDPOINTS["positionRisk"].request(),)


def _balances(instruments: Instruments) -> tuple[Request, ...]:
    return (ENDPOINTS["balance"].request(),)


def _fills(instrument: Instrument, order_id: int | str | None, since_ns: int, most: int) -> Request:
    """By the order where that goes: a time reaches 7 days, and the oldest fills come first."""
    if order_id is not None:
        return ENDPOINTS["userTrades"].request(
            symbol=instrument.symbol, orderId=order_id, limit=min(most, 1000)
        )
    since_ms = max(0, since_ns // MS)
    return ENDPOINTS["userTrades"].request(
        symbol=instrument.symbol, startTime=since_ms, limit=min(most, 1000)
    )


def _fill_events(body: bytes, scales: Scales) -> list[OrderEvent]:
    """R21. The sign of the fee is not certain there (section 7)."""
    found = []
    for row in _FILLS.decode(body):
        symbol = text(row.symbol)
        instrument = scales(symbol)
        if instrument is None:
            continue
        found.append(
            OrderEvent(
                source=Source.QUERY,
                execution=Execution.TRADE,
                symbol=symbol,
                order_id=whole(row.order_id),
                side=SIDES.get(text(row.side)),
                position_side=POSITION_SIDES.get(text(row.position_side), PositionSide.BOTH),
                last_qty_e=scaled(row.qty, instrument.qty_exponent) or 0,
                last_price_e=positive(row.price, instrument.price_exponent),
                trade_id=whole(row.id),
                maker={"true": True, "false": False}.get(text(row.maker).lower()),
                fee_listed_e=scaled(row.commission, MONEY_EXPONENT),
                fee_asset=text(row.commission_asset),
                realised_e=scaled(row.realized_pnl, MONEY_EXPONENT),
                venue_ns=stamp(row.time),
                transaction_ns=stamp(row.time),
            )
        )
    return found


def _position_events(body: bytes, scales: Scales) -> list[PositionEvent]:
    found = []
    for row in _POSITIONS.decode(body):
        instrument = scales(text(row.symbol))
        qty_e = scaled(row.position_amt, instrument.qty_exponent) if instrument else None
        if qty_e is None:
            continue
        entry = text(row.entry_price)
        found.append(
            PositionEvent(
                symbol=text(row.symbol),
                position_side=POSITION_SIDES.get(text(row.position_side), PositionSide.BOTH),
                qty_e=qty_e,
                entry=entry if entry.strip("0.") else "",
                unrealised_e=scaled(row.un_realized_profit, MONEY_EXPONENT),
                # v3 does not say the margin type, but only isolated positions have a wallet.
                isolated=text(row.margin_type).lower() == "isolated"
                or bool(positive(row.isolated_wallet, MONEY_EXPONENT)),
                leverage=whole(row.leverage) or 0,
                venue_ns=stamp(row.update_time),
            )
        )
    return found


def _balance_events(body: bytes) -> list[BalanceEvent]:
    found = []
    for row in _BALANCES.decode(body):
        wallet_e = scaled(row.balance, MONEY_EXPONENT)
        if wallet_e is not None and text(row.asset):
            found.append(
                BalanceEvent(
                    asset=text(row.asset),
                    wallet_e=wallet_e,
                    available_e=scaled(row.available_balance, MONEY_EXPONENT),
                    venue_ns=stamp(row.update_time),
                )
            )
    return found


def _config_event(body: bytes) -> AccountConfigEvent:
    row = _SETTINGS.decode(body)
    truth = {"true": True, "false": False}
    return AccountConfigEvent(
        multi_assets=truth.get(text(row.multi_assets_margin).lower()),
        hedge=truth.get(text(row.dual_side_position).lower()),
        venue_ns=stamp(row.update_time),
    )


def _limit_pools(body: bytes) -> tuple[Pool, ...]:
    return pools(_LIMITS.decode(body))


def _charge(endpoint: Endpoint) -> Charge:
    return Charge(
        name=endpoint.name,
        weight=endpoint.weight({}),
        pool=endpoint.pool,
        orders=endpoint.orders,
    )


def _countdown(instrument: Instrument, ms: int) -> Request:
    return ENDPOINTS["countdownCancelAll"].request(symbol=instrument.symbol, countdownTime=ms)


def trading(config: Config) -> Trading:
    """The order side as the venue's section of the configuration wants it."""
    window_ms = config.recv_window_ms
    return Trading(
        transports=(Transport.HTTP, Transport.WS_API),
        signer=signing.signer,
        key_kinds=signing.KINDS,
        encode=partial(orders.encode, window_ms=window_ms),
        sign=partial(signing.sign, window_ms=window_ms),
        encoder=partial(orders.encoder, window_ms=window_ms),
        charges={action: _charge(ENDPOINTS[name]) for action, name in orders.HOT.items()},
        judge=answers.judge,
        window_ns=window_ms * MS,
        pools=tuple(pool for pool in POOLS if pool.name == ORDERS),
        client_id=orders.CLIENT_ID.pattern,
        unwritten=("signature", "apiKey", "listenKey"),
        stream=PrivateStream(
            key=StreamKey(
                start=ENDPOINTS["startStream"].request,
                read=_key,
                keep=ENDPOINTS["keepStream"].request,
                keep_every_ns=KEEP_NS,
            ),
            target=_target,
            decode=user.decode,
            echo_ns=ECHO_NS,
            reader=user.Reader,
        ),
        lookups=Lookups(
            time=ENDPOINTS["time"].request,
            server_ns=_server_ns,
            order=_order,
            order_event=answers.order_event,
            open_orders=_open_orders,
            order_events=answers.order_events,
            fills=_fills,
            fill_events=_fill_events,
            positions=_positions,
            position_events=_position_events,
            balances=_balances,
            balance_events=_balance_events,
            config=ENDPOINTS["accountConfig"].request,
            config_event=_config_event,
            limits=ENDPOINTS["orderLimits"].request,
            limit_pools=_limit_pools,
        ),
        countdown=_countdown,
        api=ws_api.api(config.ws_api_url, window_ms),
        batches=Batches(
            most=orders.BATCH_MOST,
            together=orders.together,
            encode=partial(orders.encode_batch, window_ms=window_ms),
            judge=answers.judge_batch,
        ),
        setup=SETUP,
    )
