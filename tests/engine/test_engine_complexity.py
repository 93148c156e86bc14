"""Measures of complexity against their definitions and closed forms."""

import numpy as np
import pytest
import torch

from skibias.engine.complexity import (
    beside_line,
    chebyshev_basis,
    cosine_basis,
    effective_rank,
    grid_frequency,
    grid_order,
    grid_phrases,
    grid_points,
    legendre_basis,
    lz_phrases,
    orthonormal_legendre_basis,
    path_frequency,
    path_order,
    path_variation,
    quantize,
    rank_levels,
)


def reference_variation(values):
    """P App. F to the letter: subtract the straight line between the end values, then add up."""
    n_points = len(values)
    total, previous = 0.0, 0.0
    for i in range(1, n_points):
        line = values[0] + (values[-1] - values[0]) * i / (n_points - 1)
        total += abs(values[i] - line - previous)
        previous = values[i] - line
    return total


def test_equals_the_definition():
    values = np.random.RandomState(0).randn(4, 5, 37)
    result = path_variation(torch.from_numpy(values))
    expected = np.apply_along_axis(reference_variation, -1, values)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_a_straight_line_has_none():
    assert path_variation(3 * torch.arange(9.0) - 7) == 0


def test_a_triangle_counts_its_way_up_and_down():
    assert path_variation(torch.tensor([0.0, 1, 2, 3, 2, 1, 0])) == 6


@pytest.mark.parametrize(("slope", "constant"), [(0.0, 5.0), (2.0, 0.0), (-3.0, 1.0)])
def test_adding_a_line_changes_nothing(slope, constant):
    values = torch.from_numpy(np.random.RandomState(0).randn(50))
    moved = values + slope * torch.linspace(0, 1, 50, dtype=torch.float64) + constant
    torch.testing.assert_close(path_variation(moved), path_variation(values))


def test_scales_with_the_function_and_not_with_the_direction_of_the_path():
    values = torch.from_numpy(np.random.RandomState(0).randn(50))
    torch.testing.assert_close(path_variation(-3 * values), 3 * path_variation(values))
    torch.testing.assert_close(path_variation(values.flip(0)), path_variation(values))


def wave(frequency, n_points=100):
    return torch.sin(2 * np.pi * frequency * torch.linspace(0, 1, n_points, dtype=torch.float64))


@pytest.mark.parametrize("frequency", [1, 2, 7, 40])
def test_a_sine_scores_its_frequency(frequency):
    assert path_frequency(wave(frequency)).item() == pytest.approx(frequency, rel=1e-9)


def test_frequencies_are_weighted_by_their_magnitudes():
    mixed = 3 * wave(2) + wave(10)
    assert path_frequency(mixed).item() == pytest.approx((3 * 2 + 10) / 4, rel=1e-9)


@pytest.mark.parametrize("name", ["chebyshev", "legendre"])
def test_nodes_and_coefficients_equal_numpys(name):
    basis = {"chebyshev": chebyshev_basis, "legendre": legendre_basis}[name](20)
    module = getattr(np.polynomial, name)
    nodes = module.chebgauss if name == "chebyshev" else module.leggauss
    evaluate = module.chebval if name == "chebyshev" else module.legval
    np.testing.assert_allclose(basis.nodes, np.sort(nodes(20)[0]), atol=1e-13)
    coefficients = np.random.RandomState(0).randn(20)
    values = torch.from_numpy(evaluate(basis.nodes.numpy(), coefficients))
    np.testing.assert_allclose(values @ basis.analysis, coefficients, atol=1e-11)


@pytest.mark.parametrize("make_basis", [chebyshev_basis, legendre_basis])
@pytest.mark.parametrize("order", [2, 3, 8, 19])
def test_a_polynomial_of_the_basis_scores_its_order(make_basis, order):
    basis = make_basis(20)
    own = torch.linalg.inv(basis.analysis)[order]  # the polynomial of this order on the nodes
    assert path_order(own, basis).item() == pytest.approx(order, rel=1e-9)
    assert path_order(5 * own + 3 * basis.nodes - 7, basis).item() == pytest.approx(order, rel=1e-9)


