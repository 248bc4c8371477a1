"""Exam questions of lesson 11, trust."""

import numpy as np
from scipy.stats import binom

from ....metrics.calibration import at_temperature, brier_score
from ....metrics.conformal import conformal_threshold
from ....metrics.selective import at_prevalence, net_benefit, risk_coverage, treat_all
from ...exam import question


def _listed(values):
    return ", ".join(f"{x:.2f}" for x in values)


@question(
    "Three bins hold {cases} cases, with mean confidence {said} and accuracy {true}. What is the expected calibration"
    " error?",
    "{:.3f}",
)
def ece(generator):
    cases = generator.integers(10, 200, 3)
    said = np.array([0.6, 0.8, 0.95]) + generator.integers(-4, 5, 3) / 100
    true = said + generator.choice([-1, 1], 3) * generator.integers(2, 20, 3) / 100
    true = np.minimum(true, 0.99)
    gap = said - true
    return {"cases": ", ".join(map(str, cases)), "said": _listed(said), "true": _listed(true)}, [
        (np.average(np.abs(gap), weights=cases), "The mean distance, each bin weighted by its cases."),
        (np.abs(gap).mean(), "The bins were counted alike; each is weighted by its cases."),
        (np.abs(np.average(gap, weights=cases)), "Signs cancel here: this is the size of the overconfidence."),
        (np.abs(gap).max(), "This is the largest distance, not the mean one."),
    ]


@question(
    "A network says {p} for the class that is true, and the rest for the other one. What is this case's"
    " Brier score, over both classes?",
    "{:.3f}",
)
def brier(generator):
    p = int(generator.integers(10, 95)) / 100
    return {"p": p}, [
        (brier_score([[1 - p, p]], [1]), "The squared distances of both classes, added up: from 0 to 2."),
        ((1 - p) ** 2, "This is of one class; the other is as far off."),
        (1 - p, "This is the distance itself; it is squared, and counted for both classes."),
        (-np.log(p), "This is the cross-entropy."),
    ]


@question("Two logits, {first} and {second}. What probability has the first class at temperature {t}?", "{:.3f}")
def temperature(generator):
    logits = generator.permutation([int(generator.integers(5, 40)) / 10, -int(generator.integers(1, 30)) / 10])
    t = int(generator.integers(12, 40)) / 10
    key = at_temperature(logits[None], t)[0, 0]
    plain = at_temperature(logits[None], 1.0)[0, 0]
    return {"first": logits[0], "second": logits[1], "t": t}, [
        (key, "The logits are divided by the temperature, and then comes the softmax."),
        (plain, "This is without the temperature: above 1 it makes the network less sure."),
        (at_temperature(logits[None], 1 / t)[0, 0], "The logits were multiplied: that makes it surer."),
        (plain / t, "Probabilities divided by a number do not add up to 1."),
    ]


