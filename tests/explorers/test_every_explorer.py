"""What holds for each explorer: what a display ships, what a browser sends back, how long widgets live, who silences
whom.
"""

import gc
import threading
import weakref
from functools import cache

import ipywidgets
import numpy as np
import pytest
import torch
from conftest import blobs
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import medtutor as mt
from medtutor.course import Prediction, Quiz
from medtutor.data import phantoms
from medtutor.data.cohort import draw_cohort
from medtutor.data.groups import plant_groups
from medtutor.explorers import (
    answers,
    attention,
    claims,
    classification,
    classroom,
    confidence,
    draw_mask,
    explore,
    fairness,
    features,
    frontier,
    fusion,
    gallery,
    generator,
    latent,
    literature,
    monitor,
    privacy,
    reading,
    sample_size,
    screening,
    segmentation,
    sequence,
)
from medtutor.models.autoencoder import Autoencoder
from medtutor.models.gan import Generator
from medtutor.models.hybrid import Fusion
from medtutor.reports.frontier import Point
from medtutor.review import load_collection
from medtutor.training.gan import GANRun
from medtutor.training.run import Run
from medtutor.widgets import drawing, shown
from medtutor.widgets.controls import as_shown
from medtutor.widgets.explorer import VIEW, Explorer, answering
from medtutor.widgets.job import Job


@cache
def squares():
    return mt.from_arrays(*[blobs(24, seed) for seed in range(3)], classes=["top", "bottom"], name="tiny")


@cache
def many_squares():
    return mt.from_arrays(*[blobs(60, seed) for seed in range(3)], classes=["top", "bottom"], name="tiny")


@cache
def organs():
    images, masks = blobs(6, 0)[0], np.zeros((6, 16, 16), np.uint8)
    masks[:, 4:9, 5:11] = 1
    return mt.from_arrays(*[(images, masks)] * 3, task="segmentation", classes=["background", "organ"], name="organs")


@cache
def clips():
    parts = [blobs(8, seed, depth=4) for seed in range(3)]
    return mt.from_arrays(*parts, classes=["top", "bottom"], name="clips", sequence=True)


@cache
def run_of(model, dataset, **options):
    """A `Run` without training."""
    run = Run(mt.build(model, dataset, **options), dataset.card, mt.Recipe(epochs=1), dataset.provenance)
    for split in ("val", "test"):
        run.labels[split], run.predictions[split] = (
            getattr(dataset, split).targets,
            run.predict(getattr(dataset, split).images),
        )
    return run


def drawn():
    torch.manual_seed(0)
    return GANRun(Generator(latents=8, shape=(16, 16), widths=(16, 8)).eval())


def vit():
    return run_of("vit", squares(), patch=4, width=16, depth=1, heads=2)


POINTS = [
    Point("quick", {"test AUC": (0.90, 0.87, 0.93)}, {"ms": (0.2, 0.2, 0.3), "parameters": (1e5,) * 3}),
    Point("slow", {"test AUC": (0.95, 0.92, 0.97)}, {"ms": (2.0, 1.9, 2.5), "parameters": (2e5,) * 3}, "seeds alone"),
]
MADE = {
    "attention": lambda: attention(vit(), squares(), cnn=run_of("cnn", squares())),
    "attribution": lambda: explore(run_of("cnn", squares()), squares()),
    "classification": lambda: classification(run_of("mlp", squares()), squares()),
    "classroom": lambda: classroom(),
    "confidence": lambda: confidence(run_of("cnn", squares()), squares(), "test"),
    "draw_mask": lambda: draw_mask(organs()),
    "fairness": lambda: fairness(run_of("mlp", squares()), plant_groups(squares(), share=0.5)),
    "features": lambda: features(run_of("cnn", squares()), squares()),
    "frontier": lambda: frontier(POINTS),
    "fusion": lambda: fusion(Fusion(shape=(16, 16)), draw_cohort(squares(), missing=0.3)),
    "gallery": lambda: gallery(),
    "generator": lambda: generator(drawn(), squares()),
    "latent": lambda: latent(Autoencoder(shape=(16, 16), latents=4, widths=(8, 16)), squares()),
    "claims": lambda: claims(),
    "literature": lambda: literature(),
    "monitor": lambda: monitor(run_of("cnn", many_squares()), many_squares()),
    "prediction": lambda: Prediction("01/x", "How much?", low=0.0, high=1.0),
    "privacy": lambda: privacy(),
    "quiz": lambda: Quiz("01_cnn_classification"),
    "reading": lambda: reading(squares(), count=4, wrong=2),
    "sample_size": lambda: sample_size(),
    "screening": lambda: screening(load_collection("drawn").sample(30)),
    "segmentation": lambda: segmentation(run_of("unet", organs(), widths=(4, 8, 8)), organs()),
    "sequence": lambda: sequence(run_of("lstm", clips()), clips()),
}
every = pytest.mark.parametrize("name", MADE)


