"""Images by name: local copies, and openml's cache on disk without a network.

The folders of openml's cache are built by hand and read by openml itself; the sets in them are
small, and so are the numbers of images that are expected of them.
"""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from openml_cache import fill_cache
from sklearn.utils import Bunch

from skibias.datasets import fetch_images
from skibias.datasets._images import (
    SETS,
    find_local_images,
    read_npz,
    read_openml_images,
    split_table,
    to_bunch,
    to_images,
)

N_TRAIN, N_TEST = 12, 10
SHAPES = {"mnist": (28, 28), "fashion": (28, 28), "cifar10": (32, 32, 3)}
FILES = {"mnist": "mnist", "fashion": "fashion-mnist", "cifar10": "cifar10"}
DATA_IDS = {"mnist": 554, "fashion": 40996, "cifar10": 40927}
pytestmark = pytest.mark.usefixtures("home_of_openml", "connections", "no_local_folder")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def read_small(name, cache):
    """Read a set from OpenML as `fetch_images` does, but of few images."""
    known = SETS[name]._replace(n_train=N_TRAIN, test_counts=(1,) * N_TEST)
    images = read_openml_images(name, known, None, data_home=cache, n_retries=0, delay=0, verbose=0)
    return to_bunch(name, known, images)


def make_parts(name, seed=0):
    """The arrays of a set under the keys of a local copy."""
    random = np.random.RandomState(seed)
    sizes = {"train": N_TRAIN, "test": N_TEST}
    parts = {
        f"x_{part}": random.randint(256, size=(n, *SHAPES[name]), dtype=np.uint8)
        for part, n in sizes.items()
    }
    labels = {f"y_{part}": np.arange(n, dtype=np.uint8)[::-1] % 10 for part, n in sizes.items()}
    return {**parts, **labels}


def make_table(name):
    """The same set as OpenML has it: a frame of pixels, channel after channel, and the labels."""
    parts = make_parts(name)
    images = np.concatenate([parts["x_train"], parts["x_test"]])
    if images.ndim == 4:
        images = np.moveaxis(images, 3, 1)
    labels = np.concatenate([parts["y_train"], parts["y_test"]]).astype(str)
    frame = pd.DataFrame(images.reshape(len(images), -1))
    return frame.add_prefix("pixel").assign(**{"class": pd.Categorical(labels)})


# What is returned.


def assert_is_the_set(fetched, name):
    parts = make_parts(name)
    for part in ("train", "test"):
        images, labels = fetched[part]
        assert_array_equal(images, parts[f"x_{part}"])
        assert_array_equal(labels, parts[f"y_{part}"])
        assert images.dtype == np.uint8 and labels.dtype == np.int64
    assert_array_equal(fetched.data, np.concatenate([parts["x_train"], parts["x_test"]]))
    assert_array_equal(fetched.target, np.concatenate([parts["y_train"], parts["y_test"]]))


@pytest.mark.parametrize("name", SHAPES)
def test_a_local_copy(local_folder, connections, name):
    np.savez(local_folder / f"{FILES[name]}.npz", **make_parts(name))
    fetched = fetch_images(name)
    assert isinstance(fetched, Bunch)
    assert_is_the_set(fetched, name)
    path = str(local_folder / f"{FILES[name]}.npz")
    assert fetched.details == {"version": "original", "file": path}
    assert path in fetched.DESCR and "12 for training and 10 for testing" in fetched.DESCR
    assert connections == []


@pytest.mark.parametrize("name", SHAPES)
def test_a_set_in_the_cache_of_openml(cache, connections, name):
    fill_cache(cache, DATA_IDS[name], make_table(name), "class")
    fetched = read_small(name, cache)
    assert_is_the_set(fetched, name)
    assert fetched.details == {
        "version": "original",
        "name": "a-name",
        "version_on_openml": 3,
        "licence": "Public",
    }
    assert "What is in it." in fetched.DESCR
    assert connections == []


@pytest.mark.parametrize("name", SHAPES)
def test_a_set_has_its_id_and_the_names_of_its_classes(local_folder, name):
    np.savez(local_folder / f"{FILES[name]}.npz", **make_parts(name))
    fetched = fetch_images(name)
    assert fetched.data_id == DATA_IDS[name]
    assert fetched.url == f"https://www.openml.org/d/{DATA_IDS[name]}"
    assert fetched.target_names.shape == (10,)
    named = {"mnist": "9", "fashion": "Ankle boot", "cifar10": "truck"}
    assert fetched.target_names[9] == named[name]


def test_a_pair_holds_what_the_bunch_holds(local_folder):
    np.savez(local_folder / "mnist.npz", **make_parts("mnist"))
    fetched = fetch_images("mnist")
    data, target = fetch_images("mnist", return_X_y=True)
    assert_array_equal(data, fetched.data)
    assert_array_equal(target, fetched.target)


