"""Exam questions of lesson 08, hybrids and fusion."""

import numpy as np

from ....metrics import measure
from ...exam import question

SHARES = "AUC with the image alone {image}, with the table alone {table}, with both {both}. "


def _aucs(generator):
    image, table = (int(x) / 100 for x in generator.integers(52, 78, 2))
    both = max(image, table) + int(generator.integers(3, 18)) / 100
    return {"image": f"{image:.2f}", "table": f"{table:.2f}", "both": f"{both:.2f}"}, image, table, both


@question(SHARES + "By Shapley values, which part of what lies above chance (0.5) is the table's, in AUC?", "{:.3f}")
def owner(generator):
    told, image, table, both = _aucs(generator)
    return told, [
        ((table - 0.5 + both - image) / 2, "The mean of what it adds alone, and of what it adds to the image."),
        (both - image, "This is what it adds when it comes last."),
        (table - 0.5, "This is what it adds when it comes first."),
        ((both - 0.5) / 2, "Both get equal parts only if they are alike alone."),
    ]


@question(SHARES + "By how much is both more than the better of the two?", "{:.3f}")
def gain(generator):
    told, image, table, both = _aucs(generator)
    return told, [
        (both - max(image, table), "Fusion is held against the better source, which anybody would take."),
        (both - min(image, table), "The weaker source flatters."),
        (both - (image + table) / 2, "A mean of the two is no baseline."),
        (both - 0.5, "Chance is no baseline where each source alone is above it."),
    ]


@question(
    "Late fusion adds the log odds of both sources: image {p}, table {q} (both classes equally common). Which"
    " probability comes out?",
    "{:.3f}",
)
def late(generator):
    p, q = (int(x) / 100 for x in generator.integers(8, 93, 2))
    odds = p / (1 - p) * q / (1 - q)
    return {"p": p, "q": q}, [
        (odds / (1 + odds), "Log odds add up, so odds multiply; and back to a probability."),
        ((p + q) / 2, "This is the mean of probabilities: two sources that agree make each other surer."),
        (p * q, "The other class's product is left out."),
        (max(p, q), "This takes the surer source alone, if it says ill."),
    ]


def _rule(generator):
    """A cohort in which one label has both marks or none: only the two together tell."""
    cells = generator.integers(20, 90, 4)
    return cells, np.repeat([1, 0, 0, 1], cells), np.repeat([0, 0, 1, 1], cells), np.repeat([0, 1, 0, 1], cells)


@question(
    "A sign in the image and one in the table; a patient is ill if both or neither are there. Neither: {a}, table only:"
    " {b}, image only: {c}, both: {d} patients. What is the AUC of the sign in the image alone?",
    "{:.3f}",
)
def interaction(generator):
    cells, labels, image, _ = _rule(generator)
    scores = np.stack([1 - image, image], 1).astype(float)
    key = measure(labels, scores, "binary", resamples=0).auc
    right = float((image == labels).mean())
    return dict(zip("abcd", map(int, cells), strict=True)), [
        (key, "The pairs in which the ill one has the sign and the healthy one has not; ties count half."),
        (1 - key, "The pairs were counted the wrong way round."),
        (right, "This is the accuracy."),
        (1.0, "Only both signs together tell."),
    ]


@question(
    "Of {n} patients {m} have a lab value, of mean {known}; the others' are {other} on average, which nobody"
    " knows. Missing values get the mean of those that are there. By how much is the mean of the filled column off?",
    "{:+.3f}",
)
def filled(generator):
    n = int(generator.integers(200, 600))
    m = int(n * generator.uniform(0.4, 0.8))
    known, other = (int(x) / 10 for x in generator.integers(40, 100, 2))
    true = (m * known + (n - m) * other) / n
    return {"n": n, "m": m, "known": known, "other": other}, [
        (known - true, "Where what is missing differs, the filled column has the mean of those that are there."),
        (0.0, "So it is only if values are missing by chance."),
        (known - other, "This is the difference of the two groups; the missing ones are a part of the column."),
        (true - known, "The sign is turned round: filled minus true."),
    ]