@pytest.fixture(autouse=True)
def quick(empty_home, monkeypatch):
    """Few phantoms in the gallery, no guesses of the user's, and nothing that the test before has shown."""
    monkeypatch.setattr(phantoms, "COUNTS", {name: {"train": 30, "val": 6, "test": 6} for name in phantoms.NAMES})
    monkeypatch.setenv("MEDTUTOR_HOME", str(empty_home / "medtutor"))
    gc.collect()


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """IPython as a kernel has it: `shell.run_cell(code, cell_id=…)`."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    made.push({"make": MADE})
    yield made
    for kept in (shown._cells, shown._elsewhere, shown._now):
        kept.clear()
    InteractiveShell.clear_instance()


def living():
    """How many widgets ipywidgets keeps."""
    from ipywidgets.widgets import widget

    return len(widget._instances if hasattr(widget, "_instances") else ipywidgets.Widget.widgets)


def ran(shell, code, cell):
    """Run a cell as a page does it; its name is its id."""
    with shown_quietly():
        shell.run_cell(code, cell_id=cell).raise_error()


def shown_quietly():
    from IPython.utils.capture import capture_output

    return capture_output()


# What a display ships ---------------------------------------------------------------------------


@every
def test_a_display_ships_the_widget_and_a_small_picture(name):
    explorer = MADE[name]()
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id and bundle["text/html"]
    assert sum(len(text) for text in bundle.values() if isinstance(text, str)) < 160_000


def test_the_picture_of_a_display_is_bounded_whatever_it_shows():
    noise = np.random.default_rng(0).integers(0, 256, (600, 500, 3), dtype=np.uint8)
    large = drawing.Image.fromarray(noise)
    small = drawing.finished(large, "noise", small=True)
    assert len(small.png) <= drawing.SMALL < len(drawing.finished(large, "noise").png)
    assert small.png.startswith(b"\x89PNG")


def test_a_display_computes_no_map(monkeypatch):
    """Each display would compute again what the page itself leaves to a button."""
    monkeypatch.setattr("medtutor.explorers.attribution.PATIENCE", 0.0)
    explorer = MADE["attribution"]()
    assert explorer.attribution is None
    monkeypatch.setattr(answers, "explain", lambda *_, **__: pytest.fail("a map was computed for a display"))
    assert "No map" in explorer._repr_mimebundle_()["text/plain"] and explorer.attribution is None


def test_a_picture_that_cannot_be_drawn_is_a_sentence(monkeypatch):
    explorer = MADE["draw_mask"]()
    monkeypatch.setattr(type(explorer), "_composed", lambda _: 1 / 0)
    bundle = explorer._repr_mimebundle_()
    assert "ZeroDivisionError" in bundle["text/html"] and bundle[VIEW]["model_id"] == explorer.box.model_id


@every
def test_every_widget_is_one_that_vs_code_knows(name):
    """It has ipywidgets' own and anywidget's; any other needs an extension of JupyterLab."""
    modules = {(each._model_module, each._view_module) for each in shown.widgets(MADE[name]()._roots)}
    known = {"@jupyter-widgets/base", "@jupyter-widgets/controls", "anywidget", None}
    assert modules and {each for pair in modules for each in pair} <= known


# What a browser sends back ----------------------------------------------------------------------


@every
def test_no_slider_stands_where_a_browser_would_move_it(name):
    explorer = MADE[name]()
    buttons = ("next", "random", "another", "home", "own")
    for control in (getattr(explorer, button, None) for button in buttons):
        if control is not None:
            control.click()
    for widget in shown.widgets(explorer._roots):
        if isinstance(widget, ipywidgets.FloatSlider):
            assert widget.value == as_shown(widget, widget.value), widget.description


def test_what_a_browser_rounds_is_no_move_of_the_users():
    explorer = MADE["fusion"]()
    table = explorer._cases.table
    explorer.patient.value = int(table[:, 0].isnan().nonzero()[0, 0])  # a number that is missing
    explorer.lab.value += 1e-9
    assert explorer.no_lab.value and explorer.row[0].isnan()
    explorer.patient.value = int((~table.isnan().any(1)).nonzero()[0, 0])
    own = explorer.row
    explorer.lab.set_state({"value": round(explorer.lab.value, 1) + 1e-12})
    assert torch.equal(explorer.row, own) and torch.equal(own, table[explorer.patient.value])
    explorer.lab.value += 0.5
    assert explorer.row[0] != own[0]


def test_a_map_is_not_computed_again_for_a_last_digit(monkeypatch):
    explorer = MADE["attribution"]()
    explorer.method.value = "smoothgrad"
    noise = next(control for control in explorer.settings.children if control.description == "noise")
    asked = []
    monkeypatch.setattr(answers, "explain", lambda *_, **__: asked.append(1))
    noise.set_state({"value": noise.value + 1e-15})
    explorer.second.value = "nothing"
    explorer._ask()
    assert asked == [] and f"noise={round(noise.value, 9)!r}" in explorer.code.value


# How long widgets live --------------------------------------------------------------------------


@every
def test_a_closed_explorer_leaves_no_widget_and_comes_back_when_it_is_shown(name):
    before = living()
    explorer = MADE[name]()
    whole, number = living(), explorer.box.model_id
    explorer.close()
    assert living() == before < whole
    explorer.close()
    assert explorer._repr_mimebundle_()[VIEW]["model_id"] == explorer.box.model_id == number
    assert living() == whole
    assert all(widget.comm is not None for widget in shown.widgets(explorer._roots))


@every
def test_an_explorer_that_nobody_holds_takes_its_widgets_along(name):
    before = living()
    explorer = MADE[name]()
    gone = weakref.ref(explorer)
    if name == "attribution":
        explorer.method.value = "smoothgrad"  # its controls are made when they are wanted
    if explorer.job is not None:
        explorer.job.wait()
    del explorer
    gc.collect()
    assert gone() is None and living() == before


@pytest.mark.parametrize("name", ["draw_mask", "prediction", "quiz"])
def test_a_cell_that_is_run_again_closes_what_it_has_shown(shell, name):
    ran(shell, f"make['{name}']()", "one")
    once = living()
    for _ in range(3):
        ran(shell, f"make['{name}']()", "one")
    assert living() == once
    ran(shell, "1 + 1", "one")  # the cell was edited, and shows nothing any more
    gc.collect()
    assert living() < once


def test_what_is_shown_in_another_cell_stays(shell):
    ran(shell, "held = make['prediction'](); held", "one")
    ran(shell, "old = held; held", "two")
    ran(shell, "held = make['prediction'](); held", "one")
    old, new = shell.user_ns["old"], shell.user_ns["held"]
    assert old.box.comm is not None and new.box.comm is not None
    ran(shell, "held", "two")  # now the old one stands nowhere
    assert old.box.comm is None and new.box.comm is not None
    ran(shell, "old", "three")  # but it is held, and shown again
    assert old.box.comm is not None and old.box.model_id


def test_the_same_explorer_shown_again_by_its_cell_stays(shell):
    ran(shell, "held = make['prediction']()", "zero")
    for _ in range(3):
        ran(shell, "held", "one")
        assert shell.user_ns["held"].box.comm is not None
    ran(shell, "display(make['prediction']()); 1", "two")  # held by nobody but the page
    before = living()
    gc.collect()
    assert living() == before


def test_without_the_id_of_a_cell_nothing_is_closed(shell):
    ran(shell, "first = make['prediction'](); first", None)
    ran(shell, "second = make['prediction'](); second", None)
    assert shell.user_ns["first"].box.comm is not None and shell.user_ns["second"].box.comm is not None


def test_a_closed_explorer_computes_no_longer():
    explorer = MADE["sequence"]()
    gate, begun = threading.Event(), threading.Event()
    explorer._begin_job(lambda tell: begun.set() or gate.wait(5), lambda _: pytest.fail("it was shown"))
    assert begun.wait(5)
    explorer.close()
    gate.set()
    explorer.job.wait()
    assert not explorer.job.running


# Threads ----------------------------------------------------------------------------------------


class Two(Explorer):
    """Two sliders, and which of them the user has moved."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.heard = ipywidgets.IntSlider(), ipywidgets.IntSlider(), []
        self.job = Job(self._lock)
        self.box.children = (self.first, self.second, self.message)
        self._on(self.first, self._moved, "first")
        self._on(self.second, self._moved, "second")

    @answering
    def _moved(self, name):
        self.heard.append(name)

    @answering
    def fail(self):
        self.second.value += 1  # answered, and well
        raise ValueError("broken")

    @answering
    def nested(self):
        self.fail()


