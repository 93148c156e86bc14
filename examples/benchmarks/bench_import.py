"""Import time of skibias beside that of the libraries it stands on.

Every import runs in a new interpreter, whose own start is not counted; the statements take turns.

    python examples/benchmarks/bench_import.py --repeats 10
"""

import argparse
import statistics
import subprocess
import sys

STATEMENTS = (
    "import skibias",
    "import torch, sklearn",
    "import torch, sklearn.linear_model",
)
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seconds_of(statement):
    """Return the seconds of the statement in a new interpreter."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=10, help="turns (default: 10)")
    options = parser.parse_args()
    for statement in STATEMENTS:  # compile and cache, not counted
        seconds_of(statement)
    turns = [[seconds_of(statement) for statement in STATEMENTS] for _ in range(options.repeats)]
    print(f"{'statement':<36} {'seconds':>8} {'skibias / this':>15}")
    for position, statement in enumerate(STATEMENTS):
        seconds = statistics.median(turn[position] for turn in turns)
        ratio = statistics.median(turn[0] / turn[position] for turn in turns)
        print(f"{statement:<36} {seconds:>8.2f} {ratio:>15.2f}")


if __name__ == "__main__":
    main()
