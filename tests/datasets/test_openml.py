"""The door to OpenML: a server on this machine, openml's cache on disk, and no network at all."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from openml_cache import cut_off, dataset_folder, description, fill_cache

from skibias.datasets._openml import read_openml

ABALONE = 45033
FRAME = pd.DataFrame({"length": [0.5, 0.25, 0.75], "rings": [7, 9, 8]})
ARFF = "@RELATION a\n@ATTRIBUTE length NUMERIC\n@ATTRIBUTE rings NUMERIC\n@DATA\n" + FRAME.to_csv(
    index=False, header=False, lineterminator="\n"
)
pytestmark = pytest.mark.usefixtures("home_of_openml")


@pytest.fixture(autouse=True)
def sleeps(monkeypatch):
    """Sleep no longer; the list of the seconds that were asked for."""
    asked = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def read(cache, *, n_retries=0, delay=1.0, verbose=0):
    options = {"data_home": cache, "n_retries": n_retries, "delay": delay, "verbose": verbose}
    return read_openml("abalone", ABALONE, "fetch_it", **options)


class Server:
    """A server of one data set: what it sends by path, what it was asked for, failures to come."""

    def __init__(self):
        self.files, self.asked, self.n_failures = {}, [], 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                server.asked.append(path)
                fails = server.n_failures > 0
                server.n_failures -= fails
                self.send_response(503 if fails else 200)
                self.end_headers()
                self.wfile.write(b"overloaded" if fails else server.files[path].encode())

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        checksum = hashlib.md5(ARFF.encode()).hexdigest()
        entries = {"url": f"{self.address}/a.arff", "md5_checksum": checksum}
        self.files["/api/data/45033"] = description(ABALONE, "rings", **entries)
        self.files["/a.arff"] = ARFF


@pytest.fixture
def server(monkeypatch):
    import openml

    server = Server()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(openml.config, "server", f"{server.address}/api")
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_a_download_stays_in_the_cache(cache, server, capsys):
    for _ in range(2):
        data, target, text, details = read(cache, verbose=1)
        assert_array_equal(data["length"], FRAME["length"])
        assert_array_equal(target, FRAME["rings"])
        assert text == "What is in it."
        assert details == {"name": "a-name", "version_on_openml": 3, "licence": "Public"}
    assert server.asked == ["/api/data/45033", "/a.arff"]
    reports = [line for line in capsys.readouterr().err.splitlines() if "fetching" in line]
    subject = "fetching 'abalone' (OpenML id 45033)"
    assert reports == [f"{subject} over the network", f"{subject} from the cache of openml"]


def test_a_failed_download_is_tried_again(cache, server, sleeps, capsys):
    server.n_failures = 2
    assert len(read(cache, n_retries=2, delay=2.5, verbose=1)[1]) == 3
    assert sleeps == [2.5, 2.5]
    assert server.asked == ["/api/data/45033"] * 3 + ["/a.arff"]
    assert capsys.readouterr().err.count("trying again in 2.5 s") == 2


def test_a_file_with_another_checksum_is_a_failed_download(cache, server):
    server.files["/a.arff"] = ARFF[:-7]  # without its last line it is still a table
    with pytest.raises(ConnectionError, match=r"\(attempts: 2; .*Checksum"):
        read(cache, n_retries=1)
    assert server.asked.count("/a.arff") == 2


@pytest.mark.parametrize("n_retries", [0, 2])
def test_offline_the_error_says_what_was_tried(cache, connections, sleeps, n_retries):
    folder = dataset_folder(cache, ABALONE)
    with pytest.raises(ConnectionError) as caught:
        read(cache, n_retries=n_retries, delay=0.25)
    message = str(caught.value)
    assert message.startswith("'abalone' (OpenML id 45033) could not be downloaded from OpenML")
    assert f"attempts: {n_retries + 1}" in message
    assert message.endswith(f"There is no copy in the cache of openml ({folder}).")
    assert sleeps == [0.25] * n_retries  # openml itself does not try again
    assert len(connections) > 0


def test_a_damaged_file_in_the_cache_is_an_error_that_says_what_to_do(cache, connections):
    path = fill_cache(cache, ABALONE, FRAME, "rings")
    cut_off(path, 30)
    with pytest.raises(OSError, match=f"{path.parent} cannot be read .*Remove this folder"):
        read(cache)
    assert connections == []


def test_a_table_without_its_target_cannot_be_read(cache):
    fill_cache(cache, ABALONE, FRAME, "no such column")
    with pytest.raises(OSError, match="cannot be read .*Remove this folder"):
        read(cache)


@pytest.mark.parametrize("is_cached", [False, True])
def test_the_settings_of_openml_are_as_before(cache, connections, is_cached):
    import openml

    before = openml.config.get_config_as_dict()
    if is_cached:
        fill_cache(cache, ABALONE, FRAME, "rings")
        read(cache)
    else:
        with pytest.raises(ConnectionError):
            read(cache)
    assert openml.config.get_config_as_dict() == before


def test_the_configured_cache_is_the_default(cache, connections):
    import openml

    before = openml.config.get_config_as_dict()["cachedir"]
    openml.config.set_root_cache_directory(cache)
    try:
        fill_cache(cache, ABALONE, FRAME, "rings")
        assert len(read(None)[1]) == 3
    finally:
        openml.config.set_root_cache_directory(before)
