"""The frontier explorer: how right models are over what they cost, which fit a budget, and how sure the best is."""

import math
from collections.abc import Sequence

from ..figures import BLUE, GREY, ORANGE, VERMILION
from ..reports.frontier import COSTS, Point, check_points, on_frontier, shared_costs
from ..review.frontier import frontier_points
from ..widgets import Choice, Explorer, Slider, derived, drawing, panel, sentences
from ..widgets.chart import Chart, dot, figure

STEPS = 100  # places of the sliders, from the cheapest to the dearest, even on a logarithmic axis
LATENCY = "ms"


def frontier(points: Sequence[Point] | None = None) -> "FrontierExplorer":
    """The explorer of accuracy against cost.

    points  [`Point`, …]; left out: the models on PneumoniaMNIST of `review.frontier`, whose cost is measured now,
            which takes some seconds

    Raises `InputError` for what are no points.

    >>> from medtutor.reports.frontier import Point
    >>> quick = Point("mlp", {"AUC": (0.9, 0.85, 0.93)}, {"ms": (0.1, 0.1, 0.2)})
    >>> slow = Point("cnn", {"AUC": (0.95, 0.92, 0.97)}, {"ms": (1.0, 0.9, 1.2)})
    >>> shown = frontier([quick, slow])
    >>> shown.best.name, [each.name for each in shown.rivals]  # their intervals overlap
    ('cnn', ['mlp'])
    """
    return FrontierExplorer(points)