def test_parts_take_no_memory_of_their_own(local_folder):
    np.savez(local_folder / "mnist.npz", **make_parts("mnist"))
    fetched = fetch_images("mnist")
    assert np.shares_memory(fetched.train[0], fetched.data)
    assert np.shares_memory(fetched.test[1], fetched.target)


def test_the_sets_have_the_sizes_of_their_sources():
    sizes = {
        name: (known.n_train, sum(known.test_counts), len(known.test_counts))
        for name, known in SETS.items()
    }
    assert sizes == {
        "mnist": (60_000, 10_000, 10),
        "fashion": (60_000, 10_000, 10),
        "cifar10": (50_000, 10_000, 10),
    }


# From rows of pixels to images.


def test_rows_of_grey_pixels_are_lines_of_the_image():
    assert_array_equal(
        to_images(np.arange(12.0).reshape(2, 6), (2, 3))[1], [[6, 7, 8], [9, 10, 11]]
    )


def test_rows_of_colours_are_three_planes():
    pixels = np.concatenate([np.full(4, 1), np.full(4, 2), np.arange(4)])[None]
    image = to_images(pixels, (2, 2, 3))[0]
    assert_array_equal(image[0, 1], [1, 2, 1])  # red, green, and the second pixel of blue
    assert_array_equal(image[..., 2], [[0, 1], [2, 3]])
    assert image.flags.c_contiguous


@pytest.mark.parametrize("value", [-1, 256, 0.5, np.nan])
def test_pixels_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="pixels are not whole numbers from 0 to 255"):
        to_images(np.array([[0, value, 0, 0]]), (2, 2))


def refused_tables():
    frame = make_table("mnist")
    yield "a table of the shape \\(21, 784\\)", frame[:-1]
    yield "a table of the shape \\(22, 783\\)", frame.drop(columns="pixel5")
    yield "not the test images", frame.iloc[[len(frame) - 1, *range(1, len(frame) - 1), 0]]
    yield "pixels are not whole numbers", frame.assign(pixel5=0.5)[frame.columns]
    yield "could not convert", frame.assign(**{"class": "digit"})
    yield "labels are not numbers from 0 to 9", frame.assign(**{"class": "10"})
    labels = frame["class"].astype(object)
    yield (
        "labels are not numbers from 0 to 9",
        frame.assign(**{"class": labels.where(labels != "9")}),
    )


@pytest.mark.parametrize(("reason", "frame"), list(refused_tables()))
def test_a_table_that_is_not_the_set_is_refused(cache, reason, frame):
    fill_cache(cache, DATA_IDS["mnist"], frame, "class")
    with pytest.raises(OSError, match=f"'mnist' as read from OpenML \\(id 554\\) .*{reason}"):
        read_small("mnist", cache)


def test_fewer_images_than_the_set_has_are_refused(cache):
    fill_cache(cache, DATA_IDS["mnist"], make_table("mnist"), "class")
    with pytest.raises(OSError, match="'mnist' as read from OpenML .*the shape \\(22, 784\\)"):
        fetch_images("mnist", data_home=cache)


def test_the_test_part_is_known_by_its_numbers_of_images():
    known = SETS["mnist"]._replace(n_train=3, test_counts=(2, 1) + (0,) * 8, shape=(1, 1))
    pixels = np.arange(6)[:, None]
    train, test = split_table(pixels, np.array(list("111010")), known)
    assert_array_equal(train[1], [1, 1, 1])
    assert_array_equal(test[0].ravel(), [3, 4, 5])
    with pytest.raises(ValueError, match="not the test images"):
        split_table(pixels, np.array(list("010111")), known)


# Local copies.


def test_copies_in_the_order_of_preference(tmp_path):
    names = "cifar10-jpeg-9k cifar10-jpeg-15k cifar10 cifar10-jpeg-k cifar10-15k xcifar10 mnist"
    for name in names.split():
        (tmp_path / f"{name}.npz").touch()
    assert [(path.stem, version) for path, version in find_local_images(tmp_path, "cifar10")] == [
        ("cifar10", "original"),
        ("cifar10-jpeg-15k", "jpeg-subset"),
        ("cifar10-jpeg-9k", "jpeg-subset"),
    ]


def test_a_subset_of_lossy_copies_says_what_it_is(local_folder):
    arrays = {**make_parts("cifar10"), "idx_train": np.arange(N_TRAIN)}
    np.savez(local_folder / "cifar10-jpeg-15k.npz", **arrays)
    fetched = fetch_images("cifar10")
    assert_is_the_set(fetched, "cifar10")
    assert fetched.details["version"] == "jpeg-subset"
    assert "version: jpeg-subset" in fetched.DESCR


