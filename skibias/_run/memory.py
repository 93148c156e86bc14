"""Work in stacks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

CPU_BUDGET = 2 << 30  # bytes


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
