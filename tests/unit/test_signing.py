"""Keys by kind, and the venue's worked examples of signatures (published example key)."""

import copy
import pickle
from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector._speedups.signer import HmacSigner
from connector.config import Secret
from connector.protocol.signing import Kind, quoted, signer

KEY = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83"
SECRET = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"

FIRST = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
    b"&recvWindow=5000&timestamp=1591702613943"
)
THIRD = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    b"quantity=1&price=9000&recvWindow=5000&timestamp="
)
EXAMPLES = [
    pytest.param(
        FIRST, "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9", id="1 and 2"
    ),
    pytest.param(
        THIRD + b"1591702613943",
        "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4",
        id="3, query and body",
    ),
    pytest.param(
        THIRD + b" 1591702613943",
        "f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2",
        id="3b, with the stray blank the venue's page signs",
    ),
    pytest.param(
        b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=9000"
        b"&recvWindow=5000&timestamp=1591702613943",
        "ec11dcc17e67e47f0d3c3f513dfe9062307e37619c5c82ebaa8fe0bdf3d59519",
        id="4, another order",
    ),
    pytest.param(
        f"apiKey={KEY}&price=9000&quantity=1&recvWindow=5000&side=BUY&symbol=BTCUSDT"
        "&timeInForce=GTC&timestamp=1591702613943&type=LIMIT".encode(),
        "5b8fe2b962b8e1b2b82fb40e548d56147c2a8f835b5f1393ae4b4b90c38b527f",
        id="5, WebSocket API",
    ),
    pytest.param(
        b"orderIdList=%5B1234567%2C2345678%5D&symbol=BTCUSDT&timestamp=1591702613943",
        "439dd91afd7bdbdb2ded39151cdea73726582e91b95a72b6e0674c188da54c97",
        id="6, a list",
    ),
    pytest.param(
        b"symbol=%E6%B5%8B%E8%AF%95USDT&timestamp=1591702613943",
        "a87744354d2bab5378b7334b2e95919512f7fd61e3153283d724aad1ab700f3f",
        id="7, not ASCII",
    ),
]
# RFC 8032, section 7.1, test 1.
ED25519_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def pem(key: Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="module")
def ed25519() -> bytes:
    return pem(Ed25519PrivateKey.from_private_bytes(ED25519_SEED))


@pytest.mark.parametrize(("payload", "expected"), EXAMPLES)
@pytest.mark.parametrize("plain", [False, True], ids=["libcrypto", "plain"])
def test_worked_examples_of_binance_usdm(payload: bytes, expected: str, plain: bool) -> None:
    assert signer(Secret(SECRET)).sign(payload) == expected.encode()
    assert HmacSigner(SECRET, plain=plain).sign_hex(payload) == expected.encode()


def test_ed25519_signs_as_the_venue_expects(ed25519: bytes) -> None:
    made = signer(Secret(ed25519))
    assert made.kind is Kind.ED25519
    signature = made.sign(FIRST)
    assert signature == (
        b"ATEuJPvzWUFs0d1x9FwudUJsSfMMWR+bkdrxtbOYgFkZj36Ol/vwKDGm9UWtKuq0mtnSTOQruQAwFvR128PaDg=="
    )
    assert quoted(signature) == (
        b"ATEuJPvzWUFs0d1x9FwudUJsSfMMWR%2BbkdrxtbOYgFkZj36Ol%2FvwKDGm9UWtKuq0"
        b"mtnSTOQruQAwFvR128PaDg%3D%3D"
    )
    logon = f"apiKey={KEY}&timestamp=1591702613943".encode()
    assert made.sign(logon) == (
        b"1yzD78KHCtjfHBjJOY+AExLx2mUpAtLNCbFAfqblFkalKoNMJ/ym02+5GvqTwxFfsQGrlBwszujEEtpR5PgzAw=="
    )


def test_rsa_signs_pkcs1_v15_with_sha_256() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = signer(Secret(pem(key)), Kind.RSA)
    signature = b64decode(made.sign(FIRST), validate=True)
    key.public_key().verify(signature, FIRST, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, FIRST + b" ", padding.PKCS1v15(), hashes.SHA256())


def test_quoting_leaves_hexadecimal_alone() -> None:
    digits = signer(Secret(SECRET)).sign(FIRST)
    assert quoted(digits) == digits
    assert quoted(b"a+b/c=") == b"a%2Bb%2Fc%3D"
    assert quoted(b"ab/c") == b"ab%2Fc"


def test_a_key_of_the_wrong_kind_is_refused_without_showing_it(ed25519: bytes) -> None:
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    for value, kind, why in (
        (b"", None, "empty"),
        (b" \n", None, "empty"),
        (SECRET, Kind.ED25519, "hmac, not ed25519"),
        (ed25519, Kind.HMAC, "ed25519, not hmac"),
        (other, None, "neither Ed25519 nor RSA"),
        (ed25519[:60], None, "not a PEM text"),
        (ed25519.replace(b"-----END", b"canary\n-----END"), None, "not a PEM text"),
    ):
        with pytest.raises(ValueError, match=why) as refused:
            signer(Secret(value), kind)
        text = f"{refused.value!r}{refused.value.__cause__!r}"
        assert "canary" not in text
        assert value[30:50].decode() not in text or not value.strip()


def test_no_signer_shows_or_copies_its_key(ed25519: bytes) -> None:
    for value in (SECRET, ed25519):
        made = signer(Secret(value))
        assert repr(made).endswith("(***)")
        for way in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="neither pickled nor copied"):
                way(made)