@question(
    "A column with deviation {s} is missing by chance in {share} % of the patients, and filled with its mean."
    " What is its deviation then?",
    "{:.3f}",
)
def narrowed(generator):
    s, share = int(generator.integers(10, 90)) / 10, int(generator.integers(15, 70))
    left = 1 - share / 100
    return {"s": s, "share": share}, [
        (s * left**0.5, "The variance falls to the share that is there: filled values have none."),
        (s * left, "The variance falls by this share, the deviation by its root."),
        (s, "Filled values all are the same number, so the column gets narrower."),
        (s * (1 - left**0.5), "This is by how much it falls."),
    ]


@question(
    "A hybrid has {hybrid} million parameters and a ViT {vit} million. On one image the hybrid takes {a} GFLOPs,"
    " the ViT {b}. Compared at as many operations, how many times as many images may the cheaper one see?",
    "{:.3f}",
)
def operations(generator):
    a, b = (int(x) / 100 for x in generator.choice(np.arange(5, 60), 2, replace=False))
    hybrid, vit = (int(x) / 10 for x in generator.choice(np.arange(5, 40), 2, replace=False))
    return {"hybrid": hybrid, "vit": vit, "a": a, "b": b}, [
        (max(a, b) / min(a, b), "The ratio of operations: as many parameters are not as many operations."),
        (max(hybrid, vit) / min(hybrid, vit), "Parameters do not say how much is computed with them."),
        (1.0, "As many images are as many operations only where one image costs the same."),
        (max(a, b) / min(a, b) * max(hybrid, vit) / min(hybrid, vit), "Operations hold the parameters already."),
    ]


@question(
    "{pools} halvings of an image of {size} x {size}, then attention over all places at the bottom. How many"
    " scores has one head?"
)
def bottom(generator):
    pools = int(generator.integers(2, 5))
    size = 2**pools * int(generator.integers(3, 10))
    places = (size // 2**pools) ** 2
    return {"pools": pools, "size": size}, [
        (places**2, "Each place meets each other place of the small map."),
        (size**4, "So it would be with the pixels as tokens: the halvings make attention affordable."),
        (places, "These are the places; attention is between pairs."),
        (places**2 * 4, "One halving too few was counted on one side."),
    ]


@question(
    "A doctor orders a test for {ill} % of the ill and {healthy} % of the healthy; {p} % are ill. How likely is"
    " a patient ill, of whom is known only that the test was ordered?",
    "{:.3f}",
)
def ordered(generator):
    ill, healthy, p = (int(generator.integers(*r)) for r in ((60, 96), (10, 45), (10, 45)))
    share = ill * p / (ill * p + healthy * (100 - p))
    return {"ill": ill, "healthy": healthy, "p": p}, [
        (share, "Bayes: that a test was ordered is knowledge, as long as the same doctor orders."),
        (p / 100, "So it is where tests are ordered by chance."),
        (ill / 100, "This is the reverse: of the ill, how many have the test."),
        (ill / (ill + healthy), "The share of the ill among all is left out."),
    ]


@question(
    "Three frames of {n} are lost, and the masks there are empty. On the others a U-Net's mean Dice is {dice}."
    " What is its mean over all frames?",
    "{:.3f}",
)
def lost(generator):
    n, dice = int(generator.integers(10, 30)), int(generator.integers(75, 95)) / 100
    return {"n": n, "dice": f"{dice:.2f}"}, [
        (dice * (n - 3) / n, "An empty mask of a heart that is there has a Dice of 0, and counts."),
        (dice, "The lost frames are part of what the clinic asked for."),
        ((dice * (n - 3) + 3) / n, "An empty mask is right only where there is nothing."),
        (dice * (n - 3) / n - 3 / n, "A Dice is 0 at worst, not below."),
    ]
