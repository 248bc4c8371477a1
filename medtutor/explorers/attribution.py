"""The attribution explorer: why did the model say so, and how far can the answer be trusted?

One image, one model, and a map of what speaks for a class and against it, by
any method and its settings. Beside it what keeps one honest: a second method,
the same network with random weights, the scores of the map, the evidence where
it is known, and a square to cover a region with, to see for oneself whether
the model misses it.
"""

from dataclasses import replace

from ..data.dataset import Dataset
from ..errors import InputError, MedtutorError
from ..explanation import METHODS, layers, methods_for, similarity
from ..explanation.overlay import strongest_slice
from ..explanation.subject import Subject
from ..files import resolve
from ..training.run import Run
from ..widgets import (
    MESSAGE,
    Background,
    Button,
    Choice,
    Column,
    Explorer,
    State,
    Text,
    derived,
    markup,
    on,
    panels,
    sentences,
    slow,
)
from ..widgets.controls import number_of, status
from ..widgets.explorer import answering
from .answers import WEIGHTS, Answers, Busy, Found, Question, few_threads
from .as_code import lines_of_code
from .attribution_cases import AttributionCases as Cases
from .attribution_panels import AttributionLooks as Looks
from .attribution_settings import Lines, Settings
from .cases import check_classes, loading_line, own_dataset
from .segmentation import segmentation
from .sequence import sequence

PREDICTED = -1  # in place of the number of a class: whichever the model predicts
NOTHING, UNRANDOMISED = "nothing", "the same, trained"  # to compare with
PATIENCE = 0.3  # seconds that a live map may take; what is expected to take longer waits for a button


def explore(run: Run, dataset: Dataset | None = None) -> Explorer:
    """The explorer that fits a run, shown by a notebook as a widget.

    Of a classification the one of explanations, an `AttributionExplorer`; of a
    segmentation, whose answer is a map already, a `SegmentationExplorer`; of sequences
    a `SequenceExplorer`.

    run      a finished `Run`
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on
             the run's card, from disk or as the phantom of that name

    Raises `InputError` where the data set must be given, or is not the run's own, and for a regression of single
    images.

    >>> import medtutor as mt
    >>> from medtutor.explorers import explore
    >>> phantoms = mt.load("breastmnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", phantoms), phantoms, mt.Recipe(epochs=1), progress=False)
    >>> explorer = explore(run, phantoms)
    >>> explorer.method.value = "saliency"
    >>> explorer.attribution.map.shape
    torch.Size([28, 28])
    """
    if isinstance(run, Run) and run.card.task == "segmentation":
        return segmentation(run, dataset)
    if isinstance(run, Run) and run.card.frames:
        return sequence(run, run.dataset() if dataset is None else dataset)
    return AttributionExplorer(run, dataset)


