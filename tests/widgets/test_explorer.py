"""The base of the explorers: what is declared is made, followed, drawn, kept and put back."""

import threading

import pytest

from medtutor.errors import InputError
from medtutor.widgets import (
    MESSAGE,
    Background,
    Button,
    Choice,
    Column,
    Explorer,
    Pages,
    Pane,
    Play,
    Several,
    Slider,
    State,
    Text,
    derived,
    drawing,
    markup,
    on,
    panel,
    sentences,
    slow,
)


class Example(Explorer):
    """Everything that can be declared, and how often each was computed."""

    heading = "How does it work?"
    group = Choice("group", ["few", "many"], meaning="how many items there are")
    number = Choice("item", lambda self: list(range(3 if self.group.value == "few" else 9)), meaning="one of them")
    depth = Slider(
        "depth",
        1,
        lambda self: 3 if self.group.value == "few" else 9,
        start=lambda self: 2 if self.group.value == "few" else 5,
        visible=lambda self: self.number.value > 0,
        meaning="how deep",
    )
    shade = Slider("shade", 0.0, 1.0, 0.1, start=0.5, meaning="how dark")
    parts = Several(lambda self: [Slider(f"part {i}", 0, 9, meaning="of the whole") for i in range(3)])
    mark = Button("mark", meaning="count one more")
    drop = Button("drop", meaning="count one less")
    measure = Button("measure", meaning="take the time that it takes")
    marks = State(0)
    job = Background()

    def __init__(self):
        self.counted = []
        self._title = "an example"
        self.gate = threading.Event()
        super().__init__()

    @on(mark, 1)
    @on(drop, -1)
    def _marked(self, by):
        if self.marks + by < 0:
            raise InputError("there is no mark left; press mark first")
        self.marks += by

    @on(parts)
    def _part(self, number):
        self.counted.append(f"part {number}")

    @derived
    def items(self):
        self.counted.append("items")
        return list(range(10 * self.number.value))

    pages = Pages(4, items, meaning="of the items")

    @slow(measure)
    def measured(self):
        depth = self.depth.value
        return lambda tell: (self.gate.wait(5), depth)[1]

    @panel
    def first(self):
        self.counted.append("first")
        return drawing.blank(100, 40), f"Items {self.items[self.pages.shown]}."

    @panel
    def second(self):
        self.counted.append("second")
        if self.shade.value > 0.85:
            raise InputError("too dark; take less shade")
        return drawing.blank(100, 40), f"Shade {self.shade.value:.1f}, {self.marks} marks, measured {self.measured}."

    @sentences
    def said(self):
        return [f"depth: {self.depth.value} <of> {self.depth.max}"]

    @markup
    def table(self):
        return f"<b>{sum(part.value for part in self.parts)}</b>"

    layout = [
        group,
        [number, depth, pages],
        MESSAGE,
        [Column("200px", first, second), Column("100px", shade, mark, drop)],
        parts,
        [measure, job],
        "Words",
        said,
        table,
    ]


@pytest.fixture
def example():
    made = Example()
    made.counted.clear()
    return made


def test_only_what_depends_on_a_change_is_computed(example):
    example.shade.value = 0.3
    assert example.counted == ["second"] and "Shade 0.3" in example.second.value
    example.counted.clear()
    example.number.value = 1
    assert example.counted == ["items", "first"] and "Items [0, 1, 2, 3]" in example.first.value
    example.counted.clear()
    example.pages.next.click()
    assert example.counted == ["first"] and "Items [4, 5, 6, 7]" in example.first.value
    example.counted.clear()
    example.depth.value = 1
    assert example.counted == [] and "depth: 1 &lt;of&gt; 3" in example.said.value


def test_what_a_browser_sends_back_is_no_change(example):
    example.shade.value += 1e-12
    assert example.counted == []


def test_options_ends_starts_and_what_is_visible_follow(example):
    example.number.value, example.depth.value = 2, 3
    example.group.value = "many"
    assert example.number.options == tuple(range(9)) and example.number.value == 0
    assert (example.depth.max, example.depth.value) == (9, 5) and example.depth.layout.display == "none"
    example.number.value, example.depth.value = 8, 9
    assert example.depth.layout.display is None
    example.group.value = "few"
    assert example.number.value == 0 and (example.depth.max, example.depth.value) == (3, 2)


