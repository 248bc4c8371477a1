"""The class explorer: which mistake is common, which prediction fails most, which question is answered wrong at first.

It reads the files that students hand in, and knows no more of them than these say.
"""

import os

from PIL import ImageDraw

from ..figures import BLUE, GREY
from ..reports.classroom import ALL, FEW, MADE_UP, ORDERS, VIEWS, Classroom, made_up_class, read_class
from ..widgets import Choice, Explorer, derived, drawing, panel, sentences
from ..widgets.drawing import FAINT, GAP, INK, SCALE

NAMES, WIDE, ROW, TOP, END = 420, 300, 20, 44, 110  # page pixels: names, the longest bar, a row, the head, numbers
ROWS, SAID = 20, 5  # rows that are drawn, files left out that are named


def classroom(folder: str | os.PathLike | None = None) -> "ClassroomExplorer":
    """The explorer of a class.

    folder  with the files that students hand in, which `medtutor course progress --out me.json` writes; left out: a
            made-up class, to look at

    Raises `InputError` for what is no folder, and for one without such a file. Other files are left out, with a
    sentence.

    >>> shown = classroom()
    >>> shown.view.value, len(shown.group.students)
    ('mistakes', 24)
    """
    return ClassroomExplorer(folder)


class ClassroomExplorer(Explorer):
    """Bars of a class: shares of students, a row for each mistake, prediction or question.

    lesson  Dropdown: a lesson's number, or `ALL`
    view    Dropdown: "mistakes", "predictions" or "quiz"
    order   Dropdown: one of `ORDERS`

    group   the `Classroom` that was read
    rows    the `Row`s that are selected, sorted
    """

    heading, width = "Where does a class need help?", "900px"

    lesson = Choice("lesson", lambda self: [ALL, *self.group.lessons], meaning="whose cells are shown", width="14em")
    view = Choice("shown", list(VIEWS), meaning="mistakes by exercise, predictions, or the first answers of quizzes")
    order = Choice("order", list(ORDERS), meaning="of the rows, by their share or by lesson")

    def __init__(self, folder=None):
        self.group = made_up_class() if folder is None else read_class(folder)
        self.call = "classroom()" if folder is None else f"classroom({os.fspath(folder)!r})"
        self._title = f"{len(self.group.students)} {'made-up ' if self.group.made_up else ''}students"
        super().__init__()

    @derived
    def rows(self):
        return self.group.rows(self.view.value, self.lesson.value, self.order.value)

    @panel
    def _bars_shown(self):
        return bars(self.group, self.view.value, self.rows)

    @sentences(read_out=True)
    def _told(self):
        return [*words(self.group, self.view.value, self.rows), *left_out(self.group)]

    layout = [[lesson, view, order], _bars_shown, _told]


def words(group: Classroom, view: str, rows: list) -> list[str]:
    """What the rows say, in sentences."""
    if not rows:
        return [f"Nothing was handed in about {view} of this lesson: choose another, or 'all'."]
    most, least = max(rows, key=lambda row: row.share), min(rows, key=lambda row: row.share)
    said = [f"Highest: {_said(most)}."]
    if least.share < most.share:
        said.append(f"Lowest: {_said(least)}.")
    few = sum(row.of < FEW for row in rows)
    if few:
        said.append(f"{few} of {len(rows)} rows are of fewer than {FEW} students: they say little, and may tell who.")
    return said


def left_out(group: Classroom) -> list[str]:
    """A sentence for each file that was left out, at most `SAID` and one about the rest."""
    more = len(group.left_out) - SAID
    return [*group.left_out[:SAID], *([f"{more} more files were left out."] if more > 0 else [])]


def _said(row):
    return f"lesson {row.lesson}, {row.cell}, “{row.what}”: {row.many} of {row.of} students ({row.share:.0%})"


def bars(group: Classroom, view: str, rows: list) -> tuple:
    """(sheet, alt text): a bar for each of the first `ROWS` rows, as long as its share."""
    shown = rows[:ROWS]
    sheet = drawing.blank(NAMES + WIDE + END, TOP + ROW * max(1, len(shown)) + 2 * GAP + 16)
    pen, plain = ImageDraw.Draw(sheet), drawing.font(11)
    title = f"{view}: share of students {VIEWS[view][1]}"
    pen.text((GAP * SCALE, 4 * SCALE), title, INK, drawing.font(12, True))
    bottom = TOP + ROW * max(1, len(shown))
    for share in (0, 0.5, 1):
        x = (NAMES + WIDE * share) * SCALE
        pen.line((x, TOP * SCALE, x, bottom * SCALE), fill=GREY if share == 0 else "#d8d8d8", width=2)
        pen.text((x, (TOP - 3) * SCALE), f"{share:.0%}", INK, plain, anchor="ms")
    for place, row in enumerate(shown):
        y = TOP + ROW * place + ROW / 2
        name = drawing.shortened(f"{row.lesson} {row.cell}: {row.what}", NAMES - 3 * GAP, 11)
        pen.text((GAP * SCALE, y * SCALE), name, INK, plain, anchor="lm")
        end = NAMES + WIDE * row.share
        pen.rectangle([each * SCALE for each in (NAMES, y - 6, end, y + 6)], fill=BLUE if row.of >= FEW else "white")
        pen.rectangle([each * SCALE for each in (NAMES, y - 6, end, y + 6)], outline=BLUE, width=3)
        pen.text(((NAMES + WIDE + 2 * GAP) * SCALE, y * SCALE), f"{row.many} of {row.of}", INK, plain, anchor="lm")
    foot = [f"hollow: fewer than {FEW} students"]
    if len(rows) > ROWS:
        foot.append(f"the first {ROWS} of {len(rows)} rows")
    pen.text((GAP * SCALE, (bottom + GAP) * SCALE), "; ".join(foot), FAINT, plain)
    if group.made_up:
        pen.text(
            ((NAMES + WIDE + END - GAP) * SCALE, (bottom + GAP) * SCALE),
            MADE_UP,
            INK,
            drawing.font(11, True),
            anchor="ra",
        )
    told = "; ".join(map(_said, shown)) or "no rows"
    about = f"{MADE_UP}. " if group.made_up else ""
    return sheet, f"{about}Bar chart, {title}. {told}."
