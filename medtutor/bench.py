"""Speed, each figure as a ratio to a reference measured in the same run.

    data       ours against medmnist's Dataset in a DataLoader, images a second
    gemm       the share of the machine's matrix product rate that training sustains
    reference  the MedMNIST recipe (one epoch x 100) against ours, in processor time
    explorers  milliseconds from a moved control to the new picture, in the kernel

Absolute times differ from machine to machine and from minute to minute;
ratios measured side by side hardly do.
"""

import statistics
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from .data import load, normalise
from .data.augmentation import apply_affine, draw_affine
from .data.card import SPLITS
from .data.catalog import counts
from .data.cohort import draw_cohort
from .data.phantoms import draw
from .data.sources.medmnist import filename
from .models import build
from .models.autoencoder import Autoencoder
from .models.hybrid import WAYS, Fusion
from .reports.comparison import published_beside
from .training import default_recipe, fit
from .training.gan import load_gan
from .training.processes import choose_threads

BATCH = 128


def measure_all(parts, report=None):
    """{part: {figure: value}} for the parts asked for; `report` gets a line for each."""
    choose_threads()
    dataset = _images()
    figures = {"threads": torch.get_num_threads(), "torch": torch.__version__, "images": dataset.provenance}
    if report:
        report(f"{dataset.title}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for part in parts:
        figures[part] = PARTS[part](dataset)
        if report:
            report(f"\n{part}")
            for name, value in figures[part].items():
                report(f"  {name:58} {value:>12,.4g}" if isinstance(value, float) else f"  {name:58} {value!s:>12}")
    return figures


def _images():
    """PneumoniaMNIST, or where it cannot be had as many phantoms, as medmnist's Dataset insists on."""
    dataset = load("pneumoniamnist")
    return draw(dataset.card, counts("pneumoniamnist")) if dataset.is_phantom else dataset


def _median_seconds(work, repeats=5):
    """Median wall time of `work()` after one warm-up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure_data(dataset):
    """Microseconds per image, from the array in memory to the batch that the model gets."""
    card, images = dataset.card, dataset.train.images
    recipe = default_recipe(card)

    def ours(augmented):
        order = torch.randperm(len(images))
        for start in range(0, len(images), BATCH):
            batch = normalise(images[order[start : start + BATCH]])
            if augmented:
                affine = draw_affine(
                    len(batch),
                    card.shape,
                    mirror=card.mirror,
                    rotation=recipe.rotation,
                    scale=recipe.scale,
                    shift=recipe.shift,
                )
                apply_affine(batch, affine)

    def theirs(loader):
        for _ in loader:
            pass

    from torchvision import transforms

    plain = [transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    # The same augmentation, one image at a time, as torchvision offers it.
    move = [
        transforms.RandomHorizontalFlip(),
        transforms.RandomAffine(
            recipe.rotation,
            (recipe.shift / card.size,) * 2,
            (1 - recipe.scale, 1 + recipe.scale),
            interpolation=transforms.InterpolationMode.BILINEAR,
        ),
    ]
    # Made before the clock starts: reading the file is not what is compared.
    loader = _reference_loader(dataset, "train", plain)
    loader_augmented = _reference_loader(dataset, "train", [*move, *plain])
    seconds = {
        "ours": _median_seconds(lambda: ours(False)),
        "ours, augmented": _median_seconds(lambda: ours(True)),
        "medmnist": _median_seconds(lambda: theirs(loader), 3),
        "medmnist, augmented": _median_seconds(lambda: theirs(loader_augmented), 3),
    }
    figures = {f"{name}, us per image": value / len(images) * 1e6 for name, value in seconds.items()}
    figures["times faster"] = seconds["medmnist"] / seconds["ours"]
    figures["times faster, augmented"] = seconds["medmnist, augmented"] / seconds["ours, augmented"]
    return figures


def _reference_loader(dataset, split, transforms):
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


def _matmul_rate(side=2048):
    """FLOP/s of a large matrix product, in the library behind `torch.matmul`."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    return 2 * side**3 / _median_seconds(lambda: a @ b)


def _pointwise_rate(side=2048):
    """FLOP/s of the same product written as a 1 x 1 convolution.

    Convolutions come from another library (oneDNN) than `matmul` (MKL), which on
    some processors is much the faster: the machine's rate is the higher of the two.
    """
    x = torch.randn(2, side, 32, 32).to(memory_format=torch.channels_last)
    weight = torch.randn(side, side, 1, 1).to(memory_format=torch.channels_last)
    with torch.no_grad():
        return 2 * side**3 / _median_seconds(lambda: nn.functional.conv2d(x, weight))


def measure_gemm(dataset):
    """The rate of floating-point operations in training, as a share of a large matrix product's."""
    product = max(_matmul_rate(), _pointwise_rate())
    figures = {"matrix product, GFLOP/s": product / 1e9}
    for name in ("cnn", "resnet18"):
        model = build(name, dataset).to(memory_format=torch.channels_last)
        x = normalise(dataset.train.images[:64]).to(memory_format=torch.channels_last)
        y = dataset.train.labels[:64]
        optimiser = torch.optim.AdamW(model.parameters())

        def step(model=model, optimiser=optimiser, x=x, y=y):
            nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
            optimiser.zero_grad()

        with FlopCounterMode(display=False) as counter:
            step()
        rate = counter.get_total_flops() / _median_seconds(step, 7)
        figures[f"{name} training, GFLOP/s"] = rate / 1e9
        figures[f"{name} training, share of the matrix product"] = rate / product
    return figures


def measure_reference(dataset):
    """Processor time of the MedMNIST recipe against ours, to the same published AUC.

    The reference is one epoch as its authors publish it (Yang et al. 2023 and
    the repository MedMNIST/experiments): ResNet-18, Adam 1e-3, batches of 128,
    no augmentation, medmnist's Dataset in a DataLoader, after the epoch an
    evaluation on train, val and test. Times 100, the number of its epochs. Ours
    is a whole run: training, validation after each epoch, test. Once with the
    default recipe, and once with half its epochs, which is enough to get there.
    """
    reference = _reference_epoch(dataset) * 100
    figures = {"reference, 100 epochs, CPU hours": reference / 3600}
    row = next(iter(published_beside(dataset.card, dataset.provenance)), None)
    figures["published test AUC of the reference"] = row.auc if row else "none: phantom images"
    recipe = default_recipe(dataset.card)
    for name, changed in (("whole default run", recipe), ("half the epochs", recipe.but(epochs=recipe.epochs // 2))):
        start = time.process_time()
        run = fit(build("cnn", dataset), dataset, changed)
        ours = time.process_time() - start
        figures[f"{name}, CPU seconds"] = ours
        figures[f"{name}, times less processor time"] = reference / ours
        figures[f"{name}, test AUC"] = run.test.auc
    return figures


def _reference_epoch(dataset):
    """CPU seconds of one epoch of the MedMNIST authors' recipe, evaluations included."""
    from torchvision import transforms

    torch.manual_seed(0)
    plain = [transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    loaders = {split: _reference_loader(dataset, split, plain) for split in SPLITS}
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


MOVES = 20


def measure_explorers(dataset):
    """Median milliseconds of 20 moves of a control, each with what a map of its own costs.

    From a control's new value to the picture in the page's widget, in the kernel; what
    the browser adds, the tests of the explorers in a real JupyterLab print.
    """
    from . import explorers
    from .explanation import METHODS, methods_for

    def trained(model, images):
        """A run of one epoch: how good it is does not matter here."""
        return fit(build(model, images), images, default_recipe(images.card, epochs=1, shift_at_test=0))

    run, mri, heart = trained("cnn", dataset), load("hippocampus"), load("cine_filling")
    outcomes, why, gallery = (
        explorers.classification(run, dataset),
        explorers.explore(run, dataset),
        explorers.gallery(),
    )
    organ, film = explorers.segmentation(trained("unet", mri), mri), explorers.sequence(trained("lstm", heart), heart)
    codes, drawn = (
        explorers.latent(Autoencoder().eval(), dataset),
        explorers.generator(load_gan("pneumoniamnist"), dataset),
    )
    looks = explorers.attention(trained("vit", dataset), dataset, cnn=run)
    both = explorers.fusion({way: Fusion(way=way) for way in WAYS}, draw_cohort(dataset))

    def moved(control, values):
        """Median over `MOVES` values that differ from the one before."""
        times = []
        for _, value in zip(range(MOVES), cycle(values)):
            start = time.perf_counter()
            control.value = value
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000

    figures = {
        "classification, threshold": moved(outcomes.threshold, [0.30 + 0.02 * i for i in range(MOVES)]),
        "gallery, page": moved(gallery.pages.number, range(2, MOVES + 2)),
        "attribution, opacity": moved(why.opacity, [0.3, 0.4, 0.5, 0.6]),
        "segmentation, slice": moved(organ.depth, range(5, MOVES + 5)),
        "sequence, frame": moved(film.frame, range(2, heart.card.frames + 1)),
        "latent, axis": moved(codes.axes[0], [0.5, 1.0, 1.5]),
        "latent, along": moved(codes.along, [0.2, 0.4, 0.6, 0.8]),
        "attention, patch": moved(looks.column, range(1, 8)),
        "attention, another image": moved(looks.image, range(1, MOVES + 1)),
        "generator, axis": moved(drawn.axes[0], [0.5, 1.0, 1.5]),
        "generator, truncation": moved(drawn.truncation, [0.5, 0.6, 0.7, 0.8]),
        "fusion, lab value": moved(both.lab, [0.5, 1.0, 1.5]),
    }
    for method in (name for name in methods_for(run) if METHODS[name].live):
        why.method.value = method
        figures[f"attribution, another image, {method}"] = moved(why.pages.number, range(2, MOVES + 2))
    return figures


PARTS = {"data": measure_data, "gemm": measure_gemm, "reference": measure_reference, "explorers": measure_explorers}

__all__ = ["PARTS", "measure_all"]
