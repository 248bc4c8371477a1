"""Architectures drawn with the shapes of their tensors, which are asked of the models themselves."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import nn

from ...checks import one_of
from ...data import card
from ...errors import InputError
from ...models import CNN, FrameSequence, UNet, build
from ...models.autoencoder import VAE
from ...models.gan import Discriminator, Generator
from ..drawing import Diagram, Sheet
from .convolutions import residual_cnn, unet
from .generative import gan, vae
from .shapes import Shape
from .time import lstm_cell, rnn


class Drawn(NamedTuple):
    """A diagram: of models of which kinds, which if none are given, how it is drawn, and for images of what size."""

    kinds: tuple[type[nn.Module], ...]
    usual: Callable[[], Any]
    draw: Callable[..., Sheet]
    size: Shape = (28, 28)


def _built(name, dataset):
    return lambda: build(name, card(dataset))


DIAGRAMS = {
    "residual_cnn": Drawn((CNN,), _built("cnn", "pneumoniamnist"), residual_cnn),
    "unet": Drawn((UNet,), _built("unet", "hippocampus"), unet, (56, 40)),
    "rnn": Drawn((FrameSequence,), _built("gru", "cine_ejection"), rnn),
    "lstm_cell": Drawn((FrameSequence,), _built("lstm", "cine_ejection"), lstm_cell),
    "vae": Drawn((VAE,), VAE, vae),
    "gan": Drawn((Generator, Discriminator), lambda: (Generator(), Discriminator()), gan),
}


def diagram(name: str, model: nn.Module | tuple[nn.Module, ...] | None = None) -> Diagram:
    """x"""
    drawn = DIAGRAMS[one_of("diagram", name, DIAGRAMS)]
    with torch.device("meta"):  # shapes alone are asked for
        model = drawn.usual() if model is None else model
    models = model if isinstance(model, tuple) else (model,)
    if len(models) != len(drawn.kinds) or not all(map(isinstance, models, drawn.kinds)):
        wanted = " and a ".join(kind.__name__ for kind in drawn.kinds)
        raise InputError(f"the diagram {name} is of a {wanted}, not of {type(model).__name__}; leave model out for the usual")
    copies = [deepcopy(each).to("meta").eval() for each in models]
    return drawn.draw(*copies, drawn.size).finish()