class FrontierExplorer(Explorer):
    """Which model for so much money, memory or time?

    measure   Dropdown: what is called right
    cost      Dropdown: what is called dear
    budget    IntSlider: a model may cost so much, in hundredths of the way from the cheapest to the dearest
    deadline  IntSlider: one answer may take so long, likewise; of models whose time was measured

    fitting   the points within budget and deadline, cheapest first
    best      the one of them with the highest value; None where none fits
    rivals    those that fit, too, and whose interval overlaps that of the best
    """

    heading, width = "Which model for so much?", "780px"

    measure = Choice(
        "measure",
        lambda self: list(dict.fromkeys(name for each in self._points for name in each.measures)),
        meaning="how right a model is; models without this number are not shown",
        width="20em",
    )
    cost = Choice(
        "cost",
        lambda self: [(COSTS.get(name, name), name) for name in shared_costs(self._points)],
        meaning="what lies on the horizontal axis",
        width="30em",
    )
    budget = Slider(
        "budget",
        0,
        STEPS,
        start=STEPS,
        readout=False,
        meaning="what a model may cost at most, from the cheapest to the dearest",
        width="420px",
    )
    deadline = Slider(
        "deadline",
        0,
        STEPS,
        start=STEPS,
        readout=False,
        meaning="milliseconds that one answer may take, by the upper end of its interval",
        visible=lambda self: LATENCY in shared_costs(self._points),
        width="420px",
    )

    def __init__(self, points=None):
        self.call = "frontier()" if points is None else "frontier(points)"
        self._points = check_points(frontier_points() if points is None else points)
        self._title = "PneumoniaMNIST, 28 pixels, published images" if points is None else ""
        super().__init__()

    # What follows -----------------------------------------------------------------------------

    @derived
    def _shown(self):
        return [each for each in self._points if self.measure.value in each.measures]

    def _reach(self, cost):
        """(lowest, highest) of a cost's intervals, above zero, a little room at both ends."""
        low = min(max(each.costs[cost][1], 1e-6) for each in self._points)
        high = max(max(each.costs[cost][2], 1e-6) for each in self._points)
        return low / 1.3, high * 1.3

    def _at(self, place, cost):
        low, high = self._reach(cost)
        return low * (high / low) ** (place / STEPS)

    @derived
    def allowed(self):
        return self._at(self.budget.value, self.cost.value)

    @derived
    def limit(self):
        """Milliseconds of one answer; infinite where no time was measured."""
        known = LATENCY in shared_costs(self._points)
        return self._at(self.deadline.value, LATENCY) if known else math.inf

    @derived
    def fitting(self):
        chosen = [each for each in self._shown if each.costs[self.cost.value][0] <= self.allowed]
        if math.isfinite(self.limit):
            chosen = [each for each in chosen if each.costs[LATENCY][2] <= self.limit]
        return sorted(chosen, key=lambda each: each.costs[self.cost.value][0])

    @derived
    def best(self):
        return max(self.fitting, key=lambda each: each.measures[self.measure.value][0], default=None)

    @derived
    def rivals(self):
        if self.best is None:
            return []
        floor = self.best.measures[self.measure.value][1]
        return [e for e in self.fitting if e is not self.best and e.measures[self.measure.value][2] >= floor]

    # Words ------------------------------------------------------------------------------------

    @sentences(read_out=True)
    def _words(self):
        name, cost = self.measure.value, self.cost.value
        within = f"at most {self.allowed:.3g} {cost}"
        if math.isfinite(self.limit):
            within += f", and {self.limit:.3g} ms for an answer"
        if self.best is None:
            return [f"No model fits: {within}. Allow more."]
        value, low, high = self.best.measures[name]
        lines = [
            f"Within {within}: {len(self.fitting)} of {len(self._shown)} models fit.",
            f"The best of them: {self.best.name}, {name} {value:.3f} ({low:.3f} to {high:.3f}, over {self.best.over}).",
        ]
        if not self.rivals:
            return [
                *lines,
                "No other interval reaches that of the best: among these it is the best one."
                if len(self.fitting) > 1
                else "There is no other to compare it with.",
            ]
        cheapest = self.rivals[0]
        cheaper = cheapest.costs[cost][0] < self.best.costs[cost][0]
        return [
            *lines,
            f"Not sure: the intervals of {len(self.rivals)} others overlap its own"
            f" ({', '.join(each.name for each in self.rivals)})."
            + (
                f" {cheapest.name} costs {self.best.costs[cost][0] / cheapest.costs[cost][0]:.1f} times less." * cheaper
            ),
        ]

    @sentences
    def _reading(self):
        read = (
            "Orange ring: the best that fits. Blue: fits; grey, hollow: too dear or too slow. Square: its interval is"
            " over seeds alone, which is too narrow. Line: the frontier, models that none beats in both. Models err on"
            " the same images: overlapping intervals do not say that two are alike, only a comparison in pairs does."
        )
        if not self.measure.value.startswith("test"):
            return read
        return f"{read} Whoever chooses by the test set reads a number that is a little too high: choose on val."

    # Pictures ---------------------------------------------------------------------------------

    @derived
    def _axes(self):
        name, cost = self.measure.value, self.cost.value
        made = figure(720, 380)
        low, high = self._reach(cost)
        ends = [end for each in self._shown for end in each.measures[name][1:]]
        room = 0.08 * (max(ends) - min(ends)) + 0.002
        ax = made.add_axes(
            (0.1, 0.15, 0.86, 0.8), xlim=(math.log10(low), math.log10(high)), ylim=(min(ends) - room, max(ends) + room)
        )
        ticks = [(power, lead) for power in range(-7, 13) for lead in (1, 2, 5) if low <= lead * 10.0**power <= high]
        if len(ticks) > 9:
            ticks = [each for each in ticks if each[1] == 1]
        ax.set_xticks(
            [math.log10(lead * 10.0**power) for power, lead in ticks],
            [f"{lead * 10.0**power:,g}" for power, lead in ticks],
        )
        ax.set_xlabel(COSTS.get(cost, cost), fontsize=9)
        ax.set_ylabel(f"{name}, 95 % interval", fontsize=9)
        ax.tick_params(labelsize=9)
        ax.grid(alpha=0.25)
        line = on_frontier(self._shown, name, cost)
        ax.plot(
            [math.log10(max(each.costs[cost][0], 1e-6)) for each in line],
            [each.measures[name][0] for each in line],
            color=GREY,
            linewidth=1.2,
            linestyle="--",
        )
        return Chart.of(made, [ax])

    @panel
    def _plane(self):
        name, cost = self.measure.value, self.cost.value
        chart = self._axes
        sheet, pen = chart.begin()
        s = drawing.SCALE
        _, low, _, high = chart.limits[0]
        across = math.log10(self.allowed)
        pen.line((*chart.pixel(across, low), *chart.pixel(across, high)), fill=VERMILION, width=2 * s)
        told, names = [], []
        for each in self._shown:
            (value, below, above), spent = each.measures[name], [math.log10(max(c, 1e-6)) for c in each.costs[cost]]
            fits = each in self.fitting
            colour = BLUE if fits else GREY
            x, y = chart.pixel(spent[0], value)
            pen.line((*chart.pixel(spent[0], below), *chart.pixel(spent[0], above)), fill=colour, width=2 * s)
            pen.line((*chart.pixel(spent[1], value), *chart.pixel(spent[2], value)), fill=colour, width=2 * s)
            if each is self.best:
                dot(pen, x, y, ORANGE, 9)
            r = 5 * s
            shape = pen.ellipse if each.over != "seeds alone" else pen.rectangle
            shape((x - r, y - r, x + r, y + r), fill=colour if fits else "white", outline=colour, width=2 * s)
            names.append((x, y, each.name))
            told.append(
                f"{each.name} {value:.3f} ({below:.3f} to {above:.3f}) at {each.costs[cost][0]:.3g}"
                f"{'' if fits else ', does not fit'}"
            )
        _write(pen, names, 0.85 * sheet.width)
        best = f"Best that fits: {self.best.name}." if self.best else "None fits."
        return sheet, f"{name} over {COSTS.get(cost, cost)}. {'; '.join(told)}. {best}"

    layout = [[measure, cost], [budget, deadline], _words, _plane, _reading]


def _write(pen, names, far):
    """Names beside their points, (x, y, name); left of those that are further right than `far`, and not on another."""
    s, taken = drawing.SCALE, []
    for x, y, name in sorted(names, key=lambda each: each[1]):
        at = y - 3 * s
        while any(abs(x - other) < 70 * s and at - before < 13 * s for other, before in taken):
            at += s
        taken.append((x, at))
        right = x > far
        halo = {"stroke_width": 2 * s, "stroke_fill": "white"}
        where = (x - 9 * s, at) if right else (x + 9 * s, at)
        pen.text(where, name, drawing.INK, drawing.font(11), anchor="rb" if right else "lb", **halo)
