"""Importing the modules of `examples/benchmarks`; shared by their tests."""

import importlib
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "examples" / "benchmarks"


def load(name):
    """Import a module from the folder of the benchmarks, as its scripts do."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))
