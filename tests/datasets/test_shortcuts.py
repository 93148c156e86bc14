"""Data in which several cues tell the label: collages, coloured digits and slabs.

Images are told apart by their pixels: image number i of a source is i / 255 all over.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2_contingency, ks_2samp
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skibias.datasets import make_collages, make_colored_digits, make_slabs
from skibias.datasets._collages import put_side_by_side
from skibias.datasets._colored_digits import draw_colors, make_palette
from skibias.datasets._labelled_images import pad_to, to_grey, to_unit_range
from skibias.datasets._slabs import SLABS, draw_feature

CLASSES = np.array([5, 7, 9])
COLLAGES = ("train", "validation_simple", "validation_complex", "test_simple", "test_complex")
COLORED = ("train", "validation", "test_aligned", "test_random", "test_reversed")
TINY = 1e-3  # of a p-value: the seeds are fixed, so that a test does not fail by chance


def numbered_images(n, first=1, shape=(2, 2)):
    """Images that show their number, and labels that come in turn; number i has that of i % 3."""
    numbers = np.arange(first, first + n, dtype=np.uint8)
    return np.broadcast_to(numbers[:, None, None], (n, *shape)).copy(), CLASSES[numbers % 3]


def numbers_in(data, image_shape):
    """The number of the image in either tile, (n, 2)."""
    images = data.reshape(-1, *image_shape)
    corners = images[:, 0, [0, -1]]
    return np.round(corners * 255).astype(int)


def all_arrays(bunch, names):
    return [array for name in names for array in bunch[name].values()]


def assert_same_parts(first, second, names):
    for one, other in zip(all_arrays(first, names), all_arrays(second, names), strict=True):
        assert_array_equal(one, other)


def assert_global_generator_untouched(make):
    before = np.random.get_state()[1].copy()
    make(random_state=0)
    make(random_state=None)
    assert_array_equal(np.random.get_state()[1], before)


# Collages: from two images to one.


def test_smaller_images_are_in_the_middle_of_a_black_frame():
    expected = [[0, 0, 0, 0], [0, 7, 8, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert_array_equal(pad_to(np.array([[[7, 8]]]), 4, 4)[0], expected)


def test_two_images_of_different_size_side_by_side():
    left, right = np.array([[[1], [2], [3]]]), np.array([[[4, 5, 6]]])
    expected = [[0, 1, 0, 0, 0, 0], [0, 2, 0, 4, 5, 6], [0, 3, 0, 0, 0, 0]]
    assert_array_equal(put_side_by_side(left, right)[0], expected)


def test_grey_is_the_luma_of_colours():
    colours = np.array([[[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]]])
    assert_allclose(to_grey(colours.astype(np.float32)), [[[0.299, 0.587, 0.114, 1]]], rtol=1e-6)


def test_bytes_and_fractions_are_the_same_image():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert to_unit_range(images).dtype == np.float32
    assert_allclose(to_unit_range(images), to_unit_range(images / 255), rtol=1e-6)
    assert to_unit_range(images).max() == 1


def test_a_collage_of_grey_and_colour_by_hand():
    grey = np.full((6, 1, 2), 255, dtype=np.uint8), [0, 1] * 3
    red = np.zeros((6, 3, 1, 3)), [0, 1] * 3
    red[0][..., 0] = 1
    collages = make_collages(grey, red, n_train=1, n_test=1, random_state=0)
    assert collages.image_shape == (3, 4)
    expected = [[0, 0, 0.299, 0], [1, 1, 0.299, 0], [0, 0, 0.299, 0]]
    for name in COLLAGES:
        assert_allclose(collages[name].data.reshape(3, 4), expected, rtol=1e-6)


# Collages: which tile tells the label.


@pytest.fixture
def collages():
    simple, complex = numbered_images(90), numbered_images(60, first=150, shape=(3, 2))
    return make_collages(simple, complex, n_train=3000, n_test=2000, random_state=0)


@pytest.mark.parametrize("name", COLLAGES)
def test_tiles_are_of_the_labels_they_are_said_to_be_of(collages, name):
    part = collages[name]
    middle = part.data.reshape(-1, 3, 4)[:, 1:2].reshape(len(part.data), -1)
    assert_array_equal(CLASSES[numbers_in(middle, (1, 4)) % 3], part.tile_labels)


def test_collages_have_the_shapes_that_are_asked_for(collages):
    assert collages.train.data.shape == (3000, 12) and collages.train.data.dtype == np.float32
    assert collages.image_shape == (3, 4)
    assert_array_equal(collages.classes, CLASSES)
    for name in COLLAGES[1:]:
        assert collages[name].data.shape == (2000, 12)
        assert collages[name].target.shape == (2000,)
        assert collages[name].tile_labels.shape == (2000, 2)


def test_in_training_both_tiles_tell_the_label(collages):
    part = collages.train
    assert_array_equal(part.tile_labels, np.column_stack([part.target, part.target]))


@pytest.mark.parametrize("share", ["validation", "test"])
@pytest.mark.parametrize(("which", "tile"), [("simple", 0), ("complex", 1)])
def test_elsewhere_one_tile_tells_the_label_and_the_other_is_independent(
    collages, share, which, tile
):
    part = collages[f"{share}_{which}"]
    assert_array_equal(part.tile_labels[:, tile], part.target)
    pairs = list(zip(part.target, part.tile_labels[:, 1 - tile], strict=True))
    table = [[pairs.count((label, other)) for other in CLASSES] for label in CLASSES]
    assert chi2_contingency(table).pvalue > TINY
    # Nine pairs, equally probable: the standard deviation of a count is 14.
    assert_allclose(table, 2000 / 9, atol=4 * 14)


def test_labels_are_equally_frequent(collages):
    counts = [(collages.train.target == label).sum() for label in CLASSES]
    assert_allclose(counts, 1000, atol=4 * 26)  # the standard deviation of a count is 26


def test_what_a_model_of_one_tile_scores():
    # With the tiles of digits as they are and upside down: a model of the left one alone.
    digits = load_digits()
    upright = digits.images / 16, digits.target
    turned = digits.images[:, ::-1] / 16, digits.target
    collages = make_collages(upright, turned, n_train=1000, n_test=500, random_state=0)

    def left_tile(part):
        return part.data.reshape(-1, 8, 16)[:, :, :8].reshape(-1, 64)

    model = KNeighborsClassifier().fit(left_tile(collages.train), collages.train.target)
    simple, complex = collages.test_simple, collages.test_complex
    assert model.score(left_tile(simple), simple.target) > 0.9
    assert model.score(left_tile(complex), complex.target) < 0.2


# Collages: which images are used where.


def used(collages, names, tile):
    return {
        number
        for name in names
        for number in numbers_in(collages[name].data, collages.image_shape)[:, tile]
    }


def test_no_image_is_in_two_of_training_validation_and_test():
    # 90 images, 30 of each class: 6 of each are held out, twice.
    collages = make_collages(
        numbered_images(90), numbered_images(60, first=100), n_test=4000, random_state=0
    )
    for tile, sizes in enumerate([(54, 18, 18), (36, 12, 12)]):
        shares = [
            used(collages, names, tile) for names in (COLLAGES[:1], COLLAGES[1:3], COLLAGES[3:])
        ]
        assert tuple(map(len, shares)) == sizes
        assert len(set.union(*shares)) == sum(sizes)
        for share in shares:  # as many of each class
            assert len({np.sum(np.array([*share]) % 3 == code) for code in range(3)}) == 1


def test_given_test_images_are_in_the_test_sets_and_nowhere_else():
    collages = make_collages(
        numbered_images(60),
        numbered_images(30, first=100),
        simple_test=numbered_images(9, first=200),
        complex_test=numbered_images(6, first=220),
        n_test=2000,
        random_state=0,
    )
    assert used(collages, COLLAGES[3:], 0) == set(range(200, 209))
    assert used(collages, COLLAGES[3:], 1) == set(range(220, 226))
    assert len(used(collages, COLLAGES[:1], 0)) == 48
    assert len(used(collages, COLLAGES[1:3], 0)) == 12


def test_test_images_may_be_given_for_one_tile_only():
    simple, complex = numbered_images(30), numbered_images(30, first=100)
    test = numbered_images(9, first=200)
    collages = make_collages(simple, complex, complex_test=test, random_state=0)
    assert used(collages, COLLAGES[3:], 1) == set(range(200, 209))
    assert len(used(collages, COLLAGES[3:], 0)) == 6


def test_three_images_of_a_class_are_enough():
    images = numbered_images(9)
    collages = make_collages(images, images, holdout_fraction=0.01, n_test=200, random_state=0)
    shares = [used(collages, names, 0) for names in (COLLAGES[:1], COLLAGES[1:3], COLLAGES[3:])]
    assert [len(share) for share in shares] == [3, 3, 3]


# Collages: randomness.


def small_collages(n_train=20, n_test=10, **settings):
    images = numbered_images(30)
    return make_collages(images, images, n_train=n_train, n_test=n_test, **settings)


def test_the_same_seed_gives_the_same_collages():
    assert_same_parts(small_collages(random_state=3), small_collages(random_state=3), COLLAGES)
    generators = np.random.RandomState(3), np.random.RandomState(3)
    assert_same_parts(*(small_collages(random_state=each) for each in generators), COLLAGES)


def test_other_seeds_give_other_collages():
    targets = [small_collages(random_state=seed).train.target for seed in (0, 1, None, None)]
    assert len({tuple(target) for target in targets}) == 4


def test_the_size_of_a_set_does_not_move_another():
    first, second = small_collages(random_state=0), small_collages(n_train=33, random_state=0)
    assert_same_parts(first, second, COLLAGES[1:])
    assert_same_parts(first, small_collages(n_test=33, random_state=0), COLLAGES[:1])


def test_collages_leave_the_global_generator_alone():
    assert_global_generator_untouched(small_collages)


def test_collages_leave_what_they_are_given_as_it_was():
    images, labels = numbered_images(30)
    before = images.copy(), labels.copy()
    make_collages((images, labels), (images, labels), n_train=5, random_state=0)
    assert_array_equal(images, before[0])
    assert_array_equal(labels, before[1])


def test_labels_may_be_words():
    images, labels = numbered_images(30)
    words = np.array(["cat", "dog", "eel"])[np.searchsorted(CLASSES, labels)]
    worded = make_collages((images, words), (images, words), n_train=50, random_state=0).train
    numbered = make_collages((images, labels), (images, labels), n_train=50, random_state=0).train
    assert_array_equal(worded.data, numbered.data)
    assert_array_equal(CLASSES[np.unique(worded.target, return_inverse=True)[1]], numbered.target)


# Images that are refused, by collages and coloured digits alike.


def refused_images():
    images, labels = numbered_images(30)
    yield "a pair \\(images, labels\\). Got ndarray", images
    yield "a pair \\(images, labels\\). Got tuple", (images, labels, labels)
    yield "images of shape \\(n, h, w\\).* Got shape \\(30, 4\\)", (images.reshape(30, 4), labels)
    yield "Got shape \\(30, 2, 2, 2\\)", (np.stack([images, images], axis=-1), labels)
    yield "at least one. Got shape \\(0, 2, 2\\)", (images[:0], labels[:0])
    yield "at least one. Got shape \\(30, 2, 0\\)", (images[:, :, :0], labels)
    yield "one label for each of its 30 images. Got labels of shape \\(29,\\)", (images, labels[1:])
    yield "labels of shape \\(30, 1\\)", (images, labels[:, None])
    yield (
        "images as uint8, or as floats from 0 to 1. Got the type int64",
        (images.astype(np.int64), labels),
    )
    yield "Got the type bool", (images > 0, labels)
    yield "Got floats from 1 to 30", (images.astype(float), labels)
    yield "Got floats from -0.1 to 0.2", (np.linspace(-0.1, 0.2, 120).reshape(30, 2, 2), labels)
    yield "Got floats from nan to nan", (np.full((30, 2, 2), np.nan), labels)
    yield "images of at least two classes. Got only \\[5\\]", (images, np.full(30, 5))
    few = np.where(labels == 7, 9, labels)
    few[:2] = 7
    yield "at least 3 images of each class, .* Got 2 of the class 7", (images, few)


REFUSED = list(refused_images())


@pytest.mark.parametrize(("reason", "pair"), REFUSED)
@pytest.mark.parametrize("name", ["simple", "complex"])
def test_collages_refuse_what_are_not_labelled_images(reason, pair, name):
    pairs = {"simple": numbered_images(30), "complex": numbered_images(30), name: pair}
    message = f"The '{name}' parameter of make_collages must hold .*{reason}.* instead"
    with pytest.raises(ValueError, match=message):
        make_collages(**pairs)


@pytest.mark.parametrize(("reason", "pair"), REFUSED)
def test_coloured_digits_refuse_what_are_not_labelled_images(reason, pair):
    message = f"The 'digits' parameter of make_colored_digits must hold .*{reason}.* instead"
    with pytest.raises(ValueError, match=message):
        make_colored_digits(pair)


def test_both_tiles_need_the_same_classes():
    images, labels = numbered_images(30)
    with pytest.raises(
        ValueError,
        match="The 'simple' and 'complex' parameters of make_collages must have the same classes. "
        "Got \\[5, 7, 9\\] and \\[6, 8, 10\\] instead",
    ):
        make_collages((images, labels), (images, labels + 1))


@pytest.mark.parametrize("tile", ["simple", "complex"])
def test_test_images_need_the_same_classes_and_shape(tile):
    images, labels = numbered_images(30)
    pairs = {"simple": (images, labels), "complex": (images, labels)}
    parameters = f"The '{tile}' and '{tile}_test' parameters of make_collages must have"
    test = {f"{tile}_test": (images[:, :1], labels)}
    with pytest.raises(
        ValueError, match=f"{parameters} images of the same shape. Got \\(2, 2\\) and \\(1, 2\\)"
    ):
        make_collages(**pairs, **test)
    two_classes = labels != 5
    test = {f"{tile}_test": (images[two_classes], labels[two_classes])}
    with pytest.raises(ValueError, match=f"{parameters} the same classes"):
        make_collages(**pairs, **test)


def test_with_test_images_two_of_a_class_are_enough():
    images = numbered_images(6)
    tests = {"simple_test": numbered_images(3), "complex_test": numbered_images(3)}
    make_collages(images, images, n_train=1, n_test=1, **tests)
    make_colored_digits(images, digits_test=numbered_images(3))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[("n_train", value) for value in (0, 1.5, None)],
        *[("n_test", value) for value in (0, -1)],
        *[("holdout_fraction", value) for value in (0, 0.5, "some")],
        ("random_state", "now"),
    ],
)
def test_parameters_of_collages_out_of_range_are_refused(parameter, value):
    images = numbered_images(30)
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of make_collages must be"):
        make_collages(images, images, **{parameter: value})


# Coloured digits.


def test_hues_are_at_equal_distances():
    assert_allclose(make_palette(2), [[1, 0, 0], [0, 1, 1]])
    assert_allclose(make_palette(3), [[1, 0, 0], [0, 1, 0], [0, 0, 1]], atol=1e-12)
    assert len(np.unique(make_palette(10), axis=0)) == 10


@pytest.mark.parametrize("probability", [0, 0.25, 0.9, 1])
def test_colours_are_those_of_the_class_with_a_probability(probability):
    codes = np.arange(40_000) % 4
    colors = draw_colors(codes, 4, probability, np.random.RandomState(0))
    table = (
        np.array([np.bincount(colors[codes == code], minlength=4) for code in range(4)]) / 10_000
    )
    expected = np.full((4, 4), (1 - probability) / 3)
    np.fill_diagonal(expected, probability)
    assert_allclose(table, expected, atol=4 * 0.005)  # the standard deviation is below 0.005
    assert_array_equal(table[expected == 0], 0)


@pytest.fixture
def colored():
    return make_colored_digits(random_state=0)


def shades_of(colored, name):
    """The images before they were coloured: a colour has one channel, at least, that is full."""
    return colored[name].data.reshape(-1, *colored.image_shape).max(axis=-1)


@pytest.mark.parametrize("name", COLORED)
def test_images_have_the_colours_they_are_said_to_have(colored, name):
    part = colored[name]
    images = part.data.reshape(-1, 8, 8, 3)
    colors = colored.palette[part.color_labels]  # the labels are 0 … 9
    expected = shades_of(colored, name)[..., None] * colors[:, None, None]
    assert images.dtype == np.float32
    assert_allclose(images, expected, rtol=1e-6)


def test_colours_change_nothing_but_the_colour(colored):
    digits = load_digits()
    known = {
        image.tobytes(): label for image, label in zip(digits.images, digits.target, strict=True)
    }
    for name in COLORED:
        images = np.round(shades_of(colored, name) * 16).astype(float)
        assert [known[image.tobytes()] for image in images] == colored[name].target.tolist()


def test_how_often_colours_tell_the_class(colored):
    agreement = {
        name: np.mean(colored[name].color_labels == colored[name].target) for name in COLORED
    }
    expected = dict(zip(COLORED, [0.9, 0.1, 0.9, 0.1, 0], strict=True))
    # The standard deviation is 0.3 / sqrt(n), and there are 355 images or more.
    assert agreement == pytest.approx(expected, abs=4 * 0.3 / 355**0.5)
    assert agreement["test_reversed"] == 0


@pytest.mark.parametrize("name", ["validation", "test_random"])
def test_random_colours_are_independent_of_the_class(name):
    images = np.zeros((6000, 1, 1)), np.arange(6000) % 3
    part = make_colored_digits(images, holdout_fraction=0.4, random_state=0)[name]
    table = np.histogram2d(part.target, part.color_labels, bins=3)[0]
    assert chi2_contingency(table).pvalue > TINY
    assert_allclose(table, 2400 / 9, atol=4 * 16)


def test_the_tests_show_the_same_images(colored):
    for name in ("test_random", "test_reversed"):
        assert_array_equal(shades_of(colored, name), shades_of(colored, "test_aligned"))
        assert_array_equal(colored[name].target, colored.test_aligned.target)


def test_every_digit_is_in_one_of_training_validation_and_test():
    images = numbered_images(90)
    colored = make_colored_digits(images, random_state=0)
    shares = [
        np.round(shades_of(colored, name)[:, 0, 0] * 255).astype(int).tolist()
        for name in ("train", "validation", "test_aligned")
    ]
    assert [len(share) for share in shares] == [54, 18, 18]
    assert sorted(number for share in shares for number in share) == list(range(1, 91))
    assert all(share == sorted(share) for share in shares)  # in the order of their source


def test_given_digits_are_tested_with():
    colored = make_colored_digits(
        numbered_images(30), digits_test=numbered_images(6, first=200), random_state=0
    )
    for name in COLORED[2:]:
        assert_allclose(shades_of(colored, name)[:, 0, 0] * 255, range(200, 206), rtol=1e-6)
    assert len(colored.train.data) == 24 and len(colored.validation.data) == 6


@pytest.mark.parametrize(("correlation", "agreement"), [(0, 0), (1, 1)])
def test_extreme_correlations(correlation, agreement):
    colored = make_colored_digits(correlation=correlation, random_state=0)
    for name in ("train", "test_aligned"):
        assert np.mean(colored[name].color_labels == colored[name].target) == agreement


def test_coloured_digits_are_drawn_from_the_seed():
    first, again, other = (make_colored_digits(random_state=seed) for seed in (0, 0, 1))
    assert_same_parts(first, again, COLORED)
    assert not np.array_equal(first.test_random.color_labels, other.test_random.color_labels)
    assert_global_generator_untouched(make_colored_digits)


def test_coloured_digits_need_images_without_colours():
    images, labels = np.zeros((30, 2, 2, 3)), CLASSES[np.arange(30) % 3]
    grey = images[..., 0], labels
    for digits, test, name in [
        ((images, labels), None, "digits"),
        (grey, (images, labels), "digits_test"),
    ]:
        with pytest.raises(
            ValueError,
            match=f"The '{name}' parameter .* must hold grey images .* \\(30, 2, 2, 3\\)",
        ):
            make_colored_digits(digits, digits_test=test)


def test_digits_for_tests_need_the_same_classes_and_shape():
    images, labels = numbered_images(30)
    parameters = "The 'digits' and 'digits_test' parameters of make_colored_digits must have"
    with pytest.raises(ValueError, match=f"{parameters} images of the same shape"):
        make_colored_digits((images, labels), digits_test=(images[:, 1:], labels))
    with pytest.raises(ValueError, match=f"{parameters} the same classes"):
        make_colored_digits((images, labels), digits_test=(images, labels + 1))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[("correlation", value) for value in (-0.1, 1.1, "high")],
        *[("holdout_fraction", value) for value in (0, 0.5)],
        ("random_state", -1),
    ],
)
def test_parameters_of_coloured_digits_out_of_range_are_refused(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of make_colored_digits"):
        make_colored_digits(**{parameter: value})


# Slabs.

# The ends of the slabs for a margin of 0.1, worked out by hand: gaps of 0.2, and slabs that are
# (2 - 0.2) / 2 = 0.9, (2 - 0.8) / 5 = 0.24 and (2 - 1.2) / 7 = 0.8 / 7 wide.
ENDS = {
    2: [(-1, -0.1), (0.1, 1)],
    5: [(-1, -0.76), (-0.56, -0.32), (-0.12, 0.12), (0.32, 0.56), (0.76, 1)],
    7: [(-1 + 2.2 * slab / 7, -1 + (2.2 * slab + 0.8) / 7) for slab in range(7)],
}


def slab_of(values, k):
    """The number of the slab of each value, -1 in the gaps."""
    left, right = np.transpose(ENDS[k])
    inside = (left - 1e-9 <= values[:, None]) & (values[:, None] <= right + 1e-9)
    return np.where(inside.any(axis=1), inside.argmax(axis=1), -1)


@pytest.mark.parametrize("k", [2, 5, 7])
def test_slabs_are_of_one_class_and_the_other_in_turn(k):
    target = np.arange(20_000) % 2
    slab = slab_of(draw_feature(target, k, 0.1, np.random.RandomState(0)), k)
    assert set(slab) == set(range(k))  # none in the gaps
    classes = [set(target[slab == number]) for number in range(k)]
    assert all(len(labels) == 1 for labels in classes)
    assert all(classes[number] != classes[number + 1] for number in range(k - 1))


def test_a_linear_feature_is_positive_for_class_1():
    target = np.arange(1000) % 2
    values = draw_feature(target, 2, 0.3, np.random.RandomState(0))
    assert_array_equal(values > 0, target == 1)
    assert np.abs(values).min() >= 0.3 and np.abs(values).min() < 0.31


@pytest.mark.parametrize(
    ("k", "frequencies"),
    [
        (2, [1, 1]),
        (5, [1 / 8, 1 / 2, 3 / 4, 1 / 2, 1 / 8]),
        (7, [1 / 16, 1 / 4, 7 / 16, 1 / 2, 7 / 16, 1 / 4, 1 / 16]),
    ],
)
def test_how_often_values_are_in_a_slab(k, frequencies):
    target = np.arange(20_000) % 2
    slab = slab_of(draw_feature(target, k, 0.1, np.random.RandomState(0)), k)
    # Of 10,000 rows of a class: the standard deviation is below 0.005.
    assert_allclose(np.bincount(slab) / 10_000, frequencies, atol=4 * 0.005)


@pytest.mark.parametrize("k", [5, 7])
def test_no_line_and_no_parabola_tells_the_classes(k):
    # In units of the distance of slabs, the centres are whole numbers: both classes have the mean
    # 0 and the mean square 1 (5 slabs) or 2 (7 slabs), and the slabs are equally wide.
    classes, probabilities = SLABS[k]
    centres = np.arange(k) - k // 2
    for label in (0, 1):
        weights = probabilities[classes == label]
        assert weights.sum() == 1
        assert weights @ centres[classes == label] == 0
        assert weights @ centres[classes == label] ** 2 == {5: 1, 7: 2}[k]


def test_values_are_uniform_in_their_slab():
    target = np.zeros(20_000, dtype=int)
    values = draw_feature(target, 5, 0.1, np.random.RandomState(0))
    centre = values[slab_of(values, 5) == 2]
    assert ks_2samp(centre, np.linspace(-0.12, 0.12, 10_001)).pvalue > TINY


@pytest.fixture
def slabs():
    return make_slabs(n_slabs=(2, 5, 7), n_noise=4, n_train=3000, n_test=2000, random_state=0)


def agreement(part, column, k):
    """How often the slab of a feature is one of the row's class."""
    slab = slab_of(part.data[:, column], k)
    return np.mean(SLABS[k].classes[slab] == part.target)


