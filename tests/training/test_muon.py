"""Muon moves kernels along all directions alike, and the rest as Adam does."""

import pytest
import torch
from torch import nn

import medtutor as mt
from medtutor.errors import InputError
from medtutor.training import loop
from medtutor.training.muon import DECAYS, LONGER, Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16)])
def test_directions_stay_and_lengths_become_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonal(matrix, rounds=5) @ right.T
    assert torch.allclose(found, torch.diag(found.diag()), atol=1e-4)
    assert found.diag().min() > 0.6 and found.diag().max() < 1.3 and values.max() / values.min() > 1.3


def with_gradients(*shapes):
    generator = torch.Generator().manual_seed(1)
    weights = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)
    return weights


def test_what_reads_the_image_and_what_is_no_kernel_goes_by_adam():
    shapes = [(8, 3, 3, 3), (8, 1, 3, 3, 3), (2, 64), (64,)]
    ours, theirs = with_gradients(*shapes), with_gradients(*shapes)
    muon, adam = Muon(ours, 0.01, weight_decay=0.5), torch.optim.Adam(theirs, 0.01, DECAYS)
    for _ in range(4):
        muon.step(), adam.step()
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(ours, theirs))


@pytest.mark.parametrize("shape", [(8, 8, 3, 3), (16, 4, 3, 3, 3), (64, 32, 1, 1)])
def test_a_kernel_is_moved_as_far_whatever_its_gradient(shape):
    """And shrinks by the rate times the weight decay."""
    small, large = (with_gradients(shape)[0] for _ in range(2))
    large.grad *= 1000
    before = small.detach().clone()
    for weight in (small, large):
        Muon([weight], 0.01, weight_decay=0.5).step()
    assert torch.allclose(small, large, atol=1e-5)
    moved = torch.linalg.matrix_norm((small.detach() - before * (1 - 0.01 * 0.5)).flatten(1), ord=2)
    assert 0.5 < moved / (0.01 * LONGER * max(1, shape[0] / before[0].numel()) ** 0.5) < 1.4


def test_a_training_goes_on_where_it_stopped(tiny, quick, tmp_path):
    recipe = quick.but(optimiser="muon")
    whole = mt.fit(mt.build("cnn", tiny), tiny, recipe, progress=False)
    assert whole.recipe.optimiser == "muon" and whole.test.auc > 0.9

    ended = loop._Trainer.train_epoch

    def interrupted(self, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return ended(self, epoch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Trainer, "train_epoch", interrupted)
        part = mt.fit(mt.build("cnn", tiny), tiny, recipe, progress=False)
    assert part.interrupted and part.epochs_done == 2
    part.save(tmp_path / "part")
    part = mt.Run.load(tmp_path / "part")
    resumed = mt.fit(mt.build("cnn", tiny), tiny, part.recipe, progress=False, resume=part)
    assert torch.equal(resumed.predictions["test"], whole.predictions["test"])


def test_another_optimiser_is_refused():
    with pytest.raises(InputError, match="recipe: optimiser must be one of adamw, muon, not 'sgd'"):
        mt.Recipe(optimiser="sgd")
