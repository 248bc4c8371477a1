"""The models, one family a file, torch only; `build` makes one for a data set."""

import torch

from ..errors import InputError, unknown
from .cnn import CNN, MLP, VGG, LeNet, ResNet18, SwishCNN

# name: (class, smallest side in pixels, works on volumes)
MODELS = {
    "cnn": (CNN, 8, True),
    "mlp": (MLP, 1, True),
    "lenet": (LeNet, 12, False),
    "vgg": (VGG, 8, False),
    "swish_cnn": (SwishCNN, 8, False),
    "resnet18": (ResNet18, 8, True),
}


def build(name, dataset, *, seed=0, **options):
    """A model by name, with channels, shape and classes from the data set's card.

    name     "cnn", "mlp", "lenet", "vgg", "swish_cnn" or "resnet18"
    dataset  a `Dataset` or a `Card`
    seed     of the initial weights; torch's own random state is left as it was
    options  passed on to the model, such as `widths=(16, 32, 64)` for "cnn"

    Raises `InputError` for an unknown name or option, and for images that the
    model cannot take.
    """
    if name not in MODELS:
        raise unknown("model", name, list(MODELS))
    model, smallest, volumes = MODELS[name]
    card = getattr(dataset, "card", dataset)
    if card.frames:
        raise InputError(f"model {name} takes single images, but {card.name} holds sequences; use the volumes instead")
    if len(card.shape) == 3 and not volumes:
        able = ", ".join(key for key, (_, _, works) in MODELS.items() if works)
        raise InputError(f"model {name} takes images, but {card.name} holds volumes; choose one of {able}")
    if min(card.shape) < smallest:
        raise InputError(f"model {name} needs images of at least {smallest} pixels, {card.name} has {min(card.shape)}")
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built = model(card.channels, tuple(card.shape), len(card.classes), **options)
    except TypeError as error:
        raise InputError(f"model {name} does not take these options: {error}") from None
    built.name = name
    built.options = options
    return built


def parameter_count(model):
    """The number of trained numbers in a model."""
    return sum(parameter.numel() for parameter in model.parameters())


__all__ = ["CNN", "MLP", "MODELS", "VGG", "LeNet", "ResNet18", "SwishCNN", "build", "parameter_count"]