def test_a_thread_that_sets_a_control_does_not_silence_the_user():
    explorer, within, gate = Two(), threading.Event(), threading.Event()
    explorer.first.observe(lambda _: within.set() or gate.wait(5), "value")
    thread = threading.Thread(target=lambda: explorer._set(explorer.first, value=7))
    thread.start()
    assert within.wait(5)  # in the middle of its own change
    explorer.second.value = 3
    gate.set()
    thread.join()
    assert explorer.heard == ["second"] and explorer.first.value == 7


def test_the_users_thread_does_not_silence_another():
    explorer = Two()
    with explorer._quiet:
        explorer.first.value = 1
        thread = threading.Thread(target=lambda: setattr(explorer.second, "value", 3))
        thread.start()
        thread.join()
    assert explorer.heard == ["second"]


@pytest.mark.parametrize("name", ["fail", "nested"])
def test_an_error_is_said_also_where_other_callbacks_went_well(name):
    explorer = Two()
    getattr(explorer, name)()
    assert "ValueError: broken (in fail)" in explorer.message.value
    explorer.first.value = 2
    assert explorer.message.value == ""


@pytest.mark.parametrize("quick", [True, False])
def test_an_error_of_a_job_is_a_sentence(quick):
    explorer, gate = Two(), threading.Event()

    def work(tell):
        if not quick:
            gate.wait(0.3)
        raise ValueError("broken")

    explorer._begin_job(work, lambda _: pytest.fail("it was shown"))
    explorer.job.wait()
    assert "ValueError: broken (in work)" in explorer.message.value