@pytest.mark.parametrize("slope", [0.0, 3.7])
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6])
def test_a_line_has_no_frequency_and_no_order(slope, constant):
    line = slope * torch.linspace(0, 1, 60, dtype=torch.float64) + constant
    assert path_frequency(line) == 0
    assert (beside_line(line) == 0).all()
    for make_basis in (chebyshev_basis, legendre_basis):
        basis = make_basis(60)
        assert path_order(slope * basis.nodes + constant, basis) == 0


def test_frequency_and_order_depend_on_shape_only():
    values = torch.from_numpy(np.random.RandomState(0).randn(30))
    basis = chebyshev_basis(30)
    moved = -4 * values + 2
    torch.testing.assert_close(path_frequency(moved), path_frequency(values))
    torch.testing.assert_close(path_order(moved, basis), path_order(values, basis))


def test_paths_are_measured_one_by_one():
    values = torch.stack([wave(3), torch.full((100,), 2.0).double(), wave(5)])
    torch.testing.assert_close(path_frequency(values), torch.tensor([3, 0, 5]).double())


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("", 0),
        ("a", 1),
        ("aaa", 2),  # a aa
        ("aaaa", 3),  # a aa a
        ("abababab", 5),  # a b ab aba b
        ("1011010100010", 7),  # 1 0 11 01 010 00 10, the example of Cover and Thomas
    ],
)
def test_phrases_of_known_strings(text, phrases):
    assert lz_phrases(map(ord, text)) == phrases


@pytest.mark.parametrize("length", [1, 10, 100, 5050])
def test_a_constant_has_the_fewest_phrases_of_its_length(length):
    # Phrases of lengths 1, 2, 3 … fill the string.
    fewest = next(n for n in range(length + 1) if n * (n + 1) // 2 >= length)
    assert lz_phrases([0] * length) == fewest
    symbols = np.random.RandomState(0).randint(3, size=length)
    assert lz_phrases(symbols.tolist()) >= fewest


def test_levels_are_equally_wide_and_hold_both_extremes():
    values = torch.tensor([[0.0, 0.24, 0.26, 0.5, 0.99, 1.0], [3.0] * 6])
    assert quantize(values, 4).tolist() == [[0, 0, 1, 2, 3, 3], [0] * 6]
    torch.testing.assert_close(quantize(2 * values - 5, 4), quantize(values, 4))


def test_effective_rank_of_orthogonal_directions_is_their_number():
    orthogonal = torch.linalg.qr(torch.from_numpy(np.random.RandomState(0).randn(50, 6)))[0]
    assert effective_rank(3 * orthogonal).item() == pytest.approx(6)
    assert effective_rank(torch.ones(7, 4, dtype=torch.float64)).item() == pytest.approx(1)
    assert effective_rank(torch.zeros(7, 4)) == 0
    # Two singular values, 3 and 1: entropy of (3/4, 1/4).
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert effective_rank(torch.diag(torch.tensor([3.0, 1.0]))).item() == pytest.approx(
        np.exp(entropy)
    )


# Grids on the square

GRID_BASES = {
    "cosine": cosine_basis(16),
    "chebyshev": chebyshev_basis(16),
    "legendre": orthonormal_legendre_basis(16),
}


def on_grid(function, basis):
    """Return the values (m, m) of a function of two coordinates."""
    x, y = grid_points(basis).T
    return function(x, y).unflatten(0, (len(basis.nodes),) * 2)


@pytest.mark.parametrize("half_cycles", [1, 2, 7, 15])
def test_a_wave_along_an_axis_scores_its_frequency(half_cycles):
    def wave(x):
        return torch.cos(np.pi * half_cycles * (x + 1) / 2)

    basis = GRID_BASES["cosine"]
    for function in (lambda x, y: 3 + wave(x), lambda x, y: -2 * wave(y)):
        score = grid_frequency(on_grid(function, basis), basis).item()
        assert score == pytest.approx(half_cycles / 2, rel=1e-9)
    both = grid_frequency(on_grid(lambda x, y: wave(x) * wave(y), basis), basis).item()
    assert both == pytest.approx(half_cycles / 2 * 2**0.5, rel=1e-9)


def test_grid_frequencies_are_weighted_by_their_magnitudes():
    basis = GRID_BASES["cosine"]
    mixed = on_grid(lambda x, y: 3 * torch.cos(np.pi * x) + torch.cos(4 * np.pi * y), basis)
    assert grid_frequency(mixed, basis).item() == pytest.approx((3 * 1 + 4) / 4, rel=1e-9)


def test_the_cosine_transform_is_the_fourier_transform_of_the_mirrored_function():
    basis = GRID_BASES["cosine"]
    values = torch.from_numpy(np.random.RandomState(0).randn(16, 16))
    mirrored = torch.cat([values, values.flip(0)], 0)
    mirrored = torch.cat([mirrored, mirrored.flip(1)], 1)
    # The half-cell shift of the first centre changes phases only.
    magnitudes = torch.fft.fft2(mirrored).abs()[:16, :16] / 32**2
    factor = torch.full((16,), 2.0, dtype=torch.float64)
    factor[0] = 1
    shares = (basis.analysis.T @ values @ basis.analysis).abs() / torch.outer(factor, factor)
    torch.testing.assert_close(shares, magnitudes)


@pytest.mark.parametrize("name", ["chebyshev", "legendre"])
@pytest.mark.parametrize("order", [1, 2, 5, 15])
def test_a_polynomial_along_an_axis_scores_its_order(name, order):
    basis = GRID_BASES[name]
    polynomials = {"chebyshev": np.polynomial.Chebyshev, "legendre": np.polynomial.Legendre}
    polynomial = polynomials[name].basis(order)
    values = on_grid(lambda x, y: 7 + 3 * torch.from_numpy(polynomial(y.numpy())), basis)
    assert grid_order(values, basis).item() == pytest.approx(order, rel=1e-9)
    product = on_grid(
        lambda x, y: torch.from_numpy(polynomial(x.numpy()) * polynomial(y.numpy())), basis
    )
    assert grid_order(product, basis).item() == pytest.approx(2 * order, rel=1e-9)


def test_orthonormal_coefficients_keep_the_norm():
    basis = orthonormal_legendre_basis(12)
    coefficients = np.random.RandomState(0).randn(12)
    function = np.polynomial.legendre.Legendre(coefficients * np.sqrt((2 * np.arange(12) + 1) / 2))
    found = torch.from_numpy(function(basis.nodes.numpy())) @ basis.analysis
    np.testing.assert_allclose(found, coefficients, atol=1e-11)


@pytest.mark.parametrize("name", list(GRID_BASES))
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6])
def test_a_constant_on_the_square_has_no_frequency_and_no_order(name, constant):
    basis = GRID_BASES[name]
    measure = grid_frequency if name == "cosine" else grid_order
    assert measure(torch.full((16, 16), constant), basis) == 0


