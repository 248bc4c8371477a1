"""From the array in memory to the batch that the model gets, ours beside medmnist's."""

import torch

from ..data import normalise
from ..data.augmentation import apply_affine, draw_affine
from ..training import default_recipe
from .common import BATCH, median_seconds, reference_loader


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
    loader = reference_loader(dataset, "train", plain)
    loader_augmented = reference_loader(dataset, "train", [*move, *plain])
    seconds = {
        "ours": median_seconds(lambda: ours(False)),
        "ours, augmented": median_seconds(lambda: ours(True)),
        "medmnist": median_seconds(lambda: theirs(loader), 3),
        "medmnist, augmented": median_seconds(lambda: theirs(loader_augmented), 3),
    }
    figures = {f"{name}, us per image": value / len(images) * 1e6 for name, value in seconds.items()}
    figures["times faster"] = seconds["medmnist"] / seconds["ours"]
    figures["times faster, augmented"] = seconds["medmnist, augmented"] / seconds["ours, augmented"]
    return figures
