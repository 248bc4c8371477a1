"""Fusion: what each way can and cannot do with an image and a table."""

import pytest
import torch

from medtutor.errors import InputError
from medtutor.models import parameter_count
from medtutor.models.hybrid import WAYS, Fusion, ImageFeatures, TableFeatures

PARAMETERS = {"image": 77234, "table": 386, "early": 82770, "late": 77620, "gated": 84098}


def made(way, **options):
    torch.manual_seed(0)
    model = Fusion(way=way, **options).train()
    for _ in range(3):  # batch norm that has seen something
        model(torch.randn(32, options.get("channels", 1), 28, 28), torch.randn(32, options.get("columns", 2)))
    return model.eval()


@pytest.fixture
def images():
    return torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def table():
    return torch.randn(4, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("way", WAYS)
def test_shapes_colours_columns_and_classes(way):
    model = made(way, channels=3, columns=5, classes=4)
    assert model(torch.randn(2, 3, 28, 28), torch.randn(2, 5)).shape == (2, 4)
    assert model(torch.randn(1, 3, 40, 33), torch.randn(1, 5)).shape == (1, 4)


def test_parameters_as_said():
    assert parameter_count(ImageFeatures()) == pytest.approx(77_000, rel=0.02)
    assert parameter_count(TableFeatures(2)) == pytest.approx(400, rel=0.15)
    for way in WAYS:
        assert parameter_count(Fusion(way=way)) == PARAMETERS[way]


@pytest.mark.parametrize("way", WAYS)
def test_see_and_fuse_are_the_whole_way(way, images, table):
    model = made(way)
    seen = model.see(images)
    assert seen.shape == (4, 0 if way == "table" else 64)
    assert torch.equal(model.fuse(seen, table), model(images, table))


@pytest.mark.parametrize("way", WAYS)
def test_only_the_parts_that_there_are_count(way, images, table):
    model = made(way)
    before = model(images, table)
    assert torch.equal(before, model(images.flip(0), table)) == (way == "table")
    assert torch.equal(before, model(images, table.flip(0))) == (way == "image")


@pytest.mark.parametrize("way", [way for way in WAYS if way != "image"])
def test_missing_is_not_zero(way, images, table):
    model = made(way)
    for column in (0, 1):
        zero, missing = table.clone(), table.clone()
        zero[:, column], missing[:, column] = 0.0, float("nan")
        assert model(images, missing).isfinite().all()
        assert not torch.allclose(model(images, missing), model(images, zero), atol=1e-4)


def log_odds(model, images, table):
    """For every image with every row: (images, rows)."""
    logits = torch.stack([model(images, row.expand(len(images), -1)) for row in table], dim=1)
    return (logits[..., 1] - logits[..., 0]).detach()


def interaction(odds):
    """The largest part of (images, rows) that is no sum of one number for the image and one for the row."""
    return float((odds - odds.mean(0, keepdim=True) - odds.mean(1, keepdim=True) + odds.mean()).abs().max())


def test_late_adds_its_parts_up_and_early_and_gated_do_not(images, table):
    model = made("late")
    sums = model.of_image(model.image(images)) + model.of_table(model.table(table))
    assert torch.allclose(model(images, table), sums)
    assert interaction(log_odds(model, images, 3 * table)) < 2e-6
    for way in ("early", "gated"):
        assert interaction(log_odds(made(way), images, 3 * table)) > 1e-4


@pytest.mark.parametrize("way", WAYS)
def test_gradients_reach_every_weight_and_are_numbers(way, images, table):
    model = made(way).train()
    table[0, 0] = float("nan")
    table.requires_grad_(True)
    model(images, table).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    if way != "image":
        assert table.grad.isfinite().all() and table.grad[0, 0] == 0 and (table.grad[1:] != 0).any()


def test_an_unknown_way_is_refused():
    with pytest.raises(InputError, match="unknown way of fusion 'erly'; did you mean early"):
        Fusion(way="erly")
