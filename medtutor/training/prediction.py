"""What a trained model says of images: in batches, and averaged over their views."""

import torch
from torch import nn

from ..data.augmentation import test_views
from ..data.dataset import normalise
from ..errors import InputError
from ..models.inference import device_of, evaluating, to_model


def predict_logits(
    model: nn.Module, images: torch.Tensor, mirror: tuple[int, ...] = (), shift: int = 0, batch_size: int = 64
) -> torch.Tensor:
    """(N, classes) float32 logits of uint8 images, averaged over their `test_views`.

    model          a network of images, such as `build` makes
    images         uint8 (N, C, H, W), (N, C, D, H, W) or (N, T, C, H, W)
    mirror, shift  of the views: axes that are flipped, and whole pixels
    batch_size     images at once

    Logits of pixels, (N, classes, H, W), are mirrored back before they are averaged.
    The model is put in eval mode and back, whatever happens. Raises `InputError` for what is no uint8 tensor of one
    image or more.

    >>> from medtutor import build, load
    >>> xray = load("pneumoniamnist", source="phantom")
    >>> predict_logits(build("mlp", xray), xray.test.images[:5]).shape
    torch.Size([5, 2])
    """
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or not len(images):
        found = (
            f"{images.dtype} of shape {tuple(images.shape)}"
            if isinstance(images, torch.Tensor)
            else type(images).__name__
        )
        raise InputError(
            f"the images are {found}; give a uint8 tensor 0…255, as in dataset.test.images, of one image or more"
        )
    device, batches = device_of(model), []
    with torch.inference_mode(), evaluating(model):
        for some in images.split(batch_size):
            logits = []
            for view, axes in test_views(normalise(some).to(device), mirror, shift):
                answer = model(to_model(view, device)).float()
                logits.append(answer.flip(axes) if axes and answer.dim() > 2 else answer)
            batches.append(torch.stack(logits).mean(dim=0).cpu())
    return torch.cat(batches)
