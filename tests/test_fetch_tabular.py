"""The tabular benchmark: its rule, local copies, and openml's cache on disk without a network.

The folders of openml's cache are built by hand, as openml-python 0.15 lays them out, and read by
openml itself. Only what goes over the network is replaced.
"""

import hashlib
import json
import logging
import shutil
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import requests
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal, assert_series_equal
from pyarrow import parquet
from sklearn.utils import Bunch

from skibias.datasets import fetch_tabular, list_tabular
from skibias.datasets._tabular import (
    _SETS,
    against_rest,
    balance_classes,
    categorical_columns,
    columns_with_few_values,
    drop_missing,
    find_local_copies,
    is_id_like,
    to_benchmark_version,
)

ELECTRICITY, ABALONE = 44120, 45033
N_FEATURES = 7  # of electricity and of abalone
pytestmark = pytest.mark.usefixtures("home_of_openml", "connections", "no_local_folder")


@pytest.fixture(autouse=True)
def sleeps(monkeypatch):
    """Sleep no longer; the list of the seconds that were asked for."""
    asked = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


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


def write_description(folder, data_id, target, **entries):
    entries = {
        "id": data_id,
        "name": "a-name",
        "version": 3,
        "description": "What is in it.",
        "format": "ARFF",
        "licence": "Public",
        "url": f"https://example.invalid/{data_id}.arff",
        "default_target_attribute": target,
        **entries,
    }
    lines = [f"<oml:{key}>{value}</oml:{key}>" for key, value in entries.items()]
    text = "\n".join(
        [
            '<oml:data_set_description xmlns:oml="http://openml.org/openml">',
            *lines,
            "</oml:data_set_description>",
        ]
    )
    (folder / "description.xml").write_text(text, encoding="utf-8")
    return text


def dataset_folder(cache, data_id):
    folder = cache / "org" / "openml" / "www" / "datasets" / str(data_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_parquet(cache, data_id, frame, target):
    """Fill a folder of openml's cache with a parquet file and return the path of that."""
    folder = dataset_folder(cache, data_id)
    url = f"http://example.invalid/datasets/{data_id}/dataset_{data_id}.pq"
    write_description(folder, data_id, target, parquet_url=url)
    path = folder / f"dataset_{data_id}.pq"
    frame.to_parquet(path)
    return path


def cache_arff(cache, data_id, frame, target, **entries):
    """Fill a folder of openml's cache with an ARFF file and return the path of that."""
    folder = dataset_folder(cache, data_id)
    lines = ["@RELATION a-name", ""]
    for column in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[column])
        kind = "NUMERIC" if numeric else "{" + ",".join(frame[column].unique()) + "}"
        lines.append(f"@ATTRIBUTE {column} {kind}")
    rows = frame.to_csv(index=False, header=False, lineterminator="\n")
    text = "\n".join([*lines, "", "@DATA", rows])
    path = folder / "dataset.arff"
    path.write_bytes(text.encode())
    checksum = hashlib.md5(text.encode()).hexdigest()
    write_description(folder, data_id, target, md5_checksum=checksum, **entries)
    return path


def cut_off(path, n_bytes):
    path.write_bytes(path.read_bytes()[:-n_bytes])


# The table of sets.


def test_the_suites_have_their_sets():
    classification, regression = list_tabular("classification"), list_tabular("regression")
    assert (len(classification), len(regression)) == (16, 19)
    assert set(classification) & set(regression) == {"pol", "house_16H"}


def test_no_two_sets_have_the_same_id():
    ids = [known.data_id for suite in _SETS.values() for known in suite.values()]
    assert len(set(ids)) == 35


def test_a_list_belongs_to_the_caller():
    list_tabular("regression").clear()
    assert len(list_tabular("regression")) == 19


def test_only_the_two_tasks_have_a_list():
    with pytest.raises(ValueError, match="The 'task' parameter of list_tabular must be"):
        list_tabular("clustering")


# The rule.


@pytest.mark.parametrize("name", ["a_id", "A-ID", "a.id", "a_index", "a-Index", "a.index"])
def test_id_like_names(name):
    assert is_id_like(name)


@pytest.mark.parametrize("name", ["id", "valid", "index", "a_idx", "id_a", 3])
def test_other_names_are_not_id_like(name):
    assert not is_id_like(name)


