"""Images of digits, clothes and things by name: MNIST, Fashion-MNIST and CIFAR-10."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skibias._docstrings import shared_parts
from skibias._sklearn_compat import StrOptions, validate_params
from skibias._typing import Dataset
from skibias.datasets._local import local_copy_hint, local_folder, read_first_usable
from skibias.datasets._openml import DOWNLOAD_PARAMETERS, DOWNLOAD_RULES, read_openml

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_N_CLASSES = 10


class ImageSet(NamedTuple):
    """What is known of a data set."""

    data_id: int  # on OpenML, where the test images come last
    file: str  # the name of a local copy, without its ending
    shape: tuple  # of an image: (h, w) or (h, w, 3)
    n_train: int
    test_counts: tuple  # of the classes in the test part, by which it is known on OpenML
    classes: str  # their names, with commas between


SETS = {
    "mnist": ImageSet(
        554,
        "mnist",
        (28, 28),
        60_000,
        (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ),
    "fashion": ImageSet(
        40996,
        "fashion-mnist",
        (28, 28),
        60_000,
        (1000,) * _N_CLASSES,
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot",
    ),
    "cifar10": ImageSet(
        40927,
        "cifar10",
        (32, 32, 3),
        50_000,
        (1000,) * _N_CLASSES,
        "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck",
    ),
}


_Part = tuple[np.ndarray, np.ndarray]  # images (n, *shape), uint8, and labels (n,), int64


class _Images(NamedTuple):
    """A data set as it was read: the images and labels of both parts, and where they are from."""

    train: _Part
    test: _Part
    description: str
    details: dict[str, Any]


@shared_parts(download_parameters=DOWNLOAD_PARAMETERS)
@validate_params(
    {
        "name": [StrOptions(set(SETS))],
        "return_X_y": ["boolean"],
        **DOWNLOAD_RULES,
    },
)
def fetch_images(
    name: str,
    *,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
    verbose: int = 0,
) -> Dataset:
    """Load MNIST, Fashion-MNIST or CIFAR-10: small images of ten classes.

    A set is read from a local folder if the environment variable ``SKIBIAS_DATA`` names one that
    holds it, and otherwise from OpenML, through openml-python and its cache on disk.

    =========== ================================= ============= ================= =========
    name        images                            shape         training + test   OpenML id
    =========== ================================= ============= ================= =========
    "mnist"     handwritten digits                28 x 28       60,000 + 10,000   554
    "fashion"   clothes, shoes and bags           28 x 28       60,000 + 10,000   40996
    "cifar10"   animals and vehicles, in colour   32 x 32 x 3   50,000 + 10,000   40927
    =========== ================================= ============= ================= =========

    Parameters
    ----------
    name : {"mnist", "fashion", "cifar10"}
        The name of the data set.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    {download_parameters}

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        data : ndarray of shape (n, h, w) or (n, h, w, 3)
            The images, uint8: first those for training, then those for testing. The colours are
            red, green and blue.
        target : ndarray of shape (n,)
            The classes, 0 to 9, int64.
        train, test : tuple (images, labels)
            The two parts of the source, which are parts of ``data`` and ``target`` in memory.
        target_names : ndarray of shape (10,)
            The names of the classes.
        DESCR : str
            The description of the data.
        data_id : int
            The id on OpenML.
        url : str
            The address on OpenML.
        details : dict
            Where the data are from. ``version`` is "original", or for a local copy also
            "jpeg-subset", see Notes; beside it are ``file`` of a local copy, or ``name``,
            ``version_on_openml`` and ``licence`` on OpenML.

    (data, target) : tuple if ``return_X_y`` is True
        The images and the classes alone.

    Raises
    ------
    ValueError
        If the name is not known, or another parameter or ``SKIBIAS_DATA`` is out of its range.
    ImportError
        If openml, pandas and pyarrow are not installed, and there is no local copy.
    ConnectionError
        If there is no copy, neither local nor in openml's cache, and the download fails.
    OSError
        If the files in openml's cache cannot be read, or are not the data set.

    Warns
    -----
    UserWarning
        If a local copy cannot be used. It is named and passed over.

    See Also
    --------
    make_collages : Two images side by side, of which both tell the class, or one.
    make_colored_digits : Digits in colours that tell the class, or do not.

    Notes
    -----
    *Local copies.* The folder in ``SKIBIAS_DATA`` may hold ``mnist.npz``, ``fashion-mnist.npz``
    or ``cifar10.npz``, with images as uint8 under the keys ``x_train`` and ``x_test`` and their
    classes under ``y_train`` and ``y_test``; other keys are not read. In place of the last it
    may hold ``cifar10-jpeg-<number>k.npz``, a subset of lossy copies. That is *not* CIFAR-10:
    results are not comparable with published ones.

    *OpenML.* There both parts are one table. Its last rows are checked to have as many images of
    each class as the test part of the source.

    Examples
    --------
    >>> from skibias.datasets import fetch_images
    >>> mnist = fetch_images("mnist")  # doctest: +SKIP
    >>> X_train, y_train = mnist.train  # doctest: +SKIP
    >>> X_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    known = SETS[name]
    folder = local_folder()
    copies = [] if folder is None else find_local_images(folder, known.file)
    images = read_first_usable(copies, partial(_read_copy, shape=known.shape), name, verbose)
    if images is None:
        download = {"data_home": data_home, "n_retries": n_retries, "delay": delay}
        images = read_openml_images(name, known, folder, verbose=verbose, **download)
    bunch = to_bunch(name, known, images)
    return (bunch.data, bunch.target) if return_X_y else bunch


