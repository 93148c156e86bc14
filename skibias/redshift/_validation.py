"""Checks that the functions of this package share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skibias._fixed_activation import FixedActivation
from skibias._numbers import is_real, plain_numbers
from skibias._spline_activation import SplineActivation
from skibias.engine.activations import FIXED_FUNCTIONS

ACTIVATIONS = tuple(name for name in FIXED_FUNCTIONS if name != "identity")


def check_magnitude(name, magnitude, owner) -> None:
    """Raise unless ``magnitude`` is a finite number of at least 0."""
    if not is_real(magnitude) or not np.isfinite(magnitude) or magnitude < 0:
        raise ValueError(
            f"The {name!r} parameter of {owner} must be a finite number of at least 0. "
            f"Got {magnitude!r} instead."
        )


def check_flag(name, flag, owner) -> None:
    """Raise unless ``flag`` is True or False."""
    if not isinstance(flag, (bool, np.bool_)):
        raise ValueError(
            f"The {name!r} parameter of {owner} must be True or False. Got {flag!r} instead."
        )


def check_one_of(name, value, allowed, owner) -> None:
    """Raise unless ``value`` is one of the allowed ones."""
    if value not in allowed:
        raise ValueError(
            f"The {name!r} parameter of {owner} must be one of {tuple(allowed)}. "
            f"Got {value!r} instead."
        )


def check_activation(activation, owner) -> None:
    """Raise unless ``activation`` is a name or a spline with a single channel."""
    if isinstance(activation, SplineActivation) and activation.n_channels is None:
        return
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"The 'activation' parameter of {owner} must be one of {ACTIVATIONS} or a "
            f"SplineActivation with one channel. Got {activation!r} instead."
        )


def check_activations(activations, owner) -> tuple:
    """Return activations as a tuple, each of them checked."""
    if isinstance(activations, (str, SplineActivation)):
        raise ValueError(
            f"The 'activations' parameter of {owner} must be a sequence of activations. "
            f"Got {activations!r} instead."
        )
    for activation in activations:
        check_activation(activation, owner)
    return tuple(activations)


def check_factors(factors, known, owner) -> dict:
    """Return factors as a dict from names to levels; None stands for all known ones."""
    if factors is None:
        return dict(known)
    if isinstance(factors, str):
        factors = [factors]
    for name in factors:
        if name not in known:
            raise ValueError(
                f"The 'factors' parameter of {owner} must name some of {tuple(known)}. "
                f"Got {name!r} instead."
            )
    if not isinstance(factors, Mapping):
        return {name: known[name] for name in factors}
    for name, levels in factors.items():
        if isinstance(levels, str) or len(levels) == 0:
            raise ValueError(
                f"The 'factors' parameter of {owner} must give at least one level of {name!r}. "
                f"Got {levels!r} instead."
            )
    return {name: plain_numbers(tuple(levels)) for name, levels in factors.items()}


def scaled_activation(activation, prefactor) -> FixedActivation | SplineActivation:
    """Return z -> activation(prefactor * z)."""
    if isinstance(activation, SplineActivation):
        return activation.scale_argument(prefactor) if prefactor != 1 else activation
    return FixedActivation(activation, prefactor)


def activation_label(activation) -> str:
    """Return the name of an activation in a table."""
    return activation if isinstance(activation, str) else repr(activation)
