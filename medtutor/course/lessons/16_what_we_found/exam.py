"""Exam questions of lesson 16, what we found."""

import numpy as np

from ....metrics.intervals import share_interval
from ....review import ANSWERS
from ....review.active import Simulation
from ....review.rule import holm
from ...exam import question
from .exercises import judged

WHY_ANSWERS = (
    "Supported needs the whole interval above the margin.",
    "Contradicted needs the whole interval below minus the margin.",
    "No difference needs the whole interval between minus the margin and the margin.",
    "Inconclusive is for intervals that reach beyond the margin, or minus the margin, and not wholly.",
)


@question(
    "A difference above {margin} was claimed. The 95 % interval is {low} to {high}; all arms learned. Which answer"
    " follows?"
)
def answer(generator):
    margin = int(generator.integers(10, 40)) / 1000
    middle, half = margin * generator.uniform(-2.5, 2.5), margin * generator.uniform(0.3, 2)
    low, high = round(middle - half, 3), round(middle + half, 3)
    if margin in (abs(low), abs(high)):  # an interval that ends at the margin would hang on > or >=
        return {}, []
    key = judged(low, high, margin, True)
    order = [key, *(place for place in range(4) if place != key)]
    return {"margin": margin, "low": f"{low:+.3f}", "high": f"{high:+.3f}"}, [
        (ANSWERS[place], WHY_ANSWERS[place]) for place in order
    ]


@question(
    "The 95 % interval of a difference is {low} to {high}. By which of these margins is the claim supported?", "{:.3f}"
)
def supported(generator):
    low, width = int(generator.integers(10, 40)) / 1000, int(generator.integers(20, 60)) / 1000
    return {"low": f"{low:+.3f}", "high": f"{low + width:+.3f}"}, [
        (low - 0.005, "The whole interval lies above it."),
        (low + 0.004, "A part of the interval lies below it: inconclusive."),
        (low + width / 2, "The mean difference is no bar to pass: half of the interval lies below it."),
        (low + width + 0.005, "The whole interval lies below it: there is no difference so large."),
    ]


@question(
    "The 95 % interval of a difference is {low} to {high}. By which of these margins is the answer 'no difference"
    " larger than the margin'?",
    "{:.3f}",
)
def none_so_large(generator):
    low, high = -int(generator.integers(10, 25)) / 1000, int(generator.integers(30, 60)) / 1000
    return {"low": f"{low:+.3f}", "high": f"{high:+.3f}"}, [
        (high + 0.005, "The whole interval lies between minus this margin and this margin."),
        (-low + 0.003, "The lower end lies within, but the upper one beyond: inconclusive."),
        ((high + low) / 2, "The mean difference is no margin: the upper end lies beyond it."),
        (high - 0.004, "The upper end lies beyond it: inconclusive."),
    ]


@question("Four questions have the p values {p}. What is the second smallest after Holm's correction?", "{:.3f}")
def corrected(generator):
    p = np.sort(generator.choice(np.arange(2, 60), 4, replace=False)) / 1000
    shuffled = generator.permutation(p)
    return {"p": ", ".join(f"{x:.3f}" for x in shuffled)}, [
        (sorted(holm(p.tolist()))[1], "Times three, the questions left, and never below the one before it."),
        (p[1], "This is not corrected: one of many small p values is small by chance."),
        (min(1.0, 4 * p[1]), "This is Bonferroni's correction; Holm multiplies the second by one less."),
        (min(1.0, 2 * p[1]), "The factor is how many are left (three), not the place in the order (two)."),
    ]


@question(
    "{m} independent questions in which there is nothing to find, each with a 5 % chance of a false answer. How likely"
    " is at least one false answer?",
    "{:.3f}",
)
def many(generator):
    m = int(generator.integers(5, 41))
    return {"m": m}, [
        (1 - 0.95**m, "1 minus the chance that all are right."),
        (0.05, "This is the chance of each one; Holm's correction would hold it for all together."),
        (0.95**m, "This is the chance of no false answer."),
        (m * 0.05, "This is how many false answers are expected; it is no chance, and may pass 1."),
    ]