class Lists(Explorer):
    """A list that hides itself where it has one option, whose value stays."""

    long = Choice("long", [False, True], start=True, meaning="whether there are two")
    short = Choice(
        "short",
        lambda self: [1, 2] if self.long.value else [1],
        visible=lambda self: len(self.short.options) > 1,
        meaning="one of them",
    )

    @sentences
    def count(self):
        return f"{len(self.short.options)} options"

    layout = [long, short, count]


def test_what_reads_the_options_follows_at_once_also_where_the_value_stays():
    lists = Lists()
    for wanted, display, count in ((False, "none", "1 options"), (True, None, "2 options")):
        lists.long.value = wanted
        assert (lists.short.layout.display, lists.count.value, lists.short.value) == (display, count, 1)


def test_pages_go_back_to_the_first_of_other_items(example):
    example.number.value = 1
    example.pages.number.value = 3
    example.number.value = 2
    assert example.pages.number.value == 1 and example.pages.items == 20


def test_buttons_change_what_is_remembered(example):
    example.mark.click()
    example.mark.click()
    example.drop.click()
    assert example.marks == 1 and "1 marks" in example.second.value
    example.drop.click()
    example.drop.click()
    assert "no mark left" in example.message.value and "0 marks" in example.second.value
    example.mark.click()
    assert example.message.value == ""


def test_several_controls_of_one_name(example):
    example.parts[1].value = 4
    assert example.counted == ["part 1"] and example.table.value == "<b>4</b>"


def test_an_error_is_a_sentence_and_the_rest_is_drawn(example):
    example.shade.value = 0.9
    assert "too dark" in example.message.value and example.second.value == ""
    example.number.value = 1
    assert "too dark" in example.message.value and "Items [0" in example.first.value
    assert "Shade" not in example.still().alt
    example.shade.value = 0.5
    assert example.message.value == "" and "Shade 0.5" in example.second.value


class Late(Explorer):
    """A value that fails for a while, and one that reads what is slow before it is declared."""

    side = Slider("side", 1, 9, meaning="a length")
    job = Background()
    go = Button("go", visible=lambda self: self.found is None, meaning="compute it")

    @derived
    def area(self):
        if self.side.value == 5:
            raise ValueError("broken")
        return [self.side.value**2]

    @slow(go)
    def found(self):
        return lambda tell: 7


def test_a_value_that_failed_is_not_the_one_before():
    explorer = Late()
    assert explorer.area == [1]
    explorer.side.value = 5
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            _ = explorer.area
    explorer.side.value = 6
    assert explorer.area == [36]


def test_what_is_slow_is_none_also_for_what_is_declared_above_it():
    explorer = Late()
    assert explorer.go.layout.display is None
    explorer.go.click()
    explorer.job.wait()
    assert explorer.found == 7 and explorer.go.layout.display == "none"


def test_what_is_slow_is_computed_at_the_press_and_dropped_with_its_inputs(example):
    assert example.measured is None
    example.depth.value = 1
    example.measure.click()
    assert example.measured is None and example.job.running
    example.gate.set()
    example.job.wait()
    assert example.measured == 1 and "measured 1" in example.second.value
    example.depth.value = 2
    assert example.measured is None and "measured None" in example.second.value


def test_the_job_is_stopped_with_its_inputs(example):
    example.measure.click()
    example.depth.value = 3
    assert not example.job.running
    example.gate.set()
    example.job.wait()
    assert example.measured is None


def test_the_still_picture_is_composed_of_the_layout(example):
    picture = example.still()
    assert picture.alt == "an example. Items []. Shade 0.5, 0 marks, measured None. depth: 2 <of> 3"


def test_a_declaration_without_a_meaning_is_refused():
    with pytest.raises(InputError, match="the control 'size' has no meaning; say in meaning="):
        Slider("size", 0, 9)


def test_each_instance_has_its_own_controls(example):
    other = Example()
    other.shade.value = 0.1
    assert example.shade.value == 0.5 and example.counted == []


def test_what_follows_cannot_be_set(example):
    with pytest.raises(AttributeError, match="items follows from other values"):
        example.items = []


def test_every_control_says_what_it_means(example):
    assert "how dark (0 to 1)" in (getattr(example.shade, "tooltip", None) or example.shade.description_tooltip)


