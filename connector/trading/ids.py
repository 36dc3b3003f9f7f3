"""Names nobody ever used before: order keys and client order ids."""

import errno
import os
from pathlib import Path

from connector._speedups.order_ids import Ids as Ids

BOOTS = 1 << 23
"""Starts of an instance that can be told apart."""


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
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(fresh)) from None
    finally:
        os.close(descriptor)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return last + 1
