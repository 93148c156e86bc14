"""What the commands of this folder share: options, results that a run goes on from, activations.

Records are kept in CSV files and learned activations in JSON files as soon as there are any; a
command that is started again goes on where it was ended.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from tqdm import tqdm

from skibias import SplineActivation

EXAMPLES = Path(__file__).resolve().parents[1]
sys.path.append(str(EXAMPLES / "benchmarks"))

from tables import Report

RESULTS = EXAMPLES / "results" / "reproduction"
ACTIVATIONS = EXAMPLES / "results" / "activations"
QUICK_FOLDER = Path("quick")


def make_parser(description: str) -> argparse.ArgumentParser:
    """Return the parser of the options that all commands have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small and short, in ./quick")
    parser.add_argument("--results", type=Path, help="folder of the CSV files and figures")
    parser.add_argument("--activations", type=Path, help="folder of the learned activations")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the options, with the folders filled in and made; numbers are of one thread."""
    options = parser.parse_args()
    if options.results is None:
        options.results = QUICK_FOLDER if options.quick else RESULTS
    if options.activations is None:
        options.activations = QUICK_FOLDER / "activations" if options.quick else ACTIVATIONS
    for folder in (options.results, options.activations):
        folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    return options


def progress(steps: Iterable, total: int | None, name: str) -> Iterable:
    """Show a bar on stderr, where that is a terminal."""
    return tqdm(steps, total=total, desc=name, file=sys.stderr, disable=None)


def add_missing(report: Report, records: Iterable[dict], n_keys: int) -> None:
    """Report records, but for those that a run which was ended half way has left."""
    for record in records:
        if not report.is_done(*list(record.values())[:n_keys]):
            report.add(record)


def learned_once(
    path: Path, learn: Callable[[], SplineActivation | list[SplineActivation]]
) -> tuple[SplineActivation, ...]:
    """Return the activations of a file, one or one per layer; learn them if it is missing."""
    if not path.exists():
        learned = learn()
        functions = learned if isinstance(learned, list) else [learned]
        texts = [function.to_json() for function in functions]
        path.write_text(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]\n")
    records = json.loads(path.read_text())
    records = records if isinstance(records, list) else [records]
    return tuple(SplineActivation.from_json(json.dumps(record)) for record in records)
