"""The ``connector`` command: finds the chosen command's module, runs it, errors become exit codes.

Each command is one module of this package with a docstring (its first line is the help line),
``add_arguments(parser)`` and ``run(args) -> int``; a name with an underscore in front is no
command. A command's module is imported only when it is chosen.

Exit codes: 0 done, 1 an error, 2 wrong usage or configuration, 130 interrupted, 141 nobody reads
the output; commands may add their own (``connector replay``: 3, a book was not live).
"""

import argparse
import ast
import difflib
import importlib
import importlib.util
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from connector import __version__
from connector.errors import ConfigError, ConnectorError

USES = (
    ("Try it", ("demo",)),
    ("Run it", ("check", "apply", "run", "reload")),
    ("Trade by hand", ("send", "call")),
    ("Stop trading", ("halt", "resume")),
    ("Look at it", ("top", "tap", "journal", "metrics")),
    ("Download", ("fetch",)),
    ("Without a venue", ("sim", "replay")),
)
"""The commands by what they are used for; one that is not named here is shown under "More"."""

INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``connector`` with ``argv`` (default: the process's own) and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        print(f"connector: {error}", file=sys.stderr)
        return 2
    except ConnectorError as error:
        print(f"connector: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _leave_output()
        return UNREAD
    except OSError as error:  # a full disk, say, or a file that may not be read
        _leave_output()
        place = error.filename if error.filename is not None else "input or output"
        print(f"connector: {place}: {error.strerror or error}", file=sys.stderr)
        return 1


def _leave_output() -> None:
    """The interpreter flushes stdout at exit: give it somewhere to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help tells more\n")


def commands() -> list[str]:
    """The names of all commands."""
    return sorted(
        found.name.replace("_", "-")
        for found in pkgutil.iter_modules(__path__)
        if not found.name.startswith("_")
    )


def help_line(command: str) -> str:
    """The first line of a command's docstring, read without importing it."""
    spec = importlib.util.find_spec(_module(command))
    loader = getattr(spec, "loader", None)
    source = loader.get_source(_module(command)) if loader is not None else None
    docstring = ast.get_docstring(ast.parse(source)) if source else None
    return docstring.splitlines()[0] if docstring else ""


def overview() -> str:
    """All commands by use, one line each."""
    known = commands()
    used = {name for _, names in USES for name in names}
    groups = [*USES, ("More", tuple(name for name in known if name not in used))]
    lines = [f"connector {__version__}: exchange feeds for strategies on the same machine", ""]
    for title, names in groups:
        rows = [f"  connector {name:<9} {help_line(name)}" for name in names if name in known]
        if rows:
            lines += [title, *rows, ""]
    lines.append("connector COMMAND --help tells more; connector --version prints the version.")
    return "\n".join(lines)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"connector {__version__}")
        return 0
    name, *rest = arguments
    known = commands()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        print(f"connector: no command {name!r}; {hint}", file=sys.stderr)
        return 2
    command = importlib.import_module(_module(name))
    parser = Parser(
        prog=f"connector {name}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    # Options may stand anywhere: KEY=VALUE words behind them are not refused.
    code = command.run(parser.parse_intermixed_args(rest))
    assert isinstance(code, int)
    return code


def _module(command: str) -> str:
    return f"{__name__}.{command.replace('-', '_')}"
