"""Keys, signatures and times at the door of the simulated Binance: the vectors of its reference."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connector.venues.sim_setup import ApiKey, SimAccount
from tests.reference.binance_desk import (
    MAKER,
    NOW_MS,
    UNIT,
    Venue,
    escaped,
    limit_order,
    refusal,
    sign,
)

ORDER = "/fapi/v1/order"
PUBLISHED = ApiKey(
    key="dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83",
    secret="2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
)
SIGNED_MS = 1591702613943
ONE = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
    "&timestamp=1591702613943"
)
HALF, REST = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
    "quantity=1&price=9000&recvWindow=5000&timestamp=1591702613943",
)
FIRST = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def pem(public: Any) -> str:
    text: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def venue_of(*keys: ApiKey) -> Venue:
    venue = Venue(accounts=[SimAccount(name="maker", keys=keys, balances={"USDT": 100_000 * UNIT})])
    venue.now_ms = SIGNED_MS
    return venue


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "signature", "code"),
    [
        ("POST", ORDER, ONE, "", FIRST, 0),
        ("POST", ORDER, ONE, "", FIRST.upper(), 0),
        ("POST", ORDER, "", ONE, FIRST, 0),
        (
            "POST", ORDER, HALF, REST,
            "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4", 0,
        ),
        ("POST", ORDER, HALF, REST, FIRST, -1022),
        (
            "POST", ORDER, HALF, REST,
            "f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2", -1022,
        ),
        (
            "POST", ORDER,
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=9000"
            "&recvWindow=5000&timestamp=1591702613943", "",
            "ec11dcc17e67e47f0d3c3f513dfe9062307e37619c5c82ebaa8fe0bdf3d59519", 0,
        ),
        (
            "DELETE", "/fapi/v1/batchOrders",
            "orderIdList=%5B1234567%2C2345678%5D&symbol=BTCUSDT&timestamp=1591702613943", "",
            "439dd91afd7bdbdb2ded39151cdea73726582e91b95a72b6e0674c188da54c97", 0,
        ),
        (
            "GET", "/fapi/v1/openOrders",
            "symbol=%E6%B5%8B%E8%AF%95USDT&timestamp=1591702613943", "",
            "a87744354d2bab5378b7334b2e95919512f7fd61e3153283d724aad1ab700f3f", -1121,
        ),
    ],
)  # fmt: skip
def test_the_published_vectors(
    method: str, path: str, query: str, body: str, signature: str, code: int
) -> None:
    venue = venue_of(PUBLISHED)
    if body:
        body += f"&signature={signature}"
    else:
        query += f"&signature={signature}"
    answer = venue.send(method, path, query, body, PUBLISHED.key)
    assert code == (0 if answer.status == 200 else refusal(answer)[1])


def test_an_ed25519_key_signs_rest_requests() -> None:
    public = ed25519.Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    venue = venue_of(ApiKey(key=PUBLISHED.key, public_key=pem(public)))
    signature = (
        "ATEuJPvzWUFs0d1x9FwudUJsSfMMWR%2BbkdrxtbOYgFkZj36Ol%2FvwKDGm9UWtKuq0mtnSTOQruQAwFvR128PaDg"
        "%3D%3D"
    )
    assert (
        venue.send("POST", ORDER, f"{ONE}&signature={signature}", key=PUBLISHED.key).status == 200
    )
    for wrong in (signature[:-6] + "AA%3D%3D", FIRST, "%2B"):
        answer = venue.send("POST", ORDER, f"{ONE}&signature={wrong}", key=PUBLISHED.key)
        assert refusal(answer)[:2] == (400, -1022)


def test_an_rsa_key_signs_rest_requests() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    venue = venue_of(ApiKey(key=PUBLISHED.key, public_key=pem(private.public_key())))
    raw = private.sign(ONE.encode(), padding.PKCS1v15(), SHA256())
    answer = venue.send("POST", ORDER, f"{ONE}&signature={escaped(raw)}", key=PUBLISHED.key)
    assert answer.status == 200
    answer = venue.send("POST", ORDER, f"{ONE}1&signature={escaped(raw)}", key=PUBLISHED.key)
    assert refusal(answer)[:2] == (400, -1022)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([ApiKey(key="A", secret="s", public_key="p")], "secret or a public key"),
        ([ApiKey(key="A")], "secret or a public key"),
        ([ApiKey(key="A", public_key="nonsense")], "not a public key"),
        ([ApiKey(key="A B", secret="s")], "letters and digits"),
        ([ApiKey(key="A", secret="s"), ApiKey(key="A", secret="t")], "not the only one"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_at_the_start(keys: list[ApiKey], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        venue_of(*keys)


def test_keys_are_not_shown() -> None:
    assert "maker-secret" not in repr(MAKER)


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [(None, 401, -2014), ("", 401, -2014), ("a key", 401, -2014), ("UNKNOWN", 401, -2015)],
)
def test_who_has_no_key_is_told_so_before_anything_else(
    key: str | None, status: int, code: int
) -> None:
    venue = Venue()
    assert refusal(venue.send("POST", ORDER, "nonsense=1", key=key))[:2] == (status, code)
    assert refusal(venue.send("POST", "/fapi/v1/listenKey", key=key))[:2] == (status, code)


def signed(text: str) -> str:
    return f"{text}&signature={sign(MAKER, text)}"


AT = f"timestamp={NOW_MS}"


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        (signed("symbol=BTCUSDT"), -1102, "timestamp"),
        (signed("timestamp="), -1102, "timestamp"),
        (signed("timestamp=soon"), -1100, "timestamp"),
        (signed(f"timestamp=-{NOW_MS}"), -1100, "timestamp"),
        (AT, -1102, "signature"),
        (f"{AT}&signature=", -1102, "signature"),
        (f"{AT}&signature=00", -1022, "Signature"),
        (f"signature={sign(MAKER, AT)}&{AT}", -1022, "Signature"),
        (signed(AT + "&recvWindow=60001"), -1130, "recvWindow"),
        (signed(AT + "&recvWindow=x"), -1100, "recvWindow"),
        (signed(AT + "&symbol=BTCUSDT&symbol=BTCUSDT"), -1101, "symbol"),
    ],
)
def test_what_a_signed_request_must_have(query: str, code: int, name: str) -> None:
    status, found, text = refusal(Venue().send("GET", "/fapi/v1/openOrders", query, key=MAKER.key))
    assert (status, found) == (400, code)
    assert name in text


@pytest.mark.parametrize(
    ("late_ms", "window", "code"),
    [
        (0, None, 0),
        (5000, None, 0),
        (5001, None, -1021),
        (-999, None, 0),
        (-1000, None, -1021),
        (60_000, 60_000, 0),
        (60_001, 60_000, -1021),
        (0, 0, 0),
        (1, 0, -1021),
    ],
)
def test_the_request_time_must_fit(late_ms: int, window: int | None, code: int) -> None:
    venue = Venue()
    answer = venue.ask("GET", "/fapi/v1/openOrders", timestamp=NOW_MS - late_ms, recvWindow=window)
    assert code == (0 if answer.status == 200 else refusal(answer)[1])


def test_the_matching_engine_looks_at_the_time_again() -> None:
    venue = Venue()
    text = "&".join(f"{k}={v}" for k, v in limit_order(timestamp=NOW_MS).items())
    late = signed(text)
    venue.now_ms += 5001
    answer = venue.send("POST", ORDER, late, key=MAKER.key, arrived_ms=NOW_MS + 10)
    assert refusal(answer)[:2] == (400, -5028)
    venue.now_ms -= 1
    assert venue.send("POST", ORDER, late, key=MAKER.key, arrived_ms=NOW_MS + 10).status == 200
    order = venue.ok("GET", "/fapi/v1/openOrders")[0]
    change = signed(
        f"symbol=BTCUSDT&orderId={order['orderId']}&side=BUY&quantity=1&price=29000&{AT}"
    )
    venue.now_ms += 1
    answer = venue.send("PUT", ORDER, change, key=MAKER.key, arrived_ms=NOW_MS + 10)
    assert refusal(answer)[:2] == (400, -5028)


def test_the_query_counts_where_query_and_body_disagree() -> None:
    venue = Venue()
    query = "&".join(f"{k}={v}" for k, v in limit_order(quantity="0.2").items())
    body = f"quantity=0.3&{AT}"
    body += "&signature=" + sign(MAKER, query + body)
    answer = venue.send("POST", ORDER, query, body, MAKER.key)
    assert json.loads(answer.body)["origQty"] == "0.200"


def test_a_body_that_is_no_form_is_not_read() -> None:
    text = "&".join(f"{k}={v}" for k, v in limit_order(timestamp=NOW_MS).items())
    answer = Venue().send(
        "POST", ORDER, "", signed(text), MAKER.key, **{"content-type": "application/json"}
    )
    assert refusal(answer)[:2] == (400, -1102)


def test_vector_5_of_the_websocket_api() -> None:
    from connector.venues.sim_contract import Opening

    params = {
        "apiKey": PUBLISHED.key, "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
        "quantity": "1", "price": "9000", "timeInForce": "GTC", "recvWindow": 5000,
        "timestamp": SIGNED_MS,
        "signature": "5b8fe2b962b8e1b2b82fb40e548d56147c2a8f835b5f1393ae4b4b90c38b527f",
    }  # fmt: skip
    venue = venue_of(PUBLISHED)
    api = venue.rest.api(venue.market, Opening("ws-fapi", False, ()), "local", SIGNED_MS)
    text = json.dumps({"id": 7, "method": "order.place", "params": params}).encode()
    answer = json.loads(api.receive(text, SIGNED_MS, SIGNED_MS).message)
    assert (answer["id"], answer["status"]) == (7, 200)
    assert answer["result"]["price"] == "9000.00"


def test_the_logon_vector() -> None:
    from connector.venues.sim_contract import Opening

    public = ed25519.Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    venue = venue_of(ApiKey(key=PUBLISHED.key, public_key=pem(public)))
    api = venue.rest.api(venue.market, Opening("ws-fapi", False, ()), "local", SIGNED_MS)
    params = {
        "apiKey": PUBLISHED.key,
        "timestamp": SIGNED_MS,
        "signature": "1yzD78KHCtjfHBjJOY+AExLx2mUpAtLNCbFAfqblFkalKoNMJ/ym02+5GvqTwxFfsQGrlBwszujE"
        "EtpR5PgzAw==",
    }
    assert len(base64.b64decode(str(params["signature"]))) == 64
    text = json.dumps({"id": "a", "method": "session.logon", "params": params}).encode()
    answer = json.loads(api.receive(text, SIGNED_MS, SIGNED_MS).message)
    assert answer["status"] == 200
    assert answer["result"]["apiKey"] == PUBLISHED.key
