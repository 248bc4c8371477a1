"""What the parts share: the images, medmnist's own loader of them, and the clock."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader

from ..data import load
from ..data.card import SPLITS
from ..data.catalog import counts
from ..data.phantoms import draw
from ..data.sources.medmnist import filename

BATCH = 128


def images():
    """PneumoniaMNIST, or where it cannot be had as many phantoms, as medmnist's Dataset insists on."""
    dataset = load("pneumoniamnist")
    return draw(dataset.card, counts("pneumoniamnist")) if dataset.is_phantom else dataset


def median_seconds(work, repeats=5, clock=time.perf_counter):
    """Median time of `work()` after one warm-up: wall time, or what another clock counts."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)


def reference_loader(dataset, split, transforms):
    """medmnist's own Dataset in a DataLoader, as its authors use it: PIL, no workers."""
    import medmnist
    from torchvision.transforms import Compose

    with tempfile.TemporaryDirectory() as folder:
        # medmnist reads a file: write the images that we hold, real or phantom.
        arrays = {}
        for name in SPLITS:
            cases = getattr(dataset, name)
            arrays[f"{name}_images"] = cases.images.squeeze(1).numpy()
            arrays[f"{name}_labels"] = cases.labels.unsqueeze(1).numpy().astype(np.uint8)
        np.savez(Path(folder) / filename(dataset.card.name), **arrays)
        reader = getattr(medmnist, dataset.card.title)
        data = reader(split, transform=Compose(transforms), root=folder, download=False)
    return DataLoader(data, batch_size=BATCH, shuffle=split == "train")
