"""The numbers that a training is told, and its models: checked before it starts, with one wording for all kinds of
training.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .. import checks
from ..errors import InputError, MedtutorError, shown
from ..models.inference import evaluating

MOST = 1_000_000  # epochs, steps of a batch: more is a slip


def count(name: str, value: object, least: int = 1, most: int = MOST, why: str = "") -> int:
    """A whole number as an int: epochs, cases in a batch, steps. Raises `InputError` for anything else."""
    try:
        return checks.whole(name, value, least, most)
    except InputError:
        above = isinstance(value, int) and value > most
        raise InputError(
            f"{name} is {value!r}; give a whole number from {least}{f' to {most}' if above else ''}{why}"
        ) from None


def learning_rate(value: object) -> float:
    """A rate as a float. Raises `InputError` for anything but a finite number above 0."""
    return _number("the learning rate", value, "a number above 0", above=0)


def share(name: str, value: object, what: str = "a share") -> float:
    """A number from 0 to below 1 as a float, else an `InputError`."""
    return _number(name, value, f"{what} from 0 to below 1", 0, below=1)


def amount(name: str, value: object, what: str = "a number from 0") -> float:
    """A finite number from 0 as a float, else an `InputError`."""
    return _number(name, value, what, 0)


def _number(name, value, what, low=None, **range):
    try:
        return checks.number(name, value, low, **range)
    except InputError:
        raise InputError(f"{name} is {value!r}; give {what}") from None


def check_labels(images: torch.Tensor, labels: object) -> None:
    """Raises `InputError` for anything but one label for each image, int64 (N,)."""
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64 or labels.shape != (len(images),):
        raise InputError(f"give one label for each of the {len(images)} images, as an int64 tensor")


def check_trainable(model: object) -> None:
    """Raises `InputError` for what is no model, and for one without a weight that may change."""
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is {shown(model)}; give a network, such as build(name, dataset)")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise InputError(
            "all weights of the model are frozen, or it has none: there is nothing to train; call"
            " model.requires_grad_()"
        )


@contextmanager
def asking(model: nn.Module, wrong: str, remedy: str = "") -> Iterator[None]:
    """Within, the model is in eval mode and keeps no gradients; afterwards it is as it was.

    What torch refuses within is an `InputError`: `wrong`, torch's reason, and the remedy.
    """
    try:
        with torch.no_grad(), evaluating(model):
            yield
    except (RuntimeError, TypeError) as error:
        raise InputError(f"{wrong} ({str(error).splitlines()[0]}){remedy and f'; {remedy}'}") from error


def check_finite(model: nn.Module, rate: float) -> None:
    """Raises `MedtutorError` where the last step has made weights of what is no number."""
    if not all(weight.isfinite().all() for weight in model.state_dict().values()):
        raise MedtutorError(
            f"the weights are no finite numbers any more; the learning rate {rate:g} is probably too high"
        )
