"""`fit_diffusion` and `DiffusionRun`: it learns, comes back from disk as it was, and refuses what does not fit."""

import json

import pytest
import torch

from medtutor.errors import InputError
from medtutor.models.diffusion import Denoiser, denoising_loss
from medtutor.models.randomness import seeded
from medtutor.training.diffusion import fit_diffusion, load_diffusion, read_diffusion
from medtutor.training.gan_run import CHECKPOINTS


def tiny(classes=2):
    with seeded(0):
        return Denoiser(shape=(8, 8), widths=(8, 16), classes=classes)


@pytest.fixture(scope="module")
def halves():
    """Images whose upper or lower half is white: class 0 and 1."""
    labels = torch.arange(64) % 2
    images = -torch.ones(64, 1, 8, 8)
    images[labels == 0, :, :4] = 1
    images[labels == 1, :, 4:] = 1
    return images, labels


@pytest.fixture(scope="module")
def run(halves):
    return fit_diffusion(tiny(), *halves, epochs=80, batch_size=32, learning_rate=5e-3, progress=False)


def test_it_learns_to_draw_each_class(halves, run):
    drawn = run.sample(20, steps=20)
    assert drawn.shape == (20, 1, 8, 8) and drawn.dtype == torch.uint8
    upper, lower = drawn[:, 0, :4].float().mean((1, 2)), drawn[:, 0, 4:].float().mean((1, 2))
    assert ((upper > lower) == (torch.arange(20) % 2 == 0)).all()
    generator = torch.Generator().manual_seed(1)
    assert denoising_loss(run.denoiser, *halves, generator) < 0.5 * denoising_loss(tiny().eval(), *halves)


def test_the_same_seed_gives_the_same_weights(halves):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again = (fit_diffusion(tiny(), *halves, epochs=1, progress=False).denoiser.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_and_labels_of_samples(run):
    first, again, other = run.sample(3, 1, steps=2), run.sample(3, 1, steps=2), run.sample(3, 1, seed=1, steps=2)
    assert torch.equal(first, again) and not torch.equal(first, other)
    with pytest.raises(InputError, match="labels"):
        run.sample(3, labels=2)


def test_it_comes_back_from_disk(run, tmp_path):
    run.command = "again"
    run.save(tmp_path / "run")
    back = read_diffusion(tmp_path / "run")
    assert torch.equal(back.sample(2, steps=2), run.sample(2, steps=2))
    assert (back.epochs, back.seed, back.command) == (80, 0, "again") and not back.denoiser.training


def test_an_altered_folder_is_refused(run, tmp_path):
    run.save(tmp_path)
    record = json.loads((tmp_path / "diffusion.json").read_text())
    for altered in ({"network": record["network"] | {"classes": 3}}, {"epochs": -1}):
        (tmp_path / "diffusion.json").write_text(json.dumps(record | altered))
        with pytest.raises(InputError, match="altered"):
            read_diffusion(tmp_path)
    with pytest.raises(InputError, match="holds no denoiser"):
        read_diffusion(tmp_path / "elsewhere")


def test_the_one_that_ships():
    run = load_diffusion("pneumoniamnist")
    drawn = run.sample(8, steps=10)
    assert drawn.shape == (8, 1, 28, 28) and drawn.float().std() > 20
    assert all(path.stat().st_size < 2_000_000 for path in (CHECKPOINTS / "pneumoniamnist_diffusion").iterdir())
    assert run.command == "python tools/make_diffusion_checkpoint.py --out FOLDER"
    with pytest.raises(InputError, match="pneumoniamnist"):
        load_diffusion("breastmnist")


@pytest.mark.parametrize(
    "change, part",
    [
        (dict(denoiser=torch.nn.Conv2d(1, 1, 1)), "no denoiser"),
        (dict(images=torch.zeros(4, 8, 8)), "float tensor"),
        (dict(images=torch.zeros(64, 1, 8, 9)), "build it for them"),
        (dict(labels=None), "give labels"),
        (dict(labels=torch.full((64,), 2)), "labels must be"),
        (dict(denoiser=tiny(0)), "leave the labels out"),
        (dict(epochs=0), "epochs"),
        (dict(learning_rate=0), "learning rate"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_trained(halves, change, part):
    given = dict(denoiser=tiny(), images=halves[0], labels=halves[1], epochs=1, progress=False) | change
    with pytest.raises(InputError, match=part):
        fit_diffusion(**given)
