"""Collages: images of two tiles, both of which tell the class in training, and one in tests."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from skibias._sklearn_compat import RANDOM_STATE, Interval, validate_params
from skibias._typing import RandomState
from skibias.datasets._labelled_images import (
    LabelledImages,
    check_class_sizes,
    check_labelled_images,
    check_same_classes,
    check_same_shape,
    make_generators,
    pad_to,
    split_source,
    to_grey,
    to_unit_range,
)

_OWNER = "make_collages"


class _Part(NamedTuple):
    """Which images a part is made of, and which of its two tiles shows the label's class."""

    share: str
    tells: tuple  # of the simple and the complex tile


_PARTS = {
    "train": _Part("train", (True, True)),
    "validation_simple": _Part("validation", (True, False)),
    "validation_complex": _Part("validation", (False, True)),
    "test_simple": _Part("test", (True, False)),
    "test_complex": _Part("test", (False, True)),
}
_POSITIVE = [Interval(Integral, 1, None, closed="left")]


@validate_params(
    {
        "simple": "no_validation",
        "complex": "no_validation",
        "simple_test": "no_validation",
        "complex_test": "no_validation",
        "n_train": _POSITIVE,
        "n_test": _POSITIVE,
        "holdout_fraction": [Interval(Real, 0, 0.5, closed="neither")],
        "random_state": RANDOM_STATE,
    },
)
def make_collages(
    simple: tuple[ArrayLike, ArrayLike],
    complex: tuple[ArrayLike, ArrayLike],
    *,
    simple_test: tuple[ArrayLike, ArrayLike] | None = None,
    complex_test: tuple[ArrayLike, ArrayLike] | None = None,
    n_train: int = 10_000,
    n_test: int = 2_000,
    holdout_fraction: float = 0.2,
    random_state: RandomState = None,
) -> Bunch:
    """Make collages of two tiles, which are equally good cues in training but not in tests.

    Every collage has an image of the first source on its left, and one of the second on its
    right. In training both are of the label's class, so that nothing says which to rely on. In
    two further pairs of sets one tile is of the label's class, and the other of a random one:
    the accuracy there tells which tile a model has come to rely on. Networks with ReLU take to
    the simpler one.

    Parameters
    ----------
    simple, complex : pair (images, labels)
        The sources of the left and the right tile: images of shape (n, h, w), or (n, h, w, 3)
        in colour, as uint8 or as floats from 0 to 1; labels of shape (n,). The classes must be
        the same in both, at least two.

    simple_test, complex_test : pair (images, labels) or None, default=None
        The images of the test sets, of the same shape and classes. None holds out some of
        ``simple`` or ``complex``.

    n_train : int, default=10_000
        The number of collages for training. Images are drawn with replacement, so that it may be
        larger than that of the images.

    n_test : int, default=2_000
        The number of collages in each of the validation and test sets.

    holdout_fraction : float, default=0.2
        The share of the images of each class, below one half, that is kept for the validation
        sets, and again for the test sets where no images are given for these: rounded down, at
        least one image.

    random_state : int, RandomState instance or None, default=None
        What the images are drawn with. With an int, the result is always the same, and does not
        change in one set with the size of another.

    Returns
    -------
    collages : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        train : Bunch
            Both tiles are of the label's class.
        validation_simple, test_simple : Bunch
            The left tile is of the label's class, the right one of any, equally often.
        validation_complex, test_complex : Bunch
            The right tile is of the label's class, the left one of any, equally often.
        image_shape : tuple (h, 2 * w)
            The shape of a collage, for ``data.reshape(-1, *image_shape)``.
        classes : ndarray of shape (K,)
            The labels there are.
        DESCR : str
            The description of the collages.

        Each of the five sets has

        data : ndarray of shape (n, h * 2 * w)
            The collages, float32 from 0 to 1, row after row of pixels.
        target : ndarray of shape (n,)
            Their labels, drawn at random.
        tile_labels : ndarray of shape (n, 2)
            The labels of the left and the right tile.

    Raises
    ------
    ValueError
        If images and labels are not as above, or a class has too few images to be split.

    See Also
    --------
    fetch_images : MNIST, Fashion-MNIST and CIFAR-10.

    Notes
    -----
    These are the collages of the paper's Section 3.4 and Appendix E.5 [1]_, of MNIST and CIFAR-10
    there. No image is in more than one of training, validation and test.

    *Different images.* Colours become grey (0.299 red + 0.587 green + 0.114 blue). The tiles
    have the larger of both heights and the larger of both widths, h and w; smaller images are
    put in the middle of a black frame.

    References
    ----------
    .. [1] Teney, D., Jiang, L., Gogianu, F. and Abbasnejad, E. (2025). Do We Always Need the
       Simplicity Bias? Looking for Optimal Inductive Biases in the Wild. CVPR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skibias.datasets import make_collages
    >>> digits = load_digits()
    >>> upright = digits.images / 16, digits.target
    >>> turned = digits.images[:, ::-1] / 16, digits.target
    >>> collages = make_collages(upright, turned, n_train=500, random_state=0)
    >>> collages.image_shape, collages.train.data.shape
    ((8, 16), (500, 128))
    >>> [float((collages.test_simple.tile_labels[:, tile] == collages.test_simple.target).mean())
    ...  for tile in (0, 1)]
    [1.0, 0.1...]

    With MNIST and CIFAR-10, and the test images of either in the test sets:

    >>> from skibias.datasets import fetch_images
    >>> mnist, cifar = fetch_images("mnist"), fetch_images("cifar10")  # doctest: +SKIP
    >>> collages = make_collages(
    ...     mnist.train, cifar.train, simple_test=mnist.test, complex_test=cifar.test
    ... )  # doctest: +SKIP
    """
    sources = _check_sources(simple, complex, simple_test, complex_test)
    generators = make_generators(random_state, ["split", *_PARTS])
    shares = _split(sources, holdout_fraction, generators["split"])
    sizes = {"train": n_train, "validation": n_test, "test": n_test}
    height, width = (max(s.images.shape[axis] for s, _ in sources) for axis in (1, 2))
    parts = {
        name: _make_part(shares[part.share], part.tells, sizes[part.share], generators[name])
        for name, part in _PARTS.items()
    }
    classes = sources[0][0].classes
    summary = (
        f"Collages of two tiles of {height} x {width} pixels, {len(classes)} classes. In training "
        "both tiles tell the class; in validation_simple and test_simple the left one, in "
        "validation_complex and test_complex the right one, and the other is random."
    )
    return Bunch(**parts, image_shape=(height, 2 * width), classes=classes, DESCR=summary)


