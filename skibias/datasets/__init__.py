"""Data sets: bundled with the package, fetched by name, and generated."""

from skibias.datasets._algorithmic import list_algorithmic_tasks, make_algorithmic_task
from skibias.datasets._collages import make_collages
from skibias.datasets._colored_digits import make_colored_digits
from skibias.datasets._images import fetch_images
from skibias.datasets._magic import load_magic_telescope
from skibias.datasets._slabs import make_slabs
from skibias.datasets._tabular import fetch_tabular, list_tabular

__all__ = [
    "fetch_images",
    "fetch_tabular",
    "list_algorithmic_tasks",
    "list_tabular",
    "load_magic_telescope",
    "make_algorithmic_task",
    "make_collages",
    "make_colored_digits",
    "make_slabs",
]