def test_what_is_categorical():
    data = pd.DataFrame(
        {
            "number": [0.5, 1.5, 2.5, 3.5],
            "binary": [7.0, 9.0, 7.0, 9.0],
            "binary_with_missing": [7.0, 9.0, np.nan, 9.0],
            "text": ["1", "2", "3", "4"],
            "flag": [True, False, True, True],
            "kind": pd.Categorical([1, 2, 3, 4]),
            "visit_id": [10, 11, 12, 13],
            "patient": [10, 11, 12, 13],
            "constant": [1, 1, 1, 1],
        }
    )
    expected = ["binary", "binary_with_missing", "text", "flag", "kind", "visit_id"]
    assert categorical_columns(data) == expected
    assert categorical_columns(data, by_meaning=("patient",)) == [*expected, "patient"]


def test_ten_values_are_not_few():
    data = pd.DataFrame({"ten": range(10), "nine": [0, *range(9)]}, dtype=float)
    data["nine_and_missing"] = data["nine"].replace(0, np.nan)
    assert columns_with_few_values(data) == ["nine", "nine_and_missing"]


def test_columns_with_much_missing_go_before_rows_do():
    row = np.arange(100.0)
    data = pd.DataFrame(
        {
            "missing_70": np.where(row < 70, np.nan, row),
            "missing_71": np.where(row < 71, np.nan, row),
            "full": row,
        }
    )
    left = drop_missing(data)
    assert left.columns.tolist() == ["missing_70", "full"]
    assert left.index.tolist() == list(range(70, 100))


def test_against_rest_keeps_one_label():
    labels = against_rest(pd.Series(["1", "2", "3", "2"]), "2")
    assert labels.tolist() == ["rest", "2", "rest", "2"]


def test_against_rest_needs_the_label():
    with pytest.raises(ValueError, match="no row has the class '4'"):
        against_rest(pd.Series(["1", "2"]), "4")


def test_balancing_keeps_the_two_largest_classes():
    labels = np.array(["b"] * 5 + ["a"] * 3 + ["c"] * 9)
    rows, names = balance_classes(labels)
    assert names == ["c", "b"]
    assert_array_equal(labels[rows], ["c"] * 5 + ["b"] * 5)
    # The sequence of the legacy generator is fixed for good.
    assert_array_equal(rows[:5], np.random.RandomState(0).choice(range(8, 17), 5, replace=False))
    assert_array_equal(rows[5:], range(5))


def test_balancing_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    balance_classes(["a", "b", "b"])
    assert_array_equal(np.random.get_state()[1], before)


def test_balancing_needs_two_classes():
    with pytest.raises(ValueError, match="two classes are needed, and there are only \\['a'\\]"):
        balance_classes(["a", "a"])


def raw_frame(n=40):
    """Original data of three classes, 0 the largest; the row number is in column x."""
    row = np.arange(n, dtype=float)
    return pd.DataFrame(
        {
            "text": "a",
            "x": row,
            "few": row % 9,
            "binary": row % 2,
            "row_id": row,
            "code": row,
            "gap": np.where(row == 3, np.nan, row),
            "mostly_missing": np.where(row < 29, np.nan, row),
            "target": np.where(row < 20, 0, np.where(row < 32, 1, 2)),
        }
    )


def test_the_rule_as_a_whole():
    frame = raw_frame()
    data, labels = frame.drop(columns="target"), frame["target"].map({0: "p", 1: "q", 2: "r"})
    made, classes, names = to_benchmark_version(data, labels, categorical=("code",))
    assert made.columns.tolist() == ["x", "gap"]
    assert names == ["p", "q"]
    assert_array_equal(classes, [0] * 12 + [1] * 12)
    # Row 3 has a missing value; of the 19 other rows of the larger class 12 are drawn.
    left = np.delete(np.arange(20), 3)
    assert_array_equal(made["x"][:12], np.random.RandomState(0).choice(left, 12, replace=False))
    assert_array_equal(made["x"][12:], np.arange(20, 32))
    assert made.index.tolist() == list(range(24))


def test_the_rule_does_not_depend_on_the_index():
    frame = raw_frame()
    moved = frame.set_index(np.zeros(len(frame), dtype=int))
    made, again = (
        to_benchmark_version(each.drop(columns="target"), each["target"].astype(str))
        for each in (frame, moved)
    )
    assert_frame_equal(made[0], again[0])
    assert_array_equal(made[1], again[1])


