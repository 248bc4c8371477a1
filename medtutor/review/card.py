"""A claim with its evidence and verdict, for a terminal, a notebook, a page and JSON."""

from html import escape
from statistics import fmean
from textwrap import fill

from .claims import judge
from .evidence import PROVENANCE

PHANTOM = "PHANTOM IMAGES, drawn by medtutor: this says nothing about patients"
SPREAD = "Intervals are over seeds (Student's t), not over the choice of test images."
COLUMNS = ("contrast", "first arm", "second arm", "difference", "95 % interval", "seeds", "reads")


def sections(claim, evidence, verdict):
    """[(heading, text), …]: the sentences of the card."""
    return [
        (f"The review says ({claim.place})", claim.says),
        ("Tested here, in our words", claim.tested),
        ("How", claim.protocol),
        ("Rule, written before the evidence", f"{claim.metric}; {claim.rule}."),
        ("Verdict", str(verdict)),
        *([("Evidence", provenance(evidence))] if evidence else []),
    ]


def rows(evidence, verdict):
    """Rows of text below `COLUMNS`, one per contrast: mean of both arms, difference, interval, reading.

    Of evidence that keeps more than the rule judges, only what is judged.
    """
    contrasts = evidence.contrasts if evidence else ()
    judged = [contrast for contrast in contrasts if contrast.name in verdict.readings]
    return [
        (
            contrast.name,
            f"{contrast.arms[0]} {fmean(contrast.first):.3f}",
            f"{contrast.arms[1]} {fmean(contrast.second):.3f}",
            f"{contrast.mean:+.3f}",
            "none from one seed" if contrast.interval is None else "{:+.3f} to {:+.3f}".format(*contrast.interval),
            str(len(contrast.values)),
            verdict.readings.get(contrast.name, "not judged"),
        )
        for contrast in judged or contrasts
    ]


def pivot(evidence, columns, where=""):
    """Evidence whose contrasts are named "row: column", as a table: text for a terminal or a notebook.

    columns  which, and in which order; each cell is the mean difference over seeds
             and the half width of its 95 % interval
    where    what follows the column in the contrasts' names; left out of the head
    """
    cells = {tuple(contrast.name.split(": ", 1)): contrast for contrast in evidence.contrasts if ": " in contrast.name}
    names = list(dict.fromkeys(row for row, _ in cells))
    lines = [["mean ± half of 95 % interval", *columns]]
    for name in names:
        found = [cells.get((name, f"{column}{where}")) for column in columns]
        if any(found):
            lines.append([name, *("" if one is None else _with_half_width(one) for one in found)])
    return aligned(lines)


def _with_half_width(contrast):
    low, high = contrast.interval
    return f"{contrast.mean:+.2f} ±{(high - low) / 2:.2f}"


def aligned(lines):
    """Rows of cells as text in columns."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip() for line in lines)


def provenance(evidence):
    """One sentence: images, arms, versions, machine and time."""
    data = [
        f"{name} ({PROVENANCE[entry['provenance']]}, {entry['test']} test cases)"
        for name, entry in evidence.data.items()
    ]
    epochs = {}  # of each arm: one that was trained on more or fewer images has several
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
        f"{evidence.seconds:.0f} s of training and measuring. {SPREAD}"
    )


def as_text(claim, evidence=None, verdict=None):
    """The card for a terminal. Without a verdict, that of the shipped evidence."""
    if verdict is None:
        evidence, verdict = judge(claim)
    lines = [claim.id, *([PHANTOM] if evidence and evidence.on_phantoms else [])]
    lines += [
        fill(f"{heading}: {text}", 100, subsequent_indent="  ") for heading, text in sections(claim, evidence, verdict)
    ]
    body = rows(evidence, verdict)
    if body:
        lines += ["", aligned([COLUMNS, *body])]
    return "\n".join(lines)


def as_markdown(claim, evidence=None, verdict=None):
    """The card as a section of a page."""
    if verdict is None:
        evidence, verdict = judge(claim)
    parts = [f"## {claim.id}", *([f"**{PHANTOM}**"] if evidence and evidence.on_phantoms else [])]
    parts += [f"**{heading}:** {text}" for heading, text in sections(claim, evidence, verdict)]
    body = rows(evidence, verdict)
    if body:
        table = [COLUMNS, ["---"] * len(COLUMNS), *body]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in table))
    parts.append(f"Lesson: [{claim.lesson}](notebooks/{claim.lesson}.ipynb#{claim.cell})")
    return "\n\n".join(parts)


def as_html(claim, evidence=None, verdict=None):
    """The card for a notebook. It sets no text colour: the theme's own stays, dark or light."""
    if verdict is None:
        evidence, verdict = judge(claim)
    parts = [f"<p><strong>Claim: {escape(claim.id)}</strong></p>"]
    if evidence and evidence.on_phantoms:
        parts.append(f'<p style="border:3px solid;padding:0.3em"><strong>{PHANTOM}</strong></p>')
    for heading, text in sections(claim, evidence, verdict):
        parts.append(f"<p><strong>{escape(heading)}:</strong> {escape(text)}</p>")
    body = rows(evidence, verdict)
    if body:
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        lines = ["".join(f"<td>{escape(cell)}</td>" for cell in line) for line in body]
        parts.append(
            f"<table><caption>{escape(claim.metric)}, means over seeds</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"
        )
    parts.append(
        f'<p>Lesson: <a href="{escape(claim.lesson)}.ipynb#{escape(claim.cell)}">{escape(claim.lesson)}</a></p>'
    )
    return f'<div style="border:1px solid;padding:0.3em 1em;max-width:60em">{"".join(parts)}</div>'


def as_record(claim, evidence, verdict):
    """The card as plain values, for JSON."""
    return {
        "id": claim.id,
        "says": claim.says,
        "place": claim.place,
        "tested": claim.tested,
        "protocol": claim.protocol,
        "metric": claim.metric,
        "rule": str(claim.rule),
        "seeds": list(claim.seeds),
        "lesson": claim.lesson,
        "cell": claim.cell,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "readings": verdict.readings,
        "evidence": evidence.as_record() if evidence else None,
    }