def unusable_copies():
    parts = make_parts("mnist")
    yield "it has no y_train and no y_test", {key: parts[key] for key in ("x_train", "x_test")}
    yield "its images have the type float64", {**parts, "x_train": parts["x_train"] / 255}
    yield "the shape (12, 28, 27)", {**parts, "x_train": parts["x_train"][:, :, 1:]}
    yield "the shape (0, 28, 28)", {**parts, "x_test": parts["x_test"][:0]}
    yield "it has labels of shape (9,) for 10", {**parts, "y_test": parts["y_test"][1:]}
    yield "its labels are not numbers from 0 to 9", {**parts, "y_test": parts["y_test"] + 1}
    yield "its labels are not numbers from 0 to 9", {**parts, "y_test": parts["y_test"] + 0.5}
    yield "its labels are not numbers from 0 to 9", {**parts, "y_test": np.array(["cat"] * 10)}


@pytest.mark.parametrize(("reason", "arrays"), list(unusable_copies()))
def test_a_copy_that_cannot_be_used_is_passed_over(
    local_folder, cache, connections, reason, arrays
):
    path = local_folder / "mnist.npz"
    np.savez(path, **arrays)
    with (
        pytest.warns(UserWarning, match="cannot be used") as caught,
        pytest.raises(ConnectionError),
    ):
        fetch_images("mnist", data_home=cache, n_retries=0)
    assert len(connections) > 0  # OpenML was asked instead
    assert str(path) in str(caught[0].message) and reason in str(caught[0].message)
    assert caught[0].filename == __file__
    assert path.exists()  # the folder is the user's


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_copy_that_was_cut_off_cannot_be_read(tmp_path, kept):
    path = tmp_path / "mnist.npz"
    np.savez(path, **make_parts("mnist"))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises((ValueError, OSError), match="it cannot be read"):
        read_npz(path, (28, 28))


def test_a_copy_that_is_damaged_inside_cannot_be_read(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **make_parts("mnist"))
    content = bytearray(path.read_bytes())
    content[500:2000] = bytes(1500)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="it cannot be read"):
        read_npz(path, (28, 28))


def test_other_files_of_numpy_and_pickles_are_not_read(tmp_path):
    path = tmp_path / "mnist.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="it cannot be read"):
        read_npz(path, (28, 28))
    np.savez(path, **{**make_parts("mnist"), "y_test": np.array([None] * N_TEST)})
    with pytest.raises(ValueError, match="allow_pickle"):
        read_npz(path, (28, 28))


def test_local_copies_need_neither_pandas_nor_openml(local_folder, monkeypatch):
    np.savez(local_folder / "mnist.npz", **make_parts("mnist"))
    for module in ("openml", "pandas", "pyarrow"):
        monkeypatch.setitem(sys.modules, module, None)
    assert len(fetch_images("mnist").data) == N_TRAIN + N_TEST


def test_a_folder_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SKIBIAS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="SKIBIAS_DATA must name a folder. Got .*nowhere' instead"):
        fetch_images("mnist")


def test_the_source_is_reported_if_asked_for(local_folder, cache, capsys):
    fill_cache(cache, DATA_IDS["fashion"], make_table("fashion"), "class")
    np.savez(local_folder / "mnist.npz", **make_parts("mnist"))
    for verbose in (0, 1):
        fetch_images("mnist", verbose=verbose)
        with pytest.raises(OSError, match="the shape"):  # there are too few images
            fetch_images("fashion", data_home=cache, verbose=verbose)
        if not verbose:
            assert capsys.readouterr() == ("", "")
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"reading 'mnist' from {local_folder / 'mnist.npz'}"
    assert second == "fetching 'fashion' (OpenML id 40996) from the cache of openml"


# Without a network.


@pytest.mark.parametrize("name", SHAPES)
def test_offline_the_error_says_what_to_do(cache, connections, name):
    with pytest.raises(ConnectionError) as caught:
        fetch_images(name, data_home=cache, n_retries=0)
    message = str(caught.value)
    assert f"{name!r} (OpenML id {DATA_IDS[name]})" in message
    assert "SKIBIAS_DATA is not set" in message
    assert f"a folder that holds {FILES[name]}.npz." in message
    assert len(connections) > 0


def test_without_openml(monkeypatch, cache):
    monkeypatch.setitem(sys.modules, "openml", None)
    with pytest.raises(ImportError, match=r'^fetch_images needs openml .*"skibias\[datasets\]"'):
        fetch_images("mnist", data_home=cache)


# Parameters.


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("name", "cifar100"),
        ("name", 554),
        ("return_X_y", "yes"),
        ("data_home", 3),
        ("n_retries", -1),
        ("delay", -0.5),
        ("verbose", "loud"),
    ],
)
def test_parameters_out_of_range_are_refused(parameter, value):
    arguments = {"name": "mnist", parameter: value}
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of fetch_images must be"):
        fetch_images(**arguments)


def test_an_unknown_name_gets_the_known_ones():
    with pytest.raises(ValueError, match="Got 'svhn' instead") as caught:
        fetch_images("svhn")
    assert all(repr(name) in str(caught.value) for name in SHAPES)


def test_only_the_name_is_positional():
    with pytest.raises(TypeError, match="positional"):
        fetch_images("mnist", True)
