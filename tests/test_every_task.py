"""Every task through every public function: it works, in the words of its task, or one sentence says why not.

`ROWS` is the contract: a public function, and for which tasks and forms it refuses, with words of
the sentence. Each of its cells is a test, and the terminal shows the whole table after the tests.
"""

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import ipywidgets
import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor import cli, explorers, figures, metrics, reports
from medtutor.data.cohort import draw_cohort
from medtutor.data.groups import plant_groups
from medtutor.errors import InputError
from medtutor.explanation import deletion, explain_batch, score
from medtutor.models.autoencoder import Autoencoder
from medtutor.models.gan import Generator
from medtutor.models.hybrid import Fusion
from medtutor.training import Run
from medtutor.training.gan import GANRun

TASKS = ("binary", "multi-class", "multi-label", "ordinal", "segmentation", "regression")
FORMS = ("images", "volumes", "sequences")
SIDE, FRAMES, COUNTS = 8, 4, (12, 9, 9)
SPATIAL = {"images": (SIDE, SIDE), "volumes": (SIDE, SIDE, SIDE), "sequences": (FRAMES, SIDE, SIDE)}
SMALL = {
    "cnn": {"widths": (4, 8, 8)},
    "unet": {"widths": (4, 8)},
    "gru": {},
    "vit": {"width": 8, "depth": 1, "heads": 2, "patch": 4},
}

# What must not be said of a task: words of the others.
OF_CLASSES, OF_MASKS, OF_NUMBERS = (
    r"\bAUC\b|\bACC\b|accuracy|false positive|confusion",
    r"\bDice\b|HD95",
    r"R²|mean error",
)
FORBIDDEN = {task: f"{OF_MASKS}|{OF_NUMBERS}" for task in TASKS} | {
    "segmentation": f"{OF_CLASSES}|{OF_NUMBERS}",
    "regression": rf"{OF_CLASSES}|{OF_MASKS}|probabilit|\bclass\b",
}


