"""Named streams, splits and batches."""

import pytest
import torch

from skibias.engine.episodes import (
    Rows,
    draw_rows,
    gather_batch,
    listed_splits,
    random_split,
    stream,
)
from skibias.engine.losses import squared_error

DATA = Rows(
    inputs=torch.arange(20.0).reshape(10, 2),
    targets=torch.arange(10.0)[:, None],
    weights=torch.arange(1.0, 11.0),
)


def test_the_same_key_gives_the_same_numbers_wherever_it_is_asked_for():
    first = torch.rand(4, generator=stream(7, "episode", 3, 2))
    torch.rand(9, generator=stream(7, "episode", 3, 1))
    assert torch.equal(torch.rand(4, generator=stream(7, "episode", 3, 2)), first)


def test_another_key_gives_other_numbers():
    keys = [(7, "episode", 3, 2), (8, "episode", 3, 2), (7, "weights", 3, 2), (7, "episode", 32)]
    keys += [(7, "episode", 3, -2), (7,), (7, "episode", 3, "2")]
    drawn = {float(torch.rand(1, generator=stream(*key), dtype=torch.float64)) for key in keys}
    assert len(drawn) == len(keys)


def test_numbers_of_a_stream_are_frozen():
    # They decide every published result; hash() of a text would differ from process to process.
    numbers = torch.randint(1000, (4,), generator=stream(0, "episode", 1, 2)).tolist()
    assert numbers == [544, 308, 137, 604]


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    generator = stream(0)
    train, _ = random_split(10, 0.3)(generator)
    draw_rows(train, 3, generator)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("n_rows", "fraction", "n_validation"), [(10, 0.3, 3), (10, 0.0, 1), (10, 1.0, 9), (2, 0.2, 1)]
)
def test_a_random_split_is_a_partition_with_rows_in_either_part(n_rows, fraction, n_validation):
    train, validation = random_split(n_rows, fraction)(stream(0))
    assert len(validation) == n_validation
    assert sorted(train.tolist() + validation.tolist()) == list(range(n_rows))


def test_random_splits_differ_from_draw_to_draw():
    generator, sample = stream(0), random_split(10, 0.5)
    validations = {tuple(sorted(sample(generator)[1].tolist())) for _ in range(200)}
    # 252 halves of ten rows; 200 draws meet about 138 of them.
    assert len(validations) > 100
    assert set().union(*validations) == set(range(10))


def test_each_listed_split_is_drawn():
    splits = [(torch.tensor([0, 1]), torch.tensor([2])), (torch.tensor([2]), torch.tensor([0]))]
    generator, sample = stream(0), listed_splits(splits)
    drawn = [sample(generator) for _ in range(20)]
    assert all(any(one is split for one in drawn) for split in splits)
    assert all(any(one is split for split in splits) for one in drawn)


def test_drawn_rows_belong_to_the_rows_and_few_rows_are_taken_whole():
    rows = torch.tensor([3, 5, 8, 9])
    assert draw_rows(rows, 4, stream(0)) is rows
    assert draw_rows(rows, None, stream(0)) is rows
    drawn = torch.stack([draw_rows(rows, 3, stream(0, number)) for number in range(50)])
    assert drawn.shape == (50, 3)
    assert set(drawn.flatten().tolist()) == {3, 5, 8, 9}


def test_padding_of_shorter_batches_has_weight_zero_and_no_say_in_the_loss():
    numbers = [torch.tensor([4, 2, 7]), torch.tensor([9])]
    batch = gather_batch(DATA, numbers)
    assert torch.equal(batch.weights, torch.tensor([[5.0, 3.0, 8.0], [10.0, 0.0, 0.0]]))
    outputs = torch.full((2, 3, 1), 0.5)
    together = squared_error(outputs, batch.targets, batch.weights)
    for network, own in enumerate(numbers):
        alone = squared_error(outputs[0, : len(own)], DATA.targets[own], DATA.weights[own])
        torch.testing.assert_close(together[network], alone)
        torch.testing.assert_close(batch.inputs[network, : len(own)], DATA.inputs[own])
