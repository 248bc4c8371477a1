"""Each part's share: the definition by orders of joining, closed forms where there are some, and what is refused."""

from copy import deepcopy
from functools import cache
from itertools import permutations

import numpy as np
import pytest
import torch
from conftest import blobs
from torch import nn

import medtutor as mt
from medtutor.data.cohort import draw_cohort
from medtutor.data.dataset import normalise
from medtutor.errors import InputError
from medtutor.explanation import Background, shapley_values
from medtutor.explanation.parts import log_odds, see
from medtutor.models.hybrid import WAYS, Fusion


@cache
def cohort():
    squares = mt.from_arrays(*[blobs(60, seed) for seed in range(3)], classes=["top", "bottom"])
    return draw_cohort(squares, missing=0.2)


@cache
def made(way):
    torch.manual_seed(0)
    model = Fusion(shape=(16, 16), way=way).train()
    with torch.no_grad():
        for _ in range(20):
            model(normalise(cohort().train.images), cohort().train.table)
    return model.eval()


class Logistic(nn.Module):
    """Logistic regression on the mean of the image and the numbers; `product` lets the first two parts multiply."""

    def __init__(self, weights, product=0.0):
        super().__init__()
        self.weights, self.product = nn.Parameter(torch.tensor(weights)), product

    def forward(self, images, table):
        parts = torch.cat([images.mean((1, 2, 3))[:, None], table], dim=1)
        odds = parts @ self.weights + self.product * parts[:, 0] * parts[:, 1]
        return torch.stack([torch.zeros_like(odds), odds], dim=1)


def answer(model, images, table):
    """Log-odds (N,), by the whole model on whole images."""
    with torch.no_grad():
        logits = model(normalise(images), table).double()
    return (logits[:, 1] - logits[:, 0]).numpy()


