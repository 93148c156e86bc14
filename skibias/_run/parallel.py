"""Independent calls side by side, on threads or the workers of joblib."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch
from joblib import Parallel, delayed, effective_n_jobs, wrap_non_picklable_objects

from skibias._run.settings import plain_settings

Result = TypeVar("Result")

SIGNAL_INTERVAL = 0.2  # seconds between looks for Ctrl-C
_of_thread = threading.local()


class CancelledError(Exception):
    """Raised in a thread whose result is no longer wanted."""


def raise_if_cancelled() -> None:
    """End this thread's work if `side_by_side` no longer waits for it."""
    cancelled = getattr(_of_thread, "cancelled", None)
    if cancelled is not None and cancelled.is_set():
        raise CancelledError


def count_workers() -> int:
    """Return the workers of the joblib backend that the caller has configured; 1 without any."""
    return effective_n_jobs(None)


def side_by_side(calls: Sequence[Callable[[], Result]], n_threads: int) -> list[Result]:
    """Return the results of independent calls.

    They are made by the workers of ``joblib.parallel_config`` where there are several, otherwise
    on up to ``n_threads`` threads. After an error, or Ctrl-C in the calling thread, the calls on
    other threads end at their next `raise_if_cancelled`, so that nothing goes on computing in the
    background.
    """
    if len(calls) > 1 and count_workers() > 1:
        # Wrapped, since not all backends pickle functions made by functions.
        return Parallel()(
            delayed(_on_one_thread)(wrap_non_picklable_objects(call)) for call in calls
        )
    if n_threads == 1 or len(calls) == 1:
        return [call() for call in calls]
    cancelled = threading.Event()

    def run(call: Callable[[], Result]) -> Result:
        _of_thread.cancelled = cancelled
        raise_if_cancelled()
        return call()

    with _single_threads(n_threads) as pool:
        futures = [pool.submit(run, call) for call in calls]
        try:
            # In short waits: a signal may reach another thread, which does not wake this one.
            pending = set(futures)
            while pending and not any(future.exception() for future in set(futures) - pending):
                pending = wait(pending, SIGNAL_INTERVAL, return_when=FIRST_EXCEPTION).not_done
            failed = [future for future in futures if future.done() and future.exception()]
            return [future.result() for future in failed or futures]
        finally:
            cancelled.set()


def count_at_once(n_threads: int) -> int:
    """Return how many calls `side_by_side` makes at once."""
    n_workers = count_workers()
    return n_workers if n_workers > 1 else n_threads


def _single_threads(n_threads: int) -> ThreadPoolExecutor:
    """Return threads in each of which torch uses no others.

    New ones start with the number that was last set anywhere in the process, maybe by another fit.
    """
    return ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))


def _on_one_thread(call: Callable[[], Result]) -> Result:
    with plain_settings():
        return call()


@contextmanager
def worker_threads(n_threads: int) -> Iterator[Callable[[Sequence[Callable[[], Result]]], list]]:
    """Yield a function that makes independent short calls, on threads kept between the calls."""
    if n_threads == 1:
        yield lambda calls: [call() for call in calls]
        return
    with _single_threads(n_threads) as pool:
        yield lambda calls: list(pool.map(operator.call, calls))