def _check_sources(
    simple: Any, complex: Any, simple_test: Any, complex_test: Any
) -> list[tuple[LabelledImages, LabelledImages | None]]:
    """Return for either tile a pair of `LabelledImages`: the source, and its test images."""
    given = {"simple": (simple, simple_test), "complex": (complex, complex_test)}
    sources = [_check_source(name, *pairs) for name, pairs in given.items()]
    check_same_classes(sources[0][0], sources[1][0], tuple(given), _OWNER)
    return sources


def _check_source(
    name: str, pair: Any, test_pair: Any
) -> tuple[LabelledImages, LabelledImages | None]:
    source = check_labelled_images(pair, name, _OWNER)
    if test_pair is None:
        check_class_sizes(source, 3, name, _OWNER)
        return source, None
    check_class_sizes(source, 2, name, _OWNER)
    test = check_labelled_images(test_pair, f"{name}_test", _OWNER)
    check_same_shape(source, test, (name, f"{name}_test"), _OWNER)
    check_same_classes(source, test, (name, f"{name}_test"), _OWNER)
    return source, test


def _split(sources: Any, fraction: float, generator: np.random.RandomState) -> dict[str, Any]:
    """Return for each share the images of the left and of the right tile."""
    splits = [split_source(source, test, fraction, generator) for source, test in sources]
    return dict(zip(("train", "validation", "test"), zip(*splits, strict=True), strict=True))


def _make_part(
    tile_sources: Sequence[LabelledImages],
    tells: Sequence[bool],
    n: int,
    generator: np.random.RandomState,
) -> Bunch:
    """Make n collages; ``tells`` says of either tile whether it is of the label's class."""
    classes = tile_sources[0].classes
    target = generator.randint(len(classes), size=n)
    tile_codes = [target if told else generator.randint(len(classes), size=n) for told in tells]
    drawn = [
        draw_images(source, codes, generator)
        for source, codes in zip(tile_sources, tile_codes, strict=True)
    ]
    return Bunch(
        data=put_side_by_side(*drawn).reshape(n, -1),
        target=classes[target],
        tile_labels=classes[np.column_stack(tile_codes)],
    )


def draw_images(
    source: LabelledImages, codes: np.ndarray, generator: np.random.RandomState
) -> np.ndarray:
    """Draw an image of each of the classes (n,) and return them as float32, in grey."""
    rows = np.empty(len(codes), dtype=np.intp)
    for code in range(len(source.classes)):
        wanted = codes == code
        rows[wanted] = generator.choice(np.flatnonzero(source.codes == code), wanted.sum())
    return to_grey(to_unit_range(source.images[rows]))


def put_side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Join images (n, h, w) of two sizes to images (n, H, 2 W) of the larger height and width."""
    height, width = (max(left.shape[axis], right.shape[axis]) for axis in (1, 2))
    return np.concatenate([pad_to(tile, height, width) for tile in (left, right)], axis=2)
