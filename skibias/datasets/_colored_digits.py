"""Coloured digits: the colour tells the label in training, and does not in tests."""

from __future__ import annotations

import colorsys
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.datasets import load_digits
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
    split_source,
    to_unit_range,
)

_OWNER = "make_colored_digits"
_LARGEST_VALUE_OF_DIGITS = 16  # in load_digits
_PARTS = ("train", "validation", "test_aligned", "test_random", "test_reversed")


@validate_params(
    {
        "digits": "no_validation",
        "digits_test": "no_validation",
        "correlation": [Interval(Real, 0, 1, closed="both")],
        "holdout_fraction": [Interval(Real, 0, 0.5, closed="neither")],
        "random_state": RANDOM_STATE,
    },
)
def make_colored_digits(
    digits: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    digits_test: tuple[ArrayLike, ArrayLike] | None = None,
    correlation: float = 0.9,
    holdout_fraction: float = 0.2,
    random_state: RandomState = None,
) -> Bunch:
    """Colour digits so that in training the colour, too, tells which digit it is.

    There are as many colours as classes. In training an image has the colour of its class with
    the probability ``correlation``, and otherwise any other. The shape always tells the class,
    but the colour is the simpler cue, and what a model has learned shows in tests where the
    colour is random, or always that of another class.

    Parameters
    ----------
    digits : pair (images, labels) or None, default=None
        The images, of shape (n, h, w) as uint8 or as floats from 0 to 1, and the labels, of
        shape (n,), of at least two classes. None takes the 1797 digits of
        :func:`sklearn.datasets.load_digits`, 8 x 8 pixels each.

    digits_test : pair (images, labels) or None, default=None
        The images of the test sets, of the same shape and classes. None holds out some of
        ``digits``.

    correlation : float, default=0.9
        The probability, from 0 to 1, that an image has the colour of its class, in training and
        in ``test_aligned``. With 1 colours tell all; with 1 / K, for K classes, nothing.

    holdout_fraction : float, default=0.2
        The share of the images of each class, below one half, that is kept for validation, and
        again for the tests where no images are given for these: rounded down, at least one
        image.

    random_state : int, RandomState instance or None, default=None
        What images and colours are drawn with. With an int, the result is always the same.

    Returns
    -------
    colored : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        train : Bunch
            Colours tell the class with the probability ``correlation``.
        validation : Bunch
            Colours are random, each as probable as any.
        test_aligned, test_random, test_reversed : Bunch
            The test images, coloured as in ``train``, at random, and in any colour but that of
            their class. The images are the same, in the same order.
        image_shape : tuple (h, w, 3)
            The shape of an image, for ``data.reshape(-1, *image_shape)``.
        palette : ndarray of shape (K, 3)
            The red, green and blue of the colours, those of the classes in sorted order: hues
            at equal distances, from red.
        classes : ndarray of shape (K,)
            The labels there are.
        DESCR : str
            The description of the data.

        Each of the five sets has

        data : ndarray of shape (n, h * w * 3)
            The images, float32 from 0 to 1, in the order of their source.
        target : ndarray of shape (n,)
            Their labels.
        color_labels : ndarray of shape (n,)
            The labels of the classes whose colours they have.

    Raises
    ------
    ValueError
        If images and labels are not as above, or a class has too few images to be split.

    See Also
    --------
    fetch_images : MNIST and others.

    Notes
    -----
    A benchmark of this kind is Colored-MNIST [1]_; Neural Redshift [2]_ looks for a preferred
    complexity with which a network learns the digit. To have the two classes and the noise of
    [1]_, pass as labels whether the digit is below 5, a quarter of them inverted. No image is in
    more than one of training, validation and test.

    References
    ----------
    .. [1] Arjovsky, M., Bottou, L., Gulrajani, I. and Lopez-Paz, D. (2019). Invariant Risk
       Minimization. arXiv:1907.02893.
    .. [2] Teney, D., Nicolicioiu, A. M., Hartmann, V. and Abbasnejad, E. (2024). Neural Redshift:
       Random Networks are not Random Functions. CVPR.

    Examples
    --------
    >>> from skibias.datasets import make_colored_digits
    >>> colored = make_colored_digits(random_state=0)
    >>> colored.train.data.shape, colored.test_random.data.shape
    ((1087, 192), (355, 192))
    >>> for name in ("train", "test_aligned", "test_random", "test_reversed"):
    ...     part = colored[name]
    ...     print(f"{name:<13} {(part.color_labels == part.target).mean():.1f}")
    train         0.9
    test_aligned  0.9
    test_random   0.1
    test_reversed 0.0
    """
    source, test = _check_digits(digits, digits_test)
    generators = make_generators(random_state, ["split", *_PARTS])
    train, validation, test = split_source(source, test, holdout_fraction, generators["split"])
    n_classes = len(source.classes)
    palette = make_palette(n_classes)
    plan = [(train, correlation), (validation, 1 / n_classes)]
    plan += [(test, correlation), (test, 1 / n_classes), (test, 0)]
    parts = {
        name: _color(images, palette, probability, generators[name])
        for name, (images, probability) in zip(_PARTS, plan, strict=True)
    }
    summary = (
        f"Images of {n_classes} classes in as many colours. In train and test_aligned an image "
        f"has the colour of its class with the probability {correlation:g}; in validation and "
        "test_random colours are random; in test_reversed they are those of other classes."
    )
    image_shape = (*source.images.shape[1:], 3)
    details = {"palette": palette, "classes": source.classes, "DESCR": summary}
    return Bunch(**parts, image_shape=image_shape, **details)


