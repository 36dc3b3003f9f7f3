"""The control socket as the kernel knows it: the runtime directory's lock, the peer at its end."""

import contextlib
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from connector.errors import AlreadyRunning, ConnectorError

_SO_PEERPIDFD = 77  # Linux 6.5; Python has no name for it yet
_SO_PEERGROUPS = 59


class Peer(Struct, frozen=True):
    """Who is on the other end of a connection, as the kernel says."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def take_lock(directory: Path, option: str = "--runtime-dir") -> int:
    """Hold a runtime or state directory, which ``option`` chooses, until the descriptor is closed;
    AlreadyRunning names the holder."""
    path = directory / "lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise AlreadyRunning(
            f"{directory} is held by another daemon (pid {holder}); "
            f"stop it, or choose another {option}"
        ) from None
    with contextlib.suppress(OSError):  # a full disk: the holder stays unnamed, and holds it
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def credentials(peer: socket.socket) -> Peer:
    """The process at the other end when it connected."""
    pid, uid, gid = struct.unpack(
        "3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    groups: tuple[int, ...] = ()
    with contextlib.suppress(OSError):  # more than 256 groups: the primary one counts
        raw = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)
        groups = struct.unpack(f"{len(raw) // 4}I", raw)
    return Peer(pid, uid, gid, groups)


def peer_pidfd(peer: socket.socket, pid: int) -> int:
    """A descriptor that turns readable when the peer's process ends; -1 when there is none."""
    try:
        return peer.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError:
        pass
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def listen(path: Path) -> socket.socket:
    """The control socket, for the user and the group; its runtime directory is locked."""
    if len(os.fsencode(path)) > 107:
        raise ConnectorError(
            f"{path} is too long for a Unix socket: choose a shorter --runtime-dir"
        )
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConnectorError(f"{path} is in the way: it is not a socket")
        path.unlink()  # we hold the lock: whoever made it is gone
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        listener.setblocking(False)
        before = os.umask(0o117)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(before)
        path.chmod(0o660)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def send(peer: socket.socket, answer: Mapping[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Send without ever waiting; a peer that does not read its answers gets OSError, so its end."""
    socket.send_fds(peer, [orjson.dumps(answer)], fds)
