"""Compile every ``_speedups/*.pyx`` into the subpackage ``connector._speedups``.

The tracked link ``connector/_speedups -> ../_speedups`` shows Cython, mypy and pytest the sources
at the place they are imported from. Two switches, environment variables set to 1:
``CONNECTOR_TRACE`` builds for coverage (slow, bounds checked), ``CONNECTOR_ASAN`` with
AddressSanitizer and UBSan.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, find_packages, setup

TRACE = os.environ.get("CONNECTOR_TRACE") == "1"
ASAN = os.environ.get("CONNECTOR_ASAN") == "1"
JOBS = len(os.sched_getaffinity(0))
SOURCES = sorted(Path("connector/_speedups").glob("*.pyx"))
if not SOURCES:
    raise SystemExit("connector/_speedups/*.pyx: nothing to compile, is the link missing?")

Options.warning_errors = True

compile_args = ["-O0"] if TRACE else ["-O3", "-fno-semantic-interposition"]
link_args = []
if ASAN:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    compile_args = ["-O1", "-g", "-fno-omit-frame-pointer", *sanitizers]
    link_args = sanitizers

extensions = [
    Extension(
        f"connector._speedups.{source.stem}",
        [str(source)],
        include_dirs=["connector/_speedups"],
        depends=[str(path) for path in sorted(source.parent.glob("*.h"))],
        define_macros=[("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
        if TRACE
        else [],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for source in SOURCES
]

setup(
    packages=find_packages(include=["connector", "connector.*"]),  # follows the link
    package_data={
        "connector": ["py.typed"],
        "connector._speedups": ["*.pxd", "*.pyi", "*.h"],
    },
    include_package_data=False,
    options={"build_ext": {"parallel": JOBS}},
    ext_modules=cythonize(
        extensions,
        nthreads=JOBS,
        build_dir=None if TRACE else "build/cython",  # Cython.Coverage wants .c beside .pyx
        compiler_directives={
            "language_level": 3,
            "boundscheck": TRACE,
            "wraparound": False,
            "initializedcheck": TRACE,
            "cdivision": True,
            "linetrace": TRACE,
        },
    ),
)
