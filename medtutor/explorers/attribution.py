"""The attribution explorer: why did the model say so, and how far can the answer be trusted?

One image, one model, and a map of what speaks for a class and against it, by
any method and its settings. Beside it what keeps one honest: a second method,
the same network with random weights, the scores of the map, the evidence where
it is known, and a square to cover a region with, to see for oneself whether
the model misses it.
"""

import html
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
import torch

from ..data.card import SPLITS
from ..errors import InputError, MedtutorError
from ..explanation import METHODS, Attribution, layers, methods_for, similarity
from ..explanation.overlay import scale, strength, strongest_slice
from ..files import resolve
from ..training.run import Run
from ..widgets import drawing, panels
from ..widgets.controls import choice, column, heading, number_of, of_option, slider, status
from ..widgets.explorer import Explorer, answering
from ..widgets.job import Job
from ..widgets.pages import Pages
from .answers import WEIGHTS, Answers, Busy, Question, few_threads
from .as_code import lines_of_code
from .cases import (
    EVERY,
    FILLS,
    RIGHT,
    WRONG,
    Case,
    as_image,
    case_of,
    check_classes,
    covered,
    loading_line,
    of_class,
    own_dataset,
    with_outcome,
)
from .classification import OUTCOMES
from .own_image import emptied, read_image, uploaded
from .segmentation import segmentation
from .sentences import SIGNS, answer_table, described, score_table
from .sequence import sequence

PREDICTED = -1  # in place of the number of a class: whichever the model predicts
NOTHING, UNRANDOMISED = "nothing", "the same, trained"  # to compare with
PATIENCE = 0.3  # seconds that a live map may take; what is expected to take longer waits for a button


def explore(run, dataset=None):
    """The explorer that fits a run, shown by a notebook as a widget.

    Of a classification the one of explanations, an `AttributionExplorer`; of a
    segmentation, whose answer is a map already, a `SegmentationExplorer`; of sequences
    a `SequenceExplorer`.

    run      a finished `Run`
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on
             the run's card, from disk or as the phantom of that name

    Raises `InputError` where the data set must be given, or is not the run's own, and for a regression of single
    images.
    """
    if isinstance(run, Run) and run.card.task == "segmentation":
        return segmentation(run, dataset)
    if isinstance(run, Run) and run.card.frames:
        return sequence(run, run.dataset() if dataset is None else dataset)
    return AttributionExplorer(run, dataset)


@dataclass
class State:
    """All that is shown for one case and one question, made anew for each; None for what is not known, or not wanted.

    logits, probabilities  what the model says to the image
    question, other        what the map and the one to compare with answer
    map, second            their `Attribution`s
    alike                  the similarity of the two
    problem                the error of a method that cannot work, to be said
    wait                   seconds, where a map waits for the button
    covered, after         the image with the square, and its probabilities
    """

    case: Case | None
    logits: torch.Tensor | None = None
    probabilities: list | None = None
    question: Question | None = None
    other: Question | None = None
    map: Attribution | None = None
    second: Attribution | None = None
    alike: float | None = None
    problem: MedtutorError | None = None
    wait: float | None = None
    covered: torch.Tensor | None = None
    after: list | None = None

    @property
    def questions(self):
        return [question for question in (self.question, self.other) if question is not None]

    @property
    def is_own(self):
        return self.case is not None and self.case.key[0] == "own"


