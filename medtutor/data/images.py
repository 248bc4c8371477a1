"""Images as a user hands them to a trained model: one check for all that look at them."""

from collections.abc import Sequence

import numpy as np
import torch

from ..errors import InputError
from .card import Card


def case_shape(card: Card) -> tuple[int, ...]:
    """The shape of one case of a data set: (C, H, W), (C, D, H, W), or (T, C, H, W) of a sequence.

    >>> from medtutor.data import card
    >>> case_shape(card("pathmnist")), case_shape(card("organmnist3d")), case_shape(card("cine_filling"))
    ((3, 28, 28), (1, 28, 28, 28), (16, 1, 28, 28))
    """
    return (card.channels, *card.shape) if card.frames is None else (card.frames, card.channels, *card.shape)


def as_images(
    images: torch.Tensor | np.ndarray | Sequence, shape: Sequence[int | None] | None = None, title: str = "the model"
) -> torch.Tensor:
    """Many cases as a uint8 tensor (N, *shape), on the device on which they lie.

    images  uint8, numpy or torch, (N, *shape); or a list of cases, each as `as_image` takes it
    shape   of one case, such as `case_shape(card)`; a None in it stands for any number. Left out:
            images (C, H, W) or volumes (C, D, H, W)
    title   who takes them, for messages

    Raises `InputError` for anything else: floats, NaN, other whole numbers, no image at all, another shape.

    >>> as_images(np.zeros((2, 1, 28, 28), np.uint8), (1, 28, 28)).shape
    torch.Size([2, 1, 28, 28])
    """
    if isinstance(images, (list, tuple)):
        if not len(images):
            raise InputError("there is no image: the list is empty")
        cases = [as_image(image, shape, title) for image in images]
        for case in cases:
            if case.shape != cases[0].shape:
                raise InputError(
                    f"the images have shapes {tuple(cases[0].shape)} and {tuple(case.shape)}; give images of one size"
                )
        return torch.stack([case.to(cases[0].device) for case in cases])
    batch = _as_tensor(images)
    if batch.dim() not in ((len(shape) + 1,) if shape else (4, 5)):
        takes = _written(shape, batch.dim() - 1)
        raise InputError(f"the images have shape {tuple(batch.shape)}; {title} takes (N, {takes}), channels first")
    if not len(batch):
        raise InputError("there is no image: the batch is empty")
    return _checked(batch, shape, title)


def as_image(
    image: torch.Tensor | np.ndarray, shape: Sequence[int | None] | None = None, title: str = "the model"
) -> torch.Tensor:
    """One case as a uint8 tensor of that shape. An image (H, W) or a volume (D, H, W) of one channel needs no axis for
    it.

    Otherwise as `as_images`.

    >>> as_image(np.zeros((28, 28), np.uint8), (1, 28, 28)).shape
    torch.Size([1, 28, 28])
    """
    case = _as_tensor(image)
    if case.dim() == (len(shape) - 1 if shape else 2):
        case = case.unsqueeze(0)
    return _checked(case.unsqueeze(0), shape, title)[0]


def _as_tensor(images):
    """An array or tensor as a strided uint8 tensor."""
    if isinstance(images, np.ndarray) and images.dtype == np.uint8:
        images = torch.from_numpy(
            np.require(np.asarray(images), requirements=["C", "W"])
        )  # torch warns of read-only arrays
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or images.layout != torch.strided:
        found = getattr(images, "dtype", type(images).__name__)
        raise InputError(f"the image is {found}; give uint8 0…255, as in dataset.test.images")
    return images


def _checked(images, shape, title):
    """A tensor (N, …) whose cases fit `shape`."""
    found = tuple(images.shape[1:])
    wanted = shape or (None,) * (4 if len(found) == 4 else 3)
    if (
        len(found) != len(wanted)
        or any(side not in (None, has) for side, has in zip(wanted, found))
        or not images.numel()
    ):
        raise InputError(f"the image has shape {found}; {title} takes ({_written(shape, len(found))}), channels first")
    return images


def _written(shape, axes):
    """The shape of one case in words: numbers where they are known, else C, D, H, W."""
    shape = shape or (None,) * (4 if axes == 4 else 3)
    letters = ("C", "D", "H", "W") if len(shape) == 4 else ("C", "H", "W")
    return ", ".join(letter if side is None else str(side) for side, letter in zip(shape, letters))
