"""Every model can be exported with a batch of any size: none fixes it by counting in Python."""

import warnings
from dataclasses import replace

import pytest
import torch

from medtutor.data import card
from medtutor.models import MODELS, build

# Small forms: what is exported is the same code.
SMALL = {
    "vit": {"width": 16, "depth": 2},
    "windowed_vit": {"width": 16, "depth": 2, "patch": 4, "window": 4},
    "hybrid": {"widths": (4, 8), "width": 16},
    "cnn": {"widths": (4, 8)},
    "vgg": {"widths": (4, 8)},
    "swish_cnn": {"widths": (4, 8)},
    "transformer_unet": {"widths": (4, 8), "depth": 1},
}
CARDS = {"classes": "pneumoniamnist", "mask": "hippocampus", "sequences": "cine_filling"}


def exported(model, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()


@pytest.mark.parametrize(
    "name", [name for name in MODELS if name != "resnet18"]
)  # resnet18 is made of cnn's blocks, and slow
def test_an_exported_model_answers_other_batches_alike(name):
    family = MODELS[name]
    facts = card(CARDS["sequences" if family.takes == "sequences" else family.answers])
    frames = (3,) if facts.frames else ()
    facts = replace(facts, frames=3) if facts.frames else facts
    options = SMALL.get(name, {"widths": (4, 8)} if family.answers == "mask" else {})
    model = build(name, facts, **options).eval()
    three, five = (
        torch.randn(count, *frames, facts.channels, *facts.shape, generator=torch.Generator().manual_seed(0))
        for count in (3, 5)
    )
    program = exported(model, three)
    with torch.no_grad():
        assert torch.allclose(program(five), model(five), atol=1e-5)


def test_a_class_token_and_volumes_are_exported_too():
    volumes = build("vit", card("vesselmnist3d"), width=16, depth=1, readout="class").eval()
    x = torch.randn(4, 1, 28, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(exported(volumes, x[:2])(x), volumes(x), atol=1e-5)
