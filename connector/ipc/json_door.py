"""The JSON-lines door: a strategy's commands as the protocol writes them, one object a line.

Each becomes the same record in the same ring as ``place()`` and ``cancel()`` write; numbers stay
decimals all the way. What cannot be one is refused here, by an answer that names the field."""

import contextlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector._speedups.commands import Ticket
from connector._speedups.order_events import CommandAnswer, Report
from connector.errors import ConnectorError
from connector.ipc.trader import TradingSession
from connector.model.intents import MAX_TEXT_BYTES
from connector.model.rendering import CONTRACTS
from connector.model.reports import Code

_TEXT = (str,)
_NUMBER = (int, Decimal, str)
_FLAG = (bool,)
_ID = (int, str)

_FRAME: dict[str, tuple[type, ...]] = {"action": _TEXT, "strategy": _TEXT}
_WHERE: dict[str, tuple[type, ...]] = {
    "ref_id": _TEXT,
    "exchange": _TEXT,
    "symbol": _TEXT,
    "contract_type": _TEXT,
    "account_id": _TEXT,
    "label": _TEXT,
    "target": _TEXT,
    "valid_for_ms": _NUMBER,
}
_ORDER: dict[str, tuple[type, ...]] = {"client_order_id": _TEXT, "order_id": _ID}
_PLACE: dict[str, tuple[type, ...]] = {
    "client_order_id": _TEXT,
    "price": _NUMBER,
    "quantity": _NUMBER,
    "direction": _TEXT,
    "order_type": _TEXT,
    "time_in_force": _TEXT,
    "reduce_only": _FLAG,
    "post_only": _FLAG,
    "position_side": _TEXT,
    "stop_price": _NUMBER,
    "callback_rate": _NUMBER,
    "working_type": _TEXT,
    "close_position": _FLAG,
    "self_trade": _TEXT,
    "price_match": _TEXT,
    "good_till_ms": (int,),
    "activation_price": _NUMBER,
    "price_protect": _FLAG,
}
_ACTIONS: dict[str, dict[str, tuple[type, ...]]] = {
    "place_order": _WHERE | _PLACE,
    "amend_order": _WHERE | _ORDER | {"new_price": _NUMBER, "new_quantity": _NUMBER},
    "cancel_order": _WHERE | _ORDER,
    "cancel_all": _WHERE,
    "query_order": _WHERE | _ORDER,
}
_BATCHES = {"place_batch": "place_order", "cancel_batch": "cancel_order"}
_DIRECTIONS = ("Buy", "Sell")
_REQUIRED = ("ref_id", "exchange", "symbol", "contract_type", "account_id")
_ELEMENT_DEFAULTS = ("exchange", "symbol", "contract_type", "account_id", "valid_for_ms")
_DEEPEST = 16
"""Levels of an echoed command; the protocol's own have three, JSON writers take some 250."""
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
_WIDEST = 2**63
"""Integers from here on are echoed as decimals, which have no end."""


class Refused(Exception):
    """A command that is none: the code, the field, and why."""

    element = -1
    """Which of a batch it is about."""

    def __init__(self, code: Code, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}" if field else why)
        self.code, self.field = code, field


