"""A frozen spline beside torch's own tanh and ReLU, forward and backward.

The functions take turns on the same million numbers; the ratio is taken within every turn, so that
a busy machine slows both sides alike.

    python examples/benchmarks/bench_kernel.py --pairs 30
"""

import argparse
import statistics
import time

import numpy as np
import torch

from skibias import SplineActivation

N_ELEMENTS = 1_000_000
N_KNOTS = 50
N_WARM_UP = 3


def seconds_of(function, x, upstream):
    """Return the seconds of one forward and backward pass."""
    x.grad = None
    start = time.perf_counter()
    function(x).backward(upstream)
    return time.perf_counter() - start


def measure(functions, n_pairs):
    """Return for each function its seconds in every turn."""
    generator = torch.Generator().manual_seed(0)
    x = (2 * torch.randn(N_ELEMENTS, generator=generator)).requires_grad_()
    upstream = torch.randn(N_ELEMENTS, generator=generator)
    seconds = {name: [] for name in functions}
    for turn in range(N_WARM_UP + n_pairs):
        for name, function in functions.items():
            elapsed = seconds_of(function, x, upstream)
            if turn >= N_WARM_UP:
                seconds[name].append(elapsed)
    return seconds


def show(seconds, n_threads):
    """Print medians, and the median ratio of the spline to each other function."""
    for name, own in seconds.items():
        ratios = [spline / other for spline, other in zip(seconds["spline"], own, strict=True)]
        print(
            f"{n_threads:>7}  {name:<7} {1e3 * statistics.median(own):>8.3f} "
            f"{statistics.median(ratios):>13.2f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=30, help="turns (default: 30)")
    options = parser.parse_args()
    spline = SplineActivation.from_function(np.tanh, n_knots=N_KNOTS)
    functions = {
        "spline": spline.as_module().requires_grad_(False),
        "tanh": torch.tanh,
        "relu": torch.relu,
    }
    print(f"{N_ELEMENTS:,} float32, {N_KNOTS} knots, forward and backward")
    print(f"threads  {'':<7} {'ms':>8} {'spline / this':>13}")
    for n_threads in dict.fromkeys((1, torch.get_num_threads())):
        torch.set_num_threads(n_threads)
        show(measure(functions, options.pairs), n_threads)


if __name__ == "__main__":
    main()