def test_the_rule_sets_one_class_against_the_rest_before_balancing():
    frame = raw_frame()
    made, _, names = to_benchmark_version(
        frame[["x"]], frame["target"].astype(str), one_against_rest="1"
    )
    assert names == ["rest", "1"]
    assert len(made) == 24
    assert made["x"][:12].ge(32).any()  # of class 2, which balancing alone would drop


def test_the_rule_does_not_change_its_input():
    frame = raw_frame()
    before = frame.copy()
    to_benchmark_version(frame.drop(columns="target"), frame["target"].astype(str))
    assert_frame_equal(frame, before)


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
    cache_parquet(cache, ELECTRICITY, make_frame(["UP", "DOWN"], "class"), "class")
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
    cache_parquet(cache, ELECTRICITY, make_frame(["UP", "DOWN"], "class"), "class")
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
    cache_parquet(cache, ELECTRICITY, frame, "class")
    fetched = fetch_tabular("electricity", data_home=cache)
    assert_frame_equal(fetched.data, frame.drop(columns="class"))
    assert_series_equal(fetched.target, pd.Series([1, 0, 1], name="target"))
    assert fetched.target_names.tolist() == [str(label) for label in sorted(set(CLASSES[kind]))]
    assert connections == []


def test_a_target_in_the_middle_of_the_columns(cache):
    frame = make_frame(["UP", "DOWN"], "class")[["x7", "class", "x2", "x4"]]
    cache_parquet(cache, ELECTRICITY, frame, "class")
    assert fetch_tabular("electricity", data_home=cache).feature_names == ["x7", "x2", "x4"]


def test_classification_from_a_cached_arff_file(cache, connections):
    frame = make_frame(["UP", "DOWN", "UP"], "class").assign(x4=[3, 255, 0])
    cache_arff(cache, ELECTRICITY, frame, "class")
    for _ in range(2):  # the second time from the pickle that openml makes
        fetched = fetch_tabular("electricity", data_home=cache)
        assert_frame_equal(fetched.data, frame.drop(columns="class").astype(np.float64))
        assert fetched.target.tolist() == [1, 0, 1]
        assert fetched.target_names.tolist() == ["DOWN", "UP"]
    assert connections == []


@pytest.mark.parametrize("fill", [cache_parquet, cache_arff])
def test_regression_from_the_cache(cache, connections, fill):
    frame = make_frame([7, 9, 8], "rings")
    fill(cache, ABALONE, frame, "rings")
    fetched = fetch_tabular("abalone", data_home=str(cache))
    assert_frame_equal(fetched.data, frame.drop(columns="rings"))
    assert_series_equal(fetched.target, pd.Series([7.0, 9.0, 8.0], name="target"))
    assert fetched.target_names is None
    assert connections == []


def test_what_openml_says_is_kept(cache):
    cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    fetched = fetch_tabular("abalone", data_home=cache)
    expected = {
        "version": "benchmark",
        "name": "a-name",
        "version_on_openml": 3,
        "licence": "Public",
    }
    assert fetched.details == expected
    assert "What is in it." in fetched.DESCR


def test_the_configured_cache_is_the_default(cache, monkeypatch):
    import openml

    monkeypatch.setattr(openml.config, "_root_cache_directory", cache)
    cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    assert len(fetch_tabular("abalone").target) == 2


def test_the_cache_is_reported(cache, capsys):
    cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    fetch_tabular("abalone", data_home=cache)
    assert capsys.readouterr() == ("", "")
    fetch_tabular("abalone", data_home=cache, verbose=1)
    expected = "fetching 'abalone' (OpenML id 45033) from the cache of openml\n"
    assert capsys.readouterr().err == expected


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
    cache_parquet(cache, ELECTRICITY, frame, "class")
    with pytest.raises(OSError, match=f"'electricity' as read from OpenML .*{reason}"):
        fetch_tabular("electricity", data_home=cache)


# Damaged files in the cache.


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """A server in place of openml's downloads; its files, and a list of those downloaded."""
    import openml

    class Server:  # made anew for every test
        files, log = {}, []

        def put(self, path):
            self.files[path.name] = path.read_bytes()

    server = Server()

    def download(source, destination, **_):
        server.log.append(destination.name)
        destination.write_bytes(server.files[destination.name])

    def download_text(source, output_path, **_):
        if not output_path.exists():
            download(source, output_path)

    def call_api(call, method, **_):
        server.log.append(call)
        return server.files["description.xml"].decode()

    monkeypatch.setattr(openml._api_calls, "_download_minio_file", download)
    monkeypatch.setattr(openml._api_calls, "_download_text_file", download_text)
    monkeypatch.setattr(openml._api_calls, "_perform_api_call", call_api)
    return server


