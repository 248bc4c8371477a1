"""A small network learns from what a large one says (Hinton et al., arXiv:1503.02531, 2015)."""

import torch
import torch.nn.functional as F
from torch import nn

from .. import checks
from ..errors import InputError
from ..training import given
from ..training.engine import Trainer
from ..training.reconstruction import check_normalised


def distillation_loss(
    student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, temperature: float = 4.0, weight: float = 0.9
) -> torch.Tensor:
    """weight * T² * KL(teacher || student at temperature T) + (1 - weight) * cross-entropy; the mean over the batch.

    student, teacher  logits (B, classes)
    labels            (B,) class numbers
    temperature       T, by which both logits are divided before the softmax; above 1 it shows how likely the teacher
                      thinks the other classes
    weight            of the teacher, 0 to 1; the rest is that of the labels

    T² brings the slopes back to the size that they have at temperature 1.

    >>> from medtutor.efficiency import distillation_loss
    >>> logits = torch.tensor([[2.0, 0.0]])
    >>> distillation_loss(logits, logits, torch.tensor([0]), weight=1.0)  # the student says what the teacher says
    tensor(0.)
    """
    said = F.log_softmax(student / temperature, dim=1)
    wanted = F.log_softmax(teacher / temperature, dim=1)
    soft = F.kl_div(said, wanted, reduction="batchmean", log_target=True) * temperature**2
    return weight * soft + (1 - weight) * F.cross_entropy(student, labels)


def distil(
    student: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    teacher: torch.Tensor,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-4,
    seed: int = 0,
    progress: bool = True,
) -> nn.Module:
    """Train a student on labels and on a teacher's logits, in place; returns it in eval mode.

    images   float (N, C, H, W) in -1…1
    labels   int64 (N,)
    teacher  logits (N, classes) of the same images, computed once: the teacher itself is not needed
    temperature, weight
             of `distillation_loss`
    epochs, batch_size, learning_rate, weight_decay, seed
             AdamW on a one-cycle schedule, as `fit_plain` trains without a teacher

    Raises `InputError` for what does not fit. `MedtutorError` where the loss stops being a number.

    >>> from medtutor.efficiency import distil
    >>> from medtutor.models import CNN
    >>> images, labels = torch.rand(16, 1, 8, 8) * 2 - 1, torch.arange(16) % 2
    >>> teacher = torch.nn.functional.one_hot(labels) * 4.0
    >>> distil(CNN(shape=(8, 8), widths=(4,)), images, labels, teacher, epochs=1, progress=False)(images).shape
    torch.Size([16, 2])
    """
    check_normalised("images", images)
    given.check_trainable(student)
    temperature = checks.number("temperature", temperature, above=0)
    weight = checks.number("weight", weight, 0, 1)
    given.check_labels(images, labels)
    shape = tuple(getattr(teacher, "shape", ()))
    if len(shape) != 2 or shape[0] != len(images):
        raise InputError(
            f"the teacher's logits have shape {shape}, but there are {len(images)} images; give a row for each"
        )

    def loss_of(rows, generator):
        return distillation_loss(student(images[rows]), teacher[rows], labels[rows], temperature, weight)

    rows, title = torch.arange(len(images)), f"{type(student).__name__}, taught"
    Trainer(student, rows, loss_of, epochs, batch_size, learning_rate, weight_decay, seed, title, progress).train()
    return student
