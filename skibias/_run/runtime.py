"""Where a computation runs: device, threads, workers, settings, memory, seeds, progress."""

from __future__ import annotations

import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

import numpy as np
import sklearn
import torch
from joblib import Parallel, delayed, effective_n_jobs, wrap_non_picklable_objects
from sklearn.utils import check_random_state
from tqdm import tqdm

from skibias._numbers import plain_numbers

Item = TypeVar("Item")
Result = TypeVar("Result")


def resolve_device(device, owner):
    """Return the torch device that ``device`` names; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        If the name is unknown or the device is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rule = 'must be "auto", "cpu" or a CUDA device of this machine such as "cuda:0"'
    message = f"The 'device' parameter of {owner} {rule}. Got {device!r} instead."
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(message) from error
    available = torch.cuda.device_count() if resolved.type == "cuda" else 0
    if resolved.type != "cpu" and (resolved.index or 0) >= available:
        raise ValueError(message)
    return resolved


def draw_seed(random_state):
    """Return the one seed that all streams of a fit are keyed by.

    None gives a fresh one and, unlike ``check_random_state``, leaves NumPy's global generator
    where it was.
    """
    if random_state is None:
        return secrets.randbelow(2**31)
    return int(check_random_state(random_state).randint(2**31))


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


# NumPy's own defaults.
NUMPY_ERRORS: Any = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_SMALLEST = 5e-324  # 0 where denormal numbers are flushed


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
    if _SMALLEST * 2 == 0:
        yield _denormals_kept()


@contextmanager
def full_precision() -> Iterator[None]:
    """Leave out the half precision of ``torch.autocast`` meanwhile."""
    with ExitStack() as stack:
        stack.enter_context(torch.autocast("cpu", enabled=False))
        if torch.is_autocast_enabled():  # on a GPU
            stack.enter_context(torch.autocast("cuda", enabled=False))
        yield


@contextmanager
def _denormals_kept() -> Iterator[None]:
    torch.set_flush_denormal(False)
    try:
        yield
    finally:
        torch.set_flush_denormal(True)


class CancelledError(Exception):
    """Raised in a thread whose result is no longer wanted."""


CPU_BUDGET = 2 << 30
SIGNAL_INTERVAL = 0.2  # seconds between looks for Ctrl-C
_of_thread = threading.local()


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


def in_chunks(
    items: Sequence[Item], run: Callable[[Sequence[Item]], Result], size: int
) -> list[Result]:
    """Return ``run(chunk)`` for chunks of at most ``size`` items; less where memory runs out."""
    results, start = [], 0
    while start < len(items):
        chunk = items[start : start + size]
        try:
            results.append(run(chunk))
        except (MemoryError, RuntimeError) as error:
            if len(chunk) == 1 or not _is_out_of_memory(error):
                raise
            size = len(chunk) // 2
        else:
            start += len(chunk)
    return results


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch says so by a plain RuntimeError on the CPU."""
    kinds = (MemoryError, torch.cuda.OutOfMemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error)


def memory_budget(device: torch.device) -> int:
    """Return the bytes that one stack of restarts may take; two may be at work at once."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 4
    return CPU_BUDGET


@contextmanager
def worker_threads(n_threads: int) -> Iterator[Callable[[Sequence[Callable[[], Result]]], list]]:
    """Yield a function that makes independent short calls, on threads kept between the calls."""
    if n_threads == 1:
        yield lambda calls: [call() for call in calls]
        return
    with _single_threads(n_threads) as pool:
        yield lambda calls: list(pool.map(_call, calls))


def _call(function: Callable[[], Result]) -> Result:
    return function()


def raise_if_cancelled() -> None:
    """End this thread's work if `side_by_side` no longer waits for it."""
    cancelled = getattr(_of_thread, "cancelled", None)
    if cancelled is not None and cancelled.is_set():
        raise CancelledError


def fit_on_twin(estimator, fit: Callable[..., Result]) -> Result:
    """Do all work of a fit on a blank twin, then take over what it found.

    An error or Ctrl-C in ``fit(twin, n_threads)`` thus leaves the estimator as it was. Returns what
    ``fit`` returns.
    """
    given = estimator.get_params(deep=False)
    twin = type(estimator)(**{name: plain_numbers(value) for name, value in given.items()})
    with plain_settings() as n_threads:
        result = fit(twin, n_threads)
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
    vars(estimator).update(vars(twin) | given)
    return result


def progress_bar(
    steps: Iterable[Item], total: int, name: str, verbose: int, done: int = 0
) -> Iterator[Item]:
    """Yield the steps, with a bar on stderr if ``verbose``; end in a cancelled thread."""
    if verbose:  # a disabled bar, too, would start a thread that watches it
        steps = tqdm(steps, total=total, initial=done, desc=name, file=sys.stderr)
    for step in steps:
        raise_if_cancelled()
        yield step
