"""The soft Dice that lesson 02 has students write is the one that `fit` makes small."""

import numpy as np
import torch
import torch.nn.functional as F

from medtutor.course.check import exercises
from medtutor.training.losses import case_losses

EXERCISE = exercises()["soft_dice_loss"]


def test_cross_entropy_and_the_exercise_are_the_loss_of_a_training():
    logits = torch.randn(4, 3, 9, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.randint(0, 3, (4, 9, 8), generator=torch.Generator().manual_seed(1))
    labels[0][labels[0] == 2] = 0  # a class that an image has not
    masks = F.one_hot(labels, 3).movedim(-1, 1)
    written = F.cross_entropy(logits, labels) + EXERCISE.reference(logits.softmax(dim=1), masks)
    trained = case_losses(logits, labels, "segmentation").mean()
    assert torch.allclose(written, trained)
    (by_hand,), (by_fit,) = (torch.autograd.grad(loss, logits, retain_graph=True) for loss in (written, trained))
    assert torch.allclose(by_hand, by_fit, atol=1e-6)


def test_the_check_asks_about_absent_classes():
    for seed in range(5):
        _, masks = EXERCISE.inputs(np.random.default_rng(seed))
        assert (masks[:, 1:].sum(dim=(2, 3)) == 0).any()
