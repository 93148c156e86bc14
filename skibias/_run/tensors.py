"""From NumPy to torch: arrays as tensors, and functions of tensors on arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skibias._run.parallel import worker_threads
from skibias._run.settings import plain_settings

BLOCK_VALUES = 1 << 17  # numbers that one thread computes at once: they fit into its cache


def as_tensor(
    array: Any, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
) -> Tensor:
    """Return an array as a tensor, on the memory of the array where torch can use it.

    torch does not take foreign byte orders or arrays that run backwards, and warns of read-only
    ones, such as those of a model that joblib has mapped from a file. They are copied.
    """
    if isinstance(array, Tensor):
        return array.to(device, dtype)
    array = np.asarray(array)
    is_plain = array.flags.writeable and array.dtype.isnative
    if not is_plain or any(stride < 0 for stride in array.strides):
        array = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(array).to(device, dtype)


def fill_blocks(fill: Callable[[slice], None], n_rows: int, n_block: int, n_threads: int) -> None:
    """Call ``fill`` for blocks of at most ``n_block`` rows, on up to so many threads.

    torch's threads are not used: a forked child that does so waits for ever for those of its
    parent.
    """
    blocks = [slice(start, start + n_block) for start in range(0, n_rows, n_block)]
    with worker_threads(max(1, min(n_threads, len(blocks)))) as run:
        run([partial(fill, block) for block in blocks])


def on_array(function: Callable[[Tensor], Tensor], x: Any, *, n_channels: int | None = None) -> Any:
    """Return the float64 values of an elementwise function of tensors at an array.

    Its shape is that of x, with a last axis of ``n_channels`` where they are given.
    """
    x = np.asarray(x, dtype=np.float64)
    flat = x.reshape(-1)
    values = np.empty(x.shape if n_channels is None else (*x.shape, n_channels))
    rows = values.reshape(len(flat), *values.shape[x.ndim :])

    def fill(block: slice) -> None:
        rows[block] = function(as_tensor(flat[block])).numpy()

    with plain_settings() as n_threads:
        fill_blocks(fill, len(flat), BLOCK_VALUES // (n_channels or 1), n_threads)
    return values[()] if x.ndim == 0 else values
