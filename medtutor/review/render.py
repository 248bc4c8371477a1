"""Evidence for readers: a claim's card for a terminal, a page and a notebook, and a table of many contrasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean
from textwrap import fill

from ..reports.table import Table, aligned, html_table, markdown_table
from .evidence import PROVENANCE, Contrast, Evidence
from .verdict import Reading

PHANTOM = "PHANTOM IMAGES, drawn by medtutor: this says nothing about patients"
COLUMNS = ("contrast", "first arm", "second arm", "difference", "95 % interval", "seeds", "reads", "p")
ABOUT = (
    "The first row decides. p is of a difference within the margin; of the other rows it is corrected for their number"
    " (Holm)."
)


@dataclass(frozen=True)
class Card:
    """A claim with its evidence and verdict, in words.

    title          the claim's id
    phantom        whether the evidence was made on drawn images, which is said loudly
    sections       [(heading, text), …]
    first          how many of them a notebook shows; it folds the others and the rows
    rows           of text below `COLUMNS`, one per contrast
    metric         what was measured
    lesson, cell   where it is told
    """

    title: str
    phantom: bool
    sections: list[tuple[str, str]]
    first: int
    rows: list[tuple[str, ...]]
    metric: str
    lesson: str
    cell: str

    @property
    def _about(self):
        return [ABOUT] if any(row[-1] for row in self.rows) else []

    def as_text(self) -> str:
        """For a terminal."""
        lines = [self.title, *([PHANTOM] if self.phantom else [])]
        lines += [fill(f"{heading}: {text}", 100, subsequent_indent="  ") for heading, text in self.sections]
        if self.rows:
            lines += ["", aligned([COLUMNS, *self.rows]), *self._about]
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """A section of a page."""
        parts = [f"## {self.title}", *([f"**{PHANTOM}**"] if self.phantom else [])]
        parts += [f"**{heading}:** {text}" for heading, text in self.sections]
        if self.rows:
            parts += [markdown_table(COLUMNS, self.rows), *self._about]
        parts.append(f"Lesson: [{self.lesson}](notebooks/{self.lesson}.ipynb#{self.cell})")
        return "\n\n".join(parts)

    def as_html(self) -> str:
        """For a notebook. It sets no text colour: the theme's own stays, dark or light."""
        parts = [f"<p><strong>Claim: {escape(self.title)}</strong></p>"]
        if self.phantom:
            parts.append(f'<p style="border:3px solid;padding:0.3em"><strong>{PHANTOM}</strong></p>')
        told = [f"<p><strong>{escape(heading)}:</strong> {escape(text)}</p>" for heading, text in self.sections]
        parts += told[: self.first]
        if self.rows:
            told.append(html_table(f"{self.metric}, means over seeds", COLUMNS, self.rows))
            told += [f"<p><small>{escape(each)}</small></p>" for each in self._about]
        amended = ", amended after evidence" if any(heading == "Amended" for heading, _ in self.sections) else ""
        parts.append(
            f"<details><summary>protocol and rule{amended}, evidence, all contrasts</summary>"
            f"{''.join(told[self.first :])}</details>"
        )
        parts.append(
            f'<p>Lesson: <a href="{escape(self.lesson)}.ipynb#{escape(self.cell)}">{escape(self.lesson)}</a></p>'
        )
        return f'<div style="border:1px solid;padding:0.3em 1em;max-width:60em">{"".join(parts)}</div>'


def rows_of(contrasts: Sequence[Contrast], readings: Mapping[str, Reading]) -> list[tuple[str, ...]]:
    """Rows of text below `COLUMNS`, one per contrast: mean of both arms, difference, interval, reading, p value.

    readings  {contrast: what the rule reads of it}, in the order of the rows; where some are read, the others are left
              out, but for the same contrasts on fewer cases
    """
    if not readings:
        return [(*_measured(each, each.interval), "not judged", "") for each in contrasts]
    known, rows = {contrast.name: contrast for contrast in contrasts}, []
    for name, reading in readings.items():
        p = "" if reading.p is None else f"{reading.p:.2g}"
        rows.append((*_measured(known[name], reading.interval), reading.answer, p))
        for fewer in contrasts:  # the same on some of the cases
            if fewer.keys.get("of") == name:
                interval = fewer.cases.difference(None).interval() if fewer.cases else fewer.interval
                rows.append((*_measured(fewer, interval), "not judged", ""))
    return rows


def _measured(contrast, interval):
    return (
        contrast.name,
        f"{contrast.arms[0]} {fmean(contrast.first):.3f}",
        f"{contrast.arms[1]} {fmean(contrast.second):.3f}",
        f"{contrast.mean:+.3f}",
        "none" if interval is None else "{:+.3f} to {:+.3f}".format(*interval),
        str(len(contrast.values)),
    )


def pivot(evidence: Evidence, columns: Sequence[str], where: str = "") -> Table:
    """Evidence as a `Table`.

    Its rows and columns are the "row" and "column" among the contrasts' keys.

    columns  which, and in which order; each cell is the mean difference over seeds
             and the half width of its 95 % interval
    where    what follows the column in the keys; left out of the head

    >>> from medtutor.review import pivot, read_evidence
    >>> print(pivot(read_evidence("gan-augmentation-beats-classical"), ["25 labels", "50 labels"]))
    mean ± half of 95 % interval  25 labels    50 labels
    GAN against classical         -0.00 ±0.08  -0.02 ±0.02
    """
    with_keys = [contrast for contrast in evidence.contrasts if contrast.keys]
    cells = {(contrast.keys["row"], contrast.keys["column"]): contrast for contrast in with_keys}
    names = list(dict.fromkeys(row for row, _ in cells))
    lines: list[Sequence[str]] = [["mean ± half of 95 % interval", *columns]]
    for name in names:
        found = [cells.get((name, f"{column}{where}")) for column in columns]
        if any(found):
            lines.append([name, *("" if one is None else _with_half_width(one) for one in found)])
    return Table(lines[0], lines[1:], phantom=evidence.on_phantoms)


def _with_half_width(contrast):
    low, high = contrast.interval
    return f"{contrast.mean:+.2f} ±{(high - low) / 2:.2f}"


def provenance(evidence: Evidence) -> str:
    """One sentence: images, arms, versions, machine and time."""
    data = [
        f"{name} ({PROVENANCE[entry['provenance']]}, {entry['test']} test cases)"
        for name, entry in evidence.data.items()
    ]
    epochs: dict[str, list[str]] = {}  # of each arm: one that was trained on more or fewer images has several
    for arm in evidence.arms:
        name = f"{arm['model']} on {arm['dataset']}" + (
            f": {arm['parameters']:,} parameters" if arm["parameters"] else ""
        )
        name += "".join(f", {option} {value}" for option, value in arm["options"].items())
        epochs.setdefault(name, []).append(str(arm["recipe"]["epochs"]))
    arms = [f"{name}, epochs {' or '.join(several)}" for name, several in epochs.items()]
    versions = ", ".join(f"{name} {number}" for name, number in evidence.versions.items())
    return (
        f"{', '.join(data)}; {'; '.join(arms)}; {versions}; {evidence.device}, threads {evidence.threads}, "
        f"{evidence.seconds:.0f} s of training and measuring"
    )
