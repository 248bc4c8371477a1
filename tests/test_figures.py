"""Pictures: real PNGs with alt text, marked where phantoms are shown, the same bytes each time."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import medtutor as mt
from conftest import blobs
from medtutor import figures
from medtutor.errors import InputError


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
    labels = run.labels["test"].numpy()
    right = int((run.predictions["test"].argmax(1).numpy() == labels)[labels == 0].sum())
    assert f"of {(labels == 0).sum()} top, {right} are called so" in matrix
    assert f"{run.test.auc:.3f}" in figures.roc(run).alt


def test_several_runs_and_the_worst_mistakes(run, tiny):
    ladder = figures.ladder([run, run])
    assert ladder.alt.count(f"{run.test.auc:.3f}") == 2
    # Called wrong on purpose, so that there are mistakes to show.
    run.predictions["test"] = run.predictions["test"].flip(1)
    worst = figures.worst_mistakes(run, tiny)
    assert "6 images of 'top' with the highest scores" in worst.alt
    right = int((run.predictions["test"].argmax(1) == run.labels["test"]).sum())
    assert right < len(tiny.test) / 2


def test_images_maps_and_curves(tiny):
    image = tiny.train.images[0, 0]
    row = figures.images([image, image.float() - 100], ["image", "map"], "An image and a map.")
    marked = figures.images([image, image.float() - 100], ["image", "map"], "An image and a map.", phantom=True)
    assert row.png != marked.png and marked.alt.startswith("Phantom images")
    lines = figures.curves([0, 1], {"cnn": [0.9, 0.8], "mlp": [0.9, 0.5]}, "moved by", "AUC", "Two falling lines.")
    assert lines.png.startswith(b"\x89PNG")
    square = figures.matrix([[1.0, 0.2], [0.2, 1.0]], ["a", "b"], "Two maps that hardly agree.")
    assert square.png.startswith(b"\x89PNG") and square.alt == "Two maps that hardly agree."


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
    for draw in (figures.confusion, figures.roc, figures.precision_recall, lambda run: figures.worst_mistakes(run, many)):
        with pytest.raises(InputError, match="multi-label"):
            draw(run)
    with pytest.raises(InputError, match="several labels"):
        figures.gallery(many)
    run.test = None
    run.predictions.pop("test")
    for draw in (figures.comparison, figures.confusion):
        with pytest.raises(InputError, match="not finished"):
            draw(run)


def test_saved(run, tmp_path):
    picture = figures.history(run)
    picture.save(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes() == picture.png


def test_a_dollar_in_a_name_starts_no_formula(quick):
    names = ["top $\\frac{1$", "bottom $x$"]
    costly = mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), classes=names, name="a $set$ of \\x{")
    run = mt.fit(mt.build("cnn", costly, widths=(4, 8, 8)), costly, quick, progress=False)
    for picture in (figures.gallery(costly), figures.confusion(run)):
        assert picture.png.startswith(b"\x89PNG") and "top $" in picture.alt


def test_numbers_along_an_axis_stay_formulas():
    figure = figures._figure(3, 2)
    figure.subplots().semilogx([1, 1e5], [0, 1])
    figure.axes[0].set_title("$5 and $6")
    figures.picture(figure, "a line")
    assert figure.axes[0].xaxis.get_major_ticks()[0].label1.get_parse_math() and not figure.axes[0].title.get_parse_math()
