"""A few phantoms and a tiny network of each kind of task that a page shows, trained in seconds."""

from dataclasses import replace

import medtutor as mt
from medtutor.data import card, phantoms
from medtutor.data.phantoms import cine, hippocampus


def segmentation():
    """(run, data set): slices of phantoms of the hippocampus, a U-Net."""
    parts = hippocampus.draw({"train": 4, "val": 2, "test": 2})
    slices = [(images.transpose(1, 2).flatten(0, 2), masks.flatten(0, 1)) for images, masks, _ in parts.values()]
    patients = {name: ids.repeat_interleave(48) for name, (_, _, ids) in parts.items()}
    known = card("hippocampus")
    few = mt.from_arrays(*slices, classes=known.classes, name="hippocampus", patients=patients, spacing=known.spacing)
    few = replace(few, provenance="phantom")
    return mt.fit(mt.build("unet", few, widths=(4, 8)), few, mt.Recipe(epochs=3, batch_size=16), progress=False), few


def sequence(name="filling", model="lstm"):
    """(run, data set): phantoms of a beating heart, a network of clips."""
    known = card(f"cine_{name}")
    drawn = cine.draw(name, {"train": 60, "val": 12, "test": 8})
    arrays = [(part.images[:, :, 0], part.targets) for part in drawn.values()]
    task = {"task": "regression"} if known.task == "regression" else {}
    few = mt.from_arrays(*arrays, classes=known.classes, name=known.name, sequence=True, **task)
    parts = {split: replace(getattr(few, split), masks=part.masks) for split, part in drawn.items()}
    few = replace(few, **parts, provenance="phantom")
    return mt.fit(mt.build(model, few), few, mt.Recipe(epochs=2, batch_size=16), progress=False), few


def transformer(**options):
    """(run, data set): phantoms of breasts, a vision transformer."""
    few = phantoms.draw(card("breastmnist"), {"train": 40, "val": 12, "test": 8})
    options = {"depth": 2, "width": 16} | options
    return mt.fit(mt.build("vit", few, **options), few, mt.Recipe(epochs=2, batch_size=16), progress=False), few
