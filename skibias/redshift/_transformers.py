"""Complexity of the sequences that untrained transformers produce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from skibias._frames import import_pandas
from skibias._numbers import check_count
from skibias._run.progress import progress_bar
from skibias._run.seeds import draw_seed
from skibias._run.settings import plain_settings
from skibias._sklearn_compat import checked_random_state
from skibias._typing import Frame, RandomState
from skibias.engine.complexity import lz_phrases
from skibias.engine.episodes import stream
from skibias.functions.fixed import network_activation
from skibias.functions.spline import SplineActivation
from skibias.redshift._random_transformers import (
    TransformerSettings,
    draw_transformer,
    greedy_sequences,
    stack_transformers,
)
from skibias.redshift._sweep import key_of, sweep_points, sweep_table
from skibias.redshift._validation import (
    check_activation,
    check_activations,
    check_factors,
    check_magnitude,
    scaled_activation,
)

# Of a `transformer_sweep`; the first activation is the reference of the others.
TRANSFORMER_FACTORS = {
    "activation": ("gelu", "relu", "tanh", "sin", "gaussian"),
    "weight_magnitude": (1.0, 2.0, 4.0, 8.0),
    "depth": (1, 2, 4, 8),
}
N_HEADS = 4
PROMPT_LENGTH = 4
N_RANDOM = 200  # random sequences whose mean is the unit of relative_lz
STACK_SIZE = 25  # transformers at once


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

    GPT-like transformers with random weights (biases are zero, the token embedding is also the
    read-out) get a random prompt of four symbols and append the symbol with the highest score,
    again and again.

    Parameters
    ----------
    factors : list of str, dict or None, default=None
        Components to change: names of `TRANSFORMER_FACTORS`, or a dict from names to levels. None
        takes all, with the levels of `TRANSFORMER_FACTORS`.
    activations : sequence of str or SplineActivation, default=("gelu",)
        Every factor but "activation" is changed in transformers of each of these.
    weight_magnitude : float, default=4.0
        While other components are changed; 1 is the magnitude of ``torch.nn.Linear``'s own draws.
    depth : int, default=2
        Blocks, while other components are changed.
    n_networks : int, default=100
        Transformers, with one sequence each, per level.
    n_symbols : int, default=16
        Size of the alphabet, at least 2.
    length : int, default=64
        Of the sequence, without its prompt.
    width : int, default=32
        Of the residual stream, a multiple of 4, the number of heads.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        Above 0, a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        One row per factor, level, activation and transformer; columns "factor", "level",
        "activation", "network", "lz" (phrases of the Lempel-Ziv parsing of the sequence) and
        "relative_lz" (divided by the mean over random sequences of this length and alphabet:
        below 1 it is compressible).

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If a parameter is unusable.

    References
    ----------
    Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024.

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
    factors = check_factors(factors, TRANSFORMER_FACTORS, owner)
    check_magnitude("weight_magnitude", weight_magnitude, owner)
    depth = check_count("depth", depth, 1, owner)
    points = sweep_points(
        factors,
        check_activations(activations, owner),
        {"weight_magnitude": float(weight_magnitude), "depth": depth},
        partial(_check_settings, owner=owner),
    )
    sizes = TransformerSettings(n_symbols, PROMPT_LENGTH + length, width, N_HEADS)
    seed = draw_seed(checked_random_state(random_state, owner))
    distinct = {key_of(settings): settings for *_, settings in points}
    starts = range(0, n_networks, STACK_SIZE)
    stacks = [range(start, min(start + STACK_SIZE, n_networks)) for start in starts]
    work = [(key, stack) for key in distinct for stack in stacks]
    phrases = {key: [] for key in distinct}
    with plain_settings():
        unit = _random_phrases(n_symbols, length, seed)
        for key, numbers in progress_bar(work, len(work), "random transformers", verbose):
            phrases[key] += _phrases(distinct[key], sizes, numbers, seed)
    columns = {key: _columns(np.array(own, dtype=np.float64), unit) for key, own in phrases.items()}
    return sweep_table(pandas, points, columns)


def _columns(phrases, unit) -> dict:
    """Return the measures (n,) by name; ``unit`` is the phrases of random sequences."""
    return {"lz": phrases, "relative_lz": phrases / unit}


def _check_settings(settings, owner) -> None:
    """Raise for an unusable activation, weight magnitude or depth."""
    check_activation(settings["activation"], owner)
    check_magnitude("weight_magnitude", settings["weight_magnitude"], owner)
    check_count("depth", settings["depth"], 1, owner)


def _phrases(settings, sizes, numbers, seed) -> list:
    """Return the phrases of the sequences of the transformers with these numbers."""
    sizes = sizes._replace(depth=settings["depth"], weight_magnitude=settings["weight_magnitude"])
    transformer = stack_transformers(
        [draw_transformer(sizes, stream(seed, "transformer", n)) for n in numbers]
    )
    prompt = torch.stack([_random_symbols(sizes, PROMPT_LENGTH, seed, n) for n in numbers])
    activation = network_activation([scaled_activation(settings["activation"], 1.0)])
    n_steps = sizes.max_length - PROMPT_LENGTH
    sequences = greedy_sequences(transformer, sizes, activation, prompt, n_steps)
    return [lz_phrases(sequence) for sequence in sequences.tolist()]


def _random_symbols(sizes, length, seed, number) -> torch.Tensor:
    generator = stream(seed, "prompt", number)
    return torch.randint(sizes.n_symbols, (length,), generator=generator)


def _random_phrases(n_symbols, length, seed) -> float:
    """Return the mean phrases of random sequences."""
    generator = stream(seed, "random sequences")
    sequences = torch.randint(n_symbols, (N_RANDOM, length), generator=generator)
    return float(np.mean([lz_phrases(sequence) for sequence in sequences.tolist()]))
