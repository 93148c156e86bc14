"""The number of threads, which every call sets back."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import torch

from skibias._run.settings import one_thread


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