def test_a_download_into_an_empty_cache(cache, downloads, capsys):
    path = cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    downloads.put(path)
    downloads.put(path.with_name("description.xml"))
    shutil.rmtree(cache)
    for _ in range(2):
        assert fetch_tabular("abalone", data_home=cache, verbose=1).target.tolist() == [7, 9]
    assert downloads.log == ["data/45033", "dataset_45033.pq"]
    first, second = capsys.readouterr().err.splitlines()
    assert "over the network" in first and "from the cache" in second


@pytest.mark.parametrize("n_bytes", [1, 100, None])
def test_a_damaged_parquet_file_is_fetched_again(cache, downloads, n_bytes):
    frame = make_frame(["UP", "DOWN"], "class")
    path = cache_parquet(cache, ELECTRICITY, frame, "class")
    downloads.put(path)
    cut_off(path, path.stat().st_size if n_bytes is None else n_bytes)
    with pytest.warns(UserWarning, match="damaged") as caught:
        fetched = fetch_tabular("electricity", data_home=cache)
    assert str(path) in str(caught[0].message) and caught[0].filename == __file__
    assert downloads.log == ["dataset_44120.pq"]
    assert_frame_equal(fetched.data, frame.drop(columns="class"))
    fetch_tabular("electricity", data_home=cache)  # no warning any more
    assert downloads.log == ["dataset_44120.pq"]


def test_a_parquet_file_damaged_inside_is_fetched_again(cache, downloads):
    frame = make_frame(np.arange(2000) % 3 + 0.5, "rings")
    path = cache_parquet(cache, ABALONE, frame, "rings")
    downloads.put(path)
    content = bytearray(path.read_bytes())
    content[4:2000] = bytes(1996)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="damaged"):
        fetched = fetch_tabular("abalone", data_home=cache)
    assert_frame_equal(fetched.data, frame.drop(columns="rings"))


def test_an_arff_file_cut_off_after_a_line_is_fetched_again(cache, downloads):
    # As a table with fewer rows, which openml read and made a pickle of without noticing.
    frame = make_frame([7, 9, 8], "rings")
    path = cache_arff(cache, ABALONE, frame[:2], "rings")
    fetch_tabular("abalone", data_home=cache)
    short = path.read_bytes()
    downloads.put(cache_arff(cache, ABALONE, frame, "rings"))
    path.write_bytes(short)
    with pytest.warns(UserWarning, match="dataset.arff .* was damaged"):
        fetched = fetch_tabular("abalone", data_home=cache)
    assert fetched.target.tolist() == [7, 9, 8]
    assert downloads.log == ["dataset.arff"]


def test_a_broken_pickle_is_made_again_without_a_download(cache, connections):
    path = cache_arff(cache, ABALONE, make_frame([7, 9, 8], "rings"), "rings")
    fetch_tabular("abalone", data_home=cache)
    pickle = path.with_suffix(".pkl.py3")
    whole = pickle.read_bytes()
    for n_bytes in (1, len(whole) // 2, len(whole)):
        pickle.write_bytes(whole[:-n_bytes])
        with pytest.warns(UserWarning, match="dataset.pkl.py3 .* was damaged"):
            fetched = fetch_tabular("abalone", data_home=cache)
        assert fetched.target.tolist() == [7, 9, 8]
        assert pickle.read_bytes() == whole
    assert connections == []


def test_a_damaged_description_is_fetched_again(cache, downloads):
    path = cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    description = path.with_name("description.xml")
    downloads.put(description)
    cut_off(description, 30)
    with pytest.warns(UserWarning, match="description.xml .* was damaged"):
        fetch_tabular("abalone", data_home=cache)
    assert downloads.log == ["data/45033"]


def test_a_file_that_is_damaged_on_the_server_is_an_error(cache, downloads):
    path = cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    cut_off(path, 1)
    downloads.put(path)
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(OSError, match="cannot be read, also after damaged files were fetched again"),
    ):
        fetch_tabular("abalone", data_home=cache)
    assert downloads.log == ["dataset_45033.pq"]


def test_files_that_cannot_be_read_are_an_error(cache):
    path = cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "no such column")
    with pytest.raises(OSError, match=f"{path.parent} cannot be read .*Remove this folder"):
        fetch_tabular("abalone", data_home=cache)


