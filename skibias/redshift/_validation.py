"""Checks that the functions of this package share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skibias._numbers import is_real, plain_numbers
from skibias._sequences import members
from skibias.engine.activations import FIXED_FUNCTIONS
from skibias.functions.fixed import FixedActivation
from skibias.functions.spline import SplineActivation

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
    checked = tuple(members(activations))
    if not checked:
        raise ValueError(
            f"The 'activations' parameter of {owner} must be a sequence of at least one "
            f"activation. Got {activations!r} instead."
        )
    for activation in checked:
        check_activation(activation, owner)
    return checked


def check_factors(factors, known, owner) -> dict:
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


def _levels(name, levels, owner) -> tuple:
    """Return the levels of a factor as a tuple, or raise ValueError."""
    listed = tuple(members(levels))
    if not listed:
        raise ValueError(
            f"The 'factors' parameter of {owner} must give at least one level of {name!r}, in a "
            f"sequence. Got {levels!r} instead."
        )
    return plain_numbers(listed)


def scaled_activation(activation, prefactor) -> FixedActivation | SplineActivation:
    """Return z -> activation(prefactor * z)."""
    if isinstance(activation, SplineActivation):
        return activation.scale_argument(prefactor) if prefactor != 1 else activation
    return FixedActivation(activation, prefactor)


def activation_label(activation) -> str:
    """Return the name of an activation in a table."""
    return activation if isinstance(activation, str) else repr(activation)