class JsonDoor:
    """Commands of one session as JSON, and what it is told as JSON."""

    def __init__(self, session: TradingSession) -> None:
        self._session = session
        self._requests: dict[int, tuple[str, dict[str, Any], int | None]] = {}
        """Of each command without its last answer: its name, itself, and its place in a batch."""

    def send(self, line: str | bytes) -> list[dict[str, Any]]:
        """Write the command in a line; what is refused here is answered at once, the rest comes
        with the reports. Raises Full, and then nothing was written."""
        command: dict[str, Any] = {}
        refusals: list[Refused] = []
        try:
            command = _parse(line)
            self._check_frame(command)
            if command["action"] in _BATCHES:
                number, refusals = self._batch(command)
            else:
                _check(command, _FRAME | _ACTIONS[command["action"]], _REQUIRED)
                ticket = self._write(command["action"], command)
                number = ticket.number
                self._requests[number] = (command["ref_id"], _request(command), None)
        except Refused as refusal:
            return [_printable(self._refusal(command, refusal))]
        if number is not None:
            self._note(number, line)
        return [_printable(self._element_refusal(command, one)) for one in refusals]

    def _note(self, number: int, line: str | bytes) -> None:
        """For the journal; who is not there any more is noticed with the next report."""
        data = line.encode(errors="replace") if isinstance(line, str) else line
        text = data.decode(errors="replace")
        with contextlib.suppress(ConnectorError):
            self._session.note(number, text.strip())

    def told(self, report: Report) -> dict[str, Any]:
        """A report in the protocol's shape; an answer with the request as it was received."""
        found = report.to_dict()
        if isinstance(report, CommandAnswer) and report.command in self._requests:
            found["ref_id"], found["request"], place = self._requests[report.command]
            if place is not None:
                found["metadata"]["metadata"]["index"] = place
            if report.result.name != "UNKNOWN":
                del self._requests[report.command]
        return found

    def _check_frame(self, command: dict[str, Any]) -> None:
        for key in ("action", "strategy"):
            if not isinstance(command.get(key), str):
                raise Refused(Code.MALFORMED, key, "missing, or no text")
        if command["action"] not in _ACTIONS and command["action"] not in _BATCHES:
            known = ", ".join([*_ACTIONS, *_BATCHES])
            raise Refused(Code.MALFORMED, "action", f"{command['action']!r} is none of {known}")
        if command["strategy"] != self._session.strategy:
            why = f"{command['strategy']!r} is not this session's, {self._session.strategy!r}"
            raise Refused(Code.NOT_PERMITTED, "strategy", why)

    def _batch(self, command: dict[str, Any]) -> tuple[int | None, list[Refused]]:
        """Write those of its elements that are commands: the number of the first one, if there is
        one, and why the others are none, in their order."""
        action = _BATCHES[command["action"]]
        _check(command, _FRAME | _WHERE | {"orders": (list,)}, ("ref_id", "orders"))
        if not command["orders"]:
            raise Refused(Code.MALFORMED, "orders", "empty")
        elements: dict[int, dict[str, Any]] = {}
        refusals: dict[int, Refused] = {}
        for index, element in enumerate(command["orders"]):
            try:
                elements[index] = self._element(command, action, index, element)
            except Refused as refusal:
                refusals[index] = refusal
        tickets: list[Ticket] = []
        while elements:
            try:
                tickets = self._write_batch(action, list(elements.values()))
                break
            except Refused as refusal:
                if refusal.element < 0:
                    raise
                index = list(elements)[refusal.element]
                del elements[index]
                refusals[index] = refusal
        for index, why in refusals.items():
            why.element = index
        for ticket, index in zip(tickets, elements, strict=True):
            element = command["orders"][index]
            ref_id = element.get("ref_id", command["ref_id"])
            self._requests[ticket.number] = (ref_id, _request(element), index)
        number = tickets[0].number if tickets else None
        return number, [refusals[index] for index in sorted(refusals)]

    def _write_batch(self, action: str, elements: list[dict[str, Any]]) -> list[Ticket]:
        """All of them, or none: the refusal says which one is no command."""
        session = self._session
        how: Any = session.place_batch if action == "place_order" else session.cancel_batch
        try:
            tickets: list[Ticket] = how(elements)
        except (ValueError, TypeError, OverflowError) as error:
            # Where it is said by the answer's index, which counts those refused before, too.
            said = re.sub(r"^orders\[[0-9]+\]: ", "", str(error))
            refused = _refused(action, said)
            refused.element = getattr(error, "element", -1)
            raise refused from None
        return tickets

    def _element(
        self, command: dict[str, Any], action: str, index: int, element: Any
    ) -> dict[str, Any]:
        """One of a batch as arguments of the session; what it leaves out is the batch's."""
        if not isinstance(element, dict):
            raise Refused(Code.MALFORMED, "orders", f"element {index} is no object")
        defaults = {key: command[key] for key in _ELEMENT_DEFAULTS if key in command}
        whole = defaults | {"ref_id": f"{command['ref_id']}.{index + 1}"} | element
        _check(whole, _FRAME | _ACTIONS[action], _REQUIRED)
        return self._arguments(action, whole)

    def _write(self, action: str, command: dict[str, Any]) -> Ticket:
        arguments = self._arguments(action, command)
        session = self._session
        how: Any = {
            "place_order": session.place,
            "amend_order": session.amend,
            "cancel_order": session.cancel,
            "cancel_all": session.cancel_all,
            "query_order": session.query,
        }[action]
        try:
            ticket: Ticket = how(**arguments)
        except (ValueError, TypeError, OverflowError) as error:
            raise _refused(action, str(error)) from None
        return ticket

    def _arguments(self, action: str, command: dict[str, Any]) -> dict[str, Any]:
        """A command's keys as arguments of the session's methods."""
        try:
            instrument = self._session.instruments[command["exchange"], command["symbol"]]
        except KeyError:
            served = {exchange.lower() for exchange, _ in self._session.instruments}
            field = "symbol" if command["exchange"].lower() in served else "exchange"
            why = f"{command['exchange']} {command['symbol']} is not served"
            raise Refused(Code.UNKNOWN_INSTRUMENT, field, why) from None
        contract = CONTRACTS[instrument.contract]
        if command["contract_type"] != contract:
            why = f"{command['symbol']} is {contract!r}, not {command['contract_type']!r}"
            raise Refused(Code.UNKNOWN_INSTRUMENT, "contract_type", why)
        if command["account_id"] not in self._session.accounts:
            why = f"{command['account_id']!r} is no account of this strategy"
            raise Refused(Code.UNKNOWN_ACCOUNT, "account_id", why)
        left_out = {*_FRAME, "exchange", "symbol", "contract_type", "account_id"}
        renamed = {"new_price": "price", "new_quantity": "quantity", "direction": "side"}
        found = {
            renamed.get(key, key): value for key, value in command.items() if key not in left_out
        }
        if "valid_for_ms" in found:
            found["valid_for_ms"] = _validity(found["valid_for_ms"])
        if action == "place_order":
            if "side" not in found:
                raise Refused(Code.MALFORMED, "direction", "missing")
            if found["side"] not in _DIRECTIONS:
                raise Refused(Code.MALFORMED, "direction", f"one of {', '.join(_DIRECTIONS)}")
            if "order_type" not in found:
                raise Refused(Code.MALFORMED, "order_type", "missing")
            found.setdefault("quantity", None)
        elif action != "cancel_all" and not (found.get("client_order_id") or "order_id" in found):
            raise Refused(Code.MALFORMED, "client_order_id", "or order_id must be given")
        if action == "query_order":
            found.pop("label", None)
            found.pop("target", None)
        return found | {"instrument": instrument, "account": command["account_id"]}

    def _element_refusal(self, command: dict[str, Any], refusal: Refused) -> dict[str, Any]:
        """The answer to an element of a batch that never became a command."""
        element = command["orders"][refusal.element]
        given = element if isinstance(element, dict) else {}
        told = self._refusal(
            {key: command[key] for key in (*_REQUIRED, "strategy") if key in command}
            | given
            | {"action": _BATCHES[command["action"]]},
            refusal,
        )
        told["metadata"]["metadata"]["index"] = refusal.element
        told["request"] = _request(given)
        return told

    def _refusal(self, command: Mapping[str, Any], refusal: Refused) -> dict[str, Any]:
        """The answer to what never became a command."""
        action = _text(command, "action")
        context = self._session.context
        inner: dict[str, Any] = {"account_id": _text(command, "account_id"), "result": False}
        if action == "place_order":
            inner["order_id"] = 0
        inner |= {
            "error_code": refusal.code.value,
            "error_code_msg": f"{refusal.code.sentence}: {refusal}",
        }
        if refusal.field:
            inner["field"] = refusal.field
        about = ("exchange", "symbol", "contract_type")
        return {
            "ref_id": _text(command, "ref_id"),
            "action": action,
            "strategy": self._session.strategy,
            "metadata": {
                **{key: _text(command, key) for key in about if key in command},
                "event": action,
                "metadata": inner,
                "timestamp": context.local(context.wall_ns()),
            },
            "request": _request(command),
        }


