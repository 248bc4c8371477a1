"""The literature explorer: works around the review by family, modality, year and claim, each with the way to its cell.

What is not known of a work is said with it, and a number stands beside its source.
"""

import html

from PIL import ImageDraw

from ..figures import BLUE, GREY, VERMILION
from ..review import cite, claims, works
from ..review.literature import FAMILIES, LISTS, MODALITIES, SEEN, SUBJECTS
from ..review.places import lesson_name
from ..widgets import Buttons, Choice, Explorer, Slider, derived, drawing, markup, panel, sentences
from ..widgets.drawing import FAINT, GAP, INK, SCALE

ALL = "all"
FORMS = {"not": "", "BibTeX": "bib", "RIS": "ris", "CSV": "csv"}
LEFT, TOP, ROW, CELL, DOT = 150, 44, 24, 36, 5  # page pixels of the map: names, title, row, year; radius of a work


def literature() -> "LiteratureExplorer":
    """The explorer of the works that are listed around the review, and of the first papers of what it names.

    >>> shown = literature()
    >>> shown.family.value = "U-Net"
    >>> [work.id for work in shown.found][:2]
    ['ding-2024', 'mlfa-unet-2024']
    """
    return LiteratureExplorer()


class LiteratureExplorer(Explorer):
    """A map of works by family and year, and one of them in two sentences, with its numbers and their sources.

    family, modality, listed, claim  Dropdowns: which works are selected; `ALL` for each of them
    since    IntSlider: from which year on
    chosen   Dropdown: the work that is described; its id
    form     ToggleButtons: how the selected works are written out below

    found    the selected works, in the order of the file
    work     the one that is described, None where none is selected
    """

    heading, width = "Which work shows what?", "860px"
    call = "literature()"

    family = Choice(
        "family",
        [ALL, *(name for name in (*FAMILIES, *SUBJECTS) if any(name in work.families for work in works()))],
        meaning="what a work is about, first or besides",
        width="20em",
        label="6em",
    )
    modality = Choice(
        "modality",
        [ALL, *(name for name in MODALITIES if any(name in work.modality for work in works()))],
        meaning="what made the images of a work",
        width="16em",
        label="6em",
    )
    listed = Choice(
        "list",
        [(ALL, ALL), ("around the review", "around"), *((words, name) for name, words in LISTS.items())],
        meaning="where it is listed: similar to the review, citing it, cited by it, or a first paper of a technique",
        width="20em",
        label="6em",
    )
    claim = Choice(
        "claim",
        [(ALL, ALL), *((claim.id, claim.lesson) for claim in claims())],
        meaning="works whose technique is shown in the lesson where that claim is tested",
        width="30em",
        label="6em",
    )
    since = Slider(
        "since",
        min(work.year for work in works()),
        max(work.year for work in works()),
        meaning="the first year",
        width="420px",
        label="6em",
    )
    chosen = Choice(
        "work",
        lambda self: [(work.name, work.id) for work in self.found] or [("none", "")],
        meaning="the work that is described below",
        width="40em",
        label="6em",
    )
    form = Buttons("write out", list(FORMS), meaning="the selected works, for a reference manager or a table")

    @derived
    def found(self):
        lists = {ALL: tuple(LISTS), "around": ("similar", "citing", "cited")}.get(
            self.listed.value, (self.listed.value,)
        )
        return [
            work
            for work in works()
            if self.family.value in (ALL, *work.families)
            and self.modality.value in (ALL, *work.modality)
            and work.listed in lists
            and (self.claim.value == ALL or lesson_name(work.lesson) == self.claim.value)
            and work.year >= self.since.value
        ]

    @property
    def work(self):
        """The work that is described."""
        return next((work for work in self.found if work.id == self.chosen.value), None)

    @panel
    def _map_shown(self):
        return _map({work.id for work in self.found}, self.work), self._words

    @property
    def _words(self):
        marked = f"; framed is {self.work.name}" if self.work else ""
        chosen = f"{len(self.found)} of {len(works())} works are selected{marked}"
        return f"Map of works, a row for each family and a column for each year: {chosen}."

    @sentences(read_out=True)
    def _told(self):
        work = self.work
        if work is None:
            return ["No work is selected: choose 'all' in one of the lists, or an earlier year."]
        numbers = [f"Reported: {number}." for number in work.numbers]
        unread = [work.unread] if work.unread else []
        about = f"About: {', '.join(work.families)}. Images: {', '.join(work.modality)}. Listed: {LISTS[work.listed]}."
        reference = [f"{work.reference}.", f"Reference {SEEN[work.seen]} ({work.seen_in})."]
        return [*reference, about, work.method, *numbers, *unread, f"In the course: {work.place}."]

    @markup
    def _way(self):
        work = self.work
        if work is None:
            return None
        links = []
        if work.link:
            links.append(f'<a href="{html.escape(work.link)}" target="_blank" rel="noopener">run it: {work.place}</a>')
        if work.doi:
            links.append(_outside(f"https://doi.org/{work.doi}", f"doi {work.doi}"))
        if work.arxiv:
            links.append(_outside(f"https://arxiv.org/abs/{work.arxiv}", f"arXiv {work.arxiv}"))
        return "<br>".join(links) or None

    @markup
    def _written_out(self):
        form = FORMS[self.form.value]
        if not form or not self.found:
            return None
        text = cite(self.found, form)
        return (
            f'<textarea readonly aria-label="the works as {self.form.value}" spellcheck="false" rows="12"'
            f' style="width:98%;max-width:820px;font-family:monospace">{html.escape(text)}</textarea>'
        )

    layout = [[family, modality], [listed, claim], since, _map_shown, chosen, _told, _way, form, _written_out]


