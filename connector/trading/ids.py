"""Names nobody ever used before: order keys and client order ids."""

import errno
import os
from pathlib import Path

SEQUENCE_BITS = 40
"""Orders a daemon can make in one boot; 2^23 boots fit beside them in 63 bits."""
BOOTS = 1 << 23
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to be misread
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


class Ids:
    """Order keys and client order ids of one boot.

    ``boot`` is a number no earlier start of this instance had; keys and ids of two boots never
    meet. A client id is prefix, instance, boot and a sequence in base 32: at most 20 characters."""

    def __init__(self, boot: int, prefix: str = "c", instance: str = "0") -> None:
        if not 0 < boot < BOOTS:
            raise ValueError(f"boot {boot} is not within 1 to {BOOTS - 1}")
        self._next_key = (boot << SEQUENCE_BITS) + 1
        self._next_id = 1
        self._head = f"{prefix}{instance}{_base32(boot, 5)}"
        self._block, self._stem = 0, f"{self._head}{_base32(0, 6)}"
        if len(self._head) + 8 > 20:
            raise ValueError(f"{prefix!r} and {instance!r} leave no room for an id")

    def key(self) -> int:
        """A key for an order."""
        key = self._next_key
        self._next_key += 1
        return key

    def client_order_id(self) -> str:
        """A client order id."""
        number = self._next_id
        self._next_id += 1
        block, last = divmod(number, len(_PAIRS))
        if block != self._block:
            self._block, self._stem = block, f"{self._head}{_base32(block, 6)}"
        return self._stem + _PAIRS[last]


def next_boot(path: Path) -> int:
    """One more than the number in the file at ``path``, written there and on the disk before it is
    used: a number that was lost in a crash could name two orders alike."""
    try:
        last = int(path.read_text())
    except FileNotFoundError:
        last = 0
    except ValueError:
        last = -1
    if not 0 <= last < BOOTS - 1:
        raise ValueError(
            f"{path}: not a number below {BOOTS - 1}; restore it, or client order ids may repeat"
        )
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        text = f"{last + 1}\n".encode()
        if os.write(descriptor, text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(fresh))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return last + 1


def _base32(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 32)
        text = _DIGITS[digit] + text
    if number:
        raise ValueError("out of client order ids")
    return text
