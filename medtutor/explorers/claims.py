"""The claims explorer: what was asked and found, claim by claim, and what another margin would have said."""

from PIL import ImageDraw

from ..figures import ANSWER_STYLES, GREY
from ..figures.answers import REACH
from ..review.rule import UNITS
from ..review.standing import MARKS, standings
from ..review.verdict import ANSWERS
from ..widgets import Choice, Explorer, Slider, derived, drawing, markup, panel, sentences
from ..widgets.drawing import FAINT, GAP, INK, SCALE

ALL = "all"
LEFT, WIDE, ROW, TOP = 250, 330, 17, 40  # page pixels of the forest: names, axis, a row, head
SHADE = "#eeeeee"


def claims() -> "ClaimsExplorer":
    """The explorer of all claims of the course, with the evidence that ships.

    >>> shown = claims()
    >>> shown.family.value = "U-Net"
    >>> [each.claim.id for each in shown.found][0]
    'skips-sharpen-boundaries'
    """
    return ClaimsExplorer()


class ClaimsExplorer(Explorer):
    """A forest plot of the claims that are selected, and one of them as a card.

    lesson, family, question, answer, mark  Dropdowns: which claims are selected; `ALL` for each of them
    chosen   Dropdown: the claim that is described; its id
    margin   FloatSlider: another margin, in units of the rule's own; 1 is the rule

    found    the selected `Standing`s, in the order of the file
    standing the one that is described, None where none is selected
    """

    heading, width = "What was asked, and what was found?", "900px"
    call = "claims()"

    lesson = Choice(
        "lesson",
        lambda self: [ALL, *dict.fromkeys(each.claim.lesson for each in self._all)],
        meaning="in which a claim is tested",
        width="20em",
        label="6em",
    )
    family = Choice(
        "family",
        lambda self: [ALL, *dict.fromkeys(each.family for each in self._all)],
        meaning="of models",
        width="16em",
        label="6em",
    )
    question = Choice(
        "question",
        lambda self: [ALL, *dict.fromkeys(each.question for each in self._all)],
        meaning="what is asked of the family",
        width="24em",
        label="6em",
    )
    answer = Choice("answer", [ALL, *ANSWERS], meaning="one of five", width="24em", label="6em")
    mark = Choice(
        "marked", [ALL, *MARKS], meaning="what must be known of a claim beside its answer", width="18em", label="6em"
    )
    chosen = Choice(
        "claim",
        lambda self: [each.claim.id for each in self.found] or [("none", "")],
        meaning="the claim that is described below",
        width="30em",
        label="6em",
    )
    margin = Slider(
        "margin",
        0.1,
        4.0,
        0.1,
        start=1.0,
        meaning="in units of the rule's own: what would another margin have said?",
        readout_format=".1f",
        label="6em",
        width="420px",
    )

    def __init__(self):
        self._all = standings()
        super().__init__()

    @derived
    def found(self):
        return [
            each
            for each in self._all
            if self.lesson.value in (ALL, each.claim.lesson)
            and self.family.value in (ALL, each.family)
            and self.question.value in (ALL, each.question)
            and self.answer.value in (ALL, each.found.word)
            and self.mark.value in (ALL, *each.marks)
        ]

    @property
    def standing(self):
        """The claim that is described."""
        return next((each for each in self.found if each.claim.id == self.chosen.value), None)

    @panel
    def _forest_shown(self):
        return _forest(self.found, self.standing), self._words

    @property
    def _words(self):
        framed = f"; framed is {self.standing.claim.id}" if self.standing else ""
        told = "; ".join(f"{each.claim.id} {each.found.word}, {each.measured}" for each in self.found)
        return (
            f"Forest plot in units of each claim's margin: {len(self.found)} of {len(self._all)} claims are selected"
            f"{framed}. {told}"
        )

    @sentences(read_out=True)
    def _told(self):
        each = self.standing
        if each is None:
            return ["No claim is selected: choose 'all' in one of the lists."]
        marks = [f"Marked: {', '.join(each.marks)}."] if each.marks else []
        seeds = [f"Over seeds alone the answer would be: {each.over_seeds}."] if each.over_seeds else []
        return [each.claim.asked, f"{each.found}.", *seeds, *marks, *self._other_margin()]

    def _other_margin(self):
        each, times = self.standing, self.margin.value
        if abs(times - 1) < 0.05:
            return []
        if each.in_margins is None:
            return ["There is nothing to read, with any margin."]
        wanted, unit = times * each.claim.rule.margin, each.claim.rule.unit
        if wanted < UNITS[unit].noise:
            return [
                f"A margin of {wanted:.3g} {unit} is below the noise of that unit, {UNITS[unit].noise:g}: no rule may"
                " have it."
            ]
        return [
            f"With a margin of {wanted:.3g} {unit} it would read: {each.with_margin(wanted).answer}. That is no answer:"
            f" the rule was written with {each.claim.rule.margin:g}, before the evidence."
        ]

    @markup
    def _card(self):
        each = self.standing
        return None if each is None else each.claim.card(each.evidence, each.found).as_html()

    layout = [[lesson, family], [question, answer], mark, _forest_shown, chosen, margin, _told, _card]