def test_slabs_have_the_shapes_that_are_asked_for(slabs):
    assert slabs.train.data.shape == (3000, 7) and slabs.test.data.shape == (2000, 7)
    assert slabs.train.target.dtype == np.int64 and set(slabs.train.target) == {0, 1}
    assert slabs.feature_names == ["2 slabs", "5 slabs", "7 slabs", *["noise"] * 4]
    assert len(slabs.test_without) == len(slabs.test_only) == 3
    for part in (slabs.train, slabs.test, *slabs.test_without, *slabs.test_only):
        assert part.data.min() >= -1 and part.data.max() <= 1


def test_where_features_tell_the_class(slabs):
    for column, k in enumerate((2, 5, 7)):
        for part in (slabs.train, slabs.test):
            assert agreement(part, column, k) == 1
        for changed, (without, only) in enumerate(
            zip(slabs.test_without, slabs.test_only, strict=True)
        ):
            # The standard deviation of half of 2000 rows is 0.011.
            half = pytest.approx(0.5, abs=4 * 0.011)
            assert agreement(without, column, k) == (half if changed == column else 1)
            assert agreement(only, column, k) == (1 if changed == column else half)


def test_random_features_are_as_before_on_their_own(slabs):
    for column in range(3):
        drawn_anew = slabs.test_without[column].data[:, column]
        assert ks_2samp(drawn_anew, slabs.test.data[:, column]).pvalue > TINY


