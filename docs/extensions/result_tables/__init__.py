"""The tables of numbers of the pages, made from the CSV files of ``examples/results``.

There is a module per page, and in it a function per table, which returns the table in Markdown. On
the page, the directive ``{results-table} performance.stages stages_large`` calls
``performance.stages("stages_large")``. The tables of the README are in `readme`; a test compares
them with the README, which has to be plain Markdown.

Numbers that a command of ``examples`` computes for what it prints are taken from its functions.
"""

import importlib
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
RESULTS = EXAMPLES / "results"

# The commands of these folders import each other by their bare names.
sys.path += [str(EXAMPLES / "benchmarks"), str(EXAMPLES / "reproduction")]


def make_table(text: str) -> str:
    """Return the table of a directive, such as "tabular.scores regression", in Markdown."""
    name, *words = text.split()
    module, function = name.split(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)(*words)
