"""Architectures drawn with the shapes of their tensors, which are asked of the models themselves."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import nn

from ...checks import one_of
from ...data import card
from ...errors import InputError
from ...models import CNN, FCN, FrameSequence, Hybrid, UNet, ViT, build
from ...models.autoencoder import VAE
from ...models.gan import Discriminator, Generator
from ...models.hybrid import Fusion
from ..drawing import Diagram, Sheet
from .convolutions import residual_cnn, unet
from .fusion import fusion, hybrid
from .generative import gan, vae
from .shapes import Shape
from .time import lstm_cell, rnn
from .tokens import vit_block


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
    "fcn": Drawn((FCN,), _built("fcn", "hippocampus"), unet, (56, 40)),
    "unet": Drawn((UNet,), _built("unet", "hippocampus"), unet, (56, 40)),
    "rnn": Drawn((FrameSequence,), _built("gru", "cine_ejection"), rnn),
    "lstm_cell": Drawn((FrameSequence,), _built("lstm", "cine_ejection"), lstm_cell),
    "vae": Drawn((VAE,), VAE, vae),
    "vit_block": Drawn((ViT,), _built("vit", "pneumoniamnist"), vit_block),
    "hybrid": Drawn((Hybrid,), _built("hybrid", "pneumoniamnist"), hybrid),
    "fusion": Drawn((Fusion,), Fusion, fusion),
    "gan": Drawn((Generator, Discriminator), lambda: (Generator(), Discriminator()), gan),
}


def diagram(name: str, model: nn.Module | tuple[nn.Module, ...] | None = None) -> Diagram:
    """An architecture of the course as a drawing with the shapes of its tensors, and alt text that says the same.

    name   "residual_cnn" (lesson 01), "fcn" (02), "unet" (03), "rnn" and "lstm_cell" (04), "vae" (05), "gan" (06),
           "vit_block" (07), "hybrid" and "fusion" (08)
    model  whose shapes are written; left out: the package's own, for grey images of 28 x 28 pixels, FCN and U-Net
           for hippocampus slices of 56 x 40. One of another size must take images of that size, too; of a GAN
           (generator, discriminator)

    Shapes are channels × rows × columns, without the batch. They are those of a pass through the model, not written by
    hand: wider layers give a drawing with other shapes. The drawing shows itself in a notebook; `save` writes an SVG.

    Raises `InputError` for an unknown name, for a model of another kind, and for one with more layers than the
    drawing has room for.

    >>> from medtutor.figures import diagram
    >>> diagram("unet").alt[:61]
    'Diagram: U-Net: the decoder sees what the encoder saw at its '
    """
    drawn = DIAGRAMS[one_of("diagram", name, DIAGRAMS)]
    with torch.device("meta"):  # shapes alone are asked for
        model = drawn.usual() if model is None else model
    models = model if isinstance(model, tuple) else (model,)
    if len(models) != len(drawn.kinds) or not all(map(isinstance, models, drawn.kinds)):
        wanted = " and a ".join(kind.__name__ for kind in drawn.kinds)
        raise InputError(
            f"the diagram {name} is of a {wanted}, not of {type(model).__name__}; leave model out for the usual"
        )
    if any(isinstance(layer, nn.Conv3d) for each in models for layer in each.modules()):
        raise InputError(f"the diagram {name} is of a model of images, not of volumes; give a model of images")
    copies = [deepcopy(each).to("meta").eval() for each in models]
    try:
        return drawn.draw(*copies, drawn.size).finish()
    except RuntimeError:  # torch's, of sizes that do not fit together
        raise InputError(
            f"this {type(models[0]).__name__} does not take images of {drawn.size[0]} x {drawn.size[1]} pixels, as the"
            f" diagram {name} has them; give one that does, or leave model out"
        ) from None
