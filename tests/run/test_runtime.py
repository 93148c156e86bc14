"""Threads, seeds and interruptions."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
import torch

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias._runtime import (
    draw_seed,
    one_thread,
    raise_if_cancelled,
    side_by_side,
    worker_threads,
)


def test_results_come_in_the_order_of_the_calls():
    def call(number):
        time.sleep(0.02 * (3 - number))
        return number

    calls = [lambda number=number: call(number) for number in range(3)]
    assert side_by_side(calls, 1) == side_by_side(calls, 3) == [0, 1, 2]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_ends_the_other_calls(n_threads):
    steps = []

    def fail():
        time.sleep(0.05)
        raise ValueError("wrong")

    def work():
        for _ in range(1000):
            raise_if_cancelled()
            steps.append(0)
            time.sleep(0.005)

    with pytest.raises(ValueError, match="wrong"):
        side_by_side([fail, work], n_threads)
    assert len(steps) < 500


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
            started.wait()  # the other has set the process's count back by then
            counts = side_by_side([torch.get_num_threads] * 4, 2)
            with worker_threads(2) as run:
                return set(counts + run([torch.get_num_threads] * 4))

    started = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(thread_counts)
        time.sleep(0.05)
        torch.set_num_threads(2)
        started.set()
        assert future.result() == {1}


@pytest.mark.usefixtures("kept_thread_count")
def test_calls_that_overlap_leave_the_count_of_the_process():
    def first():
        with one_thread():
            entered.set()
            second_inside.wait()
        first_left.set()

    def second():
        entered.wait()
        with one_thread():
            second_inside.set()
            first_left.wait()

    torch.set_num_threads(2)
    entered, second_inside, first_left = (threading.Event() for _ in range(3))
    with ThreadPoolExecutor(2) as pool:
        wait([pool.submit(first), pool.submit(second)])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2


def test_seeds_follow_the_random_state():
    assert draw_seed(3) == draw_seed(3) == draw_seed(np.random.RandomState(3))
    assert draw_seed(3) != draw_seed(4)
    assert draw_seed(None) != draw_seed(None)


def test_ctrl_c_while_learning_is_raised_soon_and_nothing_goes_on(ctrl_c_interrupts):
    X = np.random.default_rng(0).normal(size=(3000, 8))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    learner = ActivationLearner(n_outer_steps=5_000)
    model = LearnedActivationMLPClassifier(learner=learner, random_state=0)
    threads = set(threading.enumerate())
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert time.monotonic() - start < 10
    timer.join()
    assert set(threading.enumerate()) <= threads
    assert not [name for name in vars(model) if name.endswith("_")]