def test_stop_does_not_wait_for_a_map_that_hears_nothing(monkeypatch):
    """Until the work ends: here it does not ask at all."""
    import time

    explorer = MADE["attribution"]()
    explorer.method.value = "kernel_shap"
    gate, begun = threading.Event(), threading.Event()
    monkeypatch.setattr(answers, "explain", lambda *_, **__: begun.set() or gate.wait(3))
    explorer.compute.click()
    assert begun.wait(5)
    start = time.perf_counter()
    explorer.job.stop.click()
    assert time.perf_counter() - start < 1 and not explorer.job.running
    explorer.pages.next.click()  # and the user goes on meanwhile
    assert time.perf_counter() - start < 2 and "image 2 of the val split" in explorer.case.name
    gate.set()
    explorer.job.wait()
    assert explorer.attribution is None and explorer.message.value == ""


def test_two_computations_never_draw_random_numbers_at_once(monkeypatch):
    """torch has one random state for all threads: a map that is computed beside a job would depend on the moment."""
    first, second = MADE["attribution"](), MADE["attribution"]()
    first.method.value = "kernel_shap"
    gate, begun = threading.Event(), threading.Event()
    monkeypatch.setattr(answers, "explain", lambda *_, **__: begun.set() or gate.wait(5))
    first.compute.click()
    assert begun.wait(5)
    second.method.value = "smoothgrad"  # live, but not just now
    assert second.attribution is None and "press 'compute the map'" in second._why_no_map(second._state.question)
    monkeypatch.undo()
    first.job.stop.click()
    gate.set()
    first.job.wait()
    second.compute.click()
    second.job.wait()
    assert second.attribution.method == "smoothgrad" and second.message.value == ""


def test_an_index_counts_from_one_on_the_page_and_from_zero_in_code():
    explorer = MADE["latent"]()
    assert explorer.image.get_state(["value", "min", "max"]) == {"value": 1, "min": 1, "max": 24}
    explorer.image.set_state({"value": 3})  # as the browser does
    assert explorer.image.value == 2 and explorer.place == "the code of image 3"
    assert "explorer.image.value = 2" in explorer._code()
    tooltip = getattr(explorer.image, "tooltip", None) or explorer.image.description_tooltip
    assert tooltip.endswith("(1 to 24)")


def test_title_and_pages_count_alike():
    explorer = MADE["attribution"]()
    explorer.pages.next.click()
    assert explorer.pages.place == "2 of 24" and explorer.case.name == "image 2 of the val split"
    assert "image = dataset.val.images[1]" in explorer.code.value