def arrays(task, form, count, seed):
    """(images, labels) of a bright square at one of three places."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 160, (count, *SPATIAL[form]), dtype=np.uint8)
    place = np.arange(count) % 3
    for image, row in zip(images, place):
        image[..., 1 + 2 * row : 4 + 2 * row, 2:6] = 220
    if task == "segmentation":
        masks = np.where(images == 220, 1, 0).astype(np.uint8)
        masks[..., :3][masks[..., :3] == 1] = 2
        return images, masks
    labels = {
        "binary": place % 2,
        "multi-class": place,
        "ordinal": place,
        "regression": 30 + 20 * place + generator.normal(size=count),
        "multi-label": np.stack([place == 0, place != 1, np.arange(count) % 2], axis=1).astype(int),
    }
    return images, labels[task]


@dataclass(frozen=True)
class Subject:
    """A tiny data set of a task, and what is made of it, each once."""

    task: str
    form: str

    @cached_property
    def dataset(self):
        name = f"{self.task} {self.form}"
        return mt.from_arrays(
            *[arrays(self.task, self.form, count, seed) for seed, count in enumerate(COUNTS)],
            task=self.task,
            sequence=self.form == "sequences",
            name=name,
            classes=["fraction"] if self.task == "regression" else None,
            patients=self.patients,
        )

    @property
    def patients(self):
        """Images of a segmentation are three slices of each patient."""
        if (self.task, self.form) != ("segmentation", "images"):
            return None
        starts = (0, 100, 200)  # nobody is in two splits
        return {
            split: start + np.arange(count) // 3
            for split, start, count in zip(("train", "val", "test"), starts, COUNTS)
        }

    def fitted(self, model):
        built = mt.build(model, self.dataset, **SMALL[model])
        recipe = mt.Recipe(epochs=1, batch_size=4, shift=0.0, shift_at_test=0, label_smoothing=0.0, mirror=False)
        return mt.fit(built, self.dataset, recipe, progress=False)

    @cached_property
    def run(self):
        usual = "gru" if self.form == "sequences" else "cnn"
        return self.fitted("unet" if self.task == "segmentation" else usual)

    @cached_property
    def vit(self):
        return self.fitted("vit")

    @property
    def images(self):
        return self.dataset.test.images

    @cached_property
    def attribution(self):
        return mt.explain(self.run, self.images[0], "saliency")

    @cached_property
    def scores(self):
        return score(self.run, self.images[0], self.attribution)


subject = cache(Subject)


@dataclass(frozen=True)
class Row:
    """A public function, and for whom it refuses: {"form" or "task" or "task form": words of the sentence}.

    call  of a `Subject`, gives what the user sees
    """

    call: Callable
    refused: dict = field(default_factory=dict)

    def refusal(self, task, form):
        return next(
            (self.refused[key] for key in (f"{task} {form}", form, task) if key in self.refused), None
        )  # None: it works


def only(tasks, words):
    """Refused of every task but these."""
    return {task: words for task in TASKS if task not in tasks}


# Calls that need more than a line ------------------------------------------------------------


def predict(of):
    found = of.run.predict(of.images.numpy())
    shape = (COUNTS[2], len(of.dataset.card.classes), *(of.dataset.card.shape if of.task == "segmentation" else ()))
    assert tuple(found.shape) == shape and found.isfinite().all()
    if of.task == "regression":
        assert 20 < found.mean() < 80  # in the units of the target
        assert torch.allclose(found, of.run.predictions["test"], atol=1e-4)
    return found


def read(of):
    outputs, card = len(of.dataset.card.classes), of.dataset.card
    found = of.run.read(torch.zeros(2, outputs, *(card.shape if of.task == "segmentation" else ())))
    wanted = {"multi-label": 0.5, "regression": of.run.scale[0]}.get(of.task, 1 / outputs)
    assert torch.allclose(found, torch.tensor(wanted))
    return found


def saved(of, folder):
    of.run.save(folder)
    again = Run.load(folder)
    assert str(again) == str(of.run) and again.summary() == of.run.summary()
    assert torch.allclose(again.predict(of.images), of.run.predict(of.images), atol=1e-5)
    return again


def measured(of):
    """The metrics of the predictions, measured again, are those of the run."""
    cases, card, found = of.dataset.test, of.dataset.card, of.run.predict(of.images)
    again = metrics.measure_split(cases, found, card)
    assert str(again) == str(of.run.test) and type(again) is metrics.metrics_kind(of.task)
    return again


def attention(of):
    # A transformer for who has one; the others ask with what they have.
    return explorers.attention(of.vit if of.form == "images" and of.task != "segmentation" else of.run, of.dataset)


def latent(of):
    torch.manual_seed(0)
    return explorers.latent(Autoencoder(shape=(SIDE, SIDE), latents=4, widths=(4, 8)).eval(), of.dataset)


def generator(of):
    torch.manual_seed(0)
    return explorers.generator(GANRun(Generator(latents=4, shape=(SIDE, SIDE), widths=(8, 4)).eval()), of.dataset)


def fusion(of):
    torch.manual_seed(0)
    return explorers.fusion(Fusion(shape=(SIDE, SIDE)).eval(), draw_cohort(of.dataset))


def trained(of, folder):
    return command(of, "train", of.dataset.card.name, "--epochs", 1, "--out", folder)


def trained_json(of, folder):
    answer = as_json(command(of, "train", of.dataset.card.name, "--epochs", 1, "--json"))
    assert answer["task"] == of.task and answer["test"]
    return answer


def trained_wrong(of, folder):
    other = "unet" if of.task != "segmentation" else "cnn"
    return command(of, "train", of.dataset.card.name, "--model", "conv_lstm" if of.form != "sequences" else other)


def evaluated(of, folder):
    published(of).save(folder)
    return command(of, "evaluate", folder)


def evaluated_json(of, folder):
    published(of).save(folder)
    answer = as_json(command(of, "evaluate", folder, "--json"))
    assert answer["comparison"]
    return answer


def carded(of, folder):
    published(of).save(folder)
    return command(of, "card", folder)


def explained(of, folder):
    published(of).save(folder)
    said = command(of, "explain", folder, "--index", 2, "--method", "saliency", "--out", folder / "why.png")
    assert (folder / "why.png").stat().st_size > 2000
    return said


def explained_json(of, folder):
    published(of).save(folder)
    answer = as_json(
        command(of, "explain", folder, "--index", 2, "--method", "saliency", "--json", "--out", folder / "why.png")
    )
    assert (answer["number"] is None) != (answer["probability"] is None)
    if of.task == "regression":  # `probability: null` is the one place where the word stands
        assert 20 < answer.pop("number") < 80 and answer.pop("probability") is None
    return answer


def paged(of, folder):
    published(of).save(folder)
    out = folder.with_suffix(".html")
    return command(of, "page", folder, "--out", out, "--images", 4)


def published(of):
    """The run as if it were of a set that a name brings back."""
    return replace(of.run, provenance="phantom")


def command(of, *arguments):
    """What a command prints; its one line of an error as the error."""
    with pytest.MonkeyPatch.context() as patch:
        data = replace(of.dataset, provenance="phantom")
        for place in ("medtutor.data.load", "medtutor.training.run.load_dataset"):
            patch.setattr(place, lambda *_, **__: data)
        patch.setattr("medtutor.training.run.names", lambda: (data.card.name,))
        code = cli.main([str(argument) for argument in arguments])
    out, err = SHOWN["capsys"].readouterr()
    if code == 0:
        return out
    assert code == 2 and out == "" and "Traceback" not in err
    raise InputError(err.strip().splitlines()[-1].removeprefix("medtutor: "))


SHOWN = {}  # the capsys of the present test


def as_json(out):
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


# The table ------------------------------------------------------------------------------------

NO_SEQUENCES = {"segmentation sequences": "sequences cannot be segmented yet"}
CLIPS, NUMBER = "holds sequences", "is a regression and predicts a number"
CELL = {"sequences": CLIPS}
ABOUT_CLIPS = "about sequences; use explorers.sequence"

WHOSE = {form: "does not say which images are of one patient" for form in FORMS} | {"segmentation images": None}

NO_CLASSES = {"segmentation": "calls no image a class", "regression": "calls no image a class"}

ROWS = {
    "from_arrays": Row(lambda of: of.dataset),
    "fit": Row(lambda of: of.run),
    "Run.summary": Row(lambda of: json.dumps(of.run.summary(), allow_nan=False)),
    "Run.predict": Row(predict),
    "Run.read": Row(read),
    "Run.save, Run.load": Row(saved),
    "Run.dataset": Row(lambda of: of.run.dataset(), only((), "made on your own arrays")),
    "as_sequence": Row(
        lambda of: of.dataset.as_sequence(),
        {
            "images": "does not hold volumes",
            "sequences": "does not hold volumes",
            "segmentation volumes": NO_SEQUENCES["segmentation sequences"],
        },
    ),
    "as_volumes": Row(lambda of: of.dataset.as_volumes(), WHOSE),
    # numbers
    "measure_split": Row(measured),
    "measure": Row(
        lambda of: metrics.measure(of.run.labels["test"], of.run.predictions["test"], of.task),
        {"segmentation": "of masks measure_segmentation", "regression": "of a regression use measure_regression"},
    ),
    "measure_classes": Row(
        lambda of: metrics.measure_classes(of.run.labels["test"], of.run.predictions["test"], of.task),
        {"segmentation": "of masks measure_segmentation", "regression": "of a regression use measure_regression"},
    ),
    "model_card": Row(lambda of: reports.model_card(of.run).markdown),
    "card": Row(carded),
    "by_class": Row(lambda of: reports.by_class(of.run), NO_CLASSES),
    "class_table": Row(lambda of: reports.class_table(of.run), NO_CLASSES),
    "compare": Row(lambda of: reports.compare(of.run), {"segmentation": "segmentation_table"}),
    "comparison_table": Row(lambda of: reports.comparison_table(of.run), {"segmentation": "segmentation_table"}),
    "reading": Row(lambda of: reports.reading(of.run)),
    "atlases": Row(lambda of: reports.atlases(of.dataset), only(["segmentation"], "an atlas is made of masks")),
    "segmentation_table": Row(
        lambda of: reports.segmentation_table(of.run, of.dataset),
        only(["segmentation"], "has no Dice; use comparison_table"),
    ),
    # pictures
    "figures.gallery": Row(
        lambda of: figures.gallery(of.dataset, columns=2), {"multi-label": "several labels per image"}
    ),
    "figures.history": Row(lambda of: figures.history(of.run)),
    "figures.confusion": Row(
        lambda of: figures.confusion(of.run),
        {
            "multi-label": "several labels",
            "regression": "predicts a number, not a class",
            "segmentation": "answers for each pixel",
        },
    ),
    "figures.roc": Row(lambda of: figures.roc(of.run), only(["binary"], "drawn for binary tasks")),
    "figures.precision_recall": Row(
        lambda of: figures.precision_recall(of.run), only(["binary"], "drawn for binary tasks")
    ),
    "figures.predicted": Row(lambda of: figures.predicted(of.run), only(["regression"], "drawn of a regression")),
    "figures.ladder": Row(lambda of: figures.ladder([of.run, of.run])),
    "figures.worst_mistakes": Row(
        lambda of: figures.worst_mistakes(of.run, of.dataset), only(["binary"], "mistakes are sorted for binary tasks")
    ),
    "figures.comparison": Row(lambda of: figures.comparison(of.run), {"segmentation": "segmentation_table"}),
    "figures.attribution": Row(
        lambda of: figures.attribution(of.dataset, of.images[0], of.attribution, "test image 0", of.scores), CELL
    ),
    # explanations
    "explain, saliency": Row(lambda of: mt.explain(of.run, of.images[0], "saliency"), CELL),
    "explain, grad_cam": Row(lambda of: mt.explain(of.run, of.images[0].numpy(), "grad_cam"), CELL),
    "explain_batch": Row(
        lambda of: " ".join(map(str, explain_batch(of.run, of.images[:2], "integrated_gradients", steps=4))), CELL
    ),
    "score": Row(lambda of: of.scores, CELL),
    # explorers
    "explore": Row(
        lambda of: mt.explore(of.run, of.dataset), {"regression images": NUMBER, "regression volumes": NUMBER}
    ),
    "explorers.classification": Row(
        lambda of: explorers.classification(of.run, of.dataset),
        {"sequences": ABOUT_CLIPS, "regression": NUMBER, "segmentation": "use explorers.segmentation"},
    ),
    "explorers.confidence": Row(
        lambda of: explorers.confidence(of.run, of.dataset),
        {
            "sequences": ABOUT_CLIPS,
            "regression": NUMBER,
            "segmentation": "use explorers.segmentation",
            "multi-label": "several labels",
            "volumes": "looks at volumes",
        },
    ),
    "explorers.features": Row(
        lambda of: explorers.features(of.run, of.dataset),
        {"sequences": ABOUT_CLIPS, "regression": NUMBER, "segmentation": "use explorers.segmentation"},
    ),
    "explorers.segmentation": Row(
        lambda of: explorers.segmentation(of.run, of.dataset),
        only(["segmentation"], "shows segmentations, but the run is"),
    ),
    "explorers.sequence": Row(
        lambda of: explorers.sequence(of.run, of.dataset),
        {"images": "the run is about single images", "volumes": "the run is about single images"},
    ),
    "explorers.attention": Row(
        attention,
        {"volumes": "shows images only", "sequences": "shows images only", "segmentation": "has no attention"},
    ),
    "explorers.latent": Row(latent, {"volumes": "shows single images only", "sequences": "shows single images only"}),
    "explorers.generator": Row(
        generator, {"volumes": "shows single images only", "sequences": "shows single images only"}
    ),
    "explorers.draw_mask": Row(
        lambda of: explorers.draw_mask(of.dataset),
        only(["segmentation"], "no images with masks") | {"segmentation volumes": "no images with masks"},
    ),
    "explorers.fusion": Row(
        fusion,
        only(["binary"], "images with two classes")
        | {"volumes": "images with two classes", "sequences": "images with two classes"},
    ),
    "explorers.fairness": Row(
        lambda of: explorers.fairness(of.run, plant_groups(of.dataset, share=0.5, seed=1)),
        only(["binary"], "images with two classes")
        | {"volumes": "images with two classes", "sequences": "images with two classes"},
    ),
    "explorers.reading": Row(
        lambda of: explorers.reading(of.dataset, count=4, wrong=2),
        only(["binary"], "images with two classes")
        | {"volumes": "images with two classes", "sequences": "images with two classes"},
    ),
    "explorers.monitor": Row(
        lambda of: explorers.monitor(of.run, of.dataset),
        dict.fromkeys(("multi-class", "multi-label", "ordinal"), "single grey images")
        | {"sequences": ABOUT_CLIPS, "regression": NUMBER, "segmentation": "use explorers.segmentation"}
        | {"binary volumes": "single grey images", "binary images": "at least 40"},
    ),
    # the command line
    "train": Row(trained),
    "train --json": Row(trained_json),
    "train --model of another": Row(trained_wrong, only((), "choose one of")),
    "evaluate": Row(evaluated),
    "evaluate --json": Row(evaluated_json),
    "explain": Row(explained, CELL),
    "explain --json": Row(explained_json, CELL),
    # the page
    "page": Row(paged, {"volumes": "is about volumes", "regression images": "is a regression"}),
}
CASES = [(name, task, form) for name in ROWS for task in TASKS for form in FORMS]


def told(result):
    """All that a user reads of a result."""
    if isinstance(result, figures.Picture):
        assert result.png.startswith(b"\x89PNG")
        return result.alt
    if isinstance(result, explorers.Explorer):
        picture = result.still()
        assert picture.png.startswith(b"\x89PNG") and result.message.value == ""
        return f"{picture.alt} {' '.join(written(result.box))}"
    if isinstance(result, torch.Tensor):
        return ""
    return re.sub(r"[a-z]+_path|file", "", str(result))


def written(widget):
    """The words on a widget and on all that are in it, as far as they are to be seen."""
    if getattr(widget.layout, "display", None) == "none":
        return
    for trait in ("description", "value"):
        text = getattr(widget, trait, None)
        if isinstance(text, str):
            yield re.sub(r'src="data:[^"]*"|<style.*?</style>', "", text, flags=re.S)
    if isinstance(widget, ipywidgets.Dropdown):
        yield from map(str, widget._options_labels)
    for child in getattr(widget, "children", ()):
        yield from written(child)


@pytest.mark.parametrize("name, task, form", CASES, ids=[", ".join(case) for case in CASES])
def test_works_or_says_in_one_sentence_why_not(name, task, form, tmp_path, capsys, record_property):
    SHOWN["capsys"] = capsys
    row, of = ROWS[name], subject(task, form)
    words = NO_SEQUENCES.get(f"{task} {form}") or row.refusal(task, form)
    arguments = [tmp_path / "run"] if len(inspect.signature(row.call).parameters) > 1 else []
    if words is None:
        text = told(row.call(of, *arguments))
        wrong = re.search(FORBIDDEN[task], text)
        assert not wrong, f"{wrong[0]!r} is said of a {task}: …{text[max(0, wrong.start() - 60) : wrong.end() + 60]}…"
        record_property("cell", [name, task, form, ""])
        return
    with pytest.raises(InputError, match=words) as refused:
        row.call(of, *arguments)
    sentence = str(refused.value)
    assert "\n" not in sentence and len(sentence) < 300
    record_property("cell", [name, task, form, words])


@pytest.mark.parametrize("form", ["images", "volumes"])
def test_a_regression_is_explained_in_its_units(form):
    of = subject("regression", form)
    image, said = of.images[4], float(of.run.predict(of.images[4:5]))
    why = mt.explain(of.run, image, "integrated_gradients", target="fraction", steps=8)
    assert why.number == pytest.approx(said, abs=1e-3) and why.probability is None
    assert f"for 'fraction' (predicted {why.number:.4g})" in str(why) and 20 < said < 80
    curve = deletion(of.run, image, why)
    assert float(curve.value[0]) == pytest.approx(said, abs=1e-3) and 20 < curve.auc < 80


def test_an_explanation_of_several_labels_says_which_one():
    of = subject("multi-label", "images")
    found = of.run.predict(of.images[:1])[0]
    highest = mt.explain(of.run, of.images[0], "saliency")
    assert highest.target == highest.predicted and highest.target.index == int(found.argmax())
    other = mt.explain(of.run, of.images[0], "saliency", target="class 1")
    assert other.probability == pytest.approx(float(found[1]), abs=1e-4)
    assert f"'class 1' (probability {other.probability:.3f})" in str(other) and other.number is None


# What takes no task: a picture of numbers, images or pages that are given as they are.
WITHOUT_A_TASK = {
    figures: {"picture", "outlines", "patients", "images", "curves", "matrix", "as_written", "side_by_side", "diagram"}
    | {"answer_map", "deadline", "dots", "forest", "reliability"},
    metrics: {"measure_regression", "measure_segmentation", "segmentation_scores", "metrics_kind"}
    | {"cusum", "first_alarm", "limit_for", "normal_scores", "run_length", "windowed_ks"},
    reports: {"methods_table"},  # of what trust_table found, which has a row
    # of published sets and works, of numbers, of a class's files, or what asks those that have rows
    explorers: {
        "claims",
        "classroom",
        "frontier",
        "gallery",
        "lecture",
        "literature",
        "privacy",
        "sample_size",
        "screening",
    },
    Run: {"load"},
}


@pytest.mark.parametrize(
    "home, prefix", [(figures, "figures."), (metrics, ""), (reports, ""), (explorers, "explorers."), (Run, "Run.")]
)
def test_no_public_function_is_without_a_row(home, prefix):
    own = home.__name__ if inspect.ismodule(home) else home.__module__
    public = {
        name
        for name, thing in vars(home).items()
        if inspect.isfunction(thing) and not name.startswith("_") and thing.__module__.startswith(own)
    }
    listed = {part.removeprefix(prefix) for name in ROWS for part in name.split(", ")}
    assert public - listed - WITHOUT_A_TASK[home] == set()
    assert WITHOUT_A_TASK[home] - {name for name in dir(home)} == set()
