"""The bundled data: what is in the file, and scikit-learn's contract for load functions."""

import hashlib
import sys
from importlib import resources

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import Bunch

from skibias.datasets import load_magic_telescope

FEATURE_NAMES = "fLength fWidth fSize fConc fConc1 fAsym fM3Long fM3Trans fAlpha fDist".split()
MAGIC_SHA256 = "1209f64a3ef705bc72765d9d37c907b5f2d7a28ab7ae3b45469de766804be18f"

# Row number and the line as printed in the source: the first and last row of either class.
KNOWN_ROWS = [
    (0, "28.7967,16.0021,2.6449,0.3918,0.1982,27.7004,22.011,-8.2027,40.092,81.8828,g"),
    (12331, "31.5125,19.2867,2.9578,0.2975,0.1515,38.1833,21.6729,-12.0726,17.5809,171.227,g"),
    (12332, "93.7035,37.9432,3.1454,0.168,0.1011,53.2566,89.0566,11.8175,14.1224,231.9028,h"),
    (19019, "187.1814,53.0014,3.2093,0.2876,0.1539,-167.3125,-168.4558,31.4755,52.731,272.3174,h"),
]


def test_magic_file_is_the_one_that_was_verified():
    file = resources.files("skibias.datasets") / "data" / "magic_telescope.csv.gz"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == MAGIC_SHA256


def test_magic_has_the_shape_and_the_class_counts_of_its_source():
    X, y = load_magic_telescope(return_X_y=True)
    assert X.shape == (19020, 10)
    assert_array_equal(np.bincount(y), [6688, 12332])
    assert len(np.unique(np.column_stack([X, y]), axis=0)) == 19020 - 115


def test_magic_arrays_are_ready_for_use():
    X, y = load_magic_telescope(return_X_y=True)
    assert X.dtype == np.float64
    assert y.dtype == np.int64
    assert X.flags.c_contiguous and X.flags.writeable and X.flags.owndata
    assert np.isfinite(X).all()


@pytest.mark.parametrize(("row", "line"), KNOWN_ROWS)
def test_magic_rows_are_those_of_the_source(row, line):
    X, y = load_magic_telescope(return_X_y=True)
    *values, letter = line.split(",")
    assert_array_equal(X[row], [float(value) for value in values])
    assert y[row] == {"h": 0, "g": 1}[letter]


def test_magic_features_keep_to_their_physical_ranges():
    # Swapped or shifted columns would break these.
    X, _ = load_magic_telescope(return_X_y=True)
    column = dict(zip(FEATURE_NAMES, X.T, strict=True))
    assert (column["fLength"] >= column["fWidth"]).all()
    assert (column["fConc"] >= column["fConc1"]).all()
    assert column["fAlpha"].min() >= 0 and column["fAlpha"].max() <= 90
    assert column["fDist"].min() >= 0


def test_magic_bunch_describes_the_data():
    magic = load_magic_telescope()
    assert isinstance(magic, Bunch)
    assert magic.feature_names == FEATURE_NAMES
    assert magic.target_names.tolist() == ["hadron", "gamma"]
    assert magic.frame is None
    for stated in ("CC BY 4.0", "10.24432/C52C8B", *FEATURE_NAMES):
        assert stated in magic.DESCR


def test_magic_bunch_says_where_the_file_is():
    magic = load_magic_telescope()
    assert (resources.files(magic.data_module) / magic.filename).is_file()


def test_returning_a_pair_gives_what_the_bunch_holds():
    magic = load_magic_telescope()
    X, y = load_magic_telescope(return_X_y=True)
    assert_array_equal(X, magic.data)
    assert_array_equal(y, magic.target)


def test_calls_do_not_share_memory():
    X, y = load_magic_telescope(return_X_y=True)
    X[:], y[:] = 0, 0
    again, y_again = load_magic_telescope(return_X_y=True)
    assert again.any() and y_again.any()


def test_as_frame_holds_the_same_values_under_names():
    pd = pytest.importorskip("pandas")
    plain, framed = load_magic_telescope(), load_magic_telescope(as_frame=True)
    assert isinstance(framed.data, pd.DataFrame) and isinstance(framed.target, pd.Series)
    assert framed.data.columns.tolist() == FEATURE_NAMES
    assert framed.frame.columns.tolist() == [*FEATURE_NAMES, "target"]
    assert framed.target.name == "target"
    assert_array_equal(framed.data.to_numpy(), plain.data)
    assert_array_equal(framed.target.to_numpy(), plain.target)


def test_as_frame_as_a_pair_gives_pandas_objects():
    pd = pytest.importorskip("pandas")
    X, y = load_magic_telescope(return_X_y=True, as_frame=True)
    assert isinstance(X, pd.DataFrame) and X.shape == (19020, 10)
    assert isinstance(y, pd.Series) and y.dtype == np.int64


def test_as_frame_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    load_magic_telescope()
    with pytest.raises(ImportError, match="as_frame=True needs pandas"):
        load_magic_telescope(as_frame=True)


@pytest.mark.parametrize("name", ["return_X_y", "as_frame"])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_parameters_other_than_bool_are_refused(name, value):
    with pytest.raises(TypeError, match=f"The '{name}' parameter .* must be a bool. Got {value!r}"):
        load_magic_telescope(**{name: value})


def test_parameters_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        load_magic_telescope(True)
