"""Reliability diagrams: what was said against what came true."""

from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from ..metrics.calibration import Reliability
from .canvas import BLUE, GREY, VERMILION, Picture, new_figure, picture


def reliability(found: Mapping[str, Reliability], *, phantom: bool = False) -> Picture:
    """Reliability diagrams beside each other, with the 95 % interval of each bin and its cases below.

    found  {title: `Reliability`}, one to four; a bin whose interval leaves out what was said is a red square

    Raises `InputError` for more of them, and for none.

    >>> from medtutor import figures
    >>> from medtutor.metrics.calibration import reliability
    >>> figures.reliability({"val": reliability([0.9, 0.9], [True, False])}).alt
    'Reliability diagram of val, expected calibration error 0.400: said 0.90, right 0.50 of 2.'
    """
    if not 1 <= len(found) <= 4:
        raise InputError(f"there are {len(found)} diagrams; give one to four")
    figure = new_figure(2.9 * len(found), 3.5)
    pairs = figure.subplots(2, len(found), squeeze=False, height_ratios=(4, 1), sharex="col")
    told = []
    for column, (title, bins) in enumerate(found.items()):
        upper, lower = pairs[:, column]
        low = 0.5 if bins.said.min() >= 0.5 else 0.0
        upper.plot([low, 1], [low, 1], ":", color="black", linewidth=1)
        for out, colour, mark in ((False, BLUE, "o"), (True, VERMILION, "s")):
            chosen = bins.excluded == out
            away = np.abs(bins.intervals[chosen] - bins.true[chosen, None]).T
            upper.errorbar(
                bins.said[chosen], bins.true[chosen], away, fmt=mark, color=colour, markersize=5, capsize=2, linewidth=1
            )
        lower.bar(bins.edges[:, 0], bins.count, np.diff(bins.edges, axis=1)[:, 0], align="edge", color=GREY)
        upper.set_title(f"{title}, ECE {bins.ece:.3f}", fontsize=9)
        upper.set(xlim=(low, 1.01), ylim=(-0.02, 1.02))
        lower.set_xlabel("said")
        if not column:
            upper.set_ylabel("came true")
            lower.set_ylabel("cases")
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
        rows = "; ".join(
            f"said {said:.2f}, right {true:.2f} of {count}"
            for said, true, count in zip(bins.said, bins.true, bins.count)
        )
        told.append(f"Reliability diagram of {title}, expected calibration error {bins.ece:.3f}: {rows}.")
    return picture(figure, " ".join(told), phantom=phantom)
