"""Algorithmic tasks: results worked out by hand, the axioms of groups, spellings of names."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import Bunch

from skibias.datasets import list_algorithmic_tasks, make_algorithmic_task
from skibias.datasets._algorithmic import inverses, parse_name, symmetric_group


def table_of(name):
    """The results as a table: a down, b across."""
    task = make_algorithmic_task(name)
    return task.target.reshape(task.n_elements, task.n_elements)


def element(group, *images):
    """The number of a permutation in a group."""
    return symmetric_group(group)[0].tolist().index(list(images))


# The 22 tasks.


def test_there_are_22_different_tasks():
    names = list_algorithmic_tasks()
    assert len(set(names)) == len(names) == 22
    assert sum(name.endswith("mod 27") for name in names) == 8
    assert sum(name.endswith("mod 53") for name in names) == 8
    assert sum(name.endswith("S4") for name in names) == 3
    assert sum(name.endswith("S5") for name in names) == 3


def test_no_two_tasks_of_a_size_have_the_same_results():
    targets = [make_algorithmic_task(name).target.tobytes() for name in list_algorithmic_tasks()]
    assert len(set(targets)) == 22


def test_a_list_belongs_to_the_caller():
    list_algorithmic_tasks().clear()
    assert len(list_algorithmic_tasks()) == 22


@pytest.mark.parametrize("name", list_algorithmic_tasks())
def test_every_task_is_complete_and_goes_by_its_own_name(name):
    task = make_algorithmic_task(name)
    n = {"27": 27, "53": 53, "S4": 24, "S5": 120}[name.split()[-1]]
    assert task.name == name and name in task.DESCR
    assert task.n_elements == n == len(task.elements)
    assert task.data.shape == (n * n, 2 * n) and task.target.shape == (n * n,)
    assert task.data.dtype == np.float64 and task.target.dtype == np.int64
    assert task.target.min() >= 0 and task.target.max() < n
    assert len(np.unique(task.operands, axis=0)) == n * n


# Pairs of operands.


def test_pairs_are_in_order_and_one_hot():
    task = make_algorithmic_task("a+b mod 2")
    assert_array_equal(task.operands, [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert_array_equal(task.data, [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])


def test_one_hot_vectors_tell_the_operands():
    task = make_algorithmic_task("a*b S4")
    a, b = np.split(task.data, 2, axis=1)
    assert_array_equal(a.sum(axis=1), 1)
    assert_array_equal(b.sum(axis=1), 1)
    assert_array_equal(np.column_stack([a.argmax(axis=1), b.argmax(axis=1)]), task.operands)


def test_a_pair_holds_what_the_bunch_holds():
    task = make_algorithmic_task("ab mod 5")
    X, y = make_algorithmic_task("ab mod 5", return_X_y=True)
    assert isinstance(task, Bunch)
    assert_array_equal(X, task.data)
    assert_array_equal(y, task.target)


def test_calls_do_not_share_memory():
    task = make_algorithmic_task("a*b S4")
    for name in ("data", "target", "operands", "elements"):
        task[name][:] = -1
    again = make_algorithmic_task("a*b S4")
    assert all((again[name] >= 0).all() for name in ("data", "target", "operands", "elements"))


# Operations modulo a number.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a+b", [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]),
        ("a-b", [[0, 3, 2, 1], [1, 0, 3, 2], [2, 1, 0, 3], [3, 2, 1, 0]]),
        ("ab", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 0, 2], [0, 3, 2, 1]]),
        ("b odd: ab, else a+b", [[0, 0, 2, 0], [1, 1, 3, 3], [2, 2, 0, 2], [3, 3, 1, 1]]),
        ("a^2+b^2", [[0, 1, 0, 1], [1, 2, 1, 2], [0, 1, 0, 1], [1, 2, 1, 2]]),
        ("a^2+ab+b^2", [[0, 1, 0, 1], [1, 3, 3, 1], [0, 3, 0, 3], [1, 1, 3, 3]]),
        ("a^2+ab+b^2+a", [[0, 1, 0, 1], [2, 0, 0, 2], [2, 1, 2, 1], [0, 0, 2, 2]]),
        ("a^3+ab", [[0, 0, 0, 0], [1, 2, 3, 0], [0, 2, 0, 2], [3, 2, 1, 0]]),
    ],
)
def test_results_modulo_4_worked_out_by_hand(name, expected):
    assert_array_equal(table_of(f"{name} mod 4"), expected)


def test_large_numbers_are_exact():
    # 96³ + 96 · 95 = 893856 = 9214 · 97 + 98, and 98 = 1 modulo 97.
    assert table_of("a^3+ab mod 97")[96, 95] == 1


@pytest.mark.parametrize("modulus", [2, 27, 53])
def test_differences_undo_sums(modulus):
    total, difference = table_of(f"a+b mod {modulus}"), table_of(f"a-b mod {modulus}")
    a, b = np.indices(total.shape)
    assert_array_equal(difference[total, b], a)


def test_polynomials_agree_with_their_factors():
    # a³ + ab = a (a² + b), and a² + ab + b² + a = (a + b)² - a (b - 1) modulo any number.
    a, b = np.indices((27, 27))
    product, difference = table_of("ab mod 27"), table_of("a-b mod 27")
    total, square = table_of("a+b mod 27"), np.diag(product)
    assert_array_equal(table_of("a^3+ab mod 27"), product[a, total[square[a], b]])
    lowered = difference[b, np.ones_like(b)]
    expected = difference[square[total], product[a, lowered]]
    assert_array_equal(table_of("a^2+ab+b^2+a mod 27"), expected)


def test_modulo_53_every_number_but_0_has_a_reciprocal_and_modulo_27_not():
    assert np.all((table_of("ab mod 53")[1:] == 1).sum(axis=1) == 1)
    assert ((table_of("ab mod 27") == 1).sum(axis=1) == 0).sum() == 9  # the multiples of 3


def test_results_that_do_not_occur_leave_gaps():
    task = make_algorithmic_task("a^2+b^2 mod 4")
    assert task.n_elements == 4 and set(task.target) == {0, 1, 2}
    assert "3 of the elements occur" in task.DESCR


# Groups of permutations.


@pytest.mark.parametrize(("m", "order"), [(1, 1), (2, 2), (3, 6), (4, 24), (5, 120)])
def test_group_axioms(m, order):
    elements, product = symmetric_group(m)
    everything = np.arange(order)
    # Closure, and every row and column is a rearrangement.
    assert elements.shape == (order, m) and product.shape == (order, order)
    assert_array_equal(np.sort(product, axis=0), np.tile(everything[:, None], order))
    assert_array_equal(np.sort(product, axis=1), np.tile(everything, (order, 1)))
    # Identity and inverses, from either side.
    assert_array_equal(product[0], everything)
    assert_array_equal(product[:, 0], everything)
    assert_array_equal(product[everything, inverses(product)], 0)
    assert_array_equal(product[inverses(product), everything], 0)


@pytest.mark.parametrize("m", [3, 4, 5])
def test_products_are_associative(m):
    _, product = symmetric_group(m)
    a, b, c = np.ogrid[tuple(slice(n) for n in product.shape + product.shape[:1])]
    assert_array_equal(product[product[a, b], c], product[a, product[b, c]])


def test_the_group_is_that_of_the_permutations_and_not_another_of_its_order():
    elements, product = symmetric_group(4)
    assert elements[0].tolist() == [0, 1, 2, 3] and elements[-1].tolist() == [3, 2, 1, 0]
    # As matrices, an independent form: P(a)[a(i), i] = 1 and P(a*b) = P(a) P(b).
    matrices = np.eye(4)[elements].transpose(0, 2, 1)
    assert_array_equal(matrices[product], matrices[:, None] @ matrices[None])


def test_the_right_permutation_acts_first():
    # b swaps 0 and 1, a sends 0 -> 1 -> 2 -> 0; a after b sends 0 to a(1) = 2.
    a, b = element(4, 1, 2, 0, 3), element(4, 1, 0, 2, 3)
    assert table_of("a*b S4")[a, b] == element(4, 2, 1, 0, 3)
    assert table_of("a*b S4")[b, a] == element(4, 0, 2, 1, 3)


def test_conjugation_worked_out_by_hand():
    # Conjugating the swap of 0 and 1 renames what is swapped: a sends them to 1 and 2.
    a, b = element(4, 1, 2, 0, 3), element(4, 1, 0, 2, 3)
    assert table_of("a*b*a^-1 S4")[a, b] == element(4, 0, 2, 1, 3)


@pytest.mark.parametrize("group", ["S4", "S5"])
def test_conjugation_keeps_the_number_of_fixed_points(group):
    task = make_algorithmic_task(f"a*b*a^-1 {group}")
    n_fixed = (task.elements == np.arange(task.elements.shape[1])).sum(axis=1)
    assert_array_equal(n_fixed[task.target], n_fixed[task.operands[:, 1]])


@pytest.mark.parametrize("group", ["S4", "S5"])
def test_products_of_three_come_from_products_of_two(group):
    product = table_of(f"a*b {group}")
    a, b = np.indices(product.shape)
    assert_array_equal(table_of(f"a*b*a {group}"), product[a, product[b, a]])
    conjugates = table_of(f"a*b*a^-1 {group}")
    assert_array_equal(product[conjugates, a], product)  # a b a⁻¹ a = a b


# Names.


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("a + b  mod  27", "a+b mod 27"),
        ("a+b (mod 27)", "a+b mod 27"),
        ("a+bmod27", "a+b mod 27"),
        ("A+B MOD 27", "a+b mod 27"),
        ("a−b mod 27", "a-b mod 27"),
        ("a*b mod 27", "ab mod 27"),
        ("a·b mod 27", "ab mod 27"),
        ("If b odd, ab else a+b (mod 27)", "b odd: ab, else a+b mod 27"),
        ("a²+b² mod 27", "a^2+b^2 mod 27"),
        ("a**2 + b**2 mod 27", "a^2+b^2 mod 27"),
        ("a²+ab+b²+a mod 53", "a^2+ab+b^2+a mod 53"),
        ("a³+ab mod 27", "a^3+ab mod 27"),
        ("a^3+a*b mod 027", "a^3+ab mod 27"),
        ("a.b in S4", "a*b S4"),
        ("a·b·a s5", "a*b*a S5"),
        ("aba S5", "a*b*a S5"),
        ("a·b·a⁻¹ in S5", "a*b*a^-1 S5"),
        ("a*b*a^−1 S₅", "a*b*a^-1 S5"),
    ],
)
def test_other_spellings(spelling, name):
    assert parse_name(spelling) == parse_name(name)
    assert make_algorithmic_task(spelling).name == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "a+b", "mod 27", "a/b mod 27", "b+a mod 27", "a2+b2 mod 5", "a*b*a mod 27"),
        *("a+b mod n", "a+b mod 2.5", "a+b mod 2 7", "a+b mod 2*7", "a+b mod (2) (7)"),
        *("a*b S6", "a*b S3", "a*b A4", "a+b S4", "a*b S45", "a*b S4 S4"),
    ],
)
def test_an_unknown_name_gets_the_known_ones(name):
    with pytest.raises(ValueError, match="The 'name' parameter of make_algorithmic_task") as caught:
        make_algorithmic_task(name)
    message = str(caught.value)
    assert message.endswith(f"Got {name!r} instead.")
    for known in list_algorithmic_tasks():
        assert re.sub(r"mod \d+", "mod n", known) in message


@pytest.mark.parametrize("modulus", [1, 0, -3])
def test_moduli_below_2_are_refused(modulus):
    with pytest.raises(ValueError, match="must have a modulus of at least 2: modulo 1"):
        make_algorithmic_task(f"a+b mod {modulus}")


@pytest.mark.parametrize(("parameter", "value"), [("name", 27), ("return_X_y", "yes")])
def test_parameters_of_other_types_are_refused(parameter, value):
    arguments = {"name": "a+b mod 27", parameter: value}
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of make_algorithmic_task"):
        make_algorithmic_task(**arguments)


def test_only_the_name_is_positional():
    with pytest.raises(TypeError, match="positional"):
        make_algorithmic_task("a+b mod 27", True)
