"""The one figure of how cost grows, and what README says of it: both made of `growth.json` alone."""

import io
import json

from matplotlib import rc_context
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..figures.canvas import BLUE, GREEN, GREY, VERMILION, new_figure
from ..files import resolve, write_whole
from .growth import perfect

# Told apart by the marker as well as by the colour.
LOOKS = ((BLUE, "o"), (GREEN, "s"), (GREY, "^"), (VERMILION, "D"))
INCHES, TEXT = (8.6, 4.6), 9  # 826 pixels wide, letters of 12
DASHES = (0, (4, 3))
SECONDS = {0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 10 * 3600: "10 h"}


def draw_growth(found):
    """The bytes of an SVG file: processor time of an epoch, and memory, by number and size of the images.

    found  what `measure_growth` returns
    """
    buffer = io.BytesIO()
    with rc_context({"font.size": TEXT, "svg.hashsalt": "growth"}):  # without the salt, other names each time
        figure_of(found).savefig(
            buffer, format="svg", facecolor="white", metadata={"Date": None, "Creator": None, "Title": alt(found)}
        )
    return buffer.getvalue()


def figure_of(found):
    """The matplotlib figure. Its lines have names, "time 28", "time least 28", …, by which a test finds them."""
    with rc_context({"font.size": TEXT, "axes.spines.top": False, "axes.spines.right": False}):
        figure = new_figure(*INCHES)
        time, memory = figure.subplots(1, 2, width_ratios=(3, 2))
        for size, points, colour, marker in _by_size(found):
            counts = [point["images"] for point in points]
            epochs = [point["epoch"] for point in points]
            least = [perfect(found, size) * count for count in counts]
            held, pixels = ([point[name] / 1e9 for point in points] for name in ("memory", "pixels"))
            for ax, name, values, bound in ((time, "time", epochs, least), (memory, "memory", held, pixels)):
                ax.plot(counts, values, color=colour, linewidth=1.5, gid=f"{name} {size}")
                ax.plot(counts, bound, color=colour, linewidth=1.2, linestyle=DASHES, gid=f"{name} least {size}")
                for point, value in zip(points, values):
                    fill = colour if point["whole"] or ax is memory else "white"
                    ax.plot(point["images"], value, marker, color=colour, markerfacecolor=fill, markersize=6)
                ax.annotate(f"{size} px", (counts[-1], values[-1]), (7, 0), "data", "offset points", va="center")
        _axes(found, time, memory)
        figure.legend(handles=_key(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def _by_size(found):
    sizes = sorted({point["size"] for point in found["points"]})
    for size, (colour, marker) in zip(sizes, LOOKS):
        points = sorted((each for each in found["points"] if each["size"] == size), key=lambda each: each["images"])
        yield size, points, colour, marker


def _axes(found, time, memory):
    counts = sorted({point["images"] for point in found["points"]})
    for ax in (time, memory):
        ax.set(xscale="log", yscale="log", xlabel="images to train on", xlim=(counts[0] / 1.3, counts[-1] * 3))
        ax.xaxis.set(
            major_locator=FixedLocator(counts), major_formatter=FuncFormatter(lambda count, _: f"{count:,.0f}")
        )
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_locator(NullLocator())
        ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        ax.tick_params(axis="x", rotation=30)
    time.set_title("processor time of an epoch, one thread", loc="left", fontsize=TEXT + 1)
    time.yaxis.set(major_locator=FixedLocator(list(SECONDS)), major_formatter=FuncFormatter(lambda at, _: SECONDS[at]))
    memory.set_title("memory of the process", loc="left", fontsize=TEXT + 1)
    memory.yaxis.set(
        major_locator=FixedLocator([0.1, 1, 10]), major_formatter=FuncFormatter(lambda at, _: f"{at:g} GB")
    )
    memory.set_ylim(0.05, 20)


def _key():
    dark = "#333333"
    return [
        Line2D([], [], color=dark, marker="o", label="a whole epoch"),
        Line2D(
            [],
            [],
            color=dark,
            marker="o",
            markerfacecolor="white",
            label="the median step, times the steps of an epoch",
        ),
        Line2D([], [], color=dark, linestyle=DASHES, label="left: a perfect machine"),
        Line2D([], [], color=dark, linestyle=DASHES, label="right: the images alone"),
    ]


def save_growth(found, folder):
    """Write `growth.json` and `growth.svg` to a folder, which is made where it is missing; their paths."""
    folder = resolve(folder)
    folder.mkdir(parents=True, exist_ok=True)
    numbers, figure = folder / "growth.json", folder / "growth.svg"
    write_whole(numbers, json.dumps(found, indent=1) + "\n")
    write_whole(figure, draw_growth(found))
    return numbers, figure


# --- in words ------------------------------------------------------------------------------------


def alt(found):
    """The alt text of the figure."""
    points = found["points"]
    sizes, counts = (sorted({point[name] for point in points}) for name in ("size", "images"))
    times = [point["epoch"] / (perfect(found, point["size"]) * point["images"]) for point in points]
    return (
        f"Two charts over {counts[0]:,} to {counts[-1]:,} images, both axes logarithmic, a line for each size from"
        f" {sizes[0]} to {sizes[-1]} pixels. Left: the processor time of an epoch grows in proportion to the number of"
        f" images, and is {min(times):.1f} to {max(times):.1f} times that of a perfect machine. Right: the memory of"
        " the process hardly grows until the images themselves outweigh the rest."
    )


def describe(found):
    """[sentence, …]: what README says beside the figure, each with its numbers."""
    at = {(point["size"], point["images"]): point for point in found["points"]}
    sizes, counts = (sorted({key[place] for key in at}) for place in (0, 1))
    (small, large), (few, many), rates = (sizes[0], sizes[-1]), (counts[0], counts[-1]), found["rates"]
    shares = {
        size: [perfect(found, size) * point["images"] / point["epoch"] for key, point in at.items() if key[0] == size]
        for size in sizes
    }
    least = found["image"][str(small)]
    moving = least["bytes"] / rates["bytes/s"] / (least["flop"] / rates["FLOP/s"])
    each = {size: at[size, many]["epoch"] / many * 1000 for size in sizes}
    held = {key: f"{point['memory'] / 1e9:.1f} GB" for key, point in at.items()}
    whole = ", ".join(
        f"{max(count for count in counts if at[size, count]['whole']):,} of {size} px"
        for size in sizes
        if any(at[size, count]["whole"] for count in counts)
    )
    return [
        f"An image of {small} pixels costs {each[small]:.1f} ms of processor time an epoch, one of {large}"
        f" {each[large]:.0f} ms: {each[large] / each[small]:.0f} times as much for {(large / small) ** 2:.0f} times the"
        " pixels.",
        f"A perfect machine computes all the while at the rate of a matrix product, {rates['FLOP/s'] / 1e9:.0f} GFLOP/s"
        f" in {found['precision']}; what it must read and write at least takes {moving:.2f} of that time at the"
        f" {rates['bytes/s'] / 1e9:.0f} GB/s of a copy, and is done meanwhile.",
        "Of that rate, training reaches "
        + ", ".join(f"{min(of):.2f} to {max(of):.2f} at {size} pixels" for size, of in shares.items())
        + ".",
        f"The process holds {held[small, few]} with {few:,} images of {small} pixels, {held[large, few]} with as many"
        f" of {large}, and {held[large, many]} with {many:,} of these.",
        f"Whole epochs were trained up to {whole}; the other points are medians of steps, times their number.",
    ]


__all__ = ["alt", "describe", "draw_growth", "figure_of", "save_growth"]
