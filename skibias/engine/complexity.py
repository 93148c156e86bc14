"""Complexity of functions from their values on points, and of representations.

Notation
--------
R : functions (any leading axes, also none)
m : points along a path, or along one axis of a grid on the square [-1, 1]^2
k : frequency, in cycles per path or per width of the square; or order of a polynomial
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

# What is left beside a straight line, relative to the largest value, that counts as rounding.
ROUNDING = 1e-6
# Digits of a value, relative to the range of its function, by which values are ranked.
RANK_DECIMALS = 5


def path_variation(values: Tensor) -> Tensor:
    """Return sum_i |f_{i+1} - f_i| (*R,) of values (*R, m), straight line subtracted (P App. F).

    The formula is docs, Eq. 10. Subtracting the line between the first and last value subtracts
    its constant increment from every increment.
    """
    increments = values.diff(dim=-1)
    line = (values[..., -1:] - values[..., :1]) / increments.shape[-1]
    return torch.sum((increments - line).abs(), dim=-1)


def beside_line(values: Tensor) -> Tensor:
    """Return values (*R, m) minus the straight line between the first and last one.

    Exactly 0 along paths on which no more than rounding is left.
    """
    share = torch.linspace(0, 1, values.shape[-1], dtype=values.dtype, device=values.device)
    rest = values - torch.lerp(values[..., :1], values[..., -1:], share)
    largest = values.abs().amax(-1, keepdim=True)
    is_line = rest.abs().amax(-1, keepdim=True) <= ROUNDING * largest
    return torch.where(is_line, 0.0, rest)


def path_frequency(values: Tensor) -> Tensor:
    """Return sum_k k |F_k| / sum_k |F_k| over k >= 1 (*R,), straight line subtracted.

    F is the discrete Fourier transform of values (*R, m) without the last point, which the first
    one repeats once the line is gone. 0 where there is nothing but a line.
    """
    magnitudes = torch.fft.rfft(beside_line(values)[..., :-1]).abs()
    return _weighted_mean(torch.arange(magnitudes.shape[-1]), magnitudes, first=1)


class Basis(NamedTuple):
    """Orthogonal polynomials on [-1, 1]: where to evaluate a function, and its coefficients."""

    nodes: Tensor  # (m,), increasing
    analysis: Tensor  # (m, m): values on the nodes (*R, m) @ analysis are the coefficients


def chebyshev_basis(n_nodes: int) -> Basis:
    """Return Chebyshev's polynomials of the first kind, up to order n_nodes - 1."""
    angles = (torch.arange(n_nodes, dtype=torch.float64) + 0.5) * math.pi / n_nodes
    orders = torch.arange(n_nodes, dtype=torch.float64)
    analysis = torch.cos(angles[:, None] * orders) * 2 / n_nodes
    analysis[:, 0] /= 2
    return Basis(torch.cos(angles).flip(0), analysis.flip(0))


def legendre_basis(n_nodes: int) -> Basis:
    """Return Legendre's polynomials up to order n_nodes - 1, on Gauss-Legendre nodes."""
    # Golub and Welsch (1969): nodes are the eigenvalues of the recurrence's matrix, quadrature
    # weights twice the squared first entries of the eigenvectors.
    orders = torch.arange(1, n_nodes, dtype=torch.float64)
    beside = orders / torch.sqrt(4 * orders**2 - 1)
    nodes, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    weights = 2 * vectors[0] ** 2
    polynomials = [torch.ones_like(nodes), nodes]
    for order in range(1, n_nodes - 1):
        next_one = (2 * order + 1) * nodes * polynomials[-1] - order * polynomials[-2]
        polynomials.append(next_one / (order + 1))
    norms = (2 * torch.arange(n_nodes, dtype=torch.float64) + 1) / 2
    return Basis(nodes, torch.stack(polynomials[:n_nodes], 1) * weights[:, None] * norms)


def path_order(values: Tensor, basis: Basis) -> Tensor:
    """Return sum_k k |c_k| / sum_k |c_k| over k >= 2 (*R,) of values (*R, m) on the nodes.

    Orders 0 and 1 are the straight line that the other measures subtract. 0 where there is
    nothing but a line.
    """
    magnitudes = (values @ basis.analysis.to(values)).abs()
    largest = values.abs().amax(-1, keepdim=True)
    rest = magnitudes[..., 2:].amax(-1, keepdim=True)
    magnitudes = torch.where(rest <= ROUNDING * largest, 0.0, magnitudes)
    return _weighted_mean(torch.arange(magnitudes.shape[-1]), magnitudes, first=2)


def _weighted_mean(numbers: Tensor, magnitudes: Tensor, first: int) -> Tensor:
    """Return the mean (*R,) of numbers (k,) from ``first`` on; 0 where all magnitudes are 0."""
    magnitudes = magnitudes[..., first:]
    total = magnitudes.sum(-1)
    mean = (magnitudes * numbers[first:].to(magnitudes)).sum(-1) / total
    return torch.where(total > 0, mean, 0.0)


def cosine_basis(n_nodes: int) -> Basis:
    """Return cos(pi k (x + 1) / 2) for k < n_nodes, on the centres of n_nodes equal cells.

    Function k has k / 2 cycles over the width of [-1, 1].
    """
    centres = (torch.arange(n_nodes, dtype=torch.float64) + 0.5) / n_nodes
    orders = torch.arange(n_nodes, dtype=torch.float64)
    analysis = torch.cos(math.pi * centres[:, None] * orders) * 2 / n_nodes
    analysis[:, 0] /= 2
    return Basis(2 * centres - 1, analysis)