def test_a_damaged_file_without_a_network_is_named(cache, connections):
    path = cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    cut_off(path, 1)
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(ConnectionError, match=f"The copy in the cache .* was damaged .*{path.name}"),
    ):
        fetch_tabular("abalone", data_home=cache, n_retries=0)
    assert connections


# Without a network.


def test_offline_the_error_says_what_to_do(cache, connections):
    with pytest.raises(ConnectionError) as caught:
        fetch_tabular("abalone", data_home=cache, n_retries=0)
    message = str(caught.value)
    for stated in (
        "'abalone' (OpenML id 45033)",
        f"no copy in the cache of openml ({dataset_folder(cache, ABALONE)})",
        "SKIBIAS_DATA is not set",
        "a folder that holds reg-abalone.parquet",
        "attempts: 1",
    ):
        assert stated in message
    assert len(connections) > 0


def test_offline_the_local_folder_is_named(cache, local_folder):
    with pytest.raises(ConnectionError) as caught:
        fetch_tabular("electricity", data_home=cache, n_retries=0)
    assert f"SKIBIAS_DATA is '{local_folder}', which holds no copy" in str(caught.value)
    assert "holds electricity.parquet" in str(caught.value)


@pytest.mark.parametrize("n_retries", [0, 1, 3])
def test_failed_downloads_are_tried_again(cache, monkeypatch, sleeps, n_retries):
    import openml

    calls = []

    def fail(call, *_):
        calls.append(call)
        raise requests.exceptions.ConnectionError("unreachable")

    monkeypatch.setattr(openml._api_calls, "_perform_api_call", fail)
    with pytest.raises(ConnectionError, match=f"attempts: {n_retries + 1}; .*unreachable"):
        fetch_tabular("abalone", data_home=cache, n_retries=n_retries, delay=2.5)
    assert calls == ["data/45033"] * (n_retries + 1)
    assert sleeps == [2.5] * n_retries


def test_openml_does_not_retry_on_its_own(cache, sleeps):
    with pytest.raises(ConnectionError):
        fetch_tabular("abalone", data_home=cache, n_retries=2, delay=0.25)
    assert sleeps == [0.25, 0.25]


def test_a_download_that_succeeds_later(cache, downloads, monkeypatch, capsys):
    import openml

    path = cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
    downloads.put(path)
    downloads.put(path.with_name("description.xml"))
    shutil.rmtree(cache)
    succeed, failures = openml._api_calls._perform_api_call, [1, 2]

    def fail_at_first(*args):
        if failures:
            failures.pop()
            raise openml.exceptions.OpenMLServerError("overloaded")
        return succeed(*args)

    monkeypatch.setattr(openml._api_calls, "_perform_api_call", fail_at_first)
    assert len(fetch_tabular("abalone", data_home=cache, n_retries=2, verbose=1).target) == 2
    assert capsys.readouterr().err.count("overloaded; trying again") == 2


def test_without_openml(monkeypatch, cache):
    monkeypatch.setitem(sys.modules, "openml", None)
    with pytest.raises(ImportError, match=r'needs openml .*pip install "skibias\[datasets\]"'):
        fetch_tabular("abalone", data_home=cache)


@pytest.mark.parametrize("fails", [False, True])
def test_the_settings_of_openml_and_of_logging_are_as_before(cache, monkeypatch, capsys, fails):
    import openml

    root_logger = logging.getLogger()
    monkeypatch.setattr(root_logger, "handlers", [])  # as it is outside of the tests
    before = openml.config.get_config_as_dict()
    if fails:
        with pytest.raises(ConnectionError):
            fetch_tabular("abalone", data_home=cache, n_retries=1)
    else:
        cache_parquet(cache, ABALONE, make_frame([7, 9], "rings"), "rings")
        fetch_tabular("abalone", data_home=cache)
    assert openml.config.get_config_as_dict() == before
    assert root_logger.handlers == []
    assert capsys.readouterr() == ("", "")


# Parameters.


@pytest.mark.parametrize("task", [None, "classification", "regression"])
def test_an_unknown_name_gets_the_known_ones(task):
    with pytest.raises(ValueError, match="The 'name' parameter of fetch_tabular must be") as caught:
        fetch_tabular("iris", task=task)
    message = str(caught.value)
    assert message.endswith("Got 'iris' instead.")
    for suite in ("classification", "regression"):
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
