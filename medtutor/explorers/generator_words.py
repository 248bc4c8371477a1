"""What the generator explorer says."""

import numpy as np

from .generator_parts import NO_PATIENT, ratio

NAMELESS = (
    "Tried out at 8 random codes: along these directions the pixels change most. "
    "What a direction means, if it means anything, is for you to see; nobody named it."
)
COPIES = (
    "A copy is near to one image and far from all others. A smooth, blurred image is near to many: small distances"
    " alone prove nothing, so look at the two pictures. A copy that was moved or mirrored is not found this way."
)
_KINDS = {
    "medmnist": "published images",
    "decathlon": "published images",
    "phantom": "phantoms",
    "arrays": "your own arrays",
}


# What there is --------------------------------------------------------------------------------


def title(adversary, dataset, caution):
    of_what = "" if dataset is None else f" on {dataset.title}"
    first = f"Generator of {adversary.generator.latents} numbers a code, after {adversary.steps:,} steps{of_what}"
    return f"{first}. {caution}".removesuffix(".").strip(". ")


def caution(adversary, dataset, reference, is_own):
    """What keeps the real images from being those that it learned from, in words; "" where nothing does."""
    if dataset is None:
        return "No data set was given: nothing real to compare with."
    learned, given = adversary.provenance, dataset.provenance
    if not is_own:
        return (
            f"This generator learned from {_KINDS.get(learned, learned)}, the data set here is of "
            f"{_KINDS.get(given, given)}: it did not learn from these, and nearness says nothing about copies."
        )
    count, here = adversary.settings.get("images"), len(reference.images)
    if count is not None and count != here:
        return f"It learned from {count:,} images, and {here:,} are searched here."
    if len(reference.numbers) < here:
        return f"{len(reference.numbers):,} of the {here:,} images are searched; a copy of another goes unseen."
    return ""


def label(labels, dataset, number):
    """The label of an image that it learned from, or ""."""
    if labels is None or labels.dim() != 1 or labels.is_floating_point():
        return ""
    return dataset.card.classes[int(labels[number])]


# The walk -------------------------------------------------------------------------------------


def of_code(place, code):
    """A code (1, latents), which is at that place."""
    return (
        f"D{NO_PATIENT[1:]}: {place}. Its code has length {float(code.norm()):.1f}; random codes have about"
        f" {code.shape[1] ** 0.5:.1f}, give or take 0.7."
    )


def nearness(reference, distances, split):
    """How near the drawn image is to those that it learned from, beside real ones."""
    real, near = reference.real, reference.nearer(distances[0])
    low, middle, high = np.quantile(real, [0.05, 0.5, 0.95])
    said = (
        f" Real {split} images, which it did not learn from, are at {middle:.2f} from theirs"
        f" (9 of 10 within {low:.2f}…{high:.2f}), {near:.0%} of them nearer. "
    )
    alone = reference.alone(distances)
    if alone is not None:
        said += (
            f"The second nearest is {min(ratio(distances), 99):.2f} times as far; so alone beside one image are"
            f" {alone:.0%} of the real {split} images. "
        )
    return said + verdict(near, alone)


def verdict(near, alone):
    """Whether an image looks like a copy: from the shares of real images that are nearer, and as near to one alone."""
    rarest = near if alone is None else min(near, alone)
    if rarest == 0:
        return "No real image is so: this may be a copy."
    if rarest < 0.05:
        return "Few real images are so: compare the two pictures."
    if near > 0.9:
        return "It is less like anything that it learned from than most real images are."
    return "Real images are so too: no sign of a copy."
