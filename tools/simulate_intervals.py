"""How often intervals hold the truth, and what power they have, on simulated trainings as the claims have them.

    python tools/simulate_intervals.py [--repetitions 1000]

Prints, for each design, the share of repetitions in which a 95 % interval of the difference of two arms holds the
true one: over seeds alone (Student's t), by a bootstrap that draws seeds and cases anew (percentiles), and by
`medtutor.metrics.intervals.over_seeds_and_cases`.

A case is hard or easy for everybody, for one arm more than for the other, and each training errs in its own way; a
seed makes both arms better or worse, and each by itself. Test cases and seeds are drawn anew each time.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from medtutor.metrics.classification import weighted_auc
from medtutor.metrics.intervals import over_seeds, over_seeds_and_cases, percentiles, weighted_mean

RESAMPLES = 1000


class Auc:
    """The statistic `weighted_auc` makes, with its labels."""

    def __init__(self, labels):
        self.labels, self.of = labels, weighted_auc(labels)

    def __call__(self, scores, weights):
        return self.of(scores, weights)


@dataclass(frozen=True)
class Scores:
    """Two classifiers of one test set; `drawn` gives their scores and `truth` the difference of their AUC.

    cases, seeds, ill   how many, and the share of class 1
    auc, effect         of the second arm, and by how much the first is better, both on average over seeds
    hard, apart, own    of the variance of a score within a class: what all trainings share, what those of one
                        arm share, and the share of a single training
    spread              standard deviation of a single training's AUC over seeds, about
    """

    cases: int = 624
    seeds: int = 5
    ill: float = 0.625
    auc: float = 0.955
    effect: float = 0.0
    hard: float = 0.6
    apart: float = 0.2
    spread: float = 0.005
    limit = 1.0

    @property
    def truth(self):
        return self.effect

    def drawn(self, rng):
        """(first, second, statistic, subjects): scores (seeds, cases), and what measures them."""
        ill = rng.random(self.cases) < self.ill
        hard = rng.normal(size=self.cases) * np.sqrt(self.hard)
        both = rng.normal(size=self.seeds)
        arms = []
        for auc in (self.auc + self.effect, self.auc):
            # Of scores with unit variance in each class the AUC is Phi(shift / sqrt 2); over seeds, whose shift varies
            # with standard deviation s, it is Phi(shift / sqrt(2 + s²)) on average.
            slope = np.exp(-(ndtri(auc) ** 2) / 2) / np.sqrt(2 * np.pi) / np.sqrt(2)
            wobble = self.spread / slope
            shift = ndtri(auc) * np.sqrt(2 + wobble**2)
            seeds = wobble * (np.sqrt(0.3) * both + np.sqrt(0.7) * rng.normal(size=self.seeds))
            of_arm = hard + rng.normal(size=self.cases) * np.sqrt(self.apart)
            own = rng.normal(size=(self.seeds, self.cases)) * np.sqrt(1 - self.hard - self.apart)
            arms.append(of_arm + own + (shift + seeds)[:, None] * ill)
        return *arms, Auc(ill.astype(int)), None


@dataclass(frozen=True)
class Masks:
    """Two segmenters of volumes, some of them two of one person; their Dice is high and has a tail of failures."""

    subjects: tuple = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2)  # volumes of each
    seeds: int = 5
    effect: float = 0.0
    dice: float = 0.846
    spread: float = 0.004
    limit = 1.0

    @property
    def truth(self):
        return self.effect

    def drawn(self, rng):
        whose = np.repeat(np.arange(len(self.subjects)), self.subjects)

        def hard(scale, each):
            """Of a person, and of a volume of that person: skewed to failures, mean 0."""
            person = rng.gamma(2, 1, len(self.subjects))[each] if each is not None else rng.gamma(2, 1, len(whose))
            return -scale * (person - 2) / np.sqrt(2)

        shared = hard(0.02, whose) + hard(0.012, None)
        both = rng.normal(size=self.seeds)
        arms = []
        for dice in (self.dice + self.effect, self.dice):
            seeds = self.spread * (np.sqrt(0.3) * both + np.sqrt(0.7) * rng.normal(size=self.seeds))
            of_arm = hard(0.005, whose) + hard(0.003, None)
            own = rng.normal(size=(self.seeds, len(whose))) * 0.006
            arms.append(dice + shared + of_arm + own + seeds[:, None])
        return *arms, weighted_mean, whose


DESIGNS = {
    "624 X-rays, AUC .970 against .955": Scores(effect=0.015),
    "624 X-rays, seeds that differ more": Scores(effect=0.015, spread=0.015),
    "624 X-rays, seeds alike": Scores(effect=0.0, spread=0.0),
    "624 X-rays, each training errs alone": Scores(hard=0.3, apart=0.1),
    "624 X-rays, AUC .98 against .97": Scores(effect=0.01, auc=0.97, spread=0.003),
    "156 ultrasounds, AUC .90 against .80": Scores(156, ill=0.73, auc=0.8, effect=0.1, spread=0.02),
    "156 ultrasounds, no difference": Scores(156, ill=0.73, auc=0.9, spread=0.01),
    "12 volumes of 10 people, Dice": Masks(effect=0.01),
    "12 volumes of 10 people, seeds that differ more": Masks(spread=0.012),
    "12 volumes of 12 people, no difference": Masks(subjects=(1,) * 12, spread=0.006),
}


def by_bootstrap(first, second, statistic, subjects, rng, resamples=RESAMPLES):
    """(low, high) of a bootstrap that draws seeds, and subjects with all their cases, both anew."""
    seeds, n = first.shape
    whose = np.arange(n) if subjects is None else subjects
    people = np.unique(whose)
    drawn = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=resamples)
    weights = drawn[:, np.searchsorted(people, whose)].astype(float)
    values = np.stack([statistic(one, weights) - statistic(other, weights) for one, other in zip(first, second)])
    chosen = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    return percentiles((chosen * values.T).sum(axis=1) / seeds)


def coverage(design, repetitions, seed=0, bootstrap=True):
    """{method: share of repetitions whose 95 % interval holds the truth}, and mean widths."""
    rng = np.random.default_rng(seed)
    hits, widths = {}, {}
    for _ in range(repetitions):
        first, second, statistic, subjects = design.drawn(rng)
        ones = np.ones((1, first.shape[1]))
        values = [float((statistic(a, ones) - statistic(b, ones))[0]) for a, b in zip(first, second)]
        found = {
            "seeds alone": over_seeds(values, design.limit).interval(),
            "seeds and cases": over_seeds_and_cases(
                first, second, statistic, subjects=subjects, limit=design.limit
            ).interval(),
        }
        if bootstrap:
            found["bootstrap"] = by_bootstrap(first, second, statistic, subjects, rng)
        for name, (low, high) in found.items():
            hits[name] = hits.get(name, 0) + (low <= design.truth <= high)
            widths[name] = widths.get(name, 0) + high - low
    return {name: (hits[name] / repetitions, widths[name] / repetitions) for name in hits}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--only", help="designs whose name holds this")
    parser.add_argument("--no-bootstrap", action="store_true", help="which takes most of the time")
    options = parser.parse_args()
    for name, design in DESIGNS.items():
        if options.only and options.only not in name:
            continue
        found = coverage(design, options.repetitions, bootstrap=not options.no_bootstrap)
        words = ", ".join(f"{method} {hit:.3f} (width {width:.4f})" for method, (hit, width) in found.items())
        print(f"{name}: {words}", flush=True)


if __name__ == "__main__":
    main()
