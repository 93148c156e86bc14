"""Linear splines, one or many at a time.

Notation
--------
R : leading axes of the functions (restarts or networks); may be absent
K : knots; ``values`` (*R, K) are the heights at the knots
C : cells; knots cut the line into C = K + 1 cells, the outer two being unbounded
n, d, c : rows, features, channels per feature

A spline is evaluated as ``intercept[cell(x)] + slope[cell(x)] * x``. The argument enters linearly
and the cell is computed from the detached argument, so the backward pass is one gather and double
backward is exact (the second derivative of a linear spline is zero inside every cell).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

EXTRAPOLATIONS = ("constant", "linear")


class Grid(NamedTuple):
    """Equally spaced knots ``low + step * (0 … n_knots - 1)``, one grid per function."""

    low: Tensor  # (*R,)
    step: Tensor  # (*R,)
    n_knots: Tensor  # (*R,) int64, at most K: functions of one stack may differ

    def to(self, like: Tensor) -> Grid:
        """The same grid on the device and in the dtype of ``like``."""
        low, step = (part.to(like.device, like.dtype) for part in (self.low, self.step))
        return Grid(low, step, self.n_knots.to(like.device))


class Table(NamedTuple):
    """Slope and intercept of every cell, both (*R, C)."""

    slope: Tensor
    intercept: Tensor


def uniform_grid(low: float, high: float, n_knots: int) -> Grid:
    """Return the grid of ``n_knots`` equally spaced knots over [low, high]."""
    step = (high - low) / (n_knots - 1)
    double = torch.float64
    return Grid(
        torch.tensor(low, dtype=double), torch.tensor(step, dtype=double), torch.tensor(n_knots)
    )


def stack_grids(grids: list[Grid]) -> Grid:
    """Stack grids along a new leading axis."""
    return Grid(*(torch.stack(parts) for parts in zip(*grids, strict=True)))


def grid_knots(grid: Grid, width: int) -> Tensor:
    """Return the knots (*R, width); positions beyond ``n_knots`` repeat the last knot."""
    index = torch.arange(width, device=grid.low.device)
    index = torch.minimum(index, grid.n_knots[..., None] - 1)
    return grid.low[..., None] + grid.step[..., None] * index


def uniform_table(values: Tensor, grid: Grid) -> Table:
    """Return the cells of splines on equally spaced knots, constant outside (P App. C;
    docs, Eq. 1).

    Values (*R, K) beyond a function's own ``n_knots`` are ignored.
    """
    last = grid.n_knots[..., None] - 1
    index = torch.minimum(torch.arange(values.shape[-1], device=values.device), last)
    # The last value of a shorter function is repeated: its spare cells come out flat.
    values = values.gather(-1, index.expand(values.shape))
    knots = (grid.low[..., None] + grid.step[..., None] * index).to(values.dtype)
    inner_slope = values.diff(dim=-1) / grid.step[..., None].to(values.dtype)
    return _padded_table(values, knots, inner_slope, "constant")


def knots_table(values: Tensor, knots: Tensor, extrapolation: str = "constant") -> Table:
    """Return the cells of splines (*R, K) on any increasing knots (K,)."""
    return _padded_table(values, knots, values.diff(dim=-1) / knots.diff(), extrapolation)


def _padded_table(values: Tensor, knots: Tensor, slope: Tensor, extrapolation: str) -> Table:
    """Add the two unbounded cells to the inner cells (*R, K - 1)."""
    if extrapolation == "constant":
        flat = torch.zeros_like(slope[..., :1])
        outer_slopes = (flat, flat)
    else:
        outer_slopes = (slope[..., :1], slope[..., -1:])
    slope = torch.cat([outer_slopes[0], slope, outer_slopes[1]], -1)
    # The left cell is anchored at the first knot, every other one at its own left knot.
    anchor = torch.cat([knots[..., :1], knots], -1)
    height = torch.cat([values[..., :1], values], -1)
    return Table(slope, height - slope * anchor)


def uniform_cell(x: Tensor, grid: Grid) -> Tensor:
    """Return the cell of every element of x (*R, …) by arithmetic; int32, shape of x."""
    trailing = (...,) + (None,) * (x.dim() - grid.low.dim())
    inverse_step = 1 / grid.step[trailing]
    offset = 1 - grid.low[trailing] * inverse_step
    position = (x.detach() * inverse_step).add_(offset)
    n_knots = grid.n_knots[trailing]
    position = torch.minimum(position.clamp_(min=0), n_knots.to(position), out=position)
    return _whole_cell(position)


def shared_uniform_cell(x: Tensor, low: float, step: float, n_knots: int) -> Tensor:
    """Return what `uniform_cell` returns for one function, in as few passes as possible."""
    x = x.detach()
    position = torch.add(x.new_tensor(1 - low / step), x, alpha=1 / step)
    return _whole_cell(position.clamp_(0, n_knots))


def _whole_cell(position: Tensor) -> Tensor:
    """Cut positions, which are clamped to the cells already, to whole numbers; int32.

    A NaN of one diverged network survives the first clamp, becomes any whole number in the cast,
    and must not index out of the table.
    """
    return position.to(torch.int32).clamp_(min=0)


def knots_cell(x: Tensor, knots: Tensor) -> Tensor:
    """Return the cell of every element of x by binary search in increasing knots (K,)."""
    # torch would make x contiguous as well, but with a warning.
    return torch.bucketize(x.detach().contiguous(), knots, right=True)


def evaluate(table: Table, x: Tensor, cell: Tensor) -> Tensor:
    """Return the splines' values at x (*R, …); differentiable in values and x, also twice."""
    cell = _flat_cell(table, x, cell)
    slope = table.slope.reshape(-1).index_select(0, cell).view(x.shape)
    intercept = table.intercept.reshape(-1).index_select(0, cell).view(x.shape)
    return torch.addcmul(intercept, slope, x)


