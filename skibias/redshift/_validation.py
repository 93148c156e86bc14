"""Checks that the functions of this package share, and what an activation is to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skibias._numbers import is_real, plain_numbers
from skibias._sequences import members
from skibias.engine.activations import FIXED_FUNCTIONS, Activation
from skibias.functions.fixed import FixedActivation, network_activation
from skibias.functions.spline import SplineActivation

ActivationLike = str | SplineActivation
ACTIVATIONS = tuple(name for name in FIXED_FUNCTIONS if name != "identity")


def check_magnitude(name: str, magnitude: Any, owner: str) -> float:
    """Return a parameter that must be a finite number of at least 0, or raise ValueError."""
    if not is_real(magnitude) or not 0 <= magnitude < np.inf:
        raise ValueError(
            f"The {name!r} parameter of {owner} must be a finite number of at least 0. "
            f"Got {magnitude!r} instead."
        )
    return float(magnitude)


def check_flag(name: str, flag: Any, owner: str) -> None:
    """Raise unless ``flag`` is True or False."""
    if not isinstance(flag, (bool, np.bool_)):
        raise ValueError(
            f"The {name!r} parameter of {owner} must be True or False. Got {flag!r} instead."
        )


def check_activation(activation: Any, owner: str) -> None:
    """Raise unless ``activation`` is a name or a spline with a single channel."""
    if isinstance(activation, SplineActivation) and activation.n_channels is None:
        return
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"The 'activation' parameter of {owner} must be one of {ACTIVATIONS} or a "
            f"SplineActivation with one channel. Got {activation!r} instead."
        )


def check_activations(activations: Any, owner: str) -> tuple[ActivationLike, ...]:
    """Return activations as a tuple, each of them checked."""
    checked = tuple(members(activations))
    if not checked:
        raise ValueError(
            f"The 'activations' parameter of {owner} must be a sequence of at least one "
            f"activation. Got {activations!r} instead."
        )
    for activation in checked:
        check_activation(activation, owner)
    return checked


def check_factors(
    factors: Any, known: Mapping[str, Sequence[Any]], owner: str
) -> dict[str, Sequence[Any]]:
    """Return factors as a dict from names to levels; None stands for all known ones."""
    if factors is None:
        return dict(known)
    names = [factors] if isinstance(factors, str) else members(factors)
    if not names:
        raise ValueError(
            f"The 'factors' parameter of {owner} must be None, a sequence of names out of "
            f"{tuple(known)}, or a dict from them to levels. Got {factors!r} instead."
        )
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(
                f"The 'factors' parameter of {owner} must name some of {tuple(known)}. "
                f"Got {name!r} instead."
            )
    if not isinstance(factors, Mapping):
        return {name: known[name] for name in names}
    return {name: _levels(name, factors[name], owner) for name in names}


def _levels(name: str, levels: Any, owner: str) -> tuple[Any, ...]:
    """Return the levels of a factor as a tuple, or raise ValueError."""
    listed = tuple(members(levels))
    if not listed:
        raise ValueError(
            f"The 'factors' parameter of {owner} must give at least one level of {name!r}, in a "
            f"sequence. Got {levels!r} instead."
        )
    return plain_numbers(listed)


def hidden_activation(activation: ActivationLike, prefactor: float = 1.0) -> Activation:
    """Return z -> activation(prefactor * z) in the engine's form, for all hidden layers."""
    if isinstance(activation, str):
        return network_activation([FixedActivation(activation, prefactor)])
    return network_activation([activation.scale_argument(prefactor)])
