"""Named streams, splits and batches."""

import pytest
import torch

from skibias.engine.episodes import (
    Draw,
    Rows,
    chances,
    draw_epoch,
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
    assert draw_rows(rows, 4, stream(0)).numbers is rows
    assert draw_rows(rows, None, stream(0)).numbers is rows
    drawn = torch.stack([draw_rows(rows, 3, stream(0, number)).numbers for number in range(50)])
    assert drawn.shape == (50, 3)
    assert set(drawn.flatten().tolist()) == {3, 5, 8, 9}


def test_padding_of_shorter_batches_has_weight_zero_and_no_say_in_the_loss():
    numbers = [torch.tensor([4, 2, 7]), torch.tensor([9])]
    batch = gather_batch(DATA, [*map(Draw, numbers)])
    # The one row of the second batch counts three times in a mean over three.
    assert torch.equal(batch.weights, torch.tensor([[5.0, 3.0, 8.0], [30.0, 0.0, 0.0]]))
    outputs = torch.full((2, 3, 1), 0.5)
    together = squared_error(outputs, batch.targets, batch.weights)
    for network, own in enumerate(numbers):
        alone = squared_error(outputs[0, : len(own)], DATA.targets[own], DATA.weights[own])
        torch.testing.assert_close(together[network], alone)
        torch.testing.assert_close(batch.inputs[network, : len(own)], DATA.inputs[own])


WEIGHTS = torch.tensor([0.1, 0.1, 5.0, 0.4, 0.4])  # mean 1.2 of these rows
ROWS = torch.arange(5)


def weighted_means(draws, values):
    """Return the mean of the values of every batch, each row times its weight and factor."""
    return torch.stack([(values[d.numbers] * WEIGHTS[d.numbers] * d.factors).mean() for d in draws])


def test_equal_weights_are_drawn_alike():
    assert chances(torch.ones(5)) is None
    assert torch.equal(chances(WEIGHTS), (1 + WEIGHTS.double()) / 2)


def test_batches_drawn_by_chance_have_the_weighted_mean_and_no_row_counts_much():
    values = torch.tensor([4.0, -1.0, 2.0, 8.0, 1.0], dtype=torch.float64)
    chance, generator = chances(WEIGHTS), stream(0)
    draws = [draw_rows(ROWS, 3, generator, chance) for _ in range(4000)]
    means = weighted_means(draws, values)
    expected = float((values * WEIGHTS).mean())
    assert float(means.mean()) == pytest.approx(expected, abs=4 * float(means.std()) / 4000**0.5)
    largest = max(float((WEIGHTS[d.numbers] * d.factors).max()) for d in draws)
    assert largest < 2 * float(chance.mean())


def test_an_epoch_without_chances_holds_every_row_once():
    draws = draw_epoch(torch.arange(10, 21), 3, stream(0))
    assert [len(draw.numbers) for draw in draws] == [4, 4, 3]
    assert sorted(torch.cat([d.numbers for d in draws]).tolist()) == list(range(10, 21))
    assert all(draw.factors is None for draw in draws)


def test_an_epoch_holds_every_row_as_often_as_its_chance_rounded_up_or_down():
    chance, generator = chances(WEIGHTS), stream(0)
    wanted = 5 * chance / chance.sum()
    counts = []
    for _ in range(2000):
        numbers = torch.cat([d.numbers for d in draw_epoch(ROWS, 2, generator, chance)])
        counts.append(numbers.bincount(minlength=5))
    counts = torch.stack(counts)
    assert bool(((counts - wanted).abs() < 1).all())
    torch.testing.assert_close(counts.double().mean(0), wanted, atol=0.05, rtol=0)


def test_epochs_drawn_by_chance_have_the_weighted_mean():
    values = torch.tensor([4.0, -1.0, 2.0, 8.0, 1.0], dtype=torch.float64)
    chance, generator = chances(WEIGHTS), stream(0)
    epochs = [draw_epoch(ROWS, 1 + number % 2, generator, chance) for number in range(4000)]
    whole = [
        draw._replace(factors=torch.ones(5)) if draw.factors is None else draw
        for draws in epochs
        for draw in draws
    ]
    sums = torch.stack([(values[d.numbers] * WEIGHTS[d.numbers] * d.factors).sum() for d in whole])
    assert float(sums.sum()) / (5 * 4000) == pytest.approx(
        float((values * WEIGHTS).mean()), rel=0.01
    )


def test_a_single_batch_holds_all_rows_whatever_they_weigh():
    (draw,) = draw_epoch(ROWS, 1, stream(0), chances(WEIGHTS))
    assert sorted(draw.numbers.tolist()) == ROWS.tolist()
    assert draw.factors is None


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.5, 0.99])
def test_groups_stay_on_one_side_and_as_many_rows_as_can_be_are_held_out(fraction):
    groups = torch.tensor([0, 1, 2, 2, 1, 3, 0, 2, 4, 4, 4, 4])
    for number in range(20):
        train, validation = random_split(12, fraction, groups)(stream(number))
        assert sorted(train.tolist() + validation.tolist()) == list(range(12))
        assert not set(groups[train].tolist()) & set(groups[validation].tolist())
        assert abs(len(validation) - 12 * fraction) <= 4  # the largest group
    with pytest.raises(ValueError, match="at least two groups"):
        random_split(3, 0.5, torch.zeros(3, dtype=torch.int64))
