"""Organ first: a small U-Net that cuts the lungs out, for whoever looks at them next."""

from dataclasses import replace

import torch

from ..data import from_arrays, phantoms
from ..data.catalog import card
from ..data.dataset import Dataset
from ..models import build
from .loop import fit
from .recipe import default_recipe
from .run import Run

LUNGS = {"train": 800, "val": 40, "test": 100}  # PHANTOM X-rays with masks, none of them classified later


def lung_segmenter(seed: int = 0, epochs: int = 8, progress: bool = False) -> Run:
    """A `Run` of a small U-Net that has learned to cut the lungs out of PHANTOM chest X-rays."""
    drawn = phantoms.draw(card("pneumoniamnist"), LUNGS, seed=1000 + seed)
    pairs = [
        (split.images[:, 0].numpy(), ((split.masks == 1) | (split.masks == 2)).numpy().astype("uint8"))
        for split in (drawn.train, drawn.val, drawn.test)
    ]
    lungs = from_arrays(*pairs, task="segmentation", classes=["elsewhere", "lungs"], name="lungs")
    recipe = default_recipe(lungs.card, epochs=epochs, seed=seed)
    return fit(build("unet", lungs, widths=(8, 16, 32), seed=seed), lungs, recipe, progress=progress)


def cut_out(dataset: Dataset, segmenter: Run, grow: int = 1) -> Dataset:
    """The data set with everything black but what the segmenter calls lungs, and `grow` pixels around."""
    splits = {}
    for name in ("train", "val", "test"):
        split = getattr(dataset, name)
        inside = (segmenter.predict(split.images).argmax(dim=1, keepdim=True) == 1).float()
        inside = torch.nn.functional.max_pool2d(inside, 2 * grow + 1, 1, grow).to(torch.uint8)
        splits[name] = replace(split, images=split.images * inside)
    return replace(dataset, **splits)