@question(
    "Conformal prediction with {n} calibration cases; {asked} % of the sets shall hold the true class. The threshold is"
    " the k-th smallest of the scores. What is k?"
)
def rank(generator):
    n, asked = int(generator.integers(25, 120)), int(generator.choice([80, 85, 90, 95]))
    # With the scores 1, 2, … n the threshold is its own rank.
    key = int(conformal_threshold(np.arange(1, n + 1), asked / 100))
    return {"n": n, "asked": asked}, [
        (key, "(n + 1) times the coverage, rounded up: the new case counts, too."),
        (n * asked // 100, "The new case is forgotten, and the rank rounded down: too few sets would hold."),
        (n, "The largest score covers more than was asked for; its sets are needlessly large."),
        (
            int(np.ceil((n + 1) * (1 - asked / 100))),
            "Counted from the wrong end: so few sets would hold the true class.",
        ),
    ]


@question(
    "The threshold of a conformal predictor, with the score 1 - p, is {at}. Five classes have the probabilities {p}."
    " How many classes are in the set?"
)
def members(generator):
    p = np.sort(generator.dirichlet(np.full(5, 1.5)))[::-1].round(2)
    at = int(generator.integers(65, 96)) / 100
    if np.isclose(1 - p, at).any():  # a tie would hang on < or <=
        return {}, []
    inside = int(np.sum(1 - p <= at + 1e-9))
    return {"at": at, "p": _listed(p)}, [
        (inside, "Each class with 1 - p at or below the threshold."),
        (int(np.sum(p >= at)), "The threshold is on 1 - p, not on p."),
        (
            int(np.searchsorted(np.cumsum(p), at) + 1),
            "This adds up probabilities until the threshold; the score is 1 - p.",
        ),
        (5, "A class that is stranger than the threshold is left out."),
    ]


@question(
    "Eight answers with the confidences {said}; right (1) or wrong (0): {right}. The surest half is answered, the rest"
    " handed over. What is the risk?",
    "{:.3f}",
)
def selective(generator):
    said = np.sort(generator.choice(np.arange(52, 100), 8, replace=False))[::-1] / 100
    right = generator.random(8) < 0.6
    key = risk_coverage(said, right)[1][3]
    return {"said": _listed(said), "right": ", ".join(str(int(x)) for x in right)}, [
        (key, "The share of errors among those that are answered."),
        (1 - right.mean(), "This is the risk where everything is answered."),
        (1 - right[4:].mean(), "This is the share of errors among those handed over."),
        ((~right[:4]).sum() / 8, "The errors were divided by all cases, not by those answered."),
    ]


@question(
    "A probability of {p} is calibrated where {was} % are ill. Elsewhere {will} % are ill, and nothing else differs."
    " What is it there?",
    "{:.3f}",
)
def elsewhere(generator):
    p, was, will = (int(generator.integers(*r)) for r in ((30, 95), (40, 70), (2, 25)))
    return {"p": p / 100, "was": was, "will": will}, [
        (
            float(at_prevalence([p / 100], was / 100, will / 100)[0]),
            "Bayes: weigh both classes anew, and divide by their sum.",
        ),
        (p / 100, "A calibrated probability carries the prevalence of where it was calibrated."),
        (p / was * will / 100, "The other class has to be weighed anew, too, and both divided by their sum."),
        (will / 100, "This is the prevalence: it forgets what the image says."),
    ]


@question(
    "Of {n} people {ill} are ill. At a threshold of {t} a model treats {tp} of the ill and {fp} of the healthy. What is"
    " its net benefit?",
    "{:.4f}",
)
def benefit(generator):
    n, ill, t = 400, int(generator.integers(40, 150)), int(generator.choice([5, 10, 15, 20, 25, 30])) / 100
    tp, fp = int(ill * generator.uniform(0.7, 0.95)), int((n - ill) * generator.uniform(0.1, 0.4))
    truth = np.repeat([True, True, False, False], [tp, ill - tp, fp, n - ill - fp])
    said = np.repeat([1.0, 0.0, 1.0, 0.0], [tp, ill - tp, fp, n - ill - fp])
    return {"n": n, "ill": ill, "t": t, "tp": tp, "fp": fp}, [
        (net_benefit(truth, said, [t])[0], "TP / n minus FP / n, weighed with t / (1 - t)."),
        ((tp - fp) / n, "A needless treatment does not weigh as much as a missed one, but t / (1 - t) of it."),
        (treat_all(ill / n, [t])[0], "This is the net benefit of treating everybody."),
        (tp / n - fp / n * (1 - t) / t, "The price is turned round: it is t / (1 - t)."),
    ]


@question(
    "Who treats from a probability of {t} % on accepts how many needless treatments for one case found?", "{:.2f}"
)
def price(generator):
    t = int(generator.integers(3, 45)) / 100
    return {"t": round(100 * t)}, [
        ((1 - t) / t, "At the threshold both sides weigh alike: t times one found is (1 - t) times one needless."),
        (t / (1 - t), "This is the weight of one needless treatment, the inverse of what is asked."),
        (1 / t, "This is how many are treated for one case found, with that one."),
        (1 - t, "This is the share of needless ones at the threshold, not their number for each case found."),
    ]


@question(
    "A perfectly calibrated network says {p} of all {n} cases (one bin). Which ECE does it show on average?", "{:.4f}"
)
def by_chance(generator):
    n, p = int(generator.integers(20, 150)), int(generator.integers(60, 96)) / 100
    hits = np.arange(n + 1)
    return {"n": n, "p": p}, [
        (
            binom.pmf(hits, n, p) @ np.abs(hits / n - p),
            "The share that is right scatters, and ECE counts each distance.",
        ),
        (0.0, "Only with endless cases: a share of few cases is hardly ever just p."),
        (np.sqrt(p * (1 - p) / n), "This is the standard deviation; the mean distance is smaller."),
        (p * (1 - p) / n, "This is the variance of the share, a squared distance."),
    ]
