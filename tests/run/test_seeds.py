"""The seed of a fit."""

import numpy as np

from skibias._run.seeds import draw_seed


def test_seeds_follow_the_random_state():
    assert draw_seed(3) == draw_seed(3) == draw_seed(np.random.RandomState(3))
    assert draw_seed(3) != draw_seed(4)
    assert draw_seed(None) != draw_seed(None)
