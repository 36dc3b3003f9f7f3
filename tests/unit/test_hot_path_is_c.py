"""The common way of a frame compiles to plain C: no Python object is made, looked up or called."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT / "build" / "cython" / "connector" / "_speedups", ROOT / "_speedups")
PYTHON_WORK = re.compile(
    r"__Pyx_PyObject_\w*Call|PyObject_(?:Call|GetAttr|SetAttr)|__Pyx_PyObject_GetAttr"
    r"|Py(?:Long|Float|Bytes|Unicode|Bool)_From|__Pyx_PyLong_From|__Pyx_PyInt_From"
    r"|Py(?:Tuple|List|Dict|Set)_New|__Pyx_GetModuleGlobalName|__Pyx_GetBuiltinName"
    r"|PyGILState_Ensure|__Pyx_Raise"
)
HOT = [
    ("listener", "Listener_on_ws_frame"),
    ("listener", "Listener_message"),
    ("bell", "Bell_frame_done"),
    ("gateway", "Gateway_poll"),
    ("commands", "CommandWriter_ring"),
    ("codec_binance_usdm", "BinanceUsdmCodec_decode_frame"),
    ("codec_binance_usdm", "take_message"),
    ("codec_binance_usdm", "take_depth"),
    ("codec_binance_usdm", "take_book_ticker"),
    ("codec_binance_usdm", "take_any_trade"),
    ("codec_binance_usdm", "take_mark_price"),
    ("codec_binance_usdm", "take_levels"),
    ("codec_binance_usdm", "take_decimal"),
    ("codec_binance_usdm", "find_slot"),
    ("codec_binance_usdm", "ring_claim"),
    ("codec_cadenza", "CadenzaCodec_decode_frame"),
    ("codec_cadenza", "take_line"),
    ("codec_cadenza", "give"),
    ("codec_phemex", "PhemexCodec_decode_frame"),
    ("codec_phemex", "take_book"),
    ("codec_phemex", "give_snapshot"),
    ("codec_phemex", "take_trades"),
    ("codec_phemex", "take_ticker"),
    ("codec_phemex", "take_integer_levels"),
    ("feed", "cut_window"),
    ("feed", "ring_commit"),
    ("feed", "feed_depth"),
    ("feed", "feed_bbo"),
    ("feed", "feed_trade"),
    ("feed", "feed_mark_price"),
    ("feed", "write_levels"),
    ("feed", "write_bbo"),
    ("feed", "write_trade"),
    ("feed", "write_mark_price"),
    ("feed", "cell_begin"),
    ("feed", "cell_end"),
    ("book", "book_apply"),
    ("book", "book_bids"),
    ("book", "book_asks"),
    ("journal", "tape_claim"),
    ("journal", "tape_commit"),
    ("reports", "reports_put"),
    ("reports", "Reports_hand"),
    ("events_binance_usdm", "take_frame"),
    ("events_binance_usdm", "take_object"),
    ("signer", "hmac_words"),
    ("signer", "hmac_hex"),
    ("signer", "hmac_base64"),
    ("signer", "sha256_finish"),
    ("orders_binance_usdm", "BinanceUsdmEncoder_encode_command"),
    ("orders_binance_usdm", "put_place"),
    ("orders_binance_usdm", "put_amend"),
    ("orders_binance_usdm", "put_order_id"),
    ("orders_binance_usdm", "put_client_id"),
    ("orders_binance_usdm", "put_decimal"),
]
COLD = ("Listener_give", "Listener_unusual")
"""Called from the common way, but only taken when the message is not common."""


def generated(module: str) -> str:
    for place in PLACES:
        if (place / f"{module}.c").exists():
            return (place / f"{module}.c").read_text()
    pytest.fail(f"{module}.c was not kept by the build")


def body(text: str, function: str) -> str:
    """The C of a function, comments and the road of errors left out."""
    signature = rf"[^;\n]*__pyx_f_\w*?(?<=[_\d]){function}\([^;\n]*\) \{{"
    found = re.search(rf"^(?:static|CYTHON_INLINE) {signature}\n(.*?)^\}}", text, re.M | re.S)
    assert found, f"{function} is not a C function"
    return re.sub(r"/\*.*?\*/", "", found[1], flags=re.S).partition("__pyx_L1_error:;")[0]


@pytest.mark.parametrize(("module", "function"), HOT)
def test_a_hot_function_does_no_python_work(module: str, function: str) -> None:
    assert PYTHON_WORK.findall(body(generated(module), function)) == []


def test_python_work_would_be_found() -> None:
    text = generated("listener")
    for cold in COLD:
        assert PYTHON_WORK.search(body(text, cold))