def test_grids_are_measured_one_by_one_and_by_shape_only():
    basis = GRID_BASES["chebyshev"]
    values = torch.from_numpy(np.random.RandomState(0).randn(3, 16, 16))
    for measure in (grid_frequency, grid_order):
        together = measure(values, basis)
        alone = torch.stack([measure(5 * own - 2, basis) for own in values])
        torch.testing.assert_close(together, alone)


def test_levels_by_rank_hold_equally_many_values_and_ties_stay_together():
    values = torch.tensor([[0.0, 1, 2, 100, 101, 1000], [0, 0, 0, 0, 1, 1], [5.0] * 6])
    assert rank_levels(values, 3).tolist() == [[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 2, 2], [0] * 6]
    noisy = torch.tensor([0.0, 1.0, 1.0 + 1e-7, 1.0 - 1e-7])
    assert rank_levels(noisy, 4).tolist() == [0, 1, 1, 1]


def test_phrases_on_the_square_are_the_mean_of_both_directions():
    values = torch.from_numpy(np.random.RandomState(0).randn(2, 6, 6))
    levels = rank_levels(values.flatten(-2), 4).unflatten(-1, (6, 6))
    expected = [
        (lz_phrases(own.flatten().tolist()) + lz_phrases(own.T.flatten().tolist())) / 2
        for own in levels
    ]
    assert grid_phrases(values, 4).tolist() == expected
    assert torch.equal(grid_phrases(values.mT, 4), grid_phrases(values, 4))


def test_a_constant_on_the_square_has_the_fewest_phrases():
    # Phrases of lengths 1 … 8 fill 36 symbols.
    assert grid_phrases(torch.full((1, 6, 6), 0.1), 4).tolist() == [8.0]
