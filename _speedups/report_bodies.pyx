"""Bodies of the reports a strategy hears most: of an order, and the answer to a command.

What ``connector/trading/reports.py`` hands over, as the layout has it.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport CommandAnswerBody, OrderReportBody

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL


cdef inline int64_t given(object value) except? -1:
    return CONNECTOR_ABSENT if value is None else <int64_t>value


cdef inline int put(char* field, Py_ssize_t room, object text, str name) except -1:
    """A text into a field that is zero."""
    cdef Py_ssize_t size = 0
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    if size > room:
        raise ValueError(f"{name}: {size} bytes, {room} fit")
    memcpy(field, data, size)
    return 0


def order_report_body(one, int64_t wall_ns):
    """An ``OrderReportBody`` from a Report of the tracker's. ValueError: a text or a number does not fit."""
    cdef OrderReportBody body
    order = one.order
    memset(&body, 0, sizeof(body))
    try:
        body.order_key, body.order_id, body.wall_ns = order.key, given(order.order_id), wall_ns
        body.command, body.price_e, body.qty_e = order.command, given(order.price_e), order.qty_e
        body.filled_qty_e, body.last_qty_e = one.filled_qty_e, one.last_qty_e
        body.last_price_e, body.average_e = given(one.last_price_e), one.average_e
        body.stop_price_e, body.fee_e = given(order.stop_price_e), given(one.fee_e)
        body.realised_e, body.trade_id = given(one.realised_e), given(one.trade_id)
        body.average_exponent, body.flags = one.average_exponent, one.flags
        body.update, body.status, body.reason = one.update, one.status, one.reason
        body.side, body.order_type = order.side, order.order_type
        body.time_in_force, body.position_side = order.time_in_force, order.position_side
    except OverflowError as error:
        raise ValueError(f"OrderReportBody: {error}: {one}") from None
    put(body.fee_asset, sizeof(body.fee_asset), one.fee_asset, "fee_asset")
    put(body.client_order_id, sizeof(body.client_order_id), order.client_order_id, "client_order_id")
    put(body.ref_id, sizeof(body.ref_id), order.ref_id, "ref_id")
    put(body.venue_order_id, sizeof(body.venue_order_id), order.venue_order_id, "venue_order_id")
    put(body.venue_trade_id, sizeof(body.venue_trade_id), one.venue_trade_id, "venue_trade_id")
    return PyBytes_FromStringAndSize(<const char*>&body, sizeof(body))


def answer_body(one, int64_t wall_ns, int64_t left_ns, bytes text not None):
    """A ``CommandAnswerBody`` from an Answered of the tracker's, ``text`` behind it. ValueError: it does not fit."""
    cdef CommandAnswerBody body
    cdef bytes whole
    order = one.order
    memset(&body, 0, sizeof(body))
    body.order_id = CONNECTOR_ABSENT
    try:
        if order is not None:
            body.order_key, body.order_id = order.key, given(order.order_id)
        body.command, body.wall_ns, body.sent_ns = one.command, wall_ns, one.sent_ns
        body.value_e, body.limit_e = given(one.value_e), given(one.limit_e)
        body.code, body.http_status, body.venue_code = one.code, one.http_status, one.venue_code
        body.text_bytes = <unsigned int>len(text)
        body.result, body.action, body.field = one.result, one.action, one.field
        body.settled, body.batch, body.left_ns = one.settled, one.batch, left_ns
    except OverflowError as error:
        raise ValueError(f"CommandAnswerBody: {error}: {one}") from None
    put(body.ref_id, sizeof(body.ref_id), one.ref_id, "ref_id")
    if order is not None:
        put(body.client_order_id, sizeof(body.client_order_id), order.client_order_id, "client_order_id")
        put(body.venue_order_id, sizeof(body.venue_order_id), order.venue_order_id, "venue_order_id")
    whole = PyBytes_FromStringAndSize(NULL, sizeof(body) + len(text))
    memcpy(PyBytes_AS_STRING(whole), &body, sizeof(body))
    memcpy(PyBytes_AS_STRING(whole) + sizeof(body), PyBytes_AS_STRING(text), len(text))
    return whole
