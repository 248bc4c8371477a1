"""The processor time of the MedMNIST recipe beside ours."""

import statistics
import sys
import time

import torch
from torch import nn
from tqdm import tqdm

from ..data.card import SPLITS
from ..models import build
from ..reports.comparison import published_beside
from ..training import default_recipe, fit
from .common import reference_loader

# The least that gets there: chosen on val of PneumoniaMNIST among 1, 2 and 3 epochs, two seeds (AUC .990, .993, .993).
SHORT = {"epochs": 2, "shift_at_test": 0}
SEEDS = range(5)


def measure_reference(dataset):
    """Processor time of the MedMNIST recipe against ours, to the same published AUC.

    The reference is one epoch as its authors publish it (Yang et al. 2023 and
    the repository MedMNIST/experiments): ResNet-18, Adam 1e-3, batches of 128,
    no augmentation, medmnist's Dataset in a DataLoader, after the epoch an
    evaluation on train, val and test. Times 100, the number of its epochs. Ours
    is a whole run: training, validation after each epoch, test. Once with the
    default recipe, and once as short as is enough to get there; means over seeds.
    """
    reference = _reference_epoch(dataset) * 100
    figures = {"reference, 100 epochs, CPU hours": reference / 3600}
    row = next(iter(published_beside(dataset.card, dataset.provenance)), None)
    figures["published test AUC of the reference"] = row.auc if row else "none: phantom images"
    recipe = default_recipe(dataset.card)
    short = f"{SHORT['epochs']} epochs, {SHORT['shift_at_test']} moves at test"
    for name, changed in (("default", recipe), (short, recipe.but(**SHORT))):
        seconds, aucs = [], []
        for seed in SEEDS:
            start = time.process_time()
            run = fit(build("cnn", dataset, seed=seed), dataset, changed.but(seed=seed))
            seconds.append(time.process_time() - start)
            aucs.append(run.test.auc)
        ours = statistics.mean(seconds)
        figures[f"{name}, CPU seconds"] = ours
        figures[f"{name}, times less processor time"] = reference / ours
        figures[f"{name}, test AUC, mean of {len(SEEDS)} seeds"] = statistics.mean(aucs)
        figures[f"{name}, test AUC, lowest"] = min(aucs)
    return figures


def _reference_epoch(dataset):
    """CPU seconds of one epoch of the MedMNIST authors' recipe, evaluations included."""
    from torchvision import transforms

    torch.manual_seed(0)
    plain = [transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    loaders = {split: reference_loader(dataset, split, plain) for split in SPLITS}
    model = build("resnet18", dataset)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    steps = sum(map(len, loaders.values())) + len(loaders["train"])
    start = time.process_time()
    with tqdm(total=steps, desc="one epoch of the MedMNIST recipe", unit="step", file=sys.stderr) as bar:
        model.train()
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), y.squeeze(1).long()).backward()
            optimiser.step()
            bar.update()
        model.eval()
        with torch.no_grad():
            for loader in loaders.values():
                for x, _ in loader:
                    model(x).softmax(1)
                    bar.update()
    return time.process_time() - start
