"""The privacy explorer: what noise, batch and epochs spend, what the network is then worth, and what an attack finds.

Everything was computed once (`tools/make_privacy_results.py`) and ships with the package: no training, and neither
Opacus nor dp-accounting is needed.
"""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..figures import BLUE, GREEN, GREY, VERMILION
from ..widgets import Buttons, Choice, Explorer, Slider, Steps, derived, drawing, panel, sentences
from ..widgets.chart import Chart, dot, figure

NOISES = tuple(round(0.5 * 32 ** (k / 7), 4) for k in range(8))  # 0.5 … 16
EPOCHS = (1, 5, 10, 20, 40)
RATES = np.logspace(-3, 0, 31)  # false positive rates of the attack's curve
BATCHES = {4708: (64, 256, 1024), 500: (32, 128)}
DELTA = 1e-4
SHOWN = (0.03, 100.0)  # epsilons of the charts
LOWEST = 1e-3  # false positive rate


def privacy() -> "PrivacyExplorer":
    """The explorer of DP-SGD on PneumoniaMNIST, from stored results.

    >>> shown = privacy()
    >>> shown.noise.value, shown.epochs.value = 2.0, 10
    >>> 0.5 < shown.epsilon < 3
    True
    """
    return PrivacyExplorer()


@cache
def _stored():
    return json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@cache
def _attacks():
    """{whose: what the attack finds, as the tool wrote it}."""
    return {name.partition(", ")[2]: each for name, each in _stored().items() if name.startswith("attack, ")}


@cache
def _spent(images, batch, epochs):
    """log noise -> log epsilon, through what the accountant says."""
    row = _stored()[f"spent, {images}, {batch}"][EPOCHS.index(epochs)]
    return PchipInterpolator(np.log(NOISES), np.log(row))


