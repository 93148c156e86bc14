"""Complexity of the sequences that untrained transformers produce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from skibias._docstrings import shared_parts
from skibias._frames import import_pandas
from skibias._numbers import check_count
from skibias._run.seeds import draw_seed
from skibias._run.settings import plain_settings
from skibias._sklearn_compat import checked_random_state
from skibias._typing import Frame, RandomState
from skibias.engine.complexity import lz_phrases
from skibias.engine.episodes import stream
from skibias.functions.spline import SplineActivation
from skibias.redshift._random_transformers import (
    TransformerSettings,
    draw_transformer,
    greedy_sequences,
    stack_transformers,
)
from skibias.redshift._sweep import TABLE_NOTES, measure_each, sweep_points, sweep_table
from skibias.redshift._validation import (
    check_activations,
    check_factors,
    check_magnitude,
    hidden_activation,
)

# The levels of a `transformer_sweep`; the first activation is the reference of the others.
TRANSFORMER_FACTORS = {
    "activation": ("gelu", "relu", "tanh", "sin", "gaussian"),
    "weight_magnitude": (1.0, 2.0, 4.0, 8.0),
    "depth": (1, 2, 4, 8),
}
N_HEADS = 4
PROMPT_LENGTH = 4
N_RANDOM_SEQUENCES = 200  # their mean phrases are the unit of relative_lz
STACK_SIZE = 25  # transformers at once


@shared_parts(**TABLE_NOTES)
def transformer_sweep(
    factors: Sequence[str] | Mapping[str, Sequence[Any]] | None = None,
    *,
    activations: Sequence[str | SplineActivation] = ("gelu",),
    weight_magnitude: float = 4.0,
    depth: int = 2,
    n_networks: int = 100,
    n_symbols: int = 16,
    length: int = 64,
    width: int = 32,
    random_state: RandomState = None,
    verbose: int = 0,
) -> Frame:
    """Complexity of the sequences that untrained transformers continue greedily.

    GPT-like transformers with random weights get a random prompt of four symbols. Step by step,
    they append the symbol with the highest score. Biases are zero, and the token embedding is also
    the read-out.

    Parameters
    ----------
    factors : list of str, dict or None, default=None
        Components to change: names of `TRANSFORMER_FACTORS`, or a dict from names to levels. None
        takes all, with the levels of `TRANSFORMER_FACTORS`.
    activations : sequence of str or SplineActivation, default=("gelu",)
        Every factor but "activation" is changed in transformers of each of these.
    weight_magnitude : float, default=4.0
        Of the weights, while other components are changed; 1 is the magnitude of
        ``torch.nn.Linear``'s own draws.
    depth : int, default=2
        Number of blocks, while other components are changed.
    n_networks : int, default=100
        Transformers, with one sequence each, per level.
    n_symbols : int, default=16
        Size of the alphabet, at least 2.
    length : int, default=64
        Symbols of a sequence, without its prompt.
    width : int, default=32
        Width of the residual stream; a multiple of 4, the number of heads.
    random_state : int, RandomState instance or None, default=None
        Draws the weights and the prompts.
    verbose : int, default=0
        Above 0, a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        One row per factor, level, activation and transformer. The columns are "factor", "level",
        "activation", "network", "lz" (phrases of the Lempel-Ziv parsing of the sequence) and
        "relative_lz" ("lz" divided by its mean over random sequences of this length and
        alphabet: below 1, a sequence is compressible).

    {raises_and_references}

    Examples
    --------
    >>> from skibias.redshift import transformer_sweep
    >>> sweep = transformer_sweep({"depth": (1,)}, n_networks=5, length=40, random_state=0)
    >>> bool((sweep["relative_lz"] < 1).all())
    True
    """
    owner = "transformer_sweep"
    pandas = import_pandas(owner)
    n_networks = check_count("n_networks", n_networks, 1, owner)
    n_symbols = check_count("n_symbols", n_symbols, 2, owner)
    length = check_count("length", length, 1, owner)
    width = check_count("width", width, N_HEADS, owner)
    if width % N_HEADS:
        raise ValueError(
            f"The 'width' parameter of {owner} must be a multiple of {N_HEADS}. "
            f"Got {width!r} instead."
        )
    make = partial(
        TransformerSettings,
        n_symbols=n_symbols,
        max_length=PROMPT_LENGTH + length,
        width=width,
        n_heads=N_HEADS,
        depth=check_count("depth", depth, 1, owner),
        weight_magnitude=check_magnitude("weight_magnitude", weight_magnitude, owner),
    )
    factors = check_factors(factors, TRANSFORMER_FACTORS, owner)
    points = sweep_points(factors, check_activations(activations, owner), make, owner)
    seed = draw_seed(checked_random_state(random_state, owner))
    with plain_settings():
        phrases = measure_each(
            [settings for _, settings in points],
            n_networks,
            lambda settings: STACK_SIZE,
            partial(_phrases, seed=seed),
            "random transformers",
            verbose,
        )
        unit = _random_phrases(n_symbols, length, seed)
    found = {settings: np.stack([own, own / unit], axis=1) for settings, own in phrases.items()}
    return sweep_table(pandas, points, found, ("lz", "relative_lz"))


def _phrases(settings: TransformerSettings, numbers: range, seed: int) -> np.ndarray:
    """Return the phrases (R,) of the sequences of the transformers with these numbers."""
    transformer = stack_transformers(
        [draw_transformer(settings, stream(seed, "transformer", number)) for number in numbers]
    )
    prompt = torch.stack([_prompt(settings.n_symbols, seed, number) for number in numbers])
    activation = hidden_activation(settings.activation)
    n_steps = settings.max_length - PROMPT_LENGTH
    return _count_phrases(greedy_sequences(transformer, settings, activation, prompt, n_steps))


def _prompt(n_symbols: int, seed: int, number: int) -> torch.Tensor:
    return torch.randint(n_symbols, (PROMPT_LENGTH,), generator=stream(seed, "prompt", number))


def _random_phrases(n_symbols: int, length: int, seed: int) -> float:
    """Return the mean phrases of random sequences."""
    generator = stream(seed, "random sequences")
    sequences = torch.randint(n_symbols, (N_RANDOM_SEQUENCES, length), generator=generator)
    return float(_count_phrases(sequences).mean())


def _count_phrases(sequences: torch.Tensor) -> np.ndarray:
    """Return the Lempel-Ziv phrases (n,) of sequences (n, t)."""
    return np.array([lz_phrases(sequence) for sequence in sequences.tolist()], dtype=np.float64)
