"""Calls side by side, and interruptions."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias._run.parallel import raise_if_cancelled, side_by_side, worker_threads
from skibias._run.settings import one_thread


def test_results_come_in_the_order_of_the_calls():
    assert side_by_side([lambda: 0, lambda: 1, lambda: 2], 1) == [0, 1, 2]
    ended = [threading.Event() for _ in range(4)]
    ended[3].set()

    def call(number):
        ended[number + 1].wait()  # the last call ends first
        ended[number].set()
        return number

    calls = [lambda number=number: call(number) for number in range(3)]
    assert side_by_side(calls, 3) == [0, 1, 2]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_ends_the_other_calls(n_threads):
    started, ended = threading.Event(), threading.Event()

    def fail():
        if n_threads > 1:
            started.wait()
        raise ValueError("wrong")

    def work():
        started.set()
        for _ in range(30_000):  # half a minute, unless it is told to end
            raise_if_cancelled()
            time.sleep(0.001)
        ended.set()

    with pytest.raises(ValueError, match="wrong"):
        side_by_side([fail, work], n_threads)
    assert started.is_set() == (n_threads > 1)
    assert not ended.is_set()


def test_workers_run_torch_on_one_thread():
    before = torch.get_num_threads()
    with one_thread() as n_threads:
        assert n_threads == before
        assert set(side_by_side([torch.get_num_threads] * 4, 2)) == {1}
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("kept_thread_count")
def test_threads_stay_alone_when_another_fit_has_set_the_count():
    def thread_counts():
        with one_thread():
            inside.set()
            started.wait()  # the other has set the process's count back by then
            counts = side_by_side([torch.get_num_threads] * 4, 2)
            with worker_threads(2) as run:
                return set(counts + run([torch.get_num_threads] * 4))

    inside, started = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(thread_counts)
        inside.wait()
        torch.set_num_threads(2)
        started.set()
        assert future.result() == {1}


@pytest.mark.usefixtures("ctrl_c_interrupts", "kept_thread_count")
def test_ctrl_c_while_learning_is_raised_soon_and_nothing_goes_on(clock):
    """With a limit, every outer step asks the clock: so it knows when learning is under way."""

    def interrupt(n_questions):
        if n_questions == 50:
            os.kill(os.getpid(), signal.SIGINT)

    X = np.random.default_rng(0).normal(size=(500, 4))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    learner = ActivationLearner(n_outer_steps=20_000, hidden_layer_sizes=(8,))
    model = LearnedActivationMLPClassifier(learner=learner, time_limit=1e9, random_state=0)
    threads = set(threading.enumerate())
    torch.set_num_threads(2)  # inputs and activations are learned side by side
    clock.answered = interrupt
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert 50 <= clock.n_questions < 20_000
    assert set(threading.enumerate()) <= threads
    assert not [name for name in vars(model) if name.endswith("_")]