class AttributionExplorer(Explorer):
    """A case, its map, and what tells how far to trust it.

    split, of, outcome, pages      which images; `pages` goes through them
    upload                         FileUpload: a picture of the user's own; from code, `show(image)`
    method, settings, layer, target, weights, second
                                   what is explained, how, and beside what; the controls of the
                                   method's options are in `settings`
    sign, colours, opacity, depth, outlined
                                   how it is shown
    size, row, column, fill        the square that covers a region
    compute, score, job            slow maps and the scores, with progress and stop
    code, file, save               the map as Python lines, the picture as a file

    case                           the `Case` that is shown, None where no image fits
    attribution, compared          the `Attribution`s that are shown, or None
    scores                         their `Scores`, None for what is not computed
    """

    def __init__(self, run, dataset=None):
        super().__init__()
        if isinstance(run, Run):
            check_classes(run)
        self._run, self._dataset = run, own_dataset(run, dataset)
        self._card = run.card
        self._load = loading_line(self._dataset) if dataset is None else None
        self._answers, self._state = Answers(run), State(None)
        self._options, self._given_images, self._overwrite = {}, 0, None
        self._title = f"{getattr(run.model, 'name', type(run.model).__name__)} on {self._dataset.title}"
        self._make_choices()
        self._make_looks()
        self._make_outputs()
        self._arrange()
        self._listen()
        self._begin()

    @property
    def case(self):
        return self._state.case

    @property
    def attribution(self):
        return self._state.map

    @property
    def compared(self):
        return self._state.second

    @property
    def scores(self):
        return [self._answers.scores_of(question) for question in self._state.questions]

    def still(self, small=False):
        if not small and self._state.wait is not None and self._state.wait < float("inf"):
            # Asked for by name, or saved to a file, it is whole; a display goes by what there is. A page without a
            # kernel has no button to press; a method that is never live may still wait for it.
            self._compute(lambda *_: None, self.case, self._state.questions)
            self._show_found(None)
        return super().still(small)

    def _composed(self):
        state, width = self._state, self._sheet.width / drawing.SCALE
        rows = [
            (name, before if after is None else after, remark) for name, before, after, remark in self._answer_rows()
        ]
        words = ["The probabilities are those with the square."] if state.after else []
        words += [self._warning()] if self._warning() else []
        parts = [drawing.written([self._title], width), self._sheet]
        parts += [drawing.written(words, width)] if words else []
        parts += [panels.bars(rows, width)] if rows else []
        each = "; ".join(f"{name} {value:.3f}{f' ({remark})' if remark else ''}" for name, value, remark in rows)
        alt = " ".join([self._alt, *words, f"Probabilities: {each}." if rows else ""]).strip()
        return drawing.below(*parts), alt

    @answering
    def show(self, image):
        """Look at an image of your own: uint8, (H, W), (C, H, W) or (H, W, C), or a volume (D, H, W) or (C, D, H, W).

        Its size and channels must be those of the run's images; a sentence says so if they are not.
        """
        image = as_image(image, self._run)
        self._look_at_own(
            image, "your own image", "image  # the array that you gave to show()", "Your own image. It has no label."
        )

    # Widgets --------------------------------------------------------------------------------

    def _make_choices(self):
        """Which image, and which explanation."""
        card, classes = self._card, [(name, number) for number, name in enumerate(self._card.classes)]
        methods = [(METHODS[name].title, name) for name in methods_for(self._run)]
        self.split = choice("split", list(reversed(SPLITS)))
        self.of = choice("label", [("all classes", -1), *classes])
        self.outcome = choice("outcome", [EVERY, RIGHT, WRONG, *(OUTCOMES if card.task == "binary" else ())])
        self.pages = Pages(1, self._turned)
        self.pages.number.description = "image"
        self.pages.number.layout.width, self.pages.number.style.description_width = "10em", "4em"
        self.upload = ipywidgets.FileUpload(
            accept=".png,.jpg,.jpeg", description="your own picture", layout={"width": "14em"}
        )
        _show_if(card.dims == 2, self.upload)

        self.method = choice("method", methods, "integrated_gradients")
        self.settings = ipywidgets.VBox()
        self.layer = choice("layer", [("the last with feature maps", "")])
        self.target = choice("explain class", [("the predicted one", PREDICTED), *classes])
        self.weights = choice("weights", list(WEIGHTS))
        self.second = choice("compare with", [(NOTHING, NOTHING), (UNRANDOMISED, UNRANDOMISED), *methods])

    def _make_looks(self):
        """How the map is shown, and the square."""
        *depth, height, width = self._card.shape
        self.sign = choice("show", [(words, sign) for sign, words in SIGNS.items()])
        self.colours = choice("colours", list(panels.COLOURS))
        self.opacity = slider("opacity", 0.7, 0.0, 1.0, 0.05)
        slices = depth[0] if depth else 1
        self.depth = slider("slice", slices // 2 + 1, 1, slices, 1)
        _show_if(depth, self.depth)
        self.outlined = ipywidgets.Checkbox(value=True, description="outline the known evidence", indent=False)
        _show_if(any(getattr(self._dataset, name).evidence is not None for name in SPLITS), self.outlined)
        self.size = slider("size", 0, 0, min(self._card.shape), 1)
        self.row = slider("row", height // 2, 1, height, 1)
        self.column = slider("column", width // 2, 1, width, 1)
        self.fill = choice("fill", list(FILLS.items()))
        for control in (self.size, self.row, self.column, self.fill, self.depth):
            control.style.description_width = "4em"

    def _make_outputs(self):
        narrow = {"description_width": "5em"}
        self.job = Job(self._lock)
        self.compute = ipywidgets.Button(description="compute the map", icon="play", layout={"width": "14em"})
        self.score = ipywidgets.Button(description="compute the scores", icon="play", layout={"width": "14em"})
        self.code = ipywidgets.Textarea(description="as code", layout={"width": "98%", "height": "12em"}, style=narrow)
        self.file = ipywidgets.Text(
            value="attribution.png", description="file", layout={"width": "24em", "max_width": "98%"}, style=narrow
        )
        self.save = ipywidgets.Button(description="save the picture", icon="download", layout={"width": "12em"})
        self._picture, self._answer, self._about, self._table, self._note, self._saved = (
            ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(6)
        )

    def _arrange(self):
        def row(*widgets, align="center"):
            return ipywidgets.HBox(widgets, layout=ipywidgets.Layout(flex_flow="row wrap", align_items=align))

        look = (self.weights, self.second, self.sign, self.opacity, self.colours)
        square = (self.size, self.row, self.column, self.fill)
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>Why did the model say so?</h3>{html.escape(self._title)}"),
            row(
                column("245px", heading("Which images"), self.split, self.of, self.outcome),
                column("245px", heading("Which explanation"), self.method, self.target, self.layer, self.settings),
                column("245px", heading("Beside what, and how shown"), *look),
                align="flex-start",
            ),
            row(self.pages.box, self.upload),
            self.message,
            self._note,
            row(
                column(f"{panels.WIDTH}px", self._picture, self._answer),
                column("225px", heading("Cover a region yourself"), *square, self.depth, self.outlined),
                align="flex-start",
            ),
            self._about,
            heading("How far to trust the map"),
            row(self.compute, self.score, self.job.box),
            self._table,
            heading("Take it with you"),
            self.code,
            row(self.file, self.save),
            self._saved,
            self.keys,
        )

    def _listen(self):
        for control in (self.split, self.of, self.outcome):
            self._on(control, self._other_cases)
        for button in (self.pages.previous, self.pages.next):
            self._on(button, self._back)
        self._on(self.upload, self._given)
        self._on(self.method, self._other_method)
        for control in (self.target, self.layer, self.weights, self.second):
            self._on(control, self._other_question)
        for control in (self.sign, self.colours, self.opacity, self.outlined):
            self._on(control, self._other_look)
        for control in (self.size, self.row, self.column, self.fill):
            self._on(control, self._moved)
        self._on(self.depth, self._other_slice)
        self._on(self.compute, self._asked_for_maps)
        self._on(self.score, self._asked_for_scores)
        self._on(self.save, self._save)

    # What the user did ----------------------------------------------------------------------

    @answering
    def _begin(self):
        self._show_settings()
        self._list_cases()
        self._take()
        if self._card.dims == 3 and self.attribution is not None:
            self._set(self.depth, value=strongest_slice(self.attribution.map) + 1)
            self._draw()

    @answering
    def _other_cases(self, _):
        self._list_cases()
        self._take()

    @answering
    def _turned(self):
        self._take()

    def _back(self, _):
        if self._state.is_own:  # where there is one image only, the page has not turned
            self._turned()

    @answering
    def _given(self, _):
        if not (file := uploaded(self.upload.value)):
            return
        name, content = file
        with self._quiet:
            emptied(self.upload)  # so that the same file can be given again
        image, sentence = read_image(content, self._card, name)
        self._look_at_own(image, f"your own picture {name}", f"read_image({name!r}, run.card)[0]", sentence)

    @answering
    def _other_method(self, _):
        self._show_settings()
        self._ask()

    @answering
    def _other_question(self, _):
        self._ask()

    @answering
    def _other_option(self, _):
        self._fit_stride(self.method.value)
        self._ask()

    @answering
    def _other_look(self, _):
        self._draw()

    @answering
    def _other_slice(self, _):
        self._redraw()  # the cube follows the slice

    @answering
    def _moved(self, _):
        self._redraw()

    def _redraw(self):
        with few_threads(self._card.shape):
            self._cover()
            self._draw()

    @answering
    def _save(self, _):
        self._saved.value = ""
        path = resolve(self.file.value.strip() or "attribution.png")
        path = path if path.suffix.lower() == ".png" else path.with_name(f"{path.name}.png")
        if path.exists() and self._overwrite != path:
            self._overwrite = path
            self._saved.value = status(
                f"{path.resolve()} exists already; press again to replace it, or give another name"
            )
            return
        done, self._overwrite = "replaced" if path.exists() else "saved", None
        try:
            self.still().save(path)
        except OSError as error:
            reason = error.strerror or error
            raise MedtutorError(f"the picture could not be written to {path} ({reason}); give another file") from None
        self._saved.value = status(f"{done} {path.resolve()}")

    # The case -------------------------------------------------------------------------------

    def _list_cases(self):
        """The numbers of the cases that the controls ask for."""
        split, outcome = self.split.value, self.outcome.value
        labels, answers = getattr(self._dataset, split).labels, self._run.predictions.get(split)
        found, note = of_class(labels, self.of.value), ""
        if outcome != EVERY and answers is None:
            note = f"The run has kept no answers for the {split} split: images are shown whatever the model says."
        elif outcome != EVERY:
            found &= with_outcome(labels, answers, self._card.task, outcome)
        self._note.value = status(note)
        self._listed = np.flatnonzero(found)
        self.pages.restart(len(self._listed))

    def _take(self):
        """Go to the case that the controls name."""
        if self._state.is_own:
            self._note.value = ""
        listed = self._listed[self.pages.shown]
        self._look_at(case_of(self._dataset, self.split.value, int(listed[0])) if len(listed) else None)

    def _look_at_own(self, image, name, code, sentence):
        self._given_images += 1
        self._note.value = status(f"{sentence} Previous and next go back to the data set.")
        self._look_at(Case(("own", self._given_images), image, name, code))

    def _look_at(self, case):
        self.job.cancel()  # it is about another case
        self._state = State(case)
        self._ask()

    # The question and its answers -------------------------------------------------------------

    def _ask(self):
        """Find the maps that the controls ask for, if they are known or quick, and show them.

        Where a method cannot work, all else is shown first, and then said why.
        """
        self.job.cancel()  # it answers another question
        with few_threads(self._card.shape):
            self._state = State(self.case)
            try:
                self._find()
            except MedtutorError as problem:
                self._state.problem = problem
            self._redraw()
            self._tell()
            if self._state.problem is not None:
                raise self._state.problem

    def _find(self):
        state = self._state
        if state.case is None:
            raise InputError(f"no image fits ({self._wanted()}); choose another class, outcome or split")
        state.logits, state.probabilities = self._answers.probabilities(state.case.image)
        self._show_layers()
        state.question = self._question(self.method.value, self.weights.value)
        if self.second.value == UNRANDOMISED:
            state.other = replace(state.question, weights="trained")
        elif self.second.value != NOTHING:
            state.other = self._question(self.second.value, self.weights.value)
        state.map = self._known_or_quick(state.question)
        if state.other is not None:
            state.second = self._known_or_quick(state.other)
        if state.map is not None and state.second is not None:
            state.alike = similarity(state.map, state.second)

    def _question(self, method, weights):
        state, options = self._state, {name: number_of(control) for name, control in self._controls(method).items()}
        return Question(
            case=state.case.key,
            said=state.logits.numpy().tobytes(),
            method=method,
            options=tuple(sorted(options.items())),
            # Named once and for all: a network with random weights would predict another class.
            target=int(state.logits.argmax()) if self.target.value == PREDICTED else self.target.value,
            layer=(self.layer.value or None) if METHODS[method].needs_layer else None,
            weights=weights,
        )

    def _known_or_quick(self, question):
        known = self._answers.map_of(question)
        if known is not None:
            return known
        seconds = self._answers.seconds(question)
        if seconds > PATIENCE:
            self._state.wait = seconds
            return None
        try:
            return self._answers.answer(question, self.case, patience=PATIENCE)
        except Busy:
            self._state.wait = seconds
            return None

    @answering
    def _asked_for_maps(self, _):
        self._compute_in_job(self._compute)

    @answering
    def _asked_for_scores(self, _):
        self._compute_in_job(self._score)

    def _compute_in_job(self, work):
        # The job keeps to this case and these questions, wherever the user goes meanwhile.
        case, questions = self.case, self._state.questions

        def with_few_threads(tell):
            with few_threads(self._card.shape):
                return work(tell, case, questions)

        if questions:
            self._begin_job(with_few_threads, self._show_found)

    def _compute(self, tell, case, questions):
        """Work of the `Job`: the maps that wait."""
        for question in questions:
            if self._answers.map_of(question) is None:
                tell(0.0, f"computing {question.title}")
                self._answers.answer(question, case, tell)

    def _score(self, tell, case, questions):
        """Work of the `Job`: the scores of the maps; returns the error of one that has none, or None."""
        problem = None
        for question in questions:
            try:
                if self._answers.scores_of(question) is None:
                    self._answers.score(question, case, tell)
            except MedtutorError as error:  # the other map may well have scores
                problem = error
        return problem

    @answering
    def _show_found(self, problem):
        self._ask()
        if problem is not None:
            raise problem

    # The method's settings --------------------------------------------------------------------

    def _controls(self, method):
        """{option: control} of a method; made once, so that each method keeps its settings."""
        if method not in self._options:
            shape, how = tuple(self._card.shape), METHODS[method]
            defaults = how.complete({}, shape)
            self._options[method] = {
                option.name: of_option(option, defaults[option.name], shape) for option in how.options
            }
            for control in self._options[method].values():
                self._on(control, self._other_option)
            self._fit_stride(method)
        return self._options[method]

    def _fit_stride(self, method):
        """A stride wider than the window would leave pixels out."""
        controls = self._controls(method)
        if "stride" in controls:
            self._set(controls["stride"], max=controls["window"].value)

    def _show_settings(self):
        self.settings.children = tuple(self._controls(self.method.value).values())
        _show_if(METHODS[self.method.value].needs_layer, self.layer)

    def _show_layers(self):
        """Name the layers once they are asked for: to find them, the model must work."""
        if METHODS[self.method.value].needs_layer and len(self.layer.options) == 1:
            found = [(f"{name} ({' x '.join(map(str, shape))})", name) for name, shape in layers(self._run).items()]
            self._set(self.layer, options=[*self.layer.options, *found])

    # A region covered -------------------------------------------------------------------------

    @property
    def square(self):
        """(top, left, bottom, right) of the covered square, in pixels from 0; None where nothing is covered."""
        size = self.size.value
        if not size or self.case is None:
            return None
        height, width = self._card.shape[-2:]
        top = min(max(self.row.value - 1 - size // 2, 0), height - size)
        left = min(max(self.column.value - 1 - size // 2, 0), width - size)
        return top, left, top + size, left + size

    def _cover(self):
        """The image with its square, and what the model says to it."""
        state = self._state
        state.covered = state.after = None
        if self.square is not None and state.logits is not None:
            state.covered = covered(state.case.image, self.square, self.fill.value, self.depth.value - 1)
            state.after = self._answers.probabilities(state.covered)[1]
        self._tell_answer()

    # The picture ------------------------------------------------------------------------------

    @property
    def _phantom(self):
        # A phantom's model is about phantoms, also where it looks at another picture.
        return self._run.provenance == "phantom"

    @property
    def _slice(self):
        """The slice of a volume that is shown, from 0; None of an image."""
        return self.depth.value - 1 if self._card.dims == 3 else None

    def _draw(self):
        self._sheet, self._alt = self._pictured()
        self._put(self._picture, self._sheet, self._alt)
        self.code.value = self._code()

    def _pictured(self):
        """The sheet, and its alt text."""
        state = self._state
        if state.case is None:
            text = f"No image fits: {self._wanted()}."
            return panels.row(panels.panel(panels.words(text), "No image", "")), text
        pixels = drawing.flat(state.case.image[None], self._slice)[0]
        shown = pixels if state.covered is None else drawing.flat(state.covered[None], self._slice)[0]
        label = "" if state.case.label is None else f"label: {self._named(state.case.label)}"
        name = state.case.name[0].upper() + state.case.name[1:] + self._of_slice
        sheet = panels.row(
            panels.panel(self._marked(shown), name, label), *self._map_panels(state.map, state.question, pixels)
        )
        alt = f"{self._said_of_case()} {self._described(state.map, state.question)}"
        if state.other is not None:
            alike = ""
            if state.alike is not None:
                alike = f"Similarity of the two maps: {state.alike:.2f} (1 the same places, 0 unrelated)."
            beside = panels.panel(panels.words(alike, "white"), "Compared with", "")
            sheet = drawing.below(sheet, panels.row(beside, *self._map_panels(state.second, state.other, pixels)))
            alt = f"{alt} Compared with: {self._described(state.second, state.other)} {alike}".strip()
        return sheet, alt

    def _map_panels(self, answer, question, pixels):
        """Two tiles: the map alone, and over the image."""
        title = METHODS[self.method.value].title if question is None else question.title
        if answer is None:
            return [
                panels.panel(panels.words(self._why_no_map(question)), title, ""),
                panels.panel(self._marked(pixels), "", ""),
            ]
        values = self._values(answer)
        values = values if self._slice is None else values[self._slice]
        colours = panels.COLOURS[self.colours.value]
        over = panels.over(pixels.astype(np.float32), values, colours, self.opacity.value)
        # A map without negative values has no need of the half that speaks against.
        sign = "positive" if self.sign.value == "both" and not answer.signed else self.sign.value
        caption = f"for '{answer.target.name}', {answer.probability:.3f}"
        return [
            panels.panel(self._marked(panels.alone(values, colours)), title, panels.legend(self.colours.value, sign)),
            panels.panel(self._marked(over), "Over the image", caption),
        ]

    def _why_no_map(self, question):
        if self._state.problem is not None:
            return "No map: see the sentence above."
        if not METHODS[question.method].live:
            return "Slow: press 'compute the map' below."
        return f"About {self._state.wait:.1f} s: press 'compute the map' below."

    def _values(self, answer):
        """The map as it is shown, -1…1; scaled before its sign is chosen, so that the parts compare."""
        values = strength(answer.map, scale(answer.map))
        if self.sign.value == "positive":
            return values.clip(min=0)
        if self.sign.value == "negative":
            return values.clip(max=0)
        return np.abs(values) if self.sign.value == "absolute" else values

    def _marked(self, pixels):
        """A tile with the outline of the evidence and the frame of the covered square, where they are wanted."""
        tile, evidence = panels.tile(pixels), self.case.evidence
        if self.outlined.value and evidence is not None:
            mask = (evidence if self._slice is None else evidence[self._slice]).numpy()
            tile = panels.outlined(tile, mask)
        return tile if self.square is None else panels.framed(tile, self._card.shape[-2:], self.square)

    # Words ----------------------------------------------------------------------------------

    def _wanted(self):
        label = "any label" if self.of.value < 0 else f"label {self.of.label}"
        return f"{self.split.value} split, {label}, outcome {self.outcome.value}"

    @property
    def _of_slice(self):
        return "" if self._slice is None else f", slice {self._slice + 1} of {self._card.shape[0]}"

    def _said_of_case(self):
        label = "" if self.case.label is None else f", label {self._named(self.case.label)}"
        square = "" if self.square is None else f" A square of {self.size.value} pixels is covered."
        return f"{self._title}: {self.case.name}{label}{self._of_slice}, its map, and the map over the image.{square}"

    def _described(self, answer, question):
        if answer is None:
            return "No map."
        return described(answer, question, self._values(answer), self.sign.value, self._answers.scores_of(question))

    def _named(self, classes):
        if isinstance(classes, tuple):
            return ", ".join(self._card.classes[number] for number in classes) or "none"
        return self._card.classes[classes]

    def _tell(self):
        """What is said of the method, and the scores."""
        state, how = self._state, METHODS[self.method.value]
        layer = f" Layer: {html.escape(state.map.layer)}." if state.map is not None and state.map.layer else ""
        self._about.value = (
            f"<div style='line-height:1.35;max-width:760px'><b>{html.escape(how.title)}.</b>"
            f" {html.escape(how.computes)}{layer} <small>{html.escape(how.paper)}.</small></div>"
        )
        _show_if(state.wait is not None, self.compute)
        evidence = None if state.case is None else state.case.evidence
        share = None if evidence is None else evidence.float().mean().item()
        self._table.value = score_table([question.title for question in state.questions], self.scores, share)

    def _tell_answer(self):
        """The probabilities, with prediction and label named, and a warning where they differ."""
        rows, warning = self._answer_rows(), self._warning()
        warning = (
            f'<div role="status" style="line-height:1.35"><b>&#9888; {html.escape(warning)}</b></div>'
            if warning
            else ""
        )
        self._answer.value = f"{answer_table(rows)}{warning}{status(self._said_in_test())}" if rows else ""

    def _answer_rows(self):
        """(class, probability, probability with the square or None, remark) of each class; none where the model is
        broken.
        """
        state = self._state
        if state.logits is None:
            return []
        label = state.case.label if isinstance(state.case.label, tuple) else (state.case.label,)
        explained = () if state.question is None else (state.question.target,)
        marks = {"predicted": self._called(state.probabilities), "label": label, "explained": explained}
        rows = []
        for number, (before, after) in enumerate(
            zip(state.probabilities, state.after or [None] * len(state.probabilities))
        ):
            remark = ", ".join(word for word, numbers in marks.items() if number in numbers)
            rows.append((self._card.classes[number], before, after, remark))
        return rows

    def _called(self, probabilities):
        """The numbers of the classes that such probabilities name."""
        if self._card.task == "multi-label":
            return tuple(number for number, value in enumerate(probabilities) if value > 0.5)
        return (int(np.argmax(probabilities)),)

    def _warning(self):
        state = self._state
        if state.logits is None or state.case.label is None:
            return ""
        label = state.case.label if isinstance(state.case.label, tuple) else (state.case.label,)
        called = self._called(state.probabilities)
        if called == label:
            return ""
        return (
            f"The model is wrong: it says {self._named(called)}, the label is {self._named(label)}. "
            "The map shows why it erred, not where the truth is."
        )

    def _said_in_test(self):
        """A run may be tested on several views of each image: where its answer was another, outcomes go by that one."""
        split, number = self.case.key
        if self._state.is_own or split not in self._run.predictions:
            return ""
        called = self._called(self._run.predictions[split][number].tolist())
        if called == self._called(self._state.probabilities):
            return ""
        return (
            f"When the run was tested, on several views of the image, it said {self._named(called)}; 'outcome' goes by"
            " that."
        )

    def _code(self):
        """The Python lines that make the present map, and the picture of it."""
        question = self._state.question
        if question is None:
            return ""
        look = {"sign": self.sign.value, "opacity": number_of(self.opacity), "depth": self._slice}
        return lines_of_code(self._load, self.case, question, self._card.classes, WEIGHTS[question.weights], **look)


def _show_if(wanted, widget):
    widget.layout.display = None if wanted else "none"
