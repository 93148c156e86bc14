"""Seconds and memory of computations with torch, which take turns to meet the same machine."""

import json
import math
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler announces every start and stop

import torch
from torch.profiler import ProfilerActivity, profile

MIN_TURNS = 3


class Place(NamedTuple):
    """Where a computation runs."""

    device: torch.device
    n_threads: int

    @property
    def name(self):
        """The device, and the threads of the CPU."""
        plural = "" if self.n_threads == 1 else "s"
        return "cuda" if self.device.type == "cuda" else f"cpu, {self.n_threads} thread{plural}"


def places(threads):
    """Return the CPU with each of these numbers of threads, and the GPU if there is one."""
    found = [Place(torch.device("cpu"), number) for number in dict.fromkeys(threads)]
    if torch.cuda.is_available():
        return [*found, Place(torch.device("cuda"), 1)]
    print("no CUDA device")
    return found


def seconds_of(call, device):
    """Return the seconds of a call, on a GPU until all that it started has ended."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(device)
        start.record()
        call()
        end.record()
        torch.cuda.synchronize(device)
        return start.elapsed_time(end) / 1e3
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def interleave(calls, n_turns, device, budget=math.inf, n_warm_up=1):
    """Time calls in turn.

    Parameters
    ----------
    calls : dict of callable
        By name, without arguments.
    n_turns : int
    device : torch.device
    budget : float
        Seconds after which no further turn starts, once there are `MIN_TURNS`.
    n_warm_up : int
        Turns before them that do not count.

    Returns
    -------
    dict of list
        Seconds of every turn, by name.
    """
    turns = []
    end = time.perf_counter() + budget
    for number in range(n_warm_up + n_turns):
        turn = [seconds_of(call, device) for call in calls.values()]
        if number >= n_warm_up:
            turns.append(turn)
        if len(turns) >= MIN_TURNS and time.perf_counter() > end:
            break
    return dict(zip(calls, map(list, zip(*turns, strict=True)), strict=True))


def peak_mb(call, device):
    """Return how many MB more than before a call held at once, its result included.

    Counted by torch's allocator on a GPU; on the CPU from its profiler's record of every tensor.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / 1e6
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = call()
    del result
    return highest_sum(_allocations(profiler)) / 1e6


def _allocations(profiler):
    """Return the bytes of every allocation in order; those set free are negative."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    memory = (event for event in events if event.get("name") == "[memory]")
    return [event["args"]["Bytes"] for event in sorted(memory, key=lambda event: event["ts"])]


def highest_sum(numbers):
    """Return the highest sum of the first numbers, for any count of them."""
    total = highest = 0
    for number in numbers:
        total += number
        highest = max(highest, total)
    return highest
