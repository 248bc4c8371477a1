"""Small valid things to begin with: data sets of 8 x 8 pixels, and a run of each task. Made once."""

from functools import cache

import numpy as np
import torch
from conftest import blobs

import medtutor as mt

SIDE = 8
COUNTS = {"train": 12, "val": 8, "test": 8}


def arrays(task, channels=1):
    """{split: (images, labels or masks)} as `from_arrays` takes them."""
    found = {}
    for seed, (split, count) in enumerate(COUNTS.items()):
        images, labels = blobs(
            count,
            seed,
            SIDE,
            channels,
            depth=3 if task == "sequences" else None,
            classes=3 if task == "multi-class" else 2,
        )
        if task == "multi-label":
            labels = np.stack([labels, np.arange(count) // 2 % 2], axis=1)
        elif task == "regression":
            labels = labels + np.arange(count, dtype=np.float32) / count
        elif task == "segmentation":
            labels = (images > 200).astype(np.uint8)
        found[split] = images, labels
    return found


TASKS = ("binary", "multi-class", "multi-label", "regression", "segmentation", "sequences")
MODEL = {
    "segmentation": ("unet", {"widths": (2, 4)}),
    "sequences": ("mean_frames", {}),
    "multi-label": ("mlp", {"width": 4}),
    "regression": ("mlp", {"width": 4}),
}


@cache
def dataset(task):
    options = {
        "regression": {"task": "regression"},
        "sequences": {"sequence": True},
        "multi-label": {"task": "multi-label"},
    }.get(task, {})
    return mt.from_arrays(**arrays(task), name=f"tiny {task}", **options)


@cache
def run(task):
    """A finished run of one epoch; of masks of some more.

    After one epoch a U-Net gives one half everywhere; predictions are kept in half precision, so either might win.
    """
    name, options = MODEL.get(task, ("cnn", {"widths": (2, 4)}))
    data = dataset(task)
    recipe = mt.Recipe(epochs=20 if task == "segmentation" else 1, batch_size=4, seed=0, shift=1.0)
    return mt.fit(mt.build(name, data, **options), data, recipe, progress=False)


def stopped(data, epochs=3):
    """A run of one epoch out of some, as Ctrl-C leaves it."""
    from medtutor.training import loop

    class Pressed(loop._Trainer):
        def train_epoch(self, epoch):
            if epoch == 1:
                raise KeyboardInterrupt
            super().train_epoch(epoch)

    before, loop._Trainer = loop._Trainer, Pressed
    try:
        return mt.fit(
            mt.build("cnn", data, widths=(2, 4)), data, mt.Recipe(epochs=epochs, batch_size=4), progress=False
        )
    finally:
        loop._Trainer = before


@cache
def interrupted():
    return stopped(dataset("binary"))


def image(task="binary", at=0):
    return dataset(task).test.images[at]


def same(first, second):
    """Whether two tensors or None are the same, bit for bit."""
    return first is second or (
        isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor) and torch.equal(first, second)
    )