def _outside(address, words):
    return f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{html.escape(words)}</a>'


def _map(selected, described):
    """A sheet: works by family and year, filled where they are selected, framed where one is described."""
    years = sorted({work.year for work in works()})
    rows = [name for name in (*FAMILIES, *SUBJECTS) if any(work.family == name for work in works())]
    sheet = drawing.blank(LEFT + CELL * len(years) + GAP, TOP + ROW * len(rows) + GAP)
    pen = ImageDraw.Draw(sheet)
    title = "works by family and year (of years with a work)"
    pen.text((GAP * SCALE, 4 * SCALE), title, INK, drawing.font(12, True))
    for column, year in enumerate(years):
        x = LEFT + CELL * column + CELL // 2
        pen.text((x * SCALE, (TOP - 4) * SCALE), str(year), INK, drawing.font(11), anchor="ms")
    for row, name in enumerate(rows):
        y = TOP + ROW * row + ROW // 2
        pen.text((GAP * SCALE, y * SCALE), name, INK, drawing.font(11), anchor="lm")
        pen.line((LEFT * SCALE, y * SCALE, sheet.width - GAP * SCALE, y * SCALE), fill="#e0e0e0", width=1)
        for column, year in enumerate(years):
            here = [work for work in works() if work.family == name and work.year == year]
            step = min(2 * DOT + 2, (CELL - 2 * DOT) / max(len(here) - 1, 1))
            first = LEFT + CELL * column + CELL / 2 - step * (len(here) - 1) / 2
            for place, work in enumerate(here):
                _dot(
                    pen, first + step * place, y, work.id in selected, described is not None and work.id == described.id
                )
    legend = f"filled: selected ({len(selected)})   hollow: others   red square: described below"
    pen.text((sheet.width - GAP * SCALE, 4 * SCALE), legend, FAINT, drawing.font(11), anchor="ra")
    return sheet


def _dot(pen, x, y, selected, described):
    box = [(x - DOT) * SCALE, (y - DOT) * SCALE, (x + DOT) * SCALE, (y + DOT) * SCALE]
    pen.ellipse(box, fill=BLUE if selected else "white", outline=BLUE if selected else GREY, width=2)
    if described:
        pen.rectangle([box[0] - 5, box[1] - 5, box[2] + 5, box[3] + 5], outline=VERMILION, width=4)