def _check_digits(digits: Any, digits_test: Any) -> tuple[LabelledImages, LabelledImages | None]:
    """Return the source and its test images, None if there are none."""
    if digits is None:
        bundled = load_digits()
        digits = bundled.images / _LARGEST_VALUE_OF_DIGITS, bundled.target
    source = _check_grey(digits, "digits")
    check_class_sizes(source, 3 if digits_test is None else 2, "digits", _OWNER)
    if digits_test is None:
        return source, None
    test = _check_grey(digits_test, "digits_test")
    check_same_shape(source, test, ("digits", "digits_test"), _OWNER)
    check_same_classes(source, test, ("digits", "digits_test"), _OWNER)
    return source, test


def _check_grey(pair: Any, name: str) -> LabelledImages:
    source = check_labelled_images(pair, name, _OWNER)
    if source.images.ndim != 3:
        raise ValueError(
            f"The {name!r} parameter of {_OWNER} must hold grey images of shape (n, h, w), since "
            f"they are given colours. Got shape {source.images.shape} instead."
        )
    return source


def make_palette(n_colors: int) -> np.ndarray:
    """Return colours (n_colors, 3) as red, green and blue, their hues at equal distances."""
    return np.array([colorsys.hsv_to_rgb(hue / n_colors, 1, 1) for hue in range(n_colors)])


def draw_colors(
    codes: np.ndarray, n_colors: int, probability: float, generator: np.random.RandomState
) -> np.ndarray:
    """Draw for each class (n,) its own colour with a probability, and else any of the others."""
    has_own = generator.uniform(size=len(codes)) < probability
    another = (codes + generator.randint(1, n_colors, size=len(codes))) % n_colors
    return np.where(has_own, codes, another)


def _color(
    source: LabelledImages,
    palette: np.ndarray,
    probability: float,
    generator: np.random.RandomState,
) -> Bunch:
    """Colour images (n, h, w) and return them with their labels and those of their colours."""
    colors = draw_colors(source.codes, len(palette), probability, generator)
    shades = to_unit_range(source.images)[..., None]  # (n, h, w, 1)
    colored = shades * palette.astype(np.float32)[colors][:, None, None]  # (n, h, w, 3)
    return Bunch(
        data=colored.reshape(len(colored), -1),
        target=source.classes[source.codes],
        color_labels=source.classes[colors],
    )
