"""The models, one family a file, torch only; `build` makes one for a data set."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from .. import checks
from ..errors import InputError
from . import options as given
from .cnn import CNN, MLP, VGG, BagOfPatches, LeNet, ResNet18, SwishCNN
from .conv_lstm import ConvLSTM
from .hybrid import Hybrid, TransformerUNet
from .randomness import seeded
from .recurrent import HEADS, FrameSequence
from .unet import FCN, AttentionUNet, MultiLevelUNet, ResidualUNet, UNet
from .vit import ViT, WindowedViT


class Family(NamedTuple):
    """What `build` knows of a model.

    smallest  side in pixels
    volumes   whether it takes volumes beside images
    takes     "images" or "sequences" of them
    answers   what it gives: "classes" of an image (or a number), or a "mask" of its pixels
    """

    model: Callable
    smallest: int
    volumes: bool
    answers: str = "classes"
    takes: str = "images"


def _sequence(head: str) -> Family:
    return Family(partial(FrameSequence, head=head), 8, False, takes="sequences")


# The first of those that answer what a task asks is its default.
MODELS = {
    "cnn": Family(CNN, 8, True),
    "mlp": Family(MLP, 1, True),
    "lenet": Family(LeNet, 12, False),
    "vgg": Family(VGG, 8, False),
    "swish_cnn": Family(SwishCNN, 8, False),
    "resnet18": Family(ResNet18, 8, True),
    "vit": Family(ViT, 1, True),
    "windowed_vit": Family(WindowedViT, 1, False),
    "hybrid": Family(Hybrid, 8, True),
    "bag_of_patches": Family(BagOfPatches, 4, False),
    "patches_together": Family(partial(BagOfPatches, together=True), 4, False),
    "unet": Family(UNet, 4, True, "mask"),
    "fcn": Family(FCN, 4, True, "mask"),
    "residual_unet": Family(ResidualUNet, 4, True, "mask"),
    "attention_unet": Family(AttentionUNet, 4, True, "mask"),
    "multi_level_unet": Family(MultiLevelUNet, 4, True, "mask"),
    "transformer_unet": Family(TransformerUNet, 4, True, "mask"),
    "lstm": _sequence("lstm"),
    **{name: _sequence(name) for name in HEADS if name != "lstm"},
    "conv_lstm": Family(ConvLSTM, 8, False, takes="sequences"),
}


def models_for(dataset: Any) -> list[str]:
    """The names of the models that answer what a data set asks, its default first.

    dataset  a `Dataset` or a `Card`

    >>> from medtutor.data import card
    >>> from medtutor.models import models_for
    >>> models_for(card("pneumoniamnist"))[:2]
    ['cnn', 'mlp']
    """
    card = getattr(dataset, "card", dataset)
    asked = ("mask" if card.task == "segmentation" else "classes", "sequences" if card.frames else "images")
    return [
        name
        for name, family in MODELS.items()
        if (family.answers, family.takes) == asked and (family.volumes or len(card.shape) == 2)
    ]


def build(name: str, dataset: Any, *, seed: int = 0, **options: Any) -> nn.Module:
    """A model by name, with channels, shape and classes from the data set's card.

    name     one of `models_for(dataset)`, its default first: "cnn" and others; "unet" and others for a segmentation;
             "lstm" and others for sequences
    dataset  a `Dataset` or a `Card`
    seed     of the initial weights; torch's own random state is left as it was
    options  passed on to the model, such as `widths=(16, 32, 64)` for "cnn"

    Raises `InputError` for an unknown name or option, for numbers out of range, for a model that
    would be too large, and for images that the model cannot take: before memory is taken.

    >>> import torch
    >>> from medtutor import build
    >>> from medtutor.data import card
    >>> build("cnn", card("pneumoniamnist"), widths=(4, 8))(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 2])
    """
    checks.one_of("model", name, MODELS)
    family, seed = MODELS[name], checks.seed(seed)
    card = getattr(dataset, "card", dataset)
    if not hasattr(card, "classes"):
        raise InputError(
            f"build takes a Dataset or its Card, not {type(dataset).__name__}; load one with load(…) or from_arrays(…)"
        )
    able, held = ", ".join(models_for(card)), "sequences" if card.frames else "images"
    if family.takes != held:
        raise InputError(f"model {name} takes {family.takes}, but {card.name} holds {held}; choose one of {able}")
    if (family.answers == "mask") != (card.task == "segmentation"):
        raise InputError(
            f"model {name} answers with {'a mask' if family.answers == 'mask' else 'classes'}, but {card.name} is for"
            f" {card.task}; choose one of {able}"
        )
    if len(card.shape) == 3 and not family.volumes:
        raise InputError(f"model {name} takes images, but {card.name} holds volumes; choose one of {able}")
    if min(card.shape) < family.smallest:
        raise InputError(
            f"model {name} needs images of at least {family.smallest} pixels, {card.name} has {min(card.shape)}"
        )
    options = {key: value if value is None else given.checked(key, value) for key, value in options.items()}
    frames = {"frames": card.frames} if card.frames else {}
    make = partial(family.model, card.channels, tuple(card.shape), len(card.classes), **frames)
    try:
        with torch.device("meta"):  # which knows shapes alone, and takes no memory
            given.check_size(name, sum(weight.numel() for weight in make(**options).parameters()))
        with seeded(seed):
            built = make(**options)
    except TypeError as error:
        raise InputError(f"model {name} does not take these options: {error}") from None
    built.name = name
    # An encoder that was handed over is part of the weights now.
    built.options = {key: value for key, value in options.items() if key != "encoder"}
    return built


def parameter_count(model: nn.Module) -> int:
    """The number of trained numbers in a model: those that are frozen do not count.

    A network that is frozen as a whole, such as a finished generator, is counted whole.

    >>> from torch import nn
    >>> from medtutor.models import parameter_count
    >>> parameter_count(nn.Linear(3, 2))  # six weights, two offsets
    8
    """
    weights = list(model.parameters())
    trained = [weight for weight in weights if weight.requires_grad]
    return sum(weight.numel() for weight in trained or weights)


def frozen(model: nn.Module) -> list[str]:
    """The names of the weights that are not trained, such as those of an encoder that was handed over.

    >>> from torch import nn
    >>> from medtutor.models import frozen
    >>> frozen(nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 1)))
    ['0.weight', '0.bias']
    """
    return [name for name, weight in model.named_parameters() if not weight.requires_grad]


__all__ = [
    "CNN",
    "FCN",
    "MLP",
    "MODELS",
    "VGG",
    "AttentionUNet",
    "BagOfPatches",
    "ConvLSTM",
    "FrameSequence",
    "Hybrid",
    "LeNet",
    "MultiLevelUNet",
    "ResNet18",
    "ResidualUNet",
    "SwishCNN",
    "TransformerUNet",
    "UNet",
    "ViT",
    "WindowedViT",
    "build",
    "frozen",
    "models_for",
    "parameter_count",
]
