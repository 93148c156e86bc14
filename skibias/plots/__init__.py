"""Displays: objects that keep what is to be seen and draw it with matplotlib."""

from skibias.plots._activation import ActivationDisplay

__all__ = ["ActivationDisplay"]
