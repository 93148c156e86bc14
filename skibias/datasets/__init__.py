"""Data sets: bundled with the package."""

from skibias.datasets._magic import load_magic_telescope

__all__ = ["load_magic_telescope"]
