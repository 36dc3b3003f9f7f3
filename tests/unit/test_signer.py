"""HMAC-SHA256 of the compiled signer: the standard's vectors, the standard library, and silence
about the key; each law for libcrypto's SHA-256 and for the plain one."""

import copy
import ctypes
import hashlib
import hmac
import pickle
import subprocess
import sys
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector._speedups.segment import Segment
from connector._speedups.signer import HmacSigner, backend
from connector.model.counters import Counter
from connector.protocol.signing import Hmac
from tests.reference import sha256_model

both = pytest.mark.parametrize("plain", [False, True], ids=["libcrypto", "plain"])

RFC_4231 = [
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


def test_this_machine_signs_with_the_libcrypto_of_its_python() -> None:
    """Else the tests below compare the plain function with itself."""
    assert "libcrypto" in backend()
    assert not HmacSigner(b"k").plain
    assert HmacSigner(b"k", plain=True).plain


@both
@pytest.mark.parametrize(("key", "data", "expected"), RFC_4231)
def test_vectors_of_rfc_4231(key: bytes, data: bytes, expected: str, plain: bool) -> None:
    assert HmacSigner(key, plain=plain).sign_hex(data) == expected.encode()


@both
def test_the_fifth_vector_of_rfc_4231_is_cut_to_16_bytes(plain: bool) -> None:
    cut = HmacSigner(b"\x0c" * 20, plain=plain).digest(b"Test With Truncation")[:16]
    assert cut.hex() == "a3b6167473100ee06e0c796c2955552b"


@both
def test_every_length_of_data_agrees_with_the_standard_library(plain: bool) -> None:
    signer = HmacSigner(b"a key", plain=plain)
    data = bytes(range(256)) * 5
    for length in (*range(301), 511, 512, 513, 575, 576, 577, 1280):
        expected = hmac.digest(b"a key", data[:length], "sha256")
        assert signer.digest(data[:length]) == expected, length


@both
def test_every_length_of_key_agrees_with_the_standard_library(plain: bool) -> None:
    for length in (*range(201), 575, 600):
        key = bytes(range(7, 207))[:length] * (1 if length < 201 else 4)
        expected = hmac.digest(key, b"data", "sha256")
        assert HmacSigner(key, plain=plain).digest(b"data") == expected, length


@given(st.binary(max_size=200), st.lists(st.binary(max_size=300), max_size=4), st.booleans())
def test_one_key_signs_any_data_in_every_spelling(
    key: bytes, texts: list[bytes], plain: bool
) -> None:
    signer = HmacSigner(key, plain=plain)
    for text in texts:
        expected = hmac.digest(key, text, "sha256")
        assert signer.digest(text) == expected
        assert signer.sign_hex(text) == expected.hex().encode()
        assert signer.sign_base64(text) == b64encode(expected)


def test_only_plain_signatures_are_counted() -> None:
    segment = Segment.create(1 << 20)
    for plain in (False, True):
        signer = HmacSigner(b"k", plain=plain)
        signer.sign_hex(b"before anybody counts")
        signer.count_in(segment)
        signer.sign_hex(b"one")
        signer.sign_base64(b"two")
    assert segment.counter(Counter.PLAIN_SIGNATURES.value) == 2


def memory(signer: HmacSigner) -> bytes:
    return ctypes.string_at(id(signer), type(signer).__basicsize__)


@both
def test_wiping_leaves_nothing_of_the_key_in_memory(plain: bool) -> None:
    key = b"\x13" * 64
    signer = HmacSigner(key, plain=plain)
    states = [sha256_model.state(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C)]
    assert all(state in memory(signer) for state in states)
    signer.wipe()
    assert not any(
        state[at : at + 4] in memory(signer) for state in states for at in range(0, 32, 4)
    )
    with pytest.raises(ValueError, match="wiped"):
        signer.sign_hex(b"")


@pytest.mark.parametrize("make", [HmacSigner, Hmac])
def test_a_signer_never_shows_its_key(make: Any) -> None:
    secret = b"canary-0123456789abcdef"
    signer = make(secret)
    shown = [repr(signer), str(signer), f"{signer}", *map(str, dir(signer))]
    assert not any("canary" in text for text in shown)
    assert not hasattr(signer, "__dict__")
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError) as refused:
            way(signer)
        assert "canary" not in str(refused.value)
    with pytest.raises(TypeError) as wrong:
        make(secret.decode())
    assert "canary" not in str(wrong.value)
    assert secret not in memory(HmacSigner(secret))


def test_without_openssl_the_plain_function_signs() -> None:
    """A Python built without ssl has no libcrypto to share."""
    code = (
        "import sys; sys.modules['_hashlib'] = sys.modules['_ssl'] = None\n"
        "from connector._speedups.signer import HmacSigner, backend\n"
        "signer = HmacSigner(b'Jefe')\n"
        "print(backend(), signer.plain, signer.sign_hex(b'what do ya want for nothing?').decode())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == f"plain C True {RFC_4231[1][2]}"


def test_the_model_of_this_file_is_sha_256() -> None:
    padded = b"abc\x80" + bytes(59) + b"\x18"
    words = memoryview(sha256_model.state(padded)).cast("I")
    assert b"".join(word.to_bytes(4, "big") for word in words) == hashlib.sha256(b"abc").digest()
