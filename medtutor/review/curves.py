"""Curves that stand in the evidence of a claim: what was measured over the number of labels, the share of wrong ones,
the number of weights, or one thing after another.

An experiment yields their points as contrasts whose keys name the curve; here they are put together again.
"""

from dataclasses import dataclass

from ..errors import InputError
from .evidence import Evidence, read_evidence

OVER_ALL = "draws of labels, trainings and test images"
OVER_DRAWS = "draws of labels and trainings"


@dataclass(frozen=True)
class Curve:
    """A curve with its intervals; all tuples are of one length.

    name       such as "plain"
    x          numbers, or names
    value      what was measured, a mean over draws of labels
    low, high  its 95 % interval, within 0…1
    y_label    what it is, such as "test AUC"
    over       what the interval is over
    each       of each point the single trainings, (draws, trainings); () where they were not kept
    x_label    what numbers x are, such as "labels"; "" of names

    >>> Curve("plain", (20, 100), (0.8, 0.9), (0.7, 0.85), (0.9, 0.95), "test AUC", OVER_ALL).at(100)
    (0.9, 0.85, 0.95)
    """

    name: str
    x: tuple
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    y_label: str
    over: str
    each: tuple = ()
    x_label: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether x are numbers, so that a line may join the points."""
        return all(isinstance(x, (int, float)) for x in self.x)

    def at(self, x: object) -> tuple[float, float, float]:
        """(value, low, high) at an x. Raises `InputError` where the curve has no such point."""
        if x not in self.x:
            raise InputError(f"{self.name} has no point at {x!r}; it has {', '.join(map(str, self.x))}")
        place = self.x.index(x)
        return self.value[place], self.low[place], self.high[place]


def stored_curves(claim_id: str, evidence: Evidence | None = None) -> dict[str, Curve]:
    """{name: `Curve`} of those in the evidence of a claim; {} where there are none, or no evidence.

    evidence  that which ships, when left out

    Raises `InputError` for evidence that cannot be used.

    >>> from medtutor.review import stored_curves
    >>> stored_curves("cnn-beats-mlp")
    {}
    """
    evidence = read_evidence(claim_id) if evidence is None else evidence
    points: dict[str, list] = {}
    for contrast in evidence.contrasts if evidence else ():
        if "curve" in contrast.keys:
            points.setdefault(contrast.keys["curve"], []).append(contrast)
    return {name: _curve(name, contrasts) for name, contrasts in points.items()}


# What numbers are along the axis, by a word in the name of the curve; else labels.
_AXES = {"capacity": "weights of the network", "noise": "share of wrong labels"}


def _curve(name, contrasts):
    keys = [contrast.keys for contrast in contrasts]
    whole = all("low" in each for each in keys)
    numbers = all(isinstance(each["x"], (int, float)) for each in keys)
    ends = [
        (each["low"], each["high"]) if whole else contrast.interval or (contrast.mean, contrast.mean)
        for each, contrast in zip(keys, contrasts)
    ]
    # All of them are shares, or areas of a unit square: so is what may be.
    ends = [(max(0.0, low), min(1.0, high)) for low, high in ends]
    return Curve(
        name,
        tuple(each["x"] for each in keys),
        tuple(contrast.mean for contrast in contrasts),
        tuple(low for low, _ in ends),
        tuple(high for _, high in ends),
        keys[0].get("unit", ""),
        OVER_ALL if whole else OVER_DRAWS,
        tuple(tuple(map(tuple, each["each"])) for each in keys) if whole else (),
        next((words for word, words in _AXES.items() if word in name), "labels") if numbers else "",
    )
