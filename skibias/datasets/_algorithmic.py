"""Algorithmic tasks: tables of binary operations, modulo a number or in a group of permutations.

Notation: n elements, the numbers 0 … n - 1; operands a and b; every table has shape (n, n), with
the result of a and b in row a and column b.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skibias._sklearn_compat import validate_params
from skibias._typing import Dataset

_MODULI = (27, 53)  # of the paper's tasks
_GROUPS = {"S4": 4, "S5": 5}  # the number of things that are permuted

_MODULAR_OPERATIONS = {
    "a+b": lambda a, b: a + b,
    "a-b": lambda a, b: a - b,
    "ab": lambda a, b: a * b,
    "b odd: ab, else a+b": lambda a, b: np.where(b % 2 == 1, a * b, a + b),
    "a^2+b^2": lambda a, b: a**2 + b**2,
    "a^2+ab+b^2": lambda a, b: a**2 + a * b + b**2,
    "a^2+ab+b^2+a": lambda a, b: a**2 + a * b + b**2 + a,
    "a^3+ab": lambda a, b: a**3 + a * b,
}
_GROUP_OPERATIONS = {
    "a*b": lambda product, a, b: product[a, b],
    "a*b*a": lambda product, a, b: product[product[a, b], a],
    "a*b*a^-1": lambda product, a, b: product[product[a, b], inverses(product)[a]],
}

# Other ways to write the same, besides what Unicode takes for equivalent.
_REPLACEMENTS = {"\N{MINUS SIGN}": "-", "²": "^2", "³": "^3", "⁻¹": "^-1", "**": "^"}
# "a*b", "a·b", "a.b" and "ab" are all one product. Between digits nothing is ignored: "2.5".
_IGNORED = r"if|in|(?<!\d)[\s()*.·×:,]++|[\s()*.·×:,]++(?!\d)"


def list_algorithmic_tasks() -> list[str]:
    """List the names of the 22 tasks of the paper, for :func:`make_algorithmic_task`.

    Returns
    -------
    names : list of 22 str
        Eight operations modulo 27 and three in the group S4, then the same modulo 53 and in S5,
        which is the order of the paper's Figure 27 [1]_.

    References
    ----------
    .. [1] Teney, D., Jiang, L., Gogianu, F. and Abbasnejad, E. (2025). Do We Always Need the
       Simplicity Bias? Looking for Optimal Inductive Biases in the Wild. CVPR.

    Examples
    --------
    >>> from skibias.datasets import list_algorithmic_tasks
    >>> names = list_algorithmic_tasks()
    >>> names[:4]
    ['a+b mod 27', 'a-b mod 27', 'ab mod 27', 'b odd: ab, else a+b mod 27']
    >>> names[-1]
    'a*b*a^-1 S5'
    """
    return [
        name
        for modulus, group in zip(_MODULI, _GROUPS, strict=True)
        for name in [
            *(f"{operation} mod {modulus}" for operation in _MODULAR_OPERATIONS),
            *(f"{operation} {group}" for operation in _GROUP_OPERATIONS),
        ]
    ]


@validate_params({"name": [str], "return_X_y": ["boolean"]})
def make_algorithmic_task(name: str, *, return_X_y: bool = False) -> Dataset:
    """Make all examples of an algorithmic task: a binary operation on a finite set.

    A network sees two elements a and b of the set as one-hot vectors, and tells their result.
    Such tasks are what grokking was found on: networks fit the training examples long before
    they find the rule, if they do [2]_. The data are complete and in a fixed order: shuffle
    before any sequential split.

    Parameters
    ----------
    name : str
        One of the operations modulo any number n >= 2, here n = 27

        - ``"a+b mod 27"``, ``"a-b mod 27"``, ``"ab mod 27"``,
        - ``"b odd: ab, else a+b mod 27"``, where "odd" is said of the number b in 0 … n - 1,
        - ``"a^2+b^2 mod 27"``, ``"a^2+ab+b^2 mod 27"``, ``"a^2+ab+b^2+a mod 27"``,
          ``"a^3+ab mod 27"``,

        or one of the operations in a group of permutations, here S5

        - ``"a*b S5"``, ``"a*b*a S5"``, ``"a*b*a^-1 S5"``, and the same in ``S4``.

        Other spellings are understood: any spaces, ``a²`` and ``a**2`` for ``a^2``, ``a·b`` and
        ``a.b`` for ``a*b`` or ``ab``, ``a⁻¹`` for ``a^-1``, ``"(mod 27)"``, ``"in S5"``, and
        "If b odd, …" for the fourth.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        data : ndarray of shape (n * n, 2 * n)
            The one-hot vectors of a and b side by side, float64. Row ``a * n + b`` is that of
            the pair (a, b). n is the modulus, 24 for S4, or 120 for S5.
        target : ndarray of shape (n * n,)
            The number of the result, 0 … n - 1, int64. Some operations do not have all elements
            as results.
        operands : ndarray of shape (n * n, 2)
            The numbers of a and b, int64.
        n_elements : int
            n, the size of the set.
        elements : ndarray of shape (n,) or (n, m)
            What the numbers stand for: themselves, or the permutations of m = 4 or 5 things as
            the positions they send 0 … m - 1 to, in the order of the dictionary.
        name : str
            The name in the spelling above.
        DESCR : str
            The description of the task.

    (data, target) : tuple if ``return_X_y`` is True
        The one-hot vectors and the results alone.

    Raises
    ------
    ValueError
        If the operation is not known, or the modulus is below 2.

    See Also
    --------
    list_algorithmic_tasks : The names of the 22 tasks of the paper.

    Notes
    -----
    The tasks are those of the paper's Appendix E.6 and Figure 27 [1]_, taken from [2]_; there n
    is 27 or 53, 80 % of the pairs are drawn for training, and the others are for testing.
    In ``a*b``, b acts first: (a*b)(i) = a(b(i)). ``data`` has 2 n³ numbers, so that large moduli
    need much memory: 16 MB for n = 100, and 16 GB for n = 1000.

    References
    ----------
    .. [1] Teney, D., Jiang, L., Gogianu, F. and Abbasnejad, E. (2025). Do We Always Need the
       Simplicity Bias? Looking for Optimal Inductive Biases in the Wild. CVPR.
    .. [2] Power, A., Burda, Y., Edwards, H., Babuschkin, I. and Misra, V. (2022). Grokking:
       Generalization Beyond Overfitting on Small Algorithmic Datasets. arXiv:2201.02177.

    Examples
    --------
    >>> from skibias.datasets import make_algorithmic_task
    >>> X, y = make_algorithmic_task("a+b mod 3", return_X_y=True)
    >>> X[5], int(y[5])  # 1 + 2 = 0 modulo 3
    (array([0., 1., 0., 0., 0., 1.]), 0)
    >>> task = make_algorithmic_task("a·b in S4")
    >>> task.name, task.n_elements, task.data.shape
    ('a*b S4', 24, (576, 48))
    """
    operation, domain = parse_name(name)
    table, elements = _make_table(operation, domain)
    operands, data = _all_pairs(len(table))
    target = table.ravel()
    if return_X_y:
        return data, target
    canonical = f"{operation} {domain if domain in _GROUPS else f'mod {domain}'}"
    return Bunch(
        data=data,
        target=target,
        operands=operands,
        n_elements=len(table),
        elements=elements,
        name=canonical,
        DESCR=_describe(canonical, table),
    )


# From names to operations.


def parse_name(name: str) -> tuple[str, Any]:
    """Split a name into the operation, as it is spelled here, and a modulus or a group."""
    text = _plain(name)
    modular = re.fullmatch(r"(.+)mod(-?\d+)", text)
    in_group = re.fullmatch(r"(.+)(s\d+)", text)
    if modular and modular[1] in _MODULAR_SPELLINGS:
        return _MODULAR_SPELLINGS[modular[1]], _checked_modulus(int(modular[2]), name)
    if in_group and in_group[1] in _GROUP_SPELLINGS and in_group[2].upper() in _GROUPS:
        return _GROUP_SPELLINGS[in_group[1]], in_group[2].upper()
    known = [f"{operation} mod n" for operation in _MODULAR_OPERATIONS]
    known += [f"{operation} {group}" for group in _GROUPS for operation in _GROUP_OPERATIONS]
    raise ValueError(
        "The 'name' parameter of make_algorithmic_task must be one of the names "
        f"{'; '.join(known)}; where n is a whole number of at least 2. Got {name!r} instead."
    )


def _plain(name: str) -> str:
    """Reduce a name to what tells it from the others."""
    for symbol, plain in _REPLACEMENTS.items():
        name = name.replace(symbol, plain)
    return re.sub(_IGNORED, "", unicodedata.normalize("NFKC", name).lower())


_MODULAR_SPELLINGS = {_plain(operation): operation for operation in _MODULAR_OPERATIONS}
_GROUP_SPELLINGS = {_plain(operation): operation for operation in _GROUP_OPERATIONS}


def _checked_modulus(modulus: int, name: str) -> int:
    if modulus < 2:
        raise ValueError(
            "The 'name' parameter of make_algorithmic_task must have a modulus of at least 2: "
            "modulo 1 all results are the same, and modulo 0 or less there are none. "
            f"Got {name!r} instead."
        )
    return modulus


# From operations to tables.


def _make_table(operation: str, domain: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the table (n, n) of an operation and what its n numbers stand for."""
    if domain in _GROUPS:
        elements, product = symmetric_group(_GROUPS[domain])
        a, b = np.indices(product.shape)
        return _GROUP_OPERATIONS[operation](product, a, b), elements
    a, b = np.indices((domain, domain))
    return _MODULAR_OPERATIONS[operation](a, b) % domain, np.arange(domain)


