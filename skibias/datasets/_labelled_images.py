"""Images with labels, as sources of generated data: checks, shares of each class, grey tiles.

Notation: n images of h x w pixels, c = 3 colours where there are any, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skibias._run.seeds import draw_seed
from skibias._typing import RandomState

# Rec. 601 of the ITU: the luma of red, green and blue.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class LabelledImages(NamedTuple):
    """Images, and the number of the class of each."""

    images: np.ndarray  # (n, h, w) or (n, h, w, 3), uint8 or floats from 0 to 1
    codes: np.ndarray  # (n,), positions in `classes`
    classes: np.ndarray  # (K,), the labels in sorted order

    def take(self, rows: np.ndarray) -> LabelledImages:
        """Return some of the images."""
        return self._replace(images=self.images[rows], codes=self.codes[rows])


def check_labelled_images(pair: Any, name: str, owner: str) -> LabelledImages:
    """Check a pair (images, labels) and return it as `LabelledImages`.

    Raises
    ------
    ValueError
        If they are not images and their labels. The parameter ``name`` of ``owner`` is named.
    """
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise _error(name, owner, "a pair (images, labels)", type(pair).__name__)
    images, labels = (np.asarray(part) for part in pair)
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)) or not images.size:
        rule = "images of shape (n, h, w) or (n, h, w, 3), at least one"
        raise _error(name, owner, rule, f"shape {images.shape}")
    if labels.shape != images.shape[:1]:
        rule = f"one label for each of its {len(images)} images"
        raise _error(name, owner, rule, f"labels of shape {labels.shape}")
    _check_values(images, name, owner)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise _error(name, owner, "images of at least two classes", f"only {classes.tolist()}")
    return LabelledImages(images, codes, classes)


def _check_values(images: np.ndarray, name: str, owner: str) -> None:
    rule = "images as uint8, or as floats from 0 to 1"
    if images.dtype == np.uint8:
        return
    if not np.issubdtype(images.dtype, np.floating):
        raise _error(name, owner, rule, f"the type {images.dtype}")
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= 1):  # also if they are not numbers
        raise _error(name, owner, rule, f"floats from {lowest:g} to {highest:g}")


def check_same_classes(
    first: LabelledImages, second: LabelledImages, names: Sequence[str], owner: str
) -> None:
    """Refuse two sets of images that do not have the same classes."""
    if not np.array_equal(first.classes, second.classes):
        raise ValueError(
            f"The {names[0]!r} and {names[1]!r} parameters of {owner} must have the same classes. "
            f"Got {first.classes.tolist()} and {second.classes.tolist()} instead."
        )


def check_same_shape(
    first: LabelledImages, second: LabelledImages, names: Sequence[str], owner: str
) -> None:
    """Refuse two sets of images that do not have the same shape."""
    shapes = first.images.shape[1:], second.images.shape[1:]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"The {names[0]!r} and {names[1]!r} parameters of {owner} must have images of the "
            f"same shape. Got {shapes[0]} and {shapes[1]} instead."
        )


def check_class_sizes(source: LabelledImages, n_shares: int, name: str, owner: str) -> None:
    """Refuse images of which some class cannot be split into so many shares."""
    counts = np.bincount(source.codes)
    if counts.min() < n_shares:
        rule = f"at least {n_shares} images of each class, to be split in so many parts"
        smallest = source.classes[counts.argmin()]
        raise _error(name, owner, rule, f"{counts.min()} of the class {smallest}")


def _error(name: str, owner: str, rule: str, got: Any) -> ValueError:
    return ValueError(f"The {name!r} parameter of {owner} must hold {rule}. Got {got} instead.")


def split_source(
    source: LabelledImages,
    test: LabelledImages | None,
    fraction: float,
    generator: np.random.RandomState,
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Split images at random into training, validation and test.

    Parameters
    ----------
    source : LabelledImages
        The images.
    test : LabelledImages or None
        The images for testing; None takes them from the source.
    fraction : float
        The share of each class of the source that goes to validation, and to testing if no
        images are given for that: rounded down, but at least one image.
    generator : RandomState
        What they are drawn with.

    Returns
    -------
    train, validation, test : LabelledImages
        Each in the order of its source.
    """
    n_held_out = 2 if test is None else 1  # shares
    share_of = np.full(len(source.codes), n_held_out)
    for code in range(len(source.classes)):
        rows = generator.permutation(np.flatnonzero(source.codes == code))
        size = max(1, int(fraction * len(rows)))
        for share in range(n_held_out):
            share_of[rows[share * size : (share + 1) * size]] = share
    validation, *rest = (source.take(share_of == share) for share in range(n_held_out + 1))
    return rest[-1], validation, rest[0] if test is None else test


def make_generators(
    random_state: RandomState, names: Sequence[str]
) -> dict[str, np.random.RandomState]:
    """Make an independent generator for each name, so that no draw moves another's.

    None as ``random_state`` gives fresh ones; NumPy's global generator is left alone.
    """
    seed = draw_seed(random_state)
    return {name: np.random.RandomState([seed, number]) for number, name in enumerate(names)}


def to_unit_range(images: np.ndarray) -> np.ndarray:
    """Return images as float32 from 0 to 1."""
    scale = 255 if images.dtype == np.uint8 else 1
    return images.astype(np.float32) / np.float32(scale)


def to_grey(images: np.ndarray) -> np.ndarray:
    """Return images (n, h, w) of floats as they are, and turn (n, h, w, 3) into their luma."""
    return images if images.ndim == 3 else images @ _LUMA


def pad_to(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Put images (n, h, w) in the middle of a black frame of height x width pixels."""
    missing = height - images.shape[1], width - images.shape[2]
    margins = [(pixels // 2, pixels - pixels // 2) for pixels in missing]
    return np.pad(images, [(0, 0), *margins])
