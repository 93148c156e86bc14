"""Fixtures for all tests."""

import os
import signal

import pytest

os.environ["MPLBACKEND"] = "Agg"  # figures are drawn without a screen


@pytest.fixture
def ctrl_c_interrupts():
    """Python's handler of SIGINT, which a shell's background jobs start without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def closed_figures():
    """Close what a test has drawn."""
    from matplotlib import pyplot

    yield
    pyplot.close("all")