def _forest(shown, described):
    """A sheet: a row for each claim, its interval in units of its margin, by its answer."""
    sheet = drawing.blank(LEFT + WIDE + 2 * GAP + 380, TOP + ROW * max(1, len(shown)) + 2 * GAP)
    pen, plain = ImageDraw.Draw(sheet), drawing.font(11)
    bottom = TOP + ROW * max(1, len(shown))
    pen.rectangle(_scaled(_x(-1), TOP, _x(1), bottom), fill=SHADE)
    for margins in range(-4, 5):
        pen.line(_scaled(_x(margins), TOP, _x(margins), bottom), fill=GREY if margins == 0 else "#d8d8d8", width=2)
        pen.text((_x(margins) * SCALE, (TOP - 3) * SCALE), f"{margins:+d}" if margins else "0", INK, plain, anchor="ms")
    title = "difference in units of its margin, 95 % interval; shaded: too small to count"
    pen.text((GAP * SCALE, 4 * SCALE), title, INK, drawing.font(12, True))
    for place, each in enumerate(shown):
        y = TOP + ROW * place + ROW / 2
        colour, _, letter = ANSWER_STYLES[each.found.word]
        pen.text((GAP * SCALE, y * SCALE), each.claim.id, INK, plain, anchor="lm")
        pen.text(((LEFT - GAP - 4) * SCALE, y * SCALE), letter, INK, drawing.font(12, True), anchor="rm")
        if each.in_margins:
            _interval(pen, each.in_margins, y, colour)
        measured = each.measured + "".join(f", {mark}" for mark in each.marks if mark != "amended")
        shortened = drawing.shortened(measured, 375, 11)
        pen.text(((LEFT + WIDE + 2 * GAP) * SCALE, y * SCALE), shortened, FAINT, plain, anchor="lm")
        if described is not None and each.claim.id == described.claim.id:
            pen.rectangle(_scaled(2, y - ROW / 2, sheet.width / SCALE - 2, y + ROW / 2), outline=INK, width=3)
    return sheet


def _interval(pen, in_margins, y, colour):
    low, value, high = in_margins
    if high > -REACH and low < REACH:
        pen.line(_scaled(_x(max(low, -REACH)), y, _x(min(high, REACH)), y), fill=colour, width=5)
    if abs(value) <= REACH:
        pen.ellipse(_scaled(_x(value) - 4, y - 4, _x(value) + 4, y + 4), fill=colour, outline=INK, width=2)
    for beyond, side in ((high > REACH, 1), (low < -REACH, -1)):
        if beyond:
            tip, back = _x(side * REACH) + 7 * side, _x(side * REACH)
            pen.polygon([(tip * SCALE, y * SCALE), *((back * SCALE, (y + up) * SCALE) for up in (-5, 5))], fill=colour)


def _x(margins):
    return LEFT + WIDE / 2 + margins * WIDE / 2 / (REACH + 0.3)


def _scaled(*pixels):
    return tuple(each * SCALE for each in pixels)
