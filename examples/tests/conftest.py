"""Fixtures for the tests of the examples."""

import os

import pytest
from scripts import REPRODUCTION

os.environ["MPLBACKEND"] = "Agg"  # figures are drawn without a screen
if "PYTEST_XDIST_WORKER" in os.environ:  # threads that wait for each other's cores take long
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def part(monkeypatch):
    """Import a module of the reproduction, which is no part of the package."""
    monkeypatch.syspath_prepend(str(REPRODUCTION))
    return __import__