def _parse(line: str | bytes) -> dict[str, Any]:
    data = line.encode() if isinstance(line, str) else line
    if len(data) > MAX_TEXT_BYTES:
        raise Refused(Code.MALFORMED, "", f"{len(data)} bytes, at most {MAX_TEXT_BYTES} are taken")
    try:
        found = json.loads(  # of bytes it would guess another encoding, and pass over a mark
            data.decode(), parse_float=_decimal, parse_constant=_NoNumber, object_pairs_hook=_once
        )
    except (ValueError, RecursionError) as error:
        raise Refused(Code.MALFORMED, "", f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refused(Code.MALFORMED, "", "no object")
    return found


class _NoNumber:
    """What stands where a number does and is none: no type that a key takes, so it is refused by
    its key."""

    def __init__(self, text: str) -> None:
        self.text = text


def _decimal(text: str) -> "Decimal | _NoNumber":
    try:
        return Decimal(text)
    except ArithmeticError:
        return _NoNumber(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(Code.MALFORMED, key, "is there twice")
        found[key] = value
    return found


def _check(
    command: Mapping[str, Any], known: Mapping[str, tuple[type, ...]], required: tuple[str, ...]
) -> None:
    for key, value in command.items():
        types = known.get(key)
        if types is None:
            raise Refused(Code.MALFORMED, key, "unknown key")
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            names = {int: "an integer", Decimal: "a number", str: "a text", bool: "true or false"}
            wanted = " or ".join(names.get(kind, kind.__name__) for kind in types)
            raise Refused(Code.MALFORMED, key, f"must be {wanted}")
    for key in required:
        if key not in command:
            raise Refused(Code.MALFORMED, key, "missing")
    if not command["ref_id"]:
        raise Refused(Code.MALFORMED, "ref_id", "empty")


def _validity(value: int | str | Decimal) -> float:
    try:
        if isinstance(value, str) and not _PLAIN.fullmatch(value):
            raise ValueError(value)
        return float(Decimal(value))
    except (ArithmeticError, ValueError):
        raise Refused(Code.MALFORMED, "valid_for_ms", f"{value!r} is no number") from None


def _request(command: Mapping[str, Any]) -> dict[str, Any]:
    """A command as it was received, without what stands beside it in the answer."""
    return {key: value for key, value in command.items() if key not in _FRAME}


def _text(command: Mapping[str, Any], key: str) -> str:
    """What the answer's shape has as a text; as it was received it stands in the request."""
    value = command.get(key)
    return value if isinstance(value, str) else ""


def _printable(value: Any, levels: int = _DEEPEST) -> Any:
    """What every writer of JSON can say of it: half a surrogate pair is no text, an integer has 64
    bits, and nothing nests without end."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, _NoNumber):
        return value.text
    if isinstance(value, int) and not -_WIDEST <= value < _WIDEST:
        return Decimal(value)
    if isinstance(value, (dict, list)):
        if not levels:
            return "..."
        if isinstance(value, list):
            return [_printable(one, levels - 1) for one in value]
        return {_printable(key): _printable(one, levels - 1) for key, one in value.items()}
    return value


def _refused(action: str, said: str) -> Refused:
    """What the session's methods say of an argument, by the protocol's name of it."""
    name, _, why = said.partition(":")
    if not why or " " in name:
        name, _, why = said.partition(" ")
    names = {"side": "direction", "account": "account_id", "order": "order_id"}
    if action == "amend_order":
        names |= {"price": "new_price", "quantity": "new_quantity"}
    return Refused(Code.MALFORMED, names.get(name, name), why.strip())
