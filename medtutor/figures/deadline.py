"""A picture of a deadline: the stages of a frame, one after the other, against the time that there is."""

from collections.abc import Mapping
from statistics import median

from ..checks import number
from ..efficiency.deadline import FRAME_MS, STAGES, Timeline
from ..errors import InputError
from .canvas import BLUE, GREEN, GREY, ORANGE, VERMILION, Picture, new_figure, picture

# Told apart without colour, too. The crop takes microseconds.
_LOOKS = dict(zip(STAGES, ((GREY, ""), ("black", ""), (ORANGE, "//"), (BLUE, ""), (VERMILION, "xx"), (GREEN, ".."))))


def deadline(timelines: Mapping[str, Timeline], limit: float = FRAME_MS, alt: str = "") -> Picture:
    """The median time of each stage as a bar, one row for each chain, the 99th percentile of a frame, and the deadline.

    timelines  {name: `Timeline`}, of one call of `efficiency.follow`
    limit      milliseconds that a frame has
    alt        what else is to be said of it, a sentence that stands before

    What is decoded ahead stands above the other stages: it takes its time beside them. Raises `InputError` for no
    timeline, and for a limit that is none.

    >>> from medtutor.efficiency import Timeline
    >>> from medtutor import figures
    >>> one = Timeline({"decode": (4.0, 5.0), "network": (2.0, 2.0)}, (6.0, 7.0), (6.0, 7.0), 9.0)
    >>> figures.deadline({"CNN": one}, 33).alt
    'Deadline 33.0 ms. CNN: decode 4.5, network 2.0; p99 7.0 ms, 0 of 2 late.'
    """
    limit = number("limit", limit, above=0)
    if not timelines or not all(isinstance(each, Timeline) for each in timelines.values()):
        raise InputError("there is no timeline to show; give what efficiency.follow returns")
    figure = new_figure(7, 0.42 * len(timelines) + 1.3)
    ax = figure.subplots()
    told, shown = [], set()
    for place, (name, line) in enumerate(timelines.items()):
        left = 0.0
        spent = {stage: median(times) for stage, times in line.stages.items()}
        beside = "decode" in spent and line.ahead
        for stage, ms in spent.items():
            colour, hatch = _LOOKS[stage]
            at, height = (place - 0.31, 0.14) if beside and stage == "decode" else (place, 0.44)
            ax.barh(
                at,
                ms,
                height,
                left=0 if at != place else left,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0.5,
                label=None if stage in shown else stage,
            )
            shown.add(stage)
            left += 0 if at != place else ms
        ax.plot([line.p99] * 2, [place - 0.22, place + 0.22], color="black", linewidth=2.5)
        parts = ", ".join(f"{stage} {ms:.1f}" for stage, ms in spent.items() if ms >= 0.1)
        late = f"{line.missed(limit)} of {len(line.frames)} late"
        told.append(f"{name}: {parts}{', decoded ahead' * beside}; p99 {line.p99:.1f} ms, {late}")
    ax.axvline(limit, color=VERMILION, linestyle="--", linewidth=1.5)
    ax.text(limit, -0.62, f"deadline {limit:.1f} ms", color=VERMILION, fontsize=8, ha="center", va="bottom")
    ax.set_yticks(range(len(timelines)), list(timelines), fontsize=9)
    ax.set_ylim(len(timelines) - 0.5, -0.6)
    ax.set_xlim(0, 1.1 * max(limit, *(line.p99 for line in timelines.values())))
    ax.set_xlabel("milliseconds of a frame: medians of the stages; black line: p99 of the whole", fontsize=9)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=len(shown), fontsize=8, frameon=False)
    return picture(figure, f"{alt} Deadline {limit:.1f} ms. {'. '.join(told)}.".strip())