class Automatic(Explorer):
    side = Slider("side", 1, 9, meaning="a length")
    job = Background()

    def __init__(self):
        self.gate, self.begun = threading.Event(), 0
        self.gate.set()
        super().__init__()

    @slow
    def area(self):
        side = self.side.value

        def work(tell):
            self.begun += 1
            self.gate.wait(5)
            tell(0.5, "half of it")
            return side**2

        return work

    @sentences
    def said(self):
        return f"{self.area}"

    layout = [side, job, said]


def test_what_closing_broke_off_begins_anew_when_it_is_shown():
    explorer = Automatic()
    explorer.gate.clear()
    explorer.side.value = 3
    assert explorer.job.running and explorer.said.value == "None"
    explorer.close()
    explorer.gate.set()
    explorer.job.wait()
    assert explorer.area is None
    explorer._repr_mimebundle_()
    explorer.job.wait()
    assert explorer.said.value == "9"
    begun = explorer.begun
    explorer._repr_mimebundle_()
    explorer.close()
    explorer._repr_mimebundle_()
    explorer.job.wait()
    assert explorer.begun == begun and explorer.said.value == "9"


def test_what_the_user_stopped_stays_stopped_when_it_is_shown_again():
    explorer = Automatic()
    explorer.gate.clear()
    explorer.side.value = 3
    explorer.job.stop.click()
    explorer.gate.set()
    explorer.close()
    explorer._repr_mimebundle_()
    explorer.job.wait()
    assert explorer.area is None and not explorer.job.running


class Chain(Explorer):
    number = Slider("number", 1, 3, meaning="what is divided by")

    @derived
    def share(self):
        if self.number.value == 2:
            raise InputError("not by two")
        return [1 / self.number.value]

    @derived
    def doubled(self):
        return [2 * each for each in self.share]

    @panel
    def picture(self):
        return drawing.blank(4, 4), f"{self.doubled[0]:.2f}"

    @sentences(read_out=True)
    def words(self):
        return ["One.", f"{self.doubled[0]:.2f}"]

    layout = [number, picture, words]


def test_what_fails_two_steps_away_leaves_no_older_value():
    chain = Chain()
    assert "2.00" in chain.picture.value and chain.words.value.count('role="status"') == 2
    chain.number.value = 2
    assert "not by two" in chain.message.value and chain.picture.value == chain.words.value == ""
    chain.number.value = 3
    assert chain.message.value == "" and "0.67" in chain.picture.value


class Panes(Explorer):
    """One part at a time, a film, and lines that follow."""

    part = Choice("part", ["number", "nothing"], meaning="what is shown")
    number = Slider("number", 1, 9, meaning="of the film")
    play = Play(number, interval=100, meaning="one number after the other")
    said = Text("in words", rows=3, start=lambda self: f"number {self.number.value}", meaning="the number in words")

    @panel
    def _number_shown(self):
        return drawing.blank(100, 40), f"Number {self.number.value}."

    @sentences
    def nothing(self):
        return "Nothing is shown."

    _first = Pane(number, play, _number_shown, said, visible=lambda self: self.part.value == "number")
    _second = Pane(nothing, visible=lambda self: self.part.value == "nothing")
    layout = [part, _first, _second]


def test_a_pane_is_on_the_page_and_in_the_still_picture_only_when_it_is_visible():
    panes = Panes()
    assert (panes._first.layout.display, panes._second.layout.display) == (None, "none")
    assert panes.still().alt == "Number 1." and len(panes._first.children) == 4
    panes.part.value = "nothing"
    assert (panes._first.layout.display, panes._second.layout.display) == ("none", None)
    assert panes.still().alt == "Nothing is shown." and panes.tools.large.options[1] == ("number", "_number_shown")


def test_a_slider_is_played_in_the_page():
    panes = Panes()
    button, player = panes._first.children[1].children
    assert button is panes.play and (player.min, player.max, player.interval) == (1, 9, 100)
    panes.play.value = True
    panes.tools.reset.click()
    assert panes.play.value is False


def test_lines_of_text_follow_and_are_no_line_of_the_code():
    panes = Panes()
    panes.number.value, panes.play.value = 4, True
    assert panes.said.value == "number 4" and panes.said.rows == 3
    panes.tools.code.click()
    assert "number.value = 4" in panes.tools.shown.value
    assert "said" not in panes.tools.shown.value and "play" not in panes.tools.shown.value
