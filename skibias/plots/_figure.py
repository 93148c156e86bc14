"""What all displays need of matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

COLOR_MAP = "viridis"  # legible without colour vision, and in grey
COLOR_RANGE = (0.0, 0.9)  # of the colour map, whose end is too bright on white
PAPER_WIDTH = 3.94  # inches, 100 mm

# Parts of the docstrings of displays with one panel, and of those with two.
ONE_PANEL = {
    "attributes": """Attributes
----------
figure_ : matplotlib Figure
    Set by `plot`.
ax_ : matplotlib Axes
    Set by `plot`.""",
    "drawing": """Parameters
----------
ax : matplotlib Axes, default=None
    None makes a new figure.

Returns
-------
self

Raises
------
ImportError
    If matplotlib is not installed.""",
}
TWO_PANELS = {
    "attributes": """Attributes
----------
figure_ : matplotlib Figure
    Set by `plot`.
axes_ : list of two matplotlib Axes
    Set by `plot`.""",
    "drawing": """Parameters
----------
ax : array-like of two matplotlib Axes, default=None
    None makes a new figure.

Returns
-------
self

Raises
------
ImportError
    If matplotlib is not installed.
ValueError
    If there are not two Axes.""",
}


def pyplot(owner: str) -> Any:
    """Return matplotlib's pyplot.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{owner} needs matplotlib: pip install 'skibias[plots]'.") from error
    return pyplot


def panels(
    ax: Any, count: int, owner: str, size: tuple[float, float] = (PAPER_WIDTH, 2.9)
) -> list[Any]:
    """Return ``count`` Axes side by side in a new figure of panels of this size, or those given.

    Raises
    ------
    ValueError
        If other than ``count`` Axes are given.
    """
    if ax is None:
        width, height = size
        _, axes = pyplot(owner).subplots(
            1, count, figsize=(width * count, height), layout="constrained", squeeze=False
        )
        return list(axes[0])
    axes = [ax] if hasattr(ax, "figure") else list(np.ravel(ax))
    if len(axes) != count:
        raise ValueError(
            f"The 'ax' parameter of {owner} must hold as many Axes as there are panels ({count}). "
            f"Got {len(axes)} instead."
        )
    return axes


def finish(panel: Any) -> None:
    """Make a panel plain: few ticks, no frame at the top and on the right."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    for axis in (panel.xaxis, panel.yaxis):
        if not isinstance(axis.get_major_locator(), FixedLocator):  # of names
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    panel.tick_params(labelsize="small")
    panel.spines[["top", "right"]].set_visible(False)


def channel_colors(n_channels: int) -> Any:
    from matplotlib import colormaps

    if n_channels == 1:
        return ["C0"]
    return colormaps[COLOR_MAP](np.linspace(*COLOR_RANGE, n_channels))