def evaluate_frozen(table: Table, x: Tensor, cell: Tensor) -> Tensor:
    """Return what `evaluate` returns, faster, for fixed tables: differentiable in x only, once."""
    result: Tensor = _FrozenSpline.apply(
        x, _flat_cell(table, x, cell), table.slope, table.intercept
    )
    return result


def _flat_cell(table: Table, x: Tensor, cell: Tensor) -> Tensor:
    """Return the cells of x (*R, …) as positions in the tables of the whole stack, flat."""
    leading = table.slope.shape[:-1]
    if leading:
        n_cells = table.slope.shape[-1]
        offset = torch.arange(leading.numel(), dtype=cell.dtype, device=x.device)
        offset = (offset * n_cells).reshape(leading)
        cell = cell + offset[(...,) + (None,) * (x.dim() - len(leading))]
    return cell.reshape(-1)


class _FrozenSpline(torch.autograd.Function):
    """Linear look-up that saves the slope of every element, so backward is one product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cell: Tensor, slope: Tensor, intercept: Tensor) -> Tensor:
        slope_at_x = slope.reshape(-1).index_select(0, cell).view(x.shape)
        ctx.save_for_backward(slope_at_x)
        return intercept.reshape(-1).index_select(0, cell).view(x.shape).addcmul_(slope_at_x, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        # Not by `once_differentiable`: torch.autograd.grad drops its part without an error.
        if torch.is_grad_enabled():
            raise RuntimeError("A frozen spline cannot be differentiated twice (create_graph).")
        (slope_at_x,) = ctx.saved_tensors
        return gradient * slope_at_x, None, None, None


def evaluate_features(values: Tensor, position: Tensor) -> Tensor:
    """Return the input functions' values, one table of values per feature (P 3.3; docs, Eq. 8).

    Columns come as positions on their own knots: 3.25 lies a quarter of the way from knot 3 to
    knot 4. Knots may therefore be spaced in any way, and a whole number can just as well stand
    for a category or for a missing value with a learned value of its own.

    Parameters
    ----------
    values : Tensor of shape (*R, d, K, c)
    position : Tensor of shape (n, d) or (*R, n, d)
        In [0, K - 1].

    Returns
    -------
    Tensor of shape (*R, n, d * c)
        Differentiable in ``values``, also twice; not in ``position``.
    """
    n_features, n_knots, n_channels = values.shape[-3:]
    leading = values.shape[:-3]
    position = position.detach()
    cell = position.to(torch.int64).clamp_(0, n_knots - 2)
    fraction = (position - cell)[..., None]
    functions = torch.arange(leading.numel() * n_features, device=values.device)
    offset = functions.reshape(*leading, 1, n_features) * n_knots
    index = (cell + offset).reshape(-1)
    rows = values.reshape(-1, n_channels)
    shape = (*leading, *position.shape[-2:], n_channels)
    left = rows.index_select(0, index).reshape(shape)
    right = rows.index_select(0, index + 1).reshape(shape)
    return torch.lerp(left, right, fraction.to(left.dtype).expand(shape)).flatten(-2)


class ColumnSplines(NamedTuple):
    """One spline for each of d columns, every one with knots of its own, and c channels."""

    knots: Tensor  # (d, K); inf beyond the last knot of a column
    last_cell: Tensor  # (d,) int64, number of the last cell between two knots
    first_row: Tensor  # (d,) int64, where a column's heights begin
    heights: Tensor  # (knots of all columns, c)
    lowest: Tensor  # (d,), between which the fraction of a cell is kept: 0 and 1, or ±inf
    highest: Tensor  # (d,)
    missing: Tensor  # (d, c), values where x is NaN


def evaluate_columns(splines: ColumnSplines, x: Tensor) -> Tensor:
    """Return the values (n, d, c) of every column's function at x (n, d), not differentiable.

    As `SplineActivation` does, it goes a fraction of the way between two knots.
    """
    columns = x.T.contiguous()  # (d, n)
    cell = torch.searchsorted(splines.knots, columns, right=True).sub_(1).clamp_(min=0)
    cell = torch.minimum(cell, splines.last_cell[:, None])
    start = splines.knots.gather(1, cell)
    width = splines.knots.gather(1, cell + 1).sub_(start)
    fraction = (columns - start).div_(width.clamp_(min=torch.finfo(x.dtype).tiny))
    fraction = torch.clamp(fraction, splines.lowest[:, None], splines.highest[:, None])
    row = (cell + splines.first_row[:, None]).T.reshape(-1)
    low = splines.heights.index_select(0, row)
    rise = splines.heights.index_select(0, row + 1).sub_(low)
    values = torch.addcmul(low, fraction.T.reshape(-1, 1), rise).view(*x.shape, -1)
    gaps = x.isnan()
    return torch.where(gaps[..., None], splines.missing, values) if gaps.any() else values