def test_tests_differ_in_what_is_random_only(slabs):
    for feature in range(3):
        without, only = slabs.test_without[feature], slabs.test_only[feature]
        assert_array_equal(without.target, slabs.test.target)
        assert_array_equal(only.target, slabs.test.target)
        for column in range(7):
            same = np.array_equal(without.data[:, column], slabs.test.data[:, column])
            assert same == (column != feature)
            same = np.array_equal(only.data[:, column], slabs.test.data[:, column])
            assert same == (column == feature or column >= 3)


def test_what_is_random_is_so_in_the_same_way():
    slabs = make_slabs(n_slabs=(2, 5), n_test=50, random_state=0)
    assert_array_equal(slabs.test_without[0].data, slabs.test_only[1].data)
    assert_array_equal(slabs.test_without[1].data, slabs.test_only[0].data)


def test_noise_and_other_features_tell_nothing_given_the_class(slabs):
    for label in (0, 1):
        rows = slabs.train.data[slabs.train.target == label]
        correlations = np.corrcoef(rows, rowvar=False) - np.eye(7)
        # About 1500 rows: the standard deviation of a correlation is 0.026.
        assert np.abs(correlations).max() < 4 * 0.026


def test_gaussians_see_the_linear_feature_only():
    # Means and variances are all that naive Bayes with normal distributions goes by.
    slabs = make_slabs(n_slabs=(2, 5, 7), n_noise=0, random_state=0)
    model = GaussianNB().fit(slabs.train.data, slabs.train.target)
    scores = [model.score(part.data, part.target) for part in slabs.test_only]
    assert scores == pytest.approx([1, 0.5, 0.5], abs=0.05)


