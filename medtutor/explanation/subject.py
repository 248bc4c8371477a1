"""What is explained: a model, and what is known of the images it takes and the classes it names."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..data.dataset import normalise
from ..errors import InputError, unknown
from ..training.run import probabilities, to_model
from .anatomy import twin


class Target(NamedTuple):
    """A class by number and name."""

    index: int
    name: str


def model_of(run_or_model):
    """The model of a `Run`; a model is its own."""
    return run_or_model if isinstance(run_or_model, nn.Module) else getattr(run_or_model, "model", run_or_model)


@dataclass(frozen=True, eq=False)
class Subject:
    """A network ready to be explained, and how to read what it says.

    net       the model's `twin`: in eval mode, its weights shared
    title     the model's name, for messages
    channels  that it takes, or None where unknown
    shape     of the images it takes, (H, W) or (D, H, W), or None where unknown
    dims      2 for images, 3 for volumes, None where unknown
    classes   their names, or None where unknown
    task      as on a `Card`: decides between softmax and sigmoid
    scale     of a regression, as of a `Run`: from what the network says to the units of the target
    """

    net: nn.Module
    title: str
    channels: int | None
    shape: tuple | None
    dims: int | None
    classes: tuple | None
    task: str = "multi-class"
    scale: tuple = (0.0, 1.0)

    @classmethod
    def of(cls, run_or_model):
        """From a `Run`, or a bare `nn.Module`. Raises `InputError` for anything else."""
        if isinstance(run_or_model, cls):
            return run_or_model
        model = model_of(run_or_model)
        card = None if model is run_or_model else run_or_model.card
        if not isinstance(model, nn.Module):
            raise InputError(f"explain takes a Run or a torch model, not {type(run_or_model).__name__}")
        title = getattr(model, "name", None) or type(model).__name__
        if card is None:
            convolution = next((m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Conv3d))), None)
            channels = getattr(convolution, "in_channels", None)
            dims = None if convolution is None else 2 if isinstance(convolution, nn.Conv2d) else 3
            return cls(twin(model), title, channels, None, dims, None)
        if card.frames:
            raise InputError(f"{card.name} holds sequences; explain works on single images and volumes")
        if card.task == "segmentation":
            raise InputError(f"explain asks for one answer per image, but {title} answers for each pixel; look with explore(run)")
        return cls(twin(model), title, card.channels, tuple(card.shape), card.dims, tuple(card.classes), card.task, tuple(run_or_model.scale))

    @property
    def device(self):
        parameter = next(self.net.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def batch(self, images, many):
        """Checked uint8 images as floats -1…1, (B, C, *spatial), on the model's device.

        images  with `many`: (B, C, H, W), (B, C, D, H, W), or a list of images;
                else one image (H, W) or (C, H, W), or a volume (D, H, W) or (C, D, H, W)

        Raises `InputError` for another type or shape than the model takes.
        """
        if many and isinstance(images, (list, tuple)):
            if not len(images):
                raise InputError("there is no image to explain: the list is empty")
            return torch.cat([self.batch(image, many=False) for image in images])
        images = self._as_tensor(images)
        if not many:
            images = self._with_channel(images).unsqueeze(0)
        self._check_shape(images)
        x = to_model(normalise(images), self.device)
        parameter = next(self.net.parameters(), None)
        return x if parameter is None else x.to(parameter.dtype)

    def _as_tensor(self, images):
        if isinstance(images, np.ndarray):
            images = torch.from_numpy(np.require(images, requirements=["C", "W"])) if images.dtype == np.uint8 else images
        if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8:
            found = getattr(images, "dtype", type(images).__name__)
            raise InputError(f"the image is {found}; give uint8 0…255, as in dataset.test.images")
        return images

    def _with_channel(self, image):
        dims = self.dims or (3 if image.dim() == 4 else 2)
        return image.unsqueeze(0) if image.dim() == dims else image

    def _check_shape(self, images):
        """(B, C, *spatial) against what the model takes."""
        found, dims = tuple(images.shape[1:]), self.dims or (3 if images.dim() == 5 else 2)
        fits = len(found) == dims + 1 and images.numel() > 0
        fits = fits and self.channels in (None, found[0]) and self.shape in (None, found[1:])
        if not fits:
            sides = self.shape or ("D", "H", "W")[-dims:]
            takes = ", ".join(str(side) for side in (self.channels or "C", *sides))
            raise InputError(f"the image has shape {found}; {self.title} takes ({takes}), channels first")

    def scores(self, x):
        """Logits (B, classes) of a float batch. Raises `InputError` where they are no finite scores of classes."""
        try:
            with torch.no_grad():
                logits = self.net(x)
        except RuntimeError as error:
            if "out of memory" in str(error):
                raise
            shape = tuple(x.shape[1:])
            raise InputError(f"{self.title} cannot take an image of shape {shape}: {' '.join(str(error).split())}") from None
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
            found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise InputError(f"{self.title} returns {found}; explain needs one score for each class, (B, classes)")
        if not torch.isfinite(logits).all():
            raise InputError(f"{self.title} answers NaN or infinity: its weights are broken; train or load it again")
        return logits

    def probabilities(self, logits):
        """(B, classes) logits to probabilities; a single output is read as the logit of 'yes', of a regression's run as its number."""
        if self.task == "regression":
            return probabilities(logits, self.task, self.scale)
        return probabilities(logits, "multi-label" if logits.shape[1] == 1 else self.task)

    def target(self, wanted, count):
        """The `Target` of a class number or name. Raises `InputError` for one that the model does not have.

        count  the number of the model's outputs
        """
        names = self.names(count)
        if isinstance(wanted, Target):
            wanted = wanted.index
        if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
            if not 0 <= wanted < count:
                raise InputError(f"target {wanted} is out of range; {self.title} has classes 0…{count - 1}: {', '.join(names)}")
            return Target(int(wanted), names[wanted])
        if wanted in names:
            return Target(names.index(wanted), wanted)
        raise unknown("target", wanted, names)

    def names(self, count):
        """The names of the classes."""
        return self.classes if self.classes and len(self.classes) == count else tuple(f"class {i}" for i in range(count))
