"""The I/O shell: WebSocket and HTTP connections and what keeps them alive.

Importing this package sets aiofastnet's read limit, which that library reads once at its own
import."""

import importlib.util
import sys

READ_HINT = 64 * 1024
"""Bytes read from one socket before the loop looks at the others; the library's 256 KiB let one
burst of a busy stream keep every other socket and timer waiting four times as long."""


def _limit_reads() -> bool:
    """Whether the limit is in force: it is not when aiofastnet was imported before us."""
    name = "aiofastnet.constants"
    if name in sys.modules:
        return getattr(sys.modules[name], "MAX_READ_BYTES_PER_CYCLE_HINT", None) == READ_HINT
    package = importlib.util.find_spec("aiofastnet")
    if package is None or not package.submodule_search_locations:
        return False
    spec = importlib.util.spec_from_file_location(
        name, f"{package.submodule_search_locations[0]}/constants.py"
    )
    if spec is None or spec.loader is None:
        return False
    constants = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(constants)
    constants.MAX_READ_BYTES_PER_CYCLE_HINT = READ_HINT  # type: ignore[attr-defined]
    sys.modules[name] = constants
    return True


READS_LIMITED = _limit_reads()
