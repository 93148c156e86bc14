"""Fixtures for all tests."""

import signal

import pytest


@pytest.fixture
def ctrl_c_interrupts():
    """Python's handler of SIGINT, which a shell's background jobs start without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