def by_orders(model, image, row, images, table):
    """The definition: each part joins in every order; patient by patient, image by image."""
    parts = 1 + len(row)

    @cache
    def worth(joined):
        values = []
        for other, numbers in zip(images, table):
            mixed = torch.stack([row[i] if i + 1 in joined else numbers[i] for i in range(len(row))])
            values.append(answer(model, (image if 0 in joined else other)[None], mixed[None])[0])
        return np.mean(values)

    added, orders = np.zeros(parts), list(permutations(range(parts)))
    for order in orders:
        for place, part in enumerate(order):
            added[part] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    return added / len(orders), worth(frozenset()), worth(frozenset(range(parts)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", [[1.3, -0.4], [float("nan"), 0.8]])
def test_shares_are_those_of_the_definition(way, row):
    model, image, row = made(way), cohort().test.images[0], torch.tensor(row)
    background = Background(model, cohort().train, count=6)
    chosen = torch.randperm(len(cohort().train), generator=torch.Generator().manual_seed(0))[:6]
    given = shapley_values(model, image, row, background)
    expected, base, total = by_orders(model, image, row, cohort().train.images[chosen], cohort().train.table[chosen])
    assert given.values == pytest.approx(expected, abs=1e-5)
    assert (given.base, given.total) == pytest.approx((base, total), abs=1e-5)
    assert np.abs(given.values).max() > 0.01  # there is something to divide


@pytest.mark.parametrize("way", WAYS)
def test_shares_add_up(way):
    model, test = made(way), cohort().test
    background = Background(model, cohort().train)
    for number in range(8):
        given = shapley_values(model, test.images[number], test.table[number], background)
        assert given.names == ("image", "lab value", "age") and given.values.dtype == np.float64
        assert given.base + given.values.sum() == pytest.approx(given.total, abs=1e-12)
        assert given.total == pytest.approx(
            answer(model, test.images[number][None], test.table[number][None])[0], abs=1e-5
        )
        assert given.steps[0] == given.base and given.steps[-1] == pytest.approx(given.total, abs=1e-12)


def test_the_base_is_the_mean_answer_for_the_background():
    model, train = made("early"), cohort().train
    background = Background(model, train, count=1000)  # all of them
    given = shapley_values(model, cohort().test.images[0], cohort().test.table[0], background)
    assert given.base == pytest.approx(answer(model, train.images, train.table).mean(), abs=1e-5)


def test_of_late_fusion_each_part_gets_its_own_answer_less_that_of_others():
    model, image, row = made("late"), cohort().test.images[1], torch.tensor([1.0, -2.0])
    background = Background(model, cohort().train, count=1000)
    given = shapley_values(model, image, row, background)
    with torch.no_grad():
        seen = model.of_image(model.image(normalise(torch.cat([image[None], cohort().train.images])))).double()
        read = model.of_table(model.table(torch.cat([row[None], cohort().train.table]))).double()
    for found, logits in ((given.values[0], seen), (given.values[1:].sum(), read)):
        odds = logits[:, 1] - logits[:, 0]
        assert found == pytest.approx(float(odds[0] - odds[1:].mean()), abs=1e-5)


def plain(missing=0.0):
    return draw_cohort(
        mt.from_arrays(*[blobs(60, seed) for seed in range(3)], classes=["top", "bottom"]), missing=missing
    ).train


def test_of_a_linear_model_each_share_is_its_weight_times_the_difference():
    weights, patients = [2.0, -1.0, 0.5], plain()
    model, image, row = Logistic(weights), patients.images[3], torch.tensor([0.7, 1.1])
    given = shapley_values(model, image, row, Background(model, patients, count=20))
    chosen = torch.randperm(len(patients), generator=torch.Generator().manual_seed(0))[:20]
    others = [float(normalise(patients.images[chosen]).mean()), *patients.table[chosen].mean(0).tolist()]
    own = [float(normalise(image).mean()), *row.tolist()]
    assert given.values == pytest.approx(np.array(weights) * (np.array(own) - others), abs=1e-5)


def test_what_two_parts_say_only_together_is_divided_equally():
    """Of a product of image and number, in a background where both are 0, each gets half."""
    patients = plain()
    model = Logistic([0.0, 0.0, 0.0], product=3.0)
    background = Background(model, patients, count=4)
    background.seen, background.table = torch.zeros_like(background.seen), torch.zeros_like(background.table)
    image = torch.full((1, 16, 16), 255, dtype=torch.uint8)  # 1, as a float
    given = shapley_values(model, image, [2.0, 5.0], background)
    assert given.values == pytest.approx([3.0, 3.0, 0.0]) and given.base == 0 and given.total == pytest.approx(6)


def test_a_part_that_a_model_does_not_see_gets_nothing():
    image, row = cohort().test.images[0], torch.tensor([1.0, 1.0])
    assert shapley_values(made("table"), image, row, cohort().train).values[0] == 0
    assert (shapley_values(made("image"), image, row, cohort().train).values[1:] == 0).all()


def test_a_missing_number_is_a_value_of_its_own():
    model, image = made("early"), cohort().test.images[0]
    background = Background(model, cohort().train)
    missing, zero = (shapley_values(model, image, [value, 0.5], background) for value in (float("nan"), 0.0))
    assert missing.base == zero.base and abs(missing.values[1] - zero.values[1]) > 1e-3
    bare = Background(model, draw_cohort(mt.from_arrays(*[blobs(60, seed) for seed in range(3)]), missing=0.0).train)
    bare.table[:, 0] = float("nan")  # of nobody it is known: then that it is missing here says nothing
    assert shapley_values(model, image, [float("nan"), 0.5], bare).values[1] == pytest.approx(0, abs=1e-9)


def test_patients_will_do_as_background_and_the_seed_draws_them():
    model, image, row = made("gated"), cohort().test.images[0], cohort().test.table[0]
    drawn = [
        shapley_values(model, image, row, Background(model, cohort().train, seed=seed)).values for seed in (0, 0, 1)
    ]
    assert (shapley_values(model, image, row, cohort().train).values == drawn[0]).all()
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()


def test_what_was_seen_need_not_be_seen_again():
    model, image, row = made("early"), cohort().test.images[2], torch.tensor([0.4, 0.1])
    background = Background(model, cohort().train)
    first = shapley_values(model, image, row, background)
    seen = see(model, image[None])
    model_image, model.image = model.image, None  # it would fail
    try:
        with pytest.raises(InputError):
            shapley_values(model, image, row, background)
    finally:
        model.image = model_image
    assert (shapley_values(model, image, row, background, seen=seen).values == first.values).all()
    assert log_odds(model, seen, row[None])[0] == pytest.approx(first.total, abs=1e-5)


def test_more_columns():
    patients = plain()
    patients = type(patients)(
        patients.images, torch.randn(len(patients), 4), patients.labels, patients.findings, patients.chances
    )
    torch.manual_seed(0)
    model, row, columns = Fusion(columns=4).eval(), torch.randn(4), ("a", "b", "c", "d")
    given = shapley_values(model, patients.images[0], row, Background(model, patients, count=2, columns=columns))
    chosen = torch.randperm(len(patients), generator=torch.Generator().manual_seed(0))[:2]
    expected, *_ = by_orders(model, patients.images[0], row, patients.images[chosen], patients.table[chosen])
    assert given.names == ("image", *columns) and given.values == pytest.approx(expected, abs=1e-5)


def test_it_is_told_in_words():
    text = str(shapley_values(made("late"), cohort().test.images[0], torch.tensor([1.0, 1.0]), cohort().train))
    assert "image " in text and "lab value " in text and "(log-odds)" in text


def test_what_does_not_fit_is_said():
    model, train = made("early"), cohort().train
    image, row = cohort().test.images[0], torch.tensor([0.0, 0.0])
    with pytest.raises(InputError, match="background was made for another model"):
        shapley_values(made("late"), image, row, Background(model, train))
    with pytest.raises(InputError, match=r"row has shape \(3,\); give the 2 numbers lab value, age"):
        shapley_values(model, image, torch.zeros(3), train)
    with pytest.raises(InputError, match=r"does not take images \(3, 16, 16\)"):
        shapley_values(model, image.expand(3, -1, -1), row, train)
    with pytest.raises(InputError, match="str is no network"):
        shapley_values("early", image, row, train)
    with pytest.raises(InputError, match="does not take images .* with a table of 2 columns"):
        shapley_values(Fusion(columns=3), image, row, train)
    with pytest.raises(InputError, match="two outcomes"):
        shapley_values(Fusion(classes=3), image, row, train)
    with pytest.raises(InputError, match="count is 0"):
        Background(model, train, count=0)
    with pytest.raises(InputError, match="2 columns, but 1 names"):
        Background(model, train, columns=("lab value",))
    broken = Fusion()
    nn.init.constant_(broken.answer[0].weight, float("nan"))
    with pytest.raises(InputError, match="answers NaN"):
        Background(broken, train)
    wide = type(train)(train.images, torch.zeros(len(train), 7), train.labels, train.findings, train.chances)
    with pytest.raises(InputError, match="7 columns: 256 coalitions with the image; give at most 6"):
        Background(Fusion(columns=7), wide, columns=tuple("abcdefg"))


def test_what_is_no_image_or_row_is_said_before_anything_is_computed():
    model, train = made("early"), cohort().train
    image, row, background = cohort().test.images[0], [0.0, 0.0], Background(made("early"), cohort().train)
    for call, words in (
        (lambda: shapley_values(model, normalise(image), row, background), "torch.float32; give uint8"),
        (lambda: shapley_values(model, image.short(), row, background), "torch.int16; give uint8"),
        (lambda: shapley_values(model, image[None], row, background), "does not take images|channels first"),
        (
            lambda: shapley_values(model, image, ["high", 0.0], background),
            "the row must hold the 2 numbers lab value, age",
        ),
        (lambda: shapley_values(model, image, None, background), "the row must hold the 2 numbers"),
        (lambda: shapley_values(model, image, [float("inf"), 0.0], background), "the row holds infinity"),
        (lambda: shapley_values(model, image, row, None), "must be Patients, such as cohort.train, not NoneType"),
        (lambda: Background(model, train, count=True), "count is True"),
        (lambda: Background(model, train, seed=-1), "seed must be from 0"),
        (lambda: see(model, normalise(image)[None]), "give uint8"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    assert (
        shapley_values(model, image.numpy(), np.array(row), background).values
        == shapley_values(model, image[0], row, background).values
    ).all()


def test_a_model_in_train_mode_is_asked_in_eval_mode_and_comes_back_as_it_was():
    model, image, row = deepcopy(made("gated")), cohort().test.images[0], cohort().test.table[0]
    expected = shapley_values(model, image, row, cohort().train)
    model.train()
    model.answer.eval()
    modes = [module.training for module in model.modules()]
    found = shapley_values(model, image, row, cohort().train)
    assert found.values == pytest.approx(expected.values, abs=1e-5) and found.base == pytest.approx(
        expected.base, abs=1e-5
    )
    assert log_odds(model, see(model, image[None]), row[None])[0] == pytest.approx(expected.total, abs=1e-5)
    assert [module.training for module in model.modules()] == modes
