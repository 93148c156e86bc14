"""Without matplotlib, displays that compute something say so before they do."""

import sys

import numpy as np
import pytest

from skibias.plots import ComplexityDisplay, FunctionSliceDisplay, LandscapeDisplay

X, Y = np.arange(6.0).reshape(3, 2), [0, 1, 1]


def never(rows):
    """Stand in for a model that must not be evaluated."""
    raise AssertionError


@pytest.mark.parametrize(
    ("display", "draw"),
    [
        (ComplexityDisplay, lambda: ComplexityDisplay.from_estimators({"a": never}, X, Y)),
        (FunctionSliceDisplay, lambda: FunctionSliceDisplay.from_estimator(never, X)),
        (LandscapeDisplay, lambda: LandscapeDisplay.from_estimator(never, X, Y)),
    ],
)
def test_its_absence_is_said_before_any_work(display, draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__} needs matplotlib.*\[plots\]"):
        draw()
