"""What trainings make small: one loss for each kind of task, for images drawn again, and for the two sides of a GAN."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F

from ..models.autoencoder import kl


def case_losses(logits: torch.Tensor, targets: torch.Tensor, task: str, smoothing: float = 0.0) -> torch.Tensor:
    """The loss of each case, (N,).

    logits     (N, classes); of a segmentation (N, classes, H, W), of a regression numbers (N, 1)
    targets    (N,) class numbers, (N, labels), masks (N, H, W) or numbers (N,), as the task has them
    task       "multi-label": binary cross-entropy, the mean over the labels; "regression": the squared error;
               "segmentation": cross-entropy, the mean over the pixels, plus one minus the soft Dice, the mean over
               the foreground classes; any other: cross-entropy
    smoothing  share of a target that is spread over all classes, 0 to below 1

    >>> case_losses(torch.tensor([[0.0, 0.0], [1.0, -1.0]]), torch.tensor([1, 0]), "binary")
    tensor([0.6931, 0.1269])
    """
    if task == "multi-label":
        wanted = targets.float() * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=1)
    if task == "regression":
        return F.mse_loss(logits[:, 0], targets, reduction="none")
    if task == "segmentation":
        targets = targets.long()
        pixels = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none").flatten(1).mean(dim=1)
        return pixels + _dice_loss()(logits, targets.unsqueeze(1)).flatten(1).mean(dim=1)
    return F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")


@cache
def _dice_loss():
    # MONAI takes seconds to import: only a segmentation needs it.
    from monai.losses import DiceLoss

    # Case by case, not over the batch: so that processes add up to the same loss.
    return DiceLoss(
        include_background=False, to_onehot_y=True, softmax=True, reduction="none", smooth_nr=1, smooth_dr=1
    )


def reconstruction_loss(answer: Any, targets: torch.Tensor, beta: float | None = None) -> torch.Tensor:
    """The loss of a batch: one number, the mean over its images.

    answer   what the model gave: images like the targets, (B, C, H, W); with beta the three of a `VAE`:
             images, mean and log variance of the codes, (B, latents) each
    beta     None: the squared error, mean over the pixels. Else the squared error, summed over the pixels,
             + beta * KL, summed over the latents: there the two have to be weighed against each other

    >>> reconstruction_loss(torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8))
    tensor(1.)
    """
    if beta is None:
        return F.mse_loss(answer, targets)
    images, mean, log_variance = answer
    return (images - targets).square().flatten(1).sum(1).mean() + beta * kl(mean, log_variance).sum(1).mean()


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """What the discriminator wants small: the cross-entropy of its verdicts, one number.

    real, fake  logits (B,) of real and of drawn images; real ones should be above 0, drawn ones below

    >>> discriminator_loss(torch.tensor([9.0]), torch.tensor([0.0]))  # one is told, the other guessed
    tensor(0.6933)
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """What the generator wants small: -log of the probability that its images (logits (B,)) are real, one number.

    The original game would have it make log(1 - probability) small: the same
    aim, but nearly without slope as long as the images are bad. This one is
    called non-saturating (Goodfellow et al., 2014).

    >>> generator_loss(torch.tensor([0.0]))  # the discriminator only guesses: log 2
    tensor(0.6931)
    """
    return F.softplus(-fake).mean()


def critic_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """What a critic wants small: the mean score of drawn images less that of real ones, one number.

    >>> critic_loss(torch.tensor([2.0, 4.0]), torch.tensor([1.0]))
    tensor(-2.)
    """
    return fake.mean() - real.mean()


def gradient_penalty(
    critic: Callable[..., torch.Tensor],
    real: torch.Tensor,
    fake: torch.Tensor,
    labels: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """How far the slopes of a critic's score are from 1, squared, between real and drawn images: one number.

    real, fake  images (B, C, H, W); a random place on the line between each two is tried
    labels      (B,) of both
    generator   a `torch.Generator` on the CPU; the same one, the same places

    >>> steep = lambda images, labels: 3 * images.flatten(1).sum(1)  # 3 for one pixel more
    >>> gradient_penalty(steep, torch.zeros(2, 1, 1, 1), torch.ones(2, 1, 1, 1))
    tensor(4.)
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator).to(real.device)
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between, labels).sum(), between, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()
