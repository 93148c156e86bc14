"""Fixtures for the tests of the examples."""

import os

import pytest
from scripts import REPRODUCTION

os.environ["MPLBACKEND"] = "Agg"  # figures are drawn without a screen


@pytest.fixture
def part(monkeypatch):
    """Import a module of the reproduction, which is no part of the package."""
    monkeypatch.syspath_prepend(str(REPRODUCTION))
    return __import__