def orthonormal_legendre_basis(n_nodes: int) -> Basis:
    """Return Legendre's polynomials, each divided by its root of integral P_k² dx."""
    nodes, analysis = legendre_basis(n_nodes)
    orders = torch.arange(n_nodes, dtype=torch.float64)
    return Basis(nodes, analysis * torch.sqrt(2 / (2 * orders + 1)))


def grid_points(basis: Basis) -> Tensor:
    """Return the grid (m * m, 2) of the nodes, whose last coordinate runs fastest."""
    return torch.cartesian_prod(basis.nodes, basis.nodes)


def grid_frequency(values: Tensor, basis: Basis) -> Tensor:
    """Return sum |k| |F_k| / sum |F_k| over k != (0, 0) (*R,) of values (*R, m, m).

    F are coefficients of the `cosine_basis` in both directions, |k| the length of the pair of
    frequencies, in cycles per width of the square.

    Differs from the paper: it takes the Fourier transform of the grid, which repeats the square
    with a jump between opposite sides: even a plane then has all frequencies. The cosine
    transform is the Fourier transform of the function mirrored at the sides, which has no jump.
    """
    frequencies = torch.arange(values.shape[-1], dtype=torch.float64) / 2
    return _grid_mean(values, basis, torch.hypot(frequencies[:, None], frequencies))


def grid_order(values: Tensor, basis: Basis) -> Tensor:
    """Return sum (i + j) |c_ij| / sum |c_ij| over i + j > 0 (*R,) of values (*R, m, m)."""
    orders = torch.arange(values.shape[-1])
    return _grid_mean(values, basis, orders[:, None] + orders)


def _grid_mean(values: Tensor, basis: Basis, numbers: Tensor) -> Tensor:
    """Return the mean (*R,) of numbers (m, m) weighted by coefficients, without the constant."""
    values = values.to(torch.float64)
    coefficients = basis.analysis.T @ values @ basis.analysis
    magnitudes = coefficients.abs().flatten(-2)[..., 1:]
    largest = values.abs().amax((-2, -1))
    is_constant = magnitudes.amax(-1) <= ROUNDING * largest
    magnitudes = torch.where(is_constant[..., None], 0.0, magnitudes)
    return _weighted_mean(numbers.flatten()[1:], magnitudes, first=0)


def rank_levels(values: Tensor, n_levels: int) -> Tensor:
    """Return the level 0 … n_levels - 1 of every value (*R, m), equally many values per level.

    Equal values share a level; so do values that differ by rounding only.
    """
    low, high = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    share = (values - low) / torch.where(high > low, high - low, 1.0)
    share = torch.round(share, decimals=RANK_DECIMALS)
    rank = torch.searchsorted(share.sort(-1).values, share)
    return rank * n_levels // values.shape[-1]


def grid_phrases(values: Tensor, n_levels: int) -> Tensor:
    """Return the Lempel-Ziv phrases (R,) of values (R, m, m): the mean of two scans.

    Row by row and column by column, so that both directions count alike. Levels hold equally many
    values: of levels of equal width, a function with a peak uses few.
    """
    levels = rank_levels(values.to(torch.float64).flatten(-2), n_levels).unflatten(
        -1, values.shape[-2:]
    )
    scans = (levels.flatten(-2), levels.transpose(-1, -2).flatten(-2))
    phrases = [[lz_phrases(symbols) for symbols in scan.tolist()] for scan in scans]
    return torch.tensor(phrases, dtype=torch.float64).mean(0)


def quantize(values: Tensor, n_levels: int) -> Tensor:
    """Return the level 0 … n_levels - 1 of every value (*R, m), equally wide between the extremes.

    Values that are all equal are at level 0.
    """
    low, high = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    share = (values - low) / torch.where(high > low, high - low, 1.0)
    return (share * n_levels).long().clamp(0, n_levels - 1)


def lz_phrases(symbols: Iterable[int]) -> int:
    """Return the phrases of Lempel and Ziv's 1978 parsing, an unfinished last one included.

    Every phrase is the shortest one that was not seen before; their number is the size of the
    dictionary that compression builds.
    """
    children: dict[tuple[int, int], int] = {}  # (phrase, symbol) -> longer phrase; 0 is empty
    phrase = 0
    for symbol in symbols:
        longer = children.get((phrase, symbol))
        if longer is None:
            children[phrase, symbol] = len(children) + 1
            phrase = 0
        else:
            phrase = longer
    return len(children) + (phrase != 0)


def effective_rank(matrix: Tensor) -> Tensor:
    """Return exp of the entropy of the singular values (*R,) of matrices (*R, n, h).

    Roy and Vetterli (2007), definition 1: singular values are divided by their sum. 0 for a
    matrix of zeros.
    """
    values = torch.linalg.svdvals(matrix)
    total = values.sum(-1, keepdim=True)
    shares = values / torch.where(total > 0, total, 1.0)
    entropy = torch.special.entr(shares).sum(-1)
    return torch.where(total[..., 0] > 0, entropy.exp(), 0.0)
