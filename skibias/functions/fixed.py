"""Named activation functions with a prefactor, and their common use with splines in the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from skibias._immutable import Immutable
from skibias._run.tensors import on_array
from skibias.engine.activations import FIXED_FUNCTIONS, Activation, fixed_activation
from skibias.functions.spline import SplineActivation

ACTIVATION_NAMES = ("relu", "gelu", "tanh", "sin", "hat")


class FixedActivation(Immutable):
    """``x -> g(prefactor * x)`` for a function g with a name; exact, not a spline.

    Parameters
    ----------
    name : str
        A key of the engine's ``FIXED_FUNCTIONS``; estimators take those of `ACTIVATION_NAMES`.
    prefactor : float, default=1.0
    """

    name: str
    prefactor: float

    def __init__(self, name: str, prefactor: float = 1.0) -> None:
        vars(self).update(name=name, prefactor=float(prefactor))

    def __call__(self, x: Any) -> Any:
        """Return the function's values at x, elementwise: float64 array, or tensor like x."""
        if isinstance(x, Tensor):
            return FIXED_FUNCTIONS[self.name](self.prefactor * x)
        return on_array(lambda part: FIXED_FUNCTIONS[self.name](self.prefactor * part), x)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FixedActivation):
            return NotImplemented
        return (self.name, self.prefactor) == (other.name, other.prefactor)

    def __hash__(self) -> int:
        return hash((self.name, self.prefactor))

    def __repr__(self) -> str:
        return f"FixedActivation({self.name!r}, prefactor={self.prefactor:g})"


LayerActivations = Sequence[FixedActivation | SplineActivation]


def network_activation(activations: LayerActivations) -> Activation:
    """Return the engine's form of one shared activation, or of one per hidden layer."""
    functions = [_elementwise(activation) for activation in activations]
    return lambda z, layer: functions[min(layer, len(functions) - 1)](z)


def _elementwise(activation: FixedActivation | SplineActivation) -> Any:
    if isinstance(activation, FixedActivation):
        engine_function = fixed_activation(activation.name, activation.prefactor)
        return lambda z: engine_function(z, 0)
    modules: dict[tuple[torch.dtype, torch.device], Any] = {}

    def evaluate(z: Tensor) -> Tensor:
        key = (z.dtype, z.device)
        if key not in modules:
            modules[key] = activation.as_module(z.dtype).requires_grad_(False).to(z.device)
        return modules[key](z)

    return evaluate
