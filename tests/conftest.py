"""Fixtures for all tests."""

import os
import signal
import socket
import threading
import time

import pytest

os.environ["MPLBACKEND"] = "Agg"  # figures are drawn without a screen
if "PYTEST_XDIST_WORKER" in os.environ:  # threads that wait for each other's cores take long
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def iris():
    """150 rows of four columns in three classes, and their labels."""
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


@pytest.fixture
def ctrl_c_interrupts():
    """Python's handler of SIGINT, which a shell's background jobs start without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def kept_thread_count():
    """Leave torch the number of threads that it has."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_networks(monkeypatch):
    """Fail where a network is evaluated: nothing may be learned or trained."""
    import torch

    def refuse(*args, **kwargs):
        raise AssertionError("a network was evaluated")

    monkeypatch.setattr(torch, "matmul", refuse)


@pytest.fixture
def closed_figures():
    """Close what a test has drawn."""
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def home_of_openml(tmp_path_factory):
    """A home for openml, which makes folders when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setenv("OPENML_CACHE_DIR", str(tmp_path_factory.mktemp("openml")))
        import openml  # noqa: F401

        yield


@pytest.fixture
def connections(monkeypatch):
    """Block the network; the list of what was tried to reach."""
    tried = []

    def refuse(*args, **kwargs):
        tried.append(args)
        raise OSError("the network is blocked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


@pytest.fixture
def no_local_folder(monkeypatch):
    monkeypatch.delenv("SKIBIAS_DATA", raising=False)


@pytest.fixture
def local_folder(tmp_path, monkeypatch):
    folder = tmp_path / "local"
    folder.mkdir()
    monkeypatch.setenv("SKIBIAS_DATA", str(folder))
    return folder


class FakeClock:
    """Stands for the system's clocks: it moves by ``step`` seconds whenever it is asked."""

    def __init__(self) -> None:
        self.now = 1e9
        self.step = 0.0
        self.n_questions = 0
        self.answered = lambda n_questions: None  # is called after every question
        self._lock = threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            self.n_questions += 1
            self.now += self.step
            now, n_questions = self.now, self.n_questions
        self.answered(n_questions)
        return now


@pytest.fixture
def clock(monkeypatch):
    """The clock that tells all of Python the time; it stands still until a test moves it."""
    fake = FakeClock()
    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, fake)
    return fake
