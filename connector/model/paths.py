"""Where the parts of one installation find each other on disk."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path


def runtime_directory(option: str = "", environ: Mapping[str, str] | None = None) -> Path:
    """Where the control socket is: ``option``, ``$CONNECTOR_RUNTIME_DIR``, ``$RUNTIME_DIRECTORY``
    (systemd), ``$XDG_RUNTIME_DIR/connector``, ``/tmp/connector-$UID``."""
    environ = os.environ if environ is None else environ
    if option or environ.get("CONNECTOR_RUNTIME_DIR"):
        return Path(option or environ["CONNECTOR_RUNTIME_DIR"])
    if environ.get("RUNTIME_DIRECTORY"):
        return Path(environ["RUNTIME_DIRECTORY"].split(":")[0])  # systemd joins several with colons
    if environ.get("XDG_RUNTIME_DIR"):
        return Path(environ["XDG_RUNTIME_DIR"]) / "connector"
    return Path(f"/tmp/connector-{os.getuid()}")


def control_socket(runtime_dir: Path) -> Path:
    """The socket on which the daemon of a runtime directory is attached to."""
    return runtime_dir / "control.sock"


def trust_fault(runtime_dir: Path) -> str:
    """Why a reader must not believe what it finds in a runtime directory; empty when it may.

    The directory has to be the reader's own or root's, or lie where only these two can have put it
    (``/run/connector`` of a system user). In one where everybody may write, the sticky bit has to
    keep others from exchanging the socket; whose the socket is, is asked of the kernel then.
    OSError when there is no such directory.
    """
    trusted = (os.geteuid(), 0)
    found = runtime_dir.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "not a directory", os.fspath(runtime_dir))
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        return f"{runtime_dir}: everybody may write there; chmod o-w {runtime_dir}"
    if found.st_uid not in trusted:
        above = os.stat(os.path.join(runtime_dir, os.pardir))
        if above.st_uid not in trusted or above.st_mode & stat.S_IWOTH:
            return (
                f"{runtime_dir}: owned by uid {found.st_uid}, who may have put it there; "
                f"it must be uid {trusted[0]}'s or root's"
            )
    return ""
