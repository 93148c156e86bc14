"""A clock that moves as a test says."""

import threading
import time

import pytest


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