def test_slabs_are_drawn_from_the_seed():
    def make(n_train=20, **settings):
        return make_slabs(n_train=n_train, n_test=10, **settings)

    first, again, other = (make(random_state=seed) for seed in (0, 0, 1))
    assert_same_parts(first, again, ("train", "test"))
    assert not np.array_equal(first.train.data, other.train.data)
    assert_same_parts(first, make(n_train=33, random_state=0), ("test",))
    assert_global_generator_untouched(make)


@pytest.mark.parametrize("n_slabs", [(), (3,), (2, 5, 9), (2.0,), ("2",), ([2],), (True,)])
def test_numbers_of_slabs_other_than_2_5_and_7_are_refused(n_slabs):
    with pytest.raises(ValueError, match="'n_slabs' parameter of make_slabs .*each of them 2, 5"):
        make_slabs(n_slabs=n_slabs)


@pytest.mark.parametrize(("n_slabs", "margin"), [((2, 5), 0.25), ((7, 2), 1 / 6), ((2, 5), 0.9)])
def test_margins_that_leave_no_room_are_refused(n_slabs, margin):
    limit = max(n_slabs) - 1
    with pytest.raises(
        ValueError, match=f"'margin' parameter of make_slabs must be below 1 / {limit}"
    ):
        make_slabs(n_slabs=n_slabs, margin=margin)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_slabs", 5),
        *[("margin", value) for value in (0, 1, -0.1, "wide")],
        *[("n_noise", value) for value in (-1, 1.5)],
        *[("n_train", value) for value in (0, 1.5)],
        ("n_test", 0),
        ("random_state", "now"),
    ],
)
def test_parameters_of_slabs_out_of_range_are_refused(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of make_slabs must be"):
        make_slabs(**{parameter: value})
