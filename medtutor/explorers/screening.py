"""The screening explorer: titles of a review, one at a time; the flow diagram grows with each decision.

Each decision is saved before the next title is shown. What the reviewers decided is hidden until one asks for it: who
sees it first does not screen, but agrees.
"""

import base64
import html
from os import PathLike

from PIL import Image, ImageDraw

from ..checks import instance
from ..review import Collection, Screening, draw_flow
from ..review.active import features, ranked
from ..review.bibliography import as_csv, as_ris
from ..review.prisma_picture import BAR, COLOURS, LINE, PAD, described, diagram
from ..widgets import (
    Button,
    Buttons,
    Check,
    Choice,
    Column,
    Explorer,
    State,
    derived,
    drawing,
    markup,
    on,
    panel,
    sentences,
)
from ..widgets.drawing import INK, SCALE

ORDERS = {"as in the file": False, "most likely first": True}
FORMS = ("not", "RIS", "CSV", "flow diagram")
TO_COME = "still to come"
LONG = 1800  # letters of an abstract that are shown


def screening(collection: Collection, path: str | PathLike | None = None) -> "ScreeningExplorer":
    """The explorer of a `Collection` that is screened, title by title.

    collection  such as `load_collection` gives, or a `sample` of it
    path        a file for the decisions; one that is there is gone on with. None: nothing is saved

    Raises `InputError` for what is no collection, and for a file of other records.

    >>> from medtutor.review import load_collection
    >>> shown = screening(load_collection("drawn").sample(30))
    >>> shown.include.click()
    >>> list(shown.screening.included.values())
    [True]
    """
    return ScreeningExplorer(collection, path)


class ScreeningExplorer(Explorer):
    """One record at a time: include it, or leave it out for a reason.

    order    ToggleButtons: as in the file, or what a model that learns from the decisions thinks most likely relevant
    reason   Dropdown: why a record is left out
    include, leave_out, undo  Buttons
    compare  Checkbox: show the reviewers' decisions on what one has decided
    form     ToggleButtons: what is offered as a file

    screening  the `Screening`, with all decisions
    record     the record that is shown, None at the end
    """

    heading, width = "Would you include it?", "1100px"
    decided = State(0)  # how often something was decided or taken back
    back = State(None)  # key of the record whose decision was taken back last

    order = Buttons(
        "order",
        list(ORDERS),
        meaning="the model is a logistic regression on words; it needs one of each decision first",
    )
    include = Button("include", meaning="the record may answer the question: its report is sought")
    leave_out = Button("leave out", meaning="the record is left out for the reason that is chosen")
    reason = Choice(
        "because",
        lambda self: self.screening.collection.reasons,
        meaning="why it is left out",
        width="30em",
        label="6em",
    )
    undo = Button("undo", meaning="take the last decision back")
    compare = Check("compare with the reviewers", meaning="their decisions, on the records that you have decided")
    form = Buttons("as a file", list(FORMS), meaning="your decisions for ASReview or a reference manager, or the flow")

    def __init__(self, collection, path=None):
        instance("collection", collection, Collection, "a Collection, such as load_collection gives")
        self.screening = Screening(collection, path)
        self._phantom = collection.phantom
        self._title = f"{collection.name}: {collection.about}" if collection.about else collection.name
        self.call = "screening(collection)" if path is None else f"screening(collection, {str(path)!r})"
        super().__init__()

    @on(include)
    def _include(self):
        self._decide(True)

    @on(leave_out)
    def _leave_out(self):
        self._decide(False, self.reason.value)

    def _decide(self, included, reason=""):
        if self.record is not None:
            self.screening.decide(self.record.key, included, reason)
            self.back, self.decided = None, self.decided + 1

    @on(undo)
    def _undo(self):
        self.back, self.decided = self.screening.undo(), self.decided + 1

    # What follows from the decisions ------------------------------------------------------------

    @derived
    def _table(self):
        return features(self.screening.records)

    @derived
    def record(self):
        self.decided  # noqa: B018  a decision makes another record the next
        left = self.screening.left
        again = next((record for record in left if record.key == self.back), None)
        if again is not None or not left or not ORDERS[self.order.value]:
            return again or next(iter(left), None)
        included = self.screening.included
        rows = {row: included[r.key] for row, r in enumerate(self.screening.records) if r.key in included}
        return self.screening.records[ranked(self._table, rows)[0]]

    @derived
    def _flow(self):
        self.decided  # noqa: B018
        return self.screening.flow()

    # Words and pictures -------------------------------------------------------------------------

    @sentences(read_out=True)
    def _record_shown(self):
        record = self.record
        if record is None:
            return ["All records are decided. Below are your decisions as a file."]
        known = ", ".join(filter(None, ["; ".join(record.authors), record.journal, str(record.year or "")]))
        abstract = record.abstract if len(record.abstract) <= LONG else f"{record.abstract[:LONG]}…"
        return [
            f"Title: {record.title.rstrip('.') or 'none'}.",
            *([f"From: {known}."] if known else []),
            f"Abstract: {abstract or 'none'}",
        ]

    @sentences
    def _progress(self):
        self.decided  # noqa: B018
        done, included = len(self.screening.decisions), sum(self.screening.included.values())
        total = len(self.screening.records)
        saved = f"Saved in {self.screening.path}." if self.screening.path else "Not saved: give a file with path=…"
        why = ", ".join(f"{reason} {count}" for reason, count in self.screening.reasons.items())
        removed = len(self.screening.duplicates)
        return [
            f"{done} of {total} decided: {included} included, {done - included} left out. {saved}",
            *([f"Left out because: {why}."] if why else []),
            *(
                [f"{removed} duplicates were removed before, such as {self.screening.duplicates[0]}."]
                if removed
                else []
            ),
        ]

    @sentences
    def _compared(self):
        self.decided  # noqa: B018
        if not self.compare.value:
            return []
        found = self.screening.agreement()
        if not found.records:
            return ["Nothing to compare: decide on a record first."]
        return [f"{str(found)[0].upper()}{str(found)[1:]}.", *self._otherwise()]

    def _otherwise(self):
        """The last records on which the reviewers decided otherwise."""
        own = self.screening.included
        differ = [
            r for r in self.screening.records if r.included is not None and own.get(r.key, r.included) != r.included
        ]
        return [
            f"Reviewers {'included' if r.included else 'left out'}: {drawing.shortened(r.title, 420, 12)}."
            for r in differ[-5:]
        ]

    @panel
    def _flow_shown(self):
        return drawn(diagram(self._flow, TO_COME)), described(self._flow, TO_COME)

    @markup
    def _file(self):
        self.decided  # noqa: B018
        form = self.form.value
        if form == "not":
            return None
        if form == "flow diagram":
            name, kind, text = "flow.svg", "image/svg+xml", draw_flow(self._flow, TO_COME).svg
        else:
            records = self.screening.as_records()
            name, kind, text = (
                ("decisions.ris", "application/x-research-info-systems", as_ris(records))
                if form == "RIS"
                else ("decisions.csv", "text/csv", as_csv(records))
            )
        data = base64.b64encode(text.encode()).decode()
        return (
            f'<div role="status"><a download="{name}" href="data:{kind};base64,{data}">{html.escape(name)},'
            f" {len(text) // 1000 + 1} kB</a></div>"
        )

    layout = [
        order,
        [include, leave_out, reason, undo],
        [Column("440px", _record_shown, _progress, compare, _compared), Column("560px", _flow_shown)],
        form,
        _file,
    ]