# Local copies.


def find_local_images(folder: Path, file: str) -> list[tuple[Path, str]]:
    """List the copies of a set in a folder as pairs (path, version), the best first."""
    subsets = [
        (int(match[1]), path)
        for path in folder.iterdir()
        if (match := re.fullmatch(rf"{re.escape(file)}-jpeg-(\d+)k\.npz", path.name))
    ]
    candidates = [(folder / f"{file}.npz", "original")]
    candidates += [(path, "jpeg-subset") for _, path in sorted(subsets, reverse=True)]
    return [(path, version) for path, version in candidates if path.is_file()]


def _read_copy(path: Path, version: str, shape: tuple[int, ...]) -> _Images:
    """Read a local copy; a ValueError or OSError says why it cannot be used."""
    train, test = read_npz(path, shape)
    return _Images(train, test, "", {"version": version, "file": str(path)})


def read_npz(path: Path, shape: tuple[int, ...]) -> tuple[_Part, _Part]:
    """Read the images and labels of both parts; a ValueError or OSError says why they cannot be.

    Returns
    -------
    train, test : tuple (images, labels)
        Images (n, *shape) as uint8 and labels (n,) as int64.
    """
    try:
        # Opened here, since np.load leaves a file open that is not what it should be.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [key for key in _KEYS if key not in file]
            if missing:
                raise ValueError(f"it has no {' and no '.join(missing)}")
            x_train, y_train, x_test, y_test = (file[key] for key in _KEYS)
    except (zipfile.BadZipFile, zlib.error, EOFError, TypeError) as error:
        raise ValueError(f"it cannot be read ({type(error).__name__}: {error})") from error
    return _check_part(x_train, y_train, shape), _check_part(x_test, y_test, shape)


def _check_part(images: np.ndarray, labels: Any, shape: tuple[int, ...]) -> _Part:
    if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
        raise ValueError(
            f"its images have the type {images.dtype} and the shape {images.shape}, not uint8 and "
            f"(n, {', '.join(map(str, shape))})"
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(f"it has labels of shape {labels.shape} for {len(images)} images")
    return images, _check_labels(labels)


def _check_labels(labels: Any) -> np.ndarray:
    """Return labels as int64 if they are the numbers of the classes."""
    if not np.isin(labels, np.arange(_N_CLASSES)).all():
        raise ValueError("its labels are not numbers from 0 to 9")
    return labels.astype(np.int64)


# OpenML.


def read_openml_images(name: str, known: ImageSet, folder: Path | None, **options: Any) -> _Images:
    """Read a set from OpenML; an error says how to go without."""
    try:
        data, target, description, details = read_openml(
            name, known.data_id, "fetch_images", **options
        )
    except ConnectionError as error:
        raise ConnectionError(f"{error} {local_copy_hint(folder, f'{known.file}.npz')}") from error
    try:
        train, test = split_table(data.to_numpy(), np.asarray(target), known)
    except ValueError as error:
        raise OSError(
            f"{name!r} as read from OpenML (id {known.data_id}) cannot be used: {error}."
        ) from error
    return _Images(train, test, description, {"version": "original", **details})


def split_table(pixels: Any, labels: Any, known: ImageSet) -> tuple[_Part, ...]:
    """Split a table of pixels (n, h * w) or (n, 3 * h * w) into the source's two parts.

    Returns
    -------
    train, test : tuple (images, labels)
        Images (n, *shape) as uint8 and labels (n,) as int64.
    """
    n_test = sum(known.test_counts)
    if pixels.shape != (known.n_train + n_test, np.prod(known.shape)):
        raise ValueError(f"it is a table of the shape {pixels.shape}")
    images = to_images(pixels, known.shape)
    labels = _check_labels(labels.astype(np.float64))
    counts = np.bincount(labels[known.n_train :], minlength=_N_CLASSES)
    if tuple(counts) != known.test_counts:
        raise ValueError("its last images are not the test images, by the number of each class")
    parts = slice(None, known.n_train), slice(known.n_train, None)
    return tuple((images[part], labels[part]) for part in parts)


def to_images(pixels: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Turn rows of pixels into images (n, h, w) or (n, h, w, 3) of uint8.

    Colours are one plane after the other: a row is all red, then all green, then all blue.
    """
    with np.errstate(invalid="ignore"):  # of missing values, which are refused below
        integers = pixels.astype(np.uint8)
    if not (integers == pixels).all():
        raise ValueError("its pixels are not whole numbers from 0 to 255")
    if len(shape) == 2:
        return integers.reshape(-1, *shape)
    planes = integers.reshape(-1, 3, *shape[:2])
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def to_bunch(name: str, known: ImageSet, images: _Images) -> Bunch:
    data, target = (np.concatenate(parts) for parts in zip(images.train, images.test, strict=True))
    n_train = len(images.train[0])
    url = f"https://www.openml.org/d/{known.data_id}"
    summary = (
        f"{name}: images of {' x '.join(map(str, known.shape))} pixels of {_N_CLASSES} classes, "
        f"{n_train} for training and {len(data) - n_train} for testing.\n"
        f"The data are {url}; these were read from {images.details.get('file', 'OpenML')} "
        f"(version: {images.details['version']})."
    )
    return Bunch(
        data=data,
        target=target,
        train=(data[:n_train], target[:n_train]),
        test=(data[n_train:], target[n_train:]),
        target_names=np.array(known.classes.split(", ")),
        DESCR="\n\n".join(filter(None, [summary, images.description])),
        data_id=known.data_id,
        url=url,
        details=images.details,
    )
