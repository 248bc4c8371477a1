"""Pictures: real PNGs with alt text, marked where phantoms are shown, the same bytes each time."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import blobs
from matplotlib.figure import Figure

import medtutor as mt
from medtutor import explorers, figures
from medtutor.errors import InputError
from medtutor.explanation import randomised
from medtutor.figures import beside
from medtutor.metrics.intervals import bootstrap
from medtutor.reports import atlases, compare, reading


@pytest.fixture
def run(tiny, quick):
    return mt.fit(mt.build("cnn", tiny, widths=(4, 8, 8)), tiny, quick, progress=False)


DRAWN = ["history", "roc", "precision_recall", "confusion", "comparison"]


@pytest.mark.parametrize("name", DRAWN)
def test_each_picture_of_a_run(name, run):
    draw = getattr(figures, name)
    picture = draw(run)
    assert picture.png.startswith(b"\x89PNG") and len(picture.png) > 2000
    assert len(picture.alt) > 40 and "Phantom" not in picture.alt
    assert draw(run).png == picture.png
    run.provenance = "phantom"
    marked = draw(run)
    assert marked.alt.startswith("Phantom images") and marked.png != picture.png


def test_alt_text_tells_the_numbers(run):
    matrix = figures.confusion(run).alt
    labels = run.labels["val"].numpy()
    right = int((run.predictions["val"].argmax(1).numpy() == labels)[labels == 0].sum())
    assert f"of {(labels == 0).sum()} top, {right} are called so" in matrix
    assert f"{run.val.auc:.3f}" in figures.roc(run).alt
    assert f"{run.test.auc:.3f}" in figures.roc(run, "test").alt


def test_several_runs_and_the_worst_mistakes(run, tiny):
    ladder = figures.ladder([run, run])
    assert ladder.alt.count(f"{run.val.auc:.3f}") == 2
    # Called wrong on purpose, so that there are mistakes to show.
    run.predictions["val"] = run.predictions["val"].flip(1)
    worst = figures.worst_mistakes(run, tiny)
    assert "6 images of 'top' with the highest scores" in worst.alt
    right = int((run.predictions["val"].argmax(1) == run.labels["val"]).sum())
    assert right < len(tiny.val) / 2


def test_images_maps_and_curves(tiny):
    image = tiny.train.images[0, 0]
    row = figures.images([image, image.float() - 100], ["image", "map"], "An image and a map.")
    marked = figures.images([image, image.float() - 100], ["image", "map"], "An image and a map.", phantom=True)
    assert row.png != marked.png and marked.alt.startswith("Phantom images")
    lines = figures.curves([0, 1], {"cnn": [0.9, 0.8], "mlp": [0.9, 0.5]}, "moved by", "AUC", "Two falling lines.")
    assert lines.png.startswith(b"\x89PNG")
    square = figures.matrix([[1.0, 0.2], [0.2, 1.0]], ["a", "b"], "Two maps that hardly agree.")
    assert square.png.startswith(b"\x89PNG") and square.alt.startswith(
        "Two maps that hardly agree. Correlations of 2: the highest is 0.20"
    )


def test_dots_tell_values_intervals_and_lines():
    rows = {"CNN": {"all": (0.9, (0.85, 0.94)), "clean": (0.88, None)}, "MLP": {"all": (0.8, None)}}
    shown = figures.dots(rows, "AUC", "Two networks.", marks={"chance": 0.5})
    assert shown.png.startswith(b"\x89PNG")
    assert shown.alt == (
        "Two networks. AUC. CNN: all 0.900 [0.850, 0.940], clean 0.880; MLP: all 0.800. Line at 0.500: chance."
    )
    without = {"CNN": {"all": (0.9, None), "clean": (0.88, None)}, "MLP": {"all": (0.8, None)}}
    assert figures.dots(without, "AUC", "Two networks.", marks={"chance": 0.5}).png != shown.png
    assert figures.dots(rows, "AUC", phantom=True).alt.startswith("Phantom images")
    for wrong in ({}, {"CNN": {str(arm): (0.5, None) for arm in range(6)}}, {"CNN": {"all": (float("nan"), None)}}):
        with pytest.raises(InputError):
            figures.dots(wrong, "AUC")


@pytest.mark.parametrize("options", [{}, {"channels": 3}, {"depth": 5}])
def test_gallery_of_images_colours_and_volumes(options):
    dataset = mt.from_arrays(*[blobs(20, seed, **options) for seed in range(3)])
    assert "class 0, class 1" in figures.gallery(dataset).alt


def test_a_class_with_few_images_leaves_places_empty():
    dataset = mt.from_arrays(*[blobs(6, seed) for seed in range(3)])
    assert figures.gallery(dataset, columns=8).png


def test_shown_as_an_image_with_alt_text(run):
    shown = figures.history(run)._repr_mimebundle_()
    assert shown["text/html"].startswith('<img alt="Two curves') and shown["text/plain"]


def test_a_picture_without_alt_text_is_refused():
    with pytest.raises(InputError, match="alt text"):
        figures.picture(Figure(), " ")


def test_what_cannot_be_drawn_is_said(tiny, quick):
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 5)
    many = mt.from_arrays(*[(blobs(20, seed)[0], labels) for seed in range(3)])
    run = mt.fit(mt.build("cnn", many, widths=(4, 8, 8)), many, quick, progress=False)
    for draw in (
        figures.confusion,
        figures.roc,
        figures.precision_recall,
        lambda run: figures.worst_mistakes(run, many),
    ):
        with pytest.raises(InputError, match="multi-label"):
            draw(run)
    with pytest.raises(InputError, match="several labels"):
        figures.gallery(many)
    run.test = None
    run.predictions.pop("test")
    for draw in (figures.comparison, lambda run: figures.confusion(run, "test")):
        with pytest.raises(InputError, match="not finished"):
            draw(run)


def test_test_is_shown_only_where_it_is_asked_for():
    """The test split is read once, by name: every picture and explorer of a Run opens on val."""
    for room in (figures, explorers):
        for name, made in vars(room).items():
            parameter = inspect.signature(made).parameters.get("split") if callable(made) else None
            assert parameter is None or parameter.default in ("val", "train"), name


def test_saved(run, tmp_path):
    picture = figures.history(run)
    picture.save(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes() == picture.png


def three_frames(dataset):
    """The images of a data set as clips whose middle frame is the image, and the others are black."""

    def clips(split):
        black = torch.zeros_like(split.images)
        return torch.stack([black, split.images, black], 1)[:, :, 0].numpy(), split.labels.numpy()

    own = [clips(getattr(dataset, name)) for name in ("train", "val", "test")]
    return mt.from_arrays(*own, sequence=True, classes=dataset.card.classes, name="tiny")


def test_of_clips_the_middle_frame_is_shown(tiny, run):
    """Four frames were once shown as the four colours of one picture."""
    filmed = three_frames(tiny)
    shown = figures.gallery(filmed)
    assert shown.png == figures.gallery(tiny).png and "middle frames" in shown.alt
    assert figures.worst_mistakes(run, tiny).png == figures.worst_mistakes(replace(run, card=filmed.card), filmed).png


@pytest.fixture
def fractions(quick):
    """A run of a regression, and its data set: the brighter the square, the larger the number."""

    def split(count, seed):
        images, _ = blobs(count, seed)
        numbers = np.linspace(20, 80, count)
        images[:, 6:12, 6:12] = (2 * numbers)[:, None, None]
        return images, numbers

    dataset = mt.from_arrays(split(48, 0), split(21, 1), split(19, 2), task="regression", classes=["fraction"])
    return mt.fit(mt.build("cnn", dataset, widths=(4, 8, 8)), dataset, quick, progress=False), dataset


def test_numbers_are_drawn_as_numbers(fractions):
    run, dataset = fractions
    row = figures.gallery(dataset, "test", columns=4)
    assert "from the lowest fraction to the highest: 20, 40, 60, 80" in row.alt
    drawn = figures.predicted(run)
    answers = run.predict(dataset.val.images)
    assert (
        f"from {float(answers.min()):.3g} to {float(answers.max()):.3g}" in drawn.alt
        and "labels run from 20 to 80" in drawn.alt
    )
    beside = figures.comparison(run)
    assert f"R² {run.test.r2:.3f}" in beside.alt and "the mean of the training numbers" in beside.alt
    assert f"{run.test.r2:.3f}" in figures.ladder([run]).alt
    run.provenance = "phantom"
    assert figures.predicted(run).alt.startswith("Phantom images")


def test_runs_on_other_cases_share_no_ladder(run, fractions, tiny):
    changed = replace(run, labels={split: 1 - labels for split, labels in run.labels.items()})
    for runs in ([run, fractions[0]], [run, changed]):
        with pytest.raises(InputError, match="not tested on the same val cases"):
            figures.ladder(runs)
    with pytest.raises(InputError, match="no run to show"):
        figures.ladder([])
    with pytest.raises(InputError, match="labels of the run and of this"):
        figures.worst_mistakes(changed, tiny)


IMAGE = np.zeros((8, 8), np.uint8)


def test_the_interval_of_a_mean_over_volumes_draws_people(monkeypatch):
    drawn = []

    def seen(*given, **options):
        drawn.append(bootstrap(*given, **options))
        return drawn[-1]

    monkeypatch.setattr(beside, "bootstrap", seen)
    scores = {"U-Net": {"dice": [0.6] * 4 + [0.9] * 4}}
    figures.patients(scores, "Eight volumes.")
    figures.patients(scores, "Eight volumes of two people.", subjects=[1] * 4 + [2] * 4)
    (low, high), (lower, higher) = drawn
    assert (lower, higher) == pytest.approx((0.6, 0.9))
    assert lower < low < high < higher


@pytest.mark.parametrize(
    "draw, words",
    [
        (lambda: figures.images([IMAGE, IMAGE], ["one"], "two"), "2 pictures and 1 titles"),
        (lambda: figures.images([], [], "none"), "one picture or more"),
        (lambda: figures.images([np.zeros((3, 8, 8), np.uint8)], ["colour"], "one"), "picture 0 has shape"),
        (lambda: figures.images([IMAGE * np.nan], ["map"], "one"), "not finite"),
        (lambda: figures.curves([0, 1], {str(i): [0, 1] for i in range(6)}, "x", "y", "six"), "6 lines; give 1 to 5"),
        (lambda: figures.curves([0, 1], {"a": [0, 1, 2]}, "x", "y", "three"), "'a' has 3 values, x has 2"),
        (lambda: figures.matrix([[1.0, 0.2]], ["a", "b"], "half"), "one name for each row"),
        (lambda: figures.patients({}, "none"), "one method or more"),
        (lambda: figures.patients({"a": {"dice": [0.5]}, "b": {"hd95": [1.0]}}, "other"), "the same scores"),
        (lambda: figures.patients({"a": {"dice": [0.5, np.nan]}}, "a"), "finite numbers"),
        (lambda: figures.patients({"a": {"dice": [0.5, 0.6]}}, "a", subjects=[1]), "one length"),
        (
            lambda: figures.outlines(torch.zeros(2, 1, 8, 8), {"x": np.zeros((3, 8, 8))}, ["no", "yes"], "a"),
            "one mask for each image",
        ),
        (
            lambda: figures.outlines(torch.zeros(2, 1, 8, 8), {"x": None}, ["no", "yes"], "a", names=["one"]),
            "1 names for 2 images",
        ),
        (
            lambda: figures.outlines(torch.zeros(2, 1, 8, 8), {"x": None}, list("abcdefgh"), "a"),
            "colours for 6 classes",
        ),
    ],
)
def test_what_is_not_as_many_is_not_cut_off(draw, words):
    with pytest.raises(InputError, match=words):
        draw()


def test_a_split_without_predictions_and_a_run_without_history(run, tiny):
    with pytest.raises(InputError, match="unknown split 'train'"):
        figures.confusion(run, "train")
    with pytest.raises(InputError, match="unknown split 'tets'"):
        figures.gallery(tiny, "tets")
    with pytest.raises(InputError, match="no history"):
        figures.history(randomised(run))


@pytest.mark.parametrize("given", [None, "runs/xray", 3])
def test_what_is_no_run_and_no_data_set_is_said(given, run, tiny):
    pictures = [getattr(figures, name) for name in (*DRAWN, "predicted")]
    for draw in (
        *pictures,
        lambda given: figures.ladder([given]),
        lambda given: figures.worst_mistakes(given, tiny),
        compare,
        reading,
    ):
        with pytest.raises(InputError, match="fit\\("):
            draw(given)
    for draw in (figures.gallery, lambda given: figures.worst_mistakes(run, given), atlases):
        with pytest.raises(InputError, match="dataset is"):
            draw(given)


def test_a_dollar_in_a_name_starts_no_formula(quick):
    names = ["top $\\frac{1$", "bottom $x$"]
    costly = mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), classes=names, name="a $set$ of \\x{")
    run = mt.fit(mt.build("cnn", costly, widths=(4, 8, 8)), costly, quick, progress=False)
    for picture in (figures.gallery(costly), figures.confusion(run)):
        assert picture.png.startswith(b"\x89PNG") and "top $" in picture.alt


def test_numbers_along_an_axis_stay_formulas():
    figure = figures.canvas.new_figure(3, 2)
    figure.subplots().semilogx([1, 1e5], [0, 1])
    figure.axes[0].set_title("$5 and $6")
    figures.picture(figure, "a line")
    assert (
        figure.axes[0].xaxis.get_major_ticks()[0].label1.get_parse_math() and not figure.axes[0].title.get_parse_math()
    )