class AttributionExplorer(Looks, Cases, Explorer):  # type: ignore[override]
    """A case, its map, and what tells how far to trust it.

    split, of, outcome, pages      which images; `pages` goes through them
    upload, upload_volume          FileUpload: a file of the user's own; from code, `show(image)`
    compare                        whether the model has seen anything like it, where that takes longer
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

    heading = "Why did the model say so?"
    call = "explore(run, dataset)"

    _told = State("")  # what came of saving
    _askings = State(0)  # how often everything was to be asked anew

    # Which explanation
    method = Choice(
        "method", lambda self: self._methods, start="integrated_gradients", meaning="how the map is computed"
    )
    target = Choice(
        "explain class",
        lambda self: [("the predicted one", PREDICTED), *self._classes],
        meaning="the class that pixels speak for or against",
    )
    layer = Choice(
        "layer",
        lambda self: [("the last with feature maps", ""), *self._layers()],
        visible=lambda self: METHODS[self.method.value].needs_layer,
        meaning="whose feature maps are looked at",
    )
    settings = Settings()

    # Beside what, and how shown
    weights = Choice("weights", list(WEIGHTS), meaning="of the network; a map that stays the same shows no learning")
    second = Choice(
        "compare with",
        lambda self: [(NOTHING, NOTHING), (UNRANDOMISED, UNRANDOMISED), *self._methods],
        meaning="a second map below the first",
    )
    # What takes longer, and what is taken along
    job = Background()
    compute = Button(
        "compute the map",
        icon="play",
        width="14em",
        visible=lambda self: self._asked.wait is not None,
        meaning="a method that takes longer than a moment",
    )
    score = Button("compute the scores", icon="play", width="14em", meaning="how far to trust the map, in numbers")

    @slow(compute)
    def _arrived(self):
        return self._work(self._compute)

    @slow(score)
    def _scored(self):
        return self._work(self._score)

    code = Lines("as code", start=lambda self: self._lines(), meaning="lines of Python that make this map")
    file = Text("file", start="attribution.png", width="24em", label="5em", meaning="where the picture is saved")
    save = Button("save the picture", icon="download", width="12em", meaning="as a PNG file where the kernel runs")

    def __init__(self, run, dataset=None):
        if isinstance(run, Run):
            check_classes(run)
        self._run, self._dataset = run, own_dataset(run, dataset)
        self._card = run.card
        self._load = loading_line(self._dataset) if dataset is None else None
        self._answers, self._found_layers, self._given_images, self._overwrite = Answers(run), None, 0, None
        self._known = None  # the validation images as features, once they are wanted
        self._title = f"{getattr(run.model, 'name', type(run.model).__name__)} on {self._dataset.title}"
        self._classes = [(name, number) for number, name in enumerate(self._card.classes)]
        self._methods = [(METHODS[name].title, name) for name in methods_for(run)]
        self._slices = self._card.shape[0] if self._card.dims == 3 else 1
        super().__init__()
        for button in (self.pages.previous, self.pages.next):
            self._on(button, self._back)
        if self._card.dims == 3 and self.attribution is not None:
            self.depth.value = self._starts["depth"] = strongest_slice(self.attribution.map) + 1

    @property
    def attribution(self):
        return self._asked.map

    @property
    def compared(self):
        return self._asked.second

    @property
    def scores(self):
        return [self._answers.scores_of(question) for question in self._asked.questions]

    def still(self, small=False):
        wait = self._asked.wait
        if not small and wait is not None and wait < float("inf"):
            # Asked for by name, or saved to a file, it is whole; a display goes by what there is. A page without a
            # kernel has no button to press; a method that is never live may still wait for it.
            self._compute(lambda *_: None, self.case, self._asked.questions)
            self._ask()
        return super().still(small)

    # The question and its answers -------------------------------------------------------------

    @answering
    def _ask(self):
        """Ask the model anew, and find what has been computed since."""
        self._askings += 1

    @on(settings)
    def _other_option(self, method):
        type(self).settings.fit_stride(self, method)

    def _layers(self):
        """The layers by name, once they are asked for: to find them, the model must work."""
        if METHODS[self.method.value].needs_layer and self._found_layers is None and self.case is not None:
            try:
                found = layers(self._run)
            except MedtutorError:  # said where the map is asked for
                return []
            self._found_layers = [(f"{name} ({' x '.join(map(str, shape))})", name) for name, shape in found.items()]
        return self._found_layers or []

    @derived
    def _asking(self):
        """What the model says, and the questions about it; where it cannot answer, why."""
        found, _ = Found(self.case), self._askings
        try:
            if found.case is None:
                raise InputError(f"no image fits ({self._wanted()}); choose another class, outcome or split")
            with few_threads(self._card.shape):
                found.subject = Subject.of(self._run)
                found.logits, found.probabilities = self._answers.probabilities(found.case.image, found.subject)
            found.question = self._question(found, self.method.value, self.weights.value)
            if self.second.value == UNRANDOMISED:
                found.other = replace(found.question, weights="trained")
            elif self.second.value != NOTHING:
                found.other = self._question(found, self.second.value, self.weights.value)
        except MedtutorError as problem:
            found.problem = problem
        return found

    def _question(self, found, method, weights):
        options, target, layer = type(self).settings.chosen(self, method), self.target.value, self.layer.value
        return Question(
            case=found.case.key,
            said=found.logits.numpy().tobytes(),
            method=method,
            options=options,
            # Named once and for all: a network with random weights would predict another class.
            target=int(found.logits.argmax()) if target == PREDICTED else target,
            layer=(layer or None) if METHODS[method].needs_layer else None,
            weights=weights,
        )

    @derived
    def _asked(self):
        """The maps that the controls ask for, where they are known or quick."""
        found, _ = replace(self._asking), (self._arrived, self._scored)  # the scores need maps, too, and keep them
        try:
            with few_threads(self._card.shape):
                if found.question is not None:
                    found.map = self._known_or_quick(found, found.question)
                if found.other is not None:
                    found.second = self._known_or_quick(found, found.other)
            if found.map is not None and found.second is not None:
                found.alike = similarity(found.map, found.second)
        except MedtutorError as problem:
            found.problem = problem
        self._asking.subject = found.subject = None  # it has weights of its own
        return found

    def _known_or_quick(self, found, question):
        known = self._answers.map_of(question)
        if known is not None:
            return known
        seconds = self._answers.seconds(question)
        if seconds > PATIENCE:
            found.wait = seconds
            return None
        try:
            return self._answers.answer(question, found.case, patience=PATIENCE, subject=found.subject)
        except Busy:
            found.wait = seconds
            return None

    def _work(self, work):
        # The job keeps to this case and these questions, wherever the user goes meanwhile.
        case, questions = self._asking.case, self._asking.questions

        def with_few_threads(tell):
            with few_threads(self._card.shape):
                return work(tell, case, questions)

        return with_few_threads if questions else None

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

    @sentences
    def _problem(self):
        """Where a method cannot work, all else is shown, and then said why."""
        problem = self._asked.problem or self._scored
        if problem is not None:
            raise problem
        return []

    # To take along ----------------------------------------------------------------------------

    def _lines(self):
        """The Python lines that make the present map, and the picture of it."""
        question = self._asked.question
        if question is None:
            return ""
        look = {"sign": self.sign.value, "opacity": number_of(self.opacity), "depth": self._slice}
        return lines_of_code(self._load, self.case, question, self._card.classes, WEIGHTS[question.weights], **look)

    def _code(self):
        """An image of the user's own is in the lines, too."""
        lines = super()._code()
        if self._own is None:
            return lines
        given = [] if self._own[0].code.startswith("image") else [f"image = {self._own[0].code}"]
        imported = ["from medtutor.explorers.own_image import read_image"] if given else []
        return "\n".join(
            [*imported, lines.removesuffix("explorer") + "\n".join([*given, "explorer.show(image)"]), "explorer"]
        )

    @on(save)
    def _save(self):
        self._told = ""
        path = resolve(self.file.value.strip() or "attribution.png")
        path = path if path.suffix.lower() == ".png" else path.with_name(f"{path.name}.png")
        if path.exists() and self._overwrite != path:
            self._overwrite = path
            self._told = f"{path.resolve()} exists already; press again to replace it, or give another name"
            return
        done, self._overwrite = "replaced" if path.exists() else "saved", None
        try:
            self.still().save(path)
        except OSError as error:
            reason = error.strerror or error
            raise MedtutorError(f"the picture could not be written to {path} ({reason}); give another file") from None
        self._told = f"{done} {path.resolve()}"

    @markup
    def _saved(self):
        return status(self._told)

    layout = [
        [
            Column("245px", "Which images", Cases.split, Cases.of, Cases.outcome),
            Column("245px", "Which explanation", method, target, layer, settings),
            Column("245px", "Beside what, and how shown", weights, second, Looks.sign, Looks.opacity, Looks.colours),
        ],
        [Cases.pages, Cases.upload, Cases.upload_volume],
        MESSAGE,
        _problem,
        Cases._note,
        Cases._likeness,
        Cases.compare,
        [
            Column(f"{panels.WIDTH}px", Looks._picture, Looks._answer),
            Column(
                "225px",
                "Cover a region yourself",
                Looks.size,
                Looks.row,
                Looks.column,
                Looks.fill,
                Looks.depth,
                Looks.outlined,
            ),
        ],
        Looks._about,
        "How far to trust the map",
        [compute, score, job],
        Looks._table,
        "Take it with you",
        code,
        [file, save],
        _saved,
    ]