def drawn(shape):
    """A `Diagram` as a sheet."""
    sheet = drawing.blank(shape.width, shape.height)
    pen, plain, bold = ImageDraw.Draw(sheet), drawing.font(11), drawing.font(11, True)
    for arrow in shape.arrows:
        points = [(x * SCALE, y * SCALE) for x, y in arrow]
        pen.line(points, fill=INK, width=SCALE)
        _head(pen, *points[-2:])
    for box in shape.boxes:
        corners = [edge * SCALE for edge in (box.left, box.top, box.left + box.width, box.top + box.height)]
        ground, edge = COLOURS[box.kind]
        pen.rectangle(corners, fill=ground, outline=edge, width=SCALE)
        if box.kind == "phase":
            words = Image.new("RGB", ((box.height - 2) * SCALE, (BAR - 2) * SCALE), ground)
            middle = words.width // 2, words.height // 2
            ImageDraw.Draw(words).text(middle, box.lines[0], INK, bold, anchor="mm")
            sheet.paste(words.rotate(90, expand=True), (corners[0] + SCALE, corners[1] + SCALE))
            continue
        top = box.top + (box.height - LINE * len(box.lines)) / 2
        for number, line in enumerate(box.lines):
            y = (top + LINE * (number + 0.5)) * SCALE
            if box.kind == "title":
                pen.text(((box.left + box.width / 2) * SCALE, y), line, INK, bold, anchor="mm")
            else:
                pen.text(((box.left + PAD) * SCALE, y), line, INK, plain, anchor="lm")
    return sheet


def _head(pen, before, end):
    """An arrow's head, along a straight way right, left or down."""
    (x0, y0), (x, y) = before, end
    long, half = 7 * SCALE, 4 * SCALE
    if y0 == y:
        back = x - long if x > x0 else x + long
        pen.polygon([(x, y), (back, y - half), (back, y + half)], fill=INK)
    else:
        pen.polygon([(x, y), (x - half, y - long), (x + half, y - long)], fill=INK)