@question(
    "Of {n} records, {relevant} of them relevant, {read} had to be read until 95 % of the relevant ones were found."
    " What is the work saved over sampling (WSS at 95 %)?",
    "{:.3f}",
)
def work(generator):
    n, relevant = int(generator.integers(400, 1500)), 20 * int(generator.integers(1, 4))
    read = int(n * generator.uniform(0.1, 0.6))
    first, last = round(0.95 * relevant) - 1, relevant - round(0.95 * relevant)
    order = [True] * first + [False] * (read - first - 1) + [True] + [False] * (n - read - last) + [True] * last
    key = Simulation(tuple(order), tuple(map(str, range(n))), 0).work_saved(0.95)
    return {"n": n, "relevant": relevant, "read": read}, [
        (key, "What was not read, less the 5 % that whoever reads in no order would save, too."),
        (1 - read / n, "Reading in no order and stopping at 95 % would save 5 %, which is taken off."),
        (read / n, "This is the work that was done, not what was saved."),
        (0.95 - relevant / n, "This is what a perfect order could save at most, about."),
    ]


@question(
    "A rule stops after {read} of {n} records, {found} relevant ones found. In a random sample of {sample} of the rest"
    " {hits} are relevant. Which recall does that suggest?",
    "{:.3f}",
)
def sampled(generator):
    n, read, found = (
        int(generator.integers(1000, 2000)),
        int(generator.integers(200, 500)),
        int(generator.integers(40, 90)),
    )
    sample, hits = int(generator.integers(80, 150)), int(generator.integers(2, 6))
    return {"n": n, "read": read, "found": found, "sample": sample, "hits": hits}, [
        (
            found / (found + hits / sample * (n - read)),
            "The sample's share, of all the rest, is what was missed, about.",
        ),
        (found / (found + hits), "The sample stands for all the rest, not for itself."),
        (1 - hits / sample, "This is the share of irrelevant ones in the rest; recall asks of the relevant ones."),
        (found / (found + hits / sample * n), "The share holds for the rest only; what was read is not missed."),
    ]


SCREENED = "Two screeners decide on {n} titles: both include {both}, only the first {one}, only the second {other}. "


@question(SCREENED + "On what share would they agree by chance?", "{:.3f}")
def chance(generator):
    n, both, one, other = int(generator.integers(150, 500)), *(int(x) for x in generator.integers(5, 40, 3))
    first, second = (both + one) / n, (both + other) / n
    by_chance = first * second + (1 - first) * (1 - second)
    agreed = (n - one - other) / n
    return {"n": n, "both": both, "one": one, "other": other}, [
        (by_chance, "Both include by chance, or both leave out by chance."),
        (agreed, "This is on what share they do agree."),
        (first * second, "This is where both include by chance; both leave out by chance is far commoner."),
        (0.5, "It would be so if each included one half; from how often each includes follows the chance."),
    ]


@question(
    "A review finds {found} records, {copies} of them duplicates. By title and abstract {out} are left out; {lost}"
    " reports cannot be retrieved, and {full} are left out after reading them. How many are included?"
)
def flow(generator):
    found, copies = int(generator.integers(800, 1500)), int(generator.integers(50, 200))
    out, lost, full = int(generator.integers(400, 550)), int(generator.integers(3, 15)), int(generator.integers(20, 60))
    return {"found": found, "copies": copies, "out": out, "lost": lost, "full": full}, [
        (found - copies - out - lost - full, "Each box takes from the one before it."),
        (found - out - lost - full, "Duplicates are taken off before screening."),
        (found - copies - out - full, "What could not be retrieved was not read, and is not included."),
        (found - copies - out - lost, "These were read in full; some were left out after that."),
    ]


@question(
    "A network finds all of {n} ill people in a test. By the exact 95 % interval (2.5 % on each side), what share"
    " may it miss elsewhere, even if patients are of the same kind?",
    "{:.4f}",
)
def none_missed(generator):
    n = int(generator.integers(15, 200))
    return {"n": n}, [
        (share_interval(0, n)[1], "The share at which finding all n still has a chance of 2.5 %; about 3.7 / n."),
        (0.0, "None missed of few says little: rare failures need many cases."),
        (1 / n, "Finding all n has a chance of about 37 % at this share; the limit lies higher."),
        (0.05, "5 % is how often such intervals fail; how far one reaches follows from n."),
    ]