class PrivacyExplorer(Explorer):
    """How much privacy does how much accuracy cost?

    images   ToggleButtons: how many X-rays are trained on
    noise    FloatSlider: standard deviation of the noise over the clipping length
    batch    Dropdown: images in a batch, on average
    epochs   SelectionSlider
    attacked ToggleButtons: whose attack is drawn dark

    epsilon  what is spent at delta 0.0001, by the accountant PRV
    auc      (mean test AUC of the stored trainings at this epsilon, read between them; of the free network); None below
             the least epsilon that was trained
    bound    the true positive rate that no attack exceeds at a false positive rate of 1 %
    """

    heading, width = "How much privacy costs how much?", "760px"
    call = "privacy()"
    _title = "DP-SGD on PneumoniaMNIST, stored results"

    images = Buttons(
        "X-rays", [("all 4,708", 4708), ("500", 500)], meaning="how many images the network is trained on", width="22em"
    )
    noise = Slider(
        "noise",
        NOISES[0],
        NOISES[-1],
        0.05,
        start=2.5,
        meaning="standard deviation of the noise, over the length that each gradient is clipped to",
        width="420px",
    )
    batch = Choice(
        "batch",
        lambda self: list(BATCHES[self.images.value]),
        start=lambda self: BATCHES[self.images.value][1],
        meaning="images in a batch, on average",
        width="14em",
    )
    epochs = Steps("epochs", list(EPOCHS), start=10, meaning="how often each image is seen, on average", width="420px")
    attacked = Buttons(
        "attack on",
        lambda self: list(_attacks()),
        meaning="whose attack is drawn dark; measured on networks of 500 images",
    )

    # What follows -----------------------------------------------------------------------------

    @derived
    def epsilon(self):
        curve = _spent(self.images.value, self.batch.value, self.epochs.value)
        return float(np.exp(curve(math.log(min(max(self.noise.value, NOISES[0]), NOISES[-1])))))

    @derived
    def _trained(self):
        """(epsilons, AUCs of each seed, AUCs of the free network) of the stored trainings; none before there are."""
        found = _stored().get("accuracy", {}).get("all images" if self.images.value > 500 else "500 images", {})
        epsilons = sorted(float(name) for name in found if name != "free")
        return epsilons, [found[f"{each:g}"] for each in epsilons], found.get("free", [])

    @derived
    def auc(self):
        epsilons, aucs, free = self._trained
        if not epsilons or self.epsilon < epsilons[0]:
            return None
        means = [np.mean(each) for each in aucs]
        return float(np.interp(math.log(self.epsilon), np.log(epsilons), means)), float(np.mean(free))

    @derived
    def bound(self):
        return min(1.0, math.exp(min(self.epsilon, 50)) * 0.01 + DELTA)

    # Words ------------------------------------------------------------------------------------

    @sentences(read_out=True)
    def _words(self):
        epsilons, _, _ = self._trained
        rate = self.batch.value / self.images.value
        steps = max(1, self.images.value // self.batch.value) * self.epochs.value
        if self.auc is None:
            below = f" below epsilon {epsilons[0]:g}" if epsilons else " yet whose test AUC is stored"
            worth = f"No network was trained{below}."
        else:
            beyond = f", the most that was trained is {epsilons[-1]:g}" if self.epsilon > epsilons[-1] else ""
            worth = (
                f"Networks trained at such an epsilon{beyond} have a test AUC of {self.auc[0]:.3f}, the free ones of"
                f" {self.auc[1]:.3f}."
            )
        found = _attacks()[self.attacked.value]["rates"]["0.01"]
        return [
            f"{steps} steps, each image in {rate:.1%} of them: epsilon {self.epsilon:.3g} at delta {DELTA:g}.",
            worth,
            f"Whatever it knows, at 1 % false positives no attack finds more than {self.bound:.1%} of the members."
            f" The one that was run on other networks ({self.attacked.value}) finds {found[0]:.1%}.",
        ]

    @sentences
    def _reading(self):
        return (
            "Epsilon is of all steps together, and of one training: tries count anew. The bound holds for every attack"
            " and every image; an attack that finds less proves nothing. Noise, batch and epochs other than those of"
            " the stored trainings may cost more AUC at the same epsilon."
        )

    # Pictures ---------------------------------------------------------------------------------

    @derived
    def _axes(self):
        epsilons, aucs, free = self._trained
        made = figure(360, 280)
        ax = made.add_axes((0.17, 0.18, 0.78, 0.7), xlim=np.log10(SHOWN), ylim=(0.45, 1.0))
        for epsilon, each in zip(epsilons, aucs):
            ax.plot([math.log10(epsilon)] * len(each), each, "o", color=BLUE, markersize=4, alpha=0.6)
        if epsilons:
            ax.plot(np.log10(epsilons), [np.mean(each) for each in aucs], color=BLUE, linewidth=1.5)
            ax.axhline(np.mean(free), color=GREY, linestyle="--", linewidth=1.5)
            ax.text(math.log10(SHOWN[0]) + 0.05, np.mean(free) + 0.004, "without privacy", fontsize=9, color="#5f5f5f")
        ax.set_xticks([-1, 0, 1, 2], ["0.1", "1", "10", "100"])
        ax.set_xlabel("epsilon", fontsize=9)
        ax.set_ylabel("test AUC", fontsize=9)
        ax.tick_params(labelsize=9)
        return Chart.of(made, [ax])

    @panel
    def _accuracy(self):
        sheet, pen = self._axes.begin()
        here = math.log10(min(max(self.epsilon, SHOWN[0]), SHOWN[1]))
        low, high = self._axes.pixel(here, 0.45), self._axes.pixel(here, 1.0)
        pen.line((*low, *high), fill=VERMILION, width=2 * drawing.SCALE)
        if self.auc is not None:
            dot(pen, *self._axes.pixel(here, max(0.45, self.auc[0])), VERMILION)
        epsilons, aucs, free = self._trained
        each = ", ".join(f"{np.mean(auc):.3f} at {epsilon:g}" for epsilon, auc in zip(epsilons, aucs))
        stored = f"five seeds: {each}; {np.mean(free):.3f} without privacy" if epsilons else "none stored"
        return (
            sheet,
            f"Test AUC over epsilon, {self.images.label} X-rays, {stored}. Marked: epsilon {self.epsilon:.3g}.",
        )

    @derived
    def _attack_axes(self):
        made = figure(360, 280)
        ax = made.add_axes((0.22, 0.18, 0.7, 0.68), xlim=(-3, 0), ylim=(-3.5, 0))
        false = np.log10(RATES)
        for name, each in _attacks().items():
            chosen = name == self.attacked.value
            true = np.log10(np.maximum(each["true"], 10**-3.5))
            ax.plot(false, true, color=BLUE if chosen else GREY, linewidth=2.2 if chosen else 1.1)
        ax.plot([-3, 0], [-3, 0], color="black", linestyle=":", linewidth=1)
        ax.text(-0.75, -1.15, "chance", fontsize=9)
        ticks = [-3, -2, -1, 0]
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(ticks, ["0.1 %", "1 %", "10 %", "100 %"])
        ax.set_title("blue: this attack, grey: others, green: bound", fontsize=9)
        ax.set_xlabel("others accused (false positive rate)", fontsize=9)
        ax.set_ylabel("members found", fontsize=9)
        ax.tick_params(labelsize=9)
        return Chart.of(made, [ax])

    @panel
    def _attack(self):
        sheet, pen = self._attack_axes.begin()
        false = np.linspace(-3, 0, 61)
        most = np.log10(np.minimum(1.0, np.exp(min(self.epsilon, 50)) * 10**false + DELTA))
        points = [self._attack_axes.pixel(x, y) for x, y in zip(false, most)]
        pen.line(points, fill=GREEN, width=2 * drawing.SCALE)
        told = ", ".join(f"{name} {each['rates']['0.01'][0]:.1%}" for name, each in _attacks().items())
        return sheet, (
            f"Members found over others accused, both axes logarithmic. At 1 % false positives: {told}. A green line"
            f" is the bound of epsilon {self.epsilon:.3g}: {self.bound:.1%} there."
        )

    layout = [images, [batch, epochs], noise, _words, attacked, [_accuracy, _attack], _reading]
