"""Data sets: bundled with the package, and fetched by name."""

from skibias.datasets._magic import load_magic_telescope
from skibias.datasets._tabular import fetch_tabular, list_tabular

__all__ = ["fetch_tabular", "list_tabular", "load_magic_telescope"]