def symmetric_group(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the group of the permutations of m things.

    Returns
    -------
    elements : ndarray of shape (m!, m)
        The permutations in the order of the dictionary, the identity first.
    product : ndarray of shape (m!, m!)
        The number of a*b, in which b acts first.
    """
    elements = np.array(list(itertools.permutations(range(m))))
    composed = np.stack([a[elements] for a in elements])  # (m!, m!, m): a(b(i))
    # In base m, the digits of a permutation are a number that orders as the dictionary does.
    place_values = m ** np.arange(m)[::-1]
    product = np.searchsorted(elements @ place_values, composed @ place_values)
    return elements, product


def inverses(product: np.ndarray) -> np.ndarray:
    """Return the inverse of each element (n,) from a group's table (n, n); 0 is the identity."""
    return np.argmin(product, axis=1)


def _all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the operands (n², 2) of all pairs and their one-hot vectors (n², 2 n)."""
    operands = np.indices((n, n)).reshape(2, -1).T.copy()
    return operands, np.eye(n)[operands].reshape(n * n, 2 * n)


def _describe(name: str, table: Any) -> str:
    n = len(table)
    return (
        f"{name}: all {n * n} pairs (a, b) of {n} elements as one-hot vectors, and the results.\n"
        f"{len(np.unique(table))} of the elements occur as results. In products of permutations "
        "the right one acts first."
    )
