"""Sets of the tabular benchmark by name: local copies, and openml's cache without a network."""

import json
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from openml_cache import cut_off, fill_cache
from pandas.testing import assert_frame_equal, assert_series_equal
from pyarrow import parquet
from sklearn.utils import Bunch

from skibias.datasets import fetch_tabular, list_tabular
from skibias.datasets._tabular import find_local_copies
from skibias.datasets._tabular_sets import MIXED_SETS, SETS

ELECTRICITY, ABALONE = 44120, 45033
N_FEATURES = 7  # of electricity and of abalone
pytestmark = pytest.mark.usefixtures("home_of_openml", "connections", "no_local_folder")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def make_features(n=6, d=N_FEATURES, seed=0):
    """Features whose order of columns is not that of their names."""
    values = np.random.RandomState(seed).normal(size=(n, d))
    return pd.DataFrame(values, columns=[f"x{d - column}" for column in range(d)])


def make_frame(target, name="target"):
    frame = make_features(len(target))
    return frame.assign(**{name: target})


def write_copy(path, frame, **metadata):
    """Write a local copy with metadata."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    content = {**(table.schema.metadata or {}), b"skibias": json.dumps(metadata).encode()}
    parquet.write_table(table.replace_schema_metadata(content), path)


# The table of sets.


def test_the_suites_have_their_sets():
    classification, regression = list_tabular("classification"), list_tabular("regression")
    assert (len(classification), len(regression)) == (16, 19)
    assert set(classification) & set(regression) == {"pol", "house_16H"}


def test_no_two_sets_have_the_same_id():
    ids = [known.data_id for suite in (*SETS.values(), MIXED_SETS) for known in suite.values()]
    assert len(set(ids)) == 35 + 5 + 1  # None: five mixed sets are not read from OpenML


def test_a_list_belongs_to_the_caller():
    list_tabular("regression").clear()
    assert len(list_tabular("regression")) == 19


def test_the_mixed_sets():
    assert len(list_tabular("mixed")) == 10
    assert [MIXED_SETS[name].task for name in list_tabular("mixed")].count("regression") == 4
    assert set(list_tabular("mixed")) & set(list_tabular("regression")) == {"diamonds"}


def test_only_the_tasks_have_a_list():
    with pytest.raises(ValueError, match="The 'task' parameter of list_tabular must be"):
        list_tabular("clustering")


# Local copies.


def test_a_classification_copy(local_folder, connections):
    frame = make_frame([0, 0, 0, 1, 1, 1]).astype({"x3": np.float32, "target": np.int8})
    write_copy(local_folder / "electricity.parquet", frame, target_mapping={"DOWN": 0, "UP": 1})
    fetched = fetch_tabular("electricity")
    assert isinstance(fetched, Bunch)
    assert_frame_equal(fetched.data, frame.drop(columns="target").astype(np.float64))
    assert_series_equal(fetched.target, frame["target"].astype(np.int64))
    assert_frame_equal(fetched.frame, pd.concat([fetched.data, fetched.target], axis=1))
    assert fetched.feature_names == ["x7", "x6", "x5", "x4", "x3", "x2", "x1"]
    assert fetched.target_names.tolist() == ["DOWN", "UP"]
    assert fetched.data_id == ELECTRICITY and fetched.url == "https://www.openml.org/d/44120"
    assert fetched.details["version"] == "benchmark"
    assert fetched.details["file"] == str(local_folder / "electricity.parquet")
    assert "electricity: classification on 7 numerical features, 6 rows" in fetched.DESCR
    assert connections == []


def test_a_regression_copy(local_folder):
    frame = make_frame([3, 1, 2]).astype({"target": np.int32})
    write_copy(local_folder / "reg-abalone.parquet", frame)
    fetched = fetch_tabular("abalone")
    assert fetched.target.dtype == np.float64 and fetched.target.tolist() == [3, 1, 2]
    assert fetched.target_names is None
    assert "abalone: regression" in fetched.DESCR


def test_a_pair_holds_what_the_bunch_holds(local_folder):
    write_copy(local_folder / "electricity.parquet", make_frame([0, 1]))
    fetched = fetch_tabular("electricity")
    data, target = fetch_tabular("electricity", return_X_y=True)
    assert_frame_equal(data, fetched.data)
    assert_series_equal(target, fetched.target)


def test_a_copy_needs_no_metadata(local_folder):
    make_frame([0, 1]).to_parquet(local_folder / "electricity.parquet", index=False)
    assert fetch_tabular("electricity").target_names.tolist() == ["0", "1"]


def test_the_task_chooses_the_file_of_a_name_in_both_suites(local_folder):
    features = make_features(n=2, d=16)
    write_copy(local_folder / "house_16H.parquet", features.assign(target=[0, 1]))
    write_copy(local_folder / "reg-house_16H.parquet", features.assign(target=[2.5, 3.5]))
    assert fetch_tabular("house_16H", task="classification").target.tolist() == [0, 1]
    assert fetch_tabular("house_16H", task="regression").target.tolist() == [2.5, 3.5]


def test_a_raw_copy_becomes_the_benchmarks_version(local_folder):
    features = make_features(n=30, d=N_FEATURES).assign(job="clerk", sex=[0, 1] * 15)
    codes = [0] * 12 + [1] * 18
    frame = features.assign(target=codes)
    write_copy(local_folder / "bank-marketing-raw.parquet", frame, target_mapping={"no": 0, "y": 1})
    fetched = fetch_tabular("bank-marketing")
    assert fetched.details["version"] == "raw"
    assert fetched.target_names.tolist() == ["y", "no"]  # the larger class first
    assert fetched.target.tolist() == [0] * 12 + [1] * 12
    assert fetched.feature_names == make_features().columns.tolist()
    assert_array_equal(fetched.data[12:], features[fetched.feature_names][:12])


def test_columns_that_are_codes_by_their_meaning_are_dropped(local_folder):
    features = make_features(n=30, d=N_FEATURES).assign(patient_nbr=range(30))
    frame = features.assign(target=[0] * 10 + [1] * 20)
    write_copy(local_folder / "Diabetes130US-raw.parquet", frame)
    assert "patient_nbr" not in fetch_tabular("Diabetes130US").feature_names


def test_a_subset_of_covertype_sets_class_2_against_the_rest(local_folder):
    frame = make_features(n=40, d=10).assign(target=[1] * 14 + [2] * 16 + [7] * 10)
    mapping = {str(label): label for label in (1, 2, 7)}
    write_copy(local_folder / "covertype-100k.parquet", frame, target_mapping=mapping)
    fetched = fetch_tabular("covertype")
    assert fetched.details["version"] == "subset"
    assert fetched.target_names.tolist() == ["rest", "2"]
    assert_array_equal(fetched.data[16:], frame[fetched.feature_names][14:30])


def test_copies_in_the_order_of_preference(tmp_path):
    names = "jannis-9k jannis-raw jannis-30k jannis jannis-30k-old jannis-k xjannis reg-jannis"
    for name in names.split():
        (tmp_path / f"{name}.parquet").touch()
    assert [
        (path.stem, version)
        for path, version in find_local_copies(tmp_path, "jannis", "classification")
    ] == [
        ("jannis", "benchmark"),
        ("jannis-raw", "raw"),
        ("jannis-30k", "subset"),
        ("jannis-9k", "subset"),
    ]


def test_regression_knows_the_benchmarks_version_only(tmp_path):
    for name in ("reg-pol", "reg-pol-raw", "pol", "pol-raw", "reg-pol-5k"):
        (tmp_path / f"{name}.parquet").touch()
    copies = find_local_copies(tmp_path, "pol", "regression")
    assert copies == [(tmp_path / "reg-pol.parquet", "benchmark")]


def unusable_copies():
    frame = make_frame([0, 0, 1, 1])
    yield "its last column is not 'target'", frame.rename(columns={"target": "class"}), {}
    yield "it gives 6 features, not 7", frame.drop(columns="x1"), {}
    yield "its classes are not 0 and 1", frame.assign(target=[1, 1, 2, 2]), {}
    yield "its target has missing values", frame.assign(target=[0, 1, 1, np.nan]), {}
    yield "it has missing values", frame.assign(x5=[1.0, 2.0, 3.0, np.nan])[frame.columns], {}
    yield "could not convert", frame.assign(x5=list("abcd"))[frame.columns], {}
    yield "its metadata 'skibias' are not", frame, {"target_mapping": [0, 1]}


@pytest.mark.parametrize(("reason", "frame", "metadata"), list(unusable_copies()))
def test_a_copy_that_cannot_be_used_is_passed_over(local_folder, cache, reason, frame, metadata):
    path = local_folder / "electricity.parquet"
    write_copy(path, frame, **metadata)
    fill_cache(cache, ELECTRICITY, make_frame(["UP", "DOWN"], "class"), "class")
    with pytest.warns(UserWarning, match="cannot be used") as caught:
        fetched = fetch_tabular("electricity", data_home=cache)
    assert str(path) in str(caught[0].message) and reason in str(caught[0].message)
    assert caught[0].filename == __file__
    assert "file" not in fetched.details


def test_a_damaged_copy_gives_way_to_the_next(local_folder):
    path = local_folder / "electricity.parquet"
    write_copy(path, make_frame([0, 1]))
    cut_off(path, 20)
    frame = make_features(n=30).assign(target=[0] * 10 + [1] * 20)
    write_copy(local_folder / "electricity-raw.parquet", frame)
    with pytest.warns(
        UserWarning, match="electricity.parquet .* cannot be used: it cannot be read"
    ):
        fetched = fetch_tabular("electricity")
    assert fetched.details["version"] == "raw"
    assert path.exists()  # the folder is the user's


def test_a_folder_without_the_set_is_no_obstacle(local_folder, cache):
    fill_cache(cache, ELECTRICITY, make_frame(["UP", "DOWN"], "class"), "class")
    assert len(fetch_tabular("electricity", data_home=cache).target) == 2


def test_a_folder_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SKIBIAS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="SKIBIAS_DATA must name a folder. Got .*nowhere' instead"):
        fetch_tabular("electricity")


@pytest.mark.parametrize("module", ["pandas", "pyarrow"])
def test_local_copies_without_pandas_or_pyarrow(local_folder, monkeypatch, module):
    write_copy(local_folder / "electricity.parquet", make_frame([0, 1]))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "skibias\[datasets\]"'):
        fetch_tabular("electricity")


def test_a_copy_is_reported(local_folder, capsys):
    write_copy(local_folder / "electricity.parquet", make_frame([0, 1]))
    fetch_tabular("electricity")
    assert capsys.readouterr() == ("", "")
    fetch_tabular("electricity", verbose=1)
    assert capsys.readouterr().err.startswith("reading 'electricity' from ")


# openml's cache.

CLASSES = {"text": ["UP", "DOWN", "UP"], "number": [2, 1, 2], "truth": [True, False, True]}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("categorical", [False, True])
def test_classification_from_a_cached_parquet_file(cache, connections, kind, categorical):
    labels = pd.Series(CLASSES[kind])
    if categorical:  # with the categories in another order than the sorted one
        labels = labels.astype(pd.CategoricalDtype(pd.unique(labels), ordered=True))
    frame = make_frame(labels, "class")
    fill_cache(cache, ELECTRICITY, frame, "class")
    fetched = fetch_tabular("electricity", data_home=cache)
    assert_frame_equal(fetched.data, frame.drop(columns="class"))
    assert_series_equal(fetched.target, pd.Series([1, 0, 1], name="target"))
    assert fetched.target_names.tolist() == [str(label) for label in sorted(set(CLASSES[kind]))]
    assert connections == []


def test_a_target_in_the_middle_of_the_columns(cache):
    frame = make_frame(["UP", "DOWN"], "class")[["x7", "class", "x2", "x4"]]
    fill_cache(cache, ELECTRICITY, frame, "class")
    assert fetch_tabular("electricity", data_home=cache).feature_names == ["x7", "x2", "x4"]


def test_regression_from_the_cache(cache, connections):
    frame = make_frame([7, 9, 8], "rings")
    fill_cache(cache, ABALONE, frame, "rings")
    fetched = fetch_tabular("abalone", data_home=str(cache))
    assert_frame_equal(fetched.data, frame.drop(columns="rings"))
    assert_series_equal(fetched.target, pd.Series([7.0, 9.0, 8.0], name="target"))
    assert fetched.target_names is None
    assert connections == []


def test_what_openml_says_is_kept(cache):
    fill_cache(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    fetched = fetch_tabular("abalone", data_home=cache)
    expected = {
        "version": "benchmark",
        "name": "a-name",
        "version_on_openml": 3,
        "licence": "Public",
    }
    assert fetched.details == expected
    assert "What is in it." in fetched.DESCR


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (make_frame(["a", "b", "c"], "class"), "it has the classes \\['a', 'b', 'c'\\]"),
        (make_frame(["a", "b", None], "class"), "or no class"),
        (make_frame(["a", "b"], "class").assign(x1=[1.0, np.nan]), "it has missing values"),
        (make_frame(["a", "b"], "class").assign(x1=["p", "q"]), "could not convert"),
    ],
)
def test_a_table_that_is_not_of_the_benchmark_is_refused(cache, frame, reason):
    fill_cache(cache, ELECTRICITY, frame, "class")
    with pytest.raises(OSError, match=f"'electricity' as read from OpenML .*{reason}"):
        fetch_tabular("electricity", data_home=cache)


# Sets with categories and missing values.


def mixed_frame(n_features, target, name="target"):
    """Return numbers, categories of all types and missing values, the target last."""
    kinds = {
        "number": [1.5, np.nan, 2.5, 1.0],
        "count": [3, 1, 2, 3],
        "kind": pd.Categorical(["b", None, "a", "b"], categories=["b", "a"], ordered=True),
        "text": ["x", "y", None, "x"],
        "flag": [True, False, True, True],
    }
    fill = {f"x{number}": np.arange(4.0) for number in range(n_features - len(kinds))}
    return pd.DataFrame({**kinds, **fill, name: target})


@pytest.fixture
def mixed_folder(local_folder):
    (local_folder / "mixed").mkdir()
    return local_folder / "mixed"


def test_a_mixed_copy_stays_as_it_is(mixed_folder, connections):
    frame = mixed_frame(13, ["sick", "healthy", "sick", "healthy"])
    write_copy(mixed_folder / "heart-disease.parquet", frame)
    fetched = fetch_tabular("heart-disease")
    expected = pd.read_parquet(mixed_folder / "heart-disease.parquet")
    assert_frame_equal(fetched.data, expected.drop(columns="target"))
    assert fetched.data["kind"].cat.categories.tolist() == ["b", "a"]
    assert_series_equal(fetched.target, pd.Series([1, 0, 1, 0], name="target"))
    assert fetched.target_names.tolist() == ["healthy", "sick"]
    assert fetched.task == "classification"
    assert fetched.data_id is None and fetched.url is None
    assert fetched.details["version"] == "raw"
    assert "on 10 numerical and 3 categorical features, 4 rows, 3 missing" in fetched.DESCR
    assert connections == []


def test_a_mixed_copy_of_several_classes(mixed_folder):
    write_copy(mixed_folder / "students-dropout.parquet", mixed_frame(36, list("bcab")))
    fetched = fetch_tabular("students-dropout", task="mixed")
    assert fetched.target.tolist() == [1, 2, 0, 1]
    assert fetched.target_names.tolist() == ["a", "b", "c"]


def test_a_mixed_copy_of_values(mixed_folder):
    write_copy(mixed_folder / "reg-insurance.parquet", mixed_frame(6, [3, 1, 4, 1]))
    fetched = fetch_tabular("insurance")
    assert fetched.target.dtype == np.float64 and fetched.target.tolist() == [3, 1, 4, 1]
    assert fetched.target_names is None and fetched.task == "regression"


def test_the_suite_comes_before_the_mixed_set_of_its_name(local_folder, mixed_folder):
    features = make_features(n=2, d=6)
    write_copy(local_folder / "reg-diamonds.parquet", features.assign(target=[2.5, 3.5]))
    write_copy(mixed_folder / "reg-diamonds.parquet", mixed_frame(9, [1.0, 2.0, 3.0, 4.0]))
    assert fetch_tabular("diamonds").data.shape == (2, 6)
    mixed = fetch_tabular("diamonds", task="mixed")
    assert mixed.data.shape == (4, 9) and mixed.data_id == 42225


def unusable_mixed_copies():
    frame = mixed_frame(13, list("abab"))
    yield "its last column is not 'target'", frame.rename(columns={"target": "class"})
    yield "its target has missing values", frame.assign(target=["a", "b", None, "a"])
    yield "it gives 12 features, not 13", frame.drop(columns="count")
    yield "it has the classes \\['a'\\]", frame.assign(target="a")


@pytest.mark.parametrize(("reason", "frame"), list(unusable_mixed_copies()))
def test_a_mixed_copy_that_cannot_be_used_is_passed_over(mixed_folder, reason, frame):
    write_copy(mixed_folder / "heart-disease.parquet", frame)
    with (
        pytest.warns(UserWarning, match=f"cannot be used: {reason}"),
        pytest.raises(FileNotFoundError, match="'heart-disease' is read from a local copy only"),
    ):
        fetch_tabular("heart-disease")


def test_a_mixed_set_that_is_not_on_openml_needs_a_copy(connections):
    hint = "SKIBIAS_DATA is not set. To read the set, set it to a folder that holds mixed/reg-ins"
    with pytest.raises(FileNotFoundError, match=hint):
        fetch_tabular("insurance")
    assert connections == []


def test_a_mixed_set_of_openml_loses_what_tells_the_target(cache):
    frame = mixed_frame(10, ["1", "0", "1", "0"], "survived").assign(boat=list("abcd"), body=1.0)
    fill_cache(cache, 40945, frame, "survived")
    fetched = fetch_tabular("titanic", data_home=cache)
    assert fetched.feature_names == mixed_frame(10, 0).columns[:-1].tolist()
    assert fetched.data["text"].tolist()[:2] == ["x", "y"] and fetched.data["text"].isna()[2]
    assert fetched.target.tolist() == [1, 0, 1, 0]
    assert fetched.details["version"] == "raw" and fetched.details["name"] == "a-name"
    assert fetched.url == "https://www.openml.org/d/40945"


def test_marks_of_missing_values_become_missing(cache):
    frame = mixed_frame(26, list("abca"), "region").assign(text=["x", "?", "y", "?"])
    fill_cache(cache, 42805, frame, "region")
    fetched = fetch_tabular("midwest-survey", data_home=cache)
    assert fetched.data["text"].isna().tolist() == [False, True, False, True]


def test_a_mixed_set_of_openml_with_other_columns_is_refused(cache):
    fill_cache(cache, 1590, mixed_frame(13, list("abab"), "class"), "class")
    with pytest.raises(OSError, match="'adult' as read from OpenML .* it gives 13 features"):
        fetch_tabular("adult", data_home=cache)


def test_offline_the_copy_of_a_mixed_set_is_named(cache):
    with pytest.raises(ConnectionError, match="holds mixed/reg-employee-salaries.parquet"):
        fetch_tabular("employee-salaries", data_home=cache, n_retries=0)


# Without a network.


def test_offline_the_error_says_how_to_go_without(cache):
    with pytest.raises(ConnectionError, match="'abalone' .*SKIBIAS_DATA is not set.*holds reg-aba"):
        fetch_tabular("abalone", data_home=cache, n_retries=0)


def test_offline_the_local_folder_is_named(cache, local_folder):
    hint = f"SKIBIAS_DATA is '{local_folder}', which holds no copy .*holds electricity.parquet"
    with pytest.raises(ConnectionError, match=hint):
        fetch_tabular("electricity", data_home=cache, n_retries=0)


# Parameters.


@pytest.mark.parametrize("task", [None, "classification", "regression", "mixed"])
def test_an_unknown_name_gets_the_known_ones(task):
    with pytest.raises(ValueError, match="The 'name' parameter of fetch_tabular must be") as caught:
        fetch_tabular("iris", task=task)
    message = str(caught.value)
    assert message.endswith("Got 'iris' instead.")
    for suite in ("classification", "regression", "mixed"):
        listed = f"{suite}: {', '.join(list_tabular(suite))}"
        assert (listed in message) == (task in (None, suite))


def test_a_name_of_the_other_suite_is_unknown():
    with pytest.raises(
        ValueError, match="must be one of the names in regression: .* Got 'electricity'"
    ):
        fetch_tabular("electricity", task="regression")


@pytest.mark.parametrize("name", ["pol", "house_16H"])
def test_a_name_in_both_suites_needs_a_task(name):
    with pytest.raises(ValueError, match=f"The 'task' parameter .* the name '{name}'.* Got None"):
        fetch_tabular(name)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("name", 44120),
        ("task", "clustering"),
        ("return_X_y", "yes"),
        ("data_home", 3),
        ("n_retries", -1),
        ("n_retries", 1.5),
        ("delay", -0.5),
        ("verbose", "loud"),
    ],
)
def test_parameters_out_of_range_are_refused(parameter, value):
    arguments = {"name": "electricity", parameter: value}
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of fetch_tabular must be"):
        fetch_tabular(**arguments)


def test_only_the_name_is_positional():
    with pytest.raises(TypeError, match="positional"):
        fetch_tabular("electricity", "classification")
