"""Settings of the caller that are set back while something is computed: threads, precision, …"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import numpy as np
import sklearn
import torch

# NumPy's own defaults.
NUMPY_ERRORS: Any = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_SMALLEST = 5e-324  # 0 where denormal numbers are flushed


class _ThreadCount:
    """The process's number of torch threads from before any call ran on one thread."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child, to which no other thread comes along.

        One of them may have held the lock, or have been inside, and would never leave.
        """
        self._lock = threading.Lock()
        self._n_inside = 0
        self._before = 1

    def enter(self) -> int:
        """Set one thread; return the number that this thread had."""
        with self._lock:
            own = torch.get_num_threads()
            if self._n_inside == 0:
                self._before = own
            self._n_inside += 1
            torch.set_num_threads(1)
            return own

    def leave(self, own: int) -> None:
        """Set this thread's number again; the last call to leave sets the process's."""
        with self._lock:
            self._n_inside = max(0, self._n_inside - 1)
            # A thread that began meanwhile was given the one thread of the others.
            torch.set_num_threads(own if self._n_inside else max(own, self._before))


_thread_count = _ThreadCount()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread_count.forget)


@contextmanager
def one_thread() -> Iterator[int]:
    """Run torch's operations on one thread meanwhile: sums over many threads round differently.

    Yields the number of threads there were, for work that can be done `side_by_side` instead.
    """
    own = _thread_count.enter()
    try:
        yield own
    finally:
        _thread_count.leave(own)


@contextmanager
def plain_settings() -> Iterator[int]:
    """Compute as if nobody had changed a setting of scikit-learn, NumPy or torch, on one thread.

    All that they keep for each thread is set to its default meanwhile. What torch keeps for the
    process is left alone, since other threads would see it: no result depends on its default
    dtype. Yields the number of threads there were. Also a decorator.
    """
    with ExitStack() as stack:
        for setting in _default_settings():
            stack.enter_context(setting)
        if _SMALLEST * 2 == 0:
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)
        yield stack.enter_context(one_thread())


def _default_settings() -> Iterator[AbstractContextManager]:
    # Rows are always checked: a fit that does not end well costs more.
    yield sklearn.config_context(
        transform_output="default", array_api_dispatch=False, assume_finite=False
    )
    yield np.errstate(**NUMPY_ERRORS)
    yield torch.inference_mode(False)
    yield torch.enable_grad()
    yield full_precision()
    if torch.empty(0).device.type != "cpu":  # a default device slows down every operation
        yield torch.device("cpu")


@contextmanager
def full_precision() -> Iterator[None]:
    """Leave out the half precision of ``torch.autocast`` meanwhile."""
    is_on_gpu = torch.is_autocast_enabled()
    gpu = torch.autocast("cuda", enabled=False) if is_on_gpu else nullcontext()
    with torch.autocast("cpu", enabled=False), gpu:
        yield
