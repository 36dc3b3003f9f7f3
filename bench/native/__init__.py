"""The benches' compiled half: made on demand under ``build/bench``, never part of the installed
package."""

import contextlib
import importlib.util
import io
import os
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"


def load(name: str = "probes") -> ModuleType:
    """The module ``bench/native/<name>.pyx``, compiled first where it or a ``.pxd`` is newer."""
    known = sys.modules.get(f"bench_{name}")
    if known is not None:
        return known
    target = BUILD / f"bench_{name}.so"
    source = ROOT / "bench" / "native" / f"{name}.pyx"
    inputs = [source, *(ROOT / "_speedups").glob("*.pxd"), *(ROOT / "_speedups").glob("*.h")]
    if not target.exists() or target.stat().st_mtime < max(map(_time, inputs)):
        _build(name, source, target)
    spec = importlib.util.spec_from_file_location(f"bench_{name}", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"bench_{name}"] = module
    spec.loader.exec_module(module)
    return module


def _time(path: Path) -> float:
    return path.stat().st_mtime


def _build(name: str, source: Path, target: Path) -> None:
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    BUILD.mkdir(parents=True, exist_ok=True)
    extension = Extension(
        f"bench_{name}",
        [os.path.relpath(source, ROOT)],
        include_dirs=[str(ROOT / "_speedups")],
        extra_compile_args=["-O3"],
    )
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            modules = cythonize(
                [extension],
                force=True,
                quiet=True,
                include_path=[str(ROOT)],
                build_dir=str(BUILD),
                compiler_directives={
                    "language_level": 3,
                    "boundscheck": False,
                    "wraparound": False,
                    "initializedcheck": False,
                    "cdivision": True,
                },
            )
            command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
            command.build_lib, command.build_temp = str(BUILD), str(BUILD)
            command.ensure_finalized()
            command.run()
    finally:
        os.chdir(here)
    Path(command.get_ext_fullpath(f"bench_{name}")).replace(target)
