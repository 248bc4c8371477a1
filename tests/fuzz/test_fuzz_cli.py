"""The command line: whatever is typed, an exit code that fits, one line for an error, one JSON object where asked
for.
"""

import contextlib
import io
import os
import shutil
import subprocess
import types
from functools import partial

import pytest
from hypothesis import strategies as st
from PIL import Image

import medtutor as mt
from medtutor import cli
from medtutor.data import catalog, phantoms
from medtutor.data.phantoms import cine, marks
from medtutor.data.phantoms import hippocampus as hippocampus_phantom
from medtutor.review import evidence as stored

from . import things
from .harness import fuzzed, limits, one_json_object

FEW = {"train": 12, "val": 8, "test": 8}
DATASETS = (
    "breastmnist",
    "breastmnist",
    "breastmnist",
    "cine_filling",
    "cine_ejection",
    "marks_shapes",
    "hippocampus",
    "vesselmnist3d",
    "pathmnist",
)
MODELS = ("mlp", "lenet", "cnn", "unet", "lstm", "mean_frames", "vit", "hybrid")  # not those that take seconds
METHODS = ("saliency", "lrp", "grad_cam", "integrated_gradients", "occlusion", "attention_rollout", "deep_lift")
CLAIMS = ("cnn-beats-mlp", "attention-explains")


@pytest.fixture(scope="module")
def world(nobody_home, tmp_path_factory):
    """A folder to work in, with two runs; few images; and what takes long, replaced: training for many epochs, trials,
    bench, lab.
    """
    place = tmp_path_factory.mktemp("world")
    package = place / "package" / "medtutor" / "review" / "evidence"
    shutil.copytree(stored.FOLDER, package)
    (place / "package" / "pyproject.toml").write_text("")
    real_fit = mt.fit

    def fit(model, dataset, recipe, **options):
        return real_fit(
            model, dataset, recipe if recipe.epochs <= 3 or options.get("resume") else recipe.but(epochs=1), **options
        )

    def run_trial(claim, seeds=None, **_):
        if seeds:
            from medtutor.errors import MedtutorError

            raise MedtutorError(f"{claim.id} was not tried with other seeds")
        return stored.read_evidence(claim.id)

    def measure_all(parts, report=None):
        return {"threads": 1, **dict.fromkeys(parts, 1.0)}

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name in phantoms.COUNTS:
            patch.setitem(phantoms.COUNTS, name, FEW)
        patch.setattr(cine, "COUNTS", FEW)
        patch.setattr(marks, "COUNTS", FEW)
        patch.setattr(hippocampus_phantom, "draw", partial(hippocampus_phantom.draw, {"train": 3, "val": 2, "test": 2}))
        patch.setattr(stored, "FOLDER", package)
        patch.setattr("medtutor.training.fit", fit)
        patch.setattr("medtutor.review.trials.run_trial", run_trial)
        patch.setattr("medtutor.review.kept.forget_trainings", lambda *_: None)
        patch.setattr("medtutor.bench.measure_all", measure_all)
        patch.setattr("medtutor.course.builder.build", lambda source: {})
        patch.setattr("medtutor.course.builder.execute", lambda *_: types.SimpleNamespace(seconds=1.0, peak=1))
        patch.setattr(
            cli.lessons,
            "subprocess",
            types.SimpleNamespace(run=lambda command, env: subprocess.CompletedProcess(command, 0)),
        )
        data = mt.load("breastmnist", source="phantom")
        things.stopped(data).save("runs/stopped")
        real_fit(mt.build("mlp", data, width=4), data, mt.Recipe(epochs=1, batch_size=4), progress=False).save(
            "runs/whole"
        )
        (place / "file").write_text("no run")
        yield place


# --- what can be typed ----------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "0",
            "-1",
            "1",
            "2.5",
            "nan",
            "1e9",
            "９",
            "--",
            "-",
            "--json",
            "-h",
            "x" * 500,
            "nowhere",
            "a b",
            "ß漢字",
            "\udcff",
            "a\nb",
            "%s",
            "{}",
            "28",
            "true",
            "None",
        ]
    ),
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), max_size=8).filter(
        lambda text: not text.startswith((".", "~"))
    ),
)
NUMBERS = st.one_of(
    st.sampled_from(
        [
            "0",
            "1",
            "2",
            "3",
            "7",
            "-1",
            "28",
            "64",
            "10000000000",
            str(2**63),
            str(2**64),
            "1" * 5000,
            "1_0",
            "+1",
            " 1",
            "0x1",
            "1.0",
            "1e2",
            "inf",
            "٣",
        ]
    ),
    WORDS,
)
FOLDERS = st.one_of(
    st.sampled_from(
        [
            "runs/whole",
            "runs/stopped",
            "runs/new",
            "runs",
            "file",
            "file/x",
            ".",
            "~",
            "~/new",
            "~nobody/x",
            "new\nline",
            "é/è",
            "n" * 300,
            "d/" * 200 + "x",
            "runs/whole/run.json",
        ]
    ),
    WORDS,
)
SOURCES = st.one_of(st.sampled_from(["auto", "phantom", "phantom", "medmnist", "decathlon"]), WORDS)


def named(*known):
    return st.one_of(st.sampled_from(known), st.sampled_from(known), WORDS)


# command: (arguments without a name, options, how often it is drawn)
COMMANDS = {
    ("data", "list"): ([], {"--root": FOLDERS, "--json": None}, 1),
    ("data", "fetch"): ([named(*DATASETS)], {"--root": FOLDERS, "--json": None, "--size": NUMBERS}, 2),
    ("data", "clean"): ([named(*DATASETS)], {"--root": FOLDERS, "--json": None, "--size": NUMBERS}, 1),
    ("train",): (
        [named(*DATASETS)],
        {
            "--model": named(*MODELS),
            "--size": NUMBERS,
            "--epochs": NUMBERS,
            "--seed": NUMBERS,
            "--out": FOLDERS,
            "--resume": None,
            "--source": SOURCES,
            "--root": FOLDERS,
            "--device": named("auto", "cpu"),
            "--json": None,
        },
        6,
    ),
    ("evaluate",): ([FOLDERS], {"--root": FOLDERS, "--json": None}, 3),
    ("card",): ([FOLDERS], {"--use": WORDS, "--out": FOLDERS, "--json": None}, 2),
    ("explain",): (
        [FOLDERS],
        {
            "--index": NUMBERS,
            "--split": named("train", "val", "test"),
            "--method": named(*METHODS),
            "--target": named("0", "1", "malignant"),
            "--layer": named("stem", "layers.0"),
            "--out": FOLDERS.map(lambda folder: folder + ".png"),
            "--root": FOLDERS,
            "--json": None,
        },
        5,
    ),
    ("trial", "list"): ([], {"--json": None}, 1),
    ("trial", "run"): (
        [named(*CLAIMS)],
        {
            "--source": SOURCES,
            "--root": FOLDERS,
            "--out": FOLDERS,
            "--seeds": NUMBERS,
            "--device": named("auto", "cpu"),
            "--json": None,
        },
        3,
    ),
    ("trial", "report"): ([], {"--json": None}, 1),
    ("lab",): ([WORDS], {}, 1),
    ("doctor",): ([], {"--json": None}, 1),
    ("notebooks", "build"): ([named("00", "01")], {}, 1),
    ("notebooks", "check"): ([named("00", "01")], {"--fast": None}, 1),
    ("bench",): ([named("data", "gemm")], {"--json": None}, 1),
    (): ([WORDS], {"--version": None, "--help": None}, 1),
}
ALWAYS = {("explain",): ("--index", "--out"), ("trial", "report"): ("--untimed",)}
_DRAWN = [command for command, (_, _, often) in COMMANDS.items() for _ in range(often)]


@st.composite
def typed(draw):
    """(command, options, arguments): the options as a dict where the line is whole, else None."""
    command = draw(st.sampled_from(_DRAWN))
    positions, options, _ = COMMANDS[command]
    chosen = sorted(
        {
            *draw(st.lists(st.sampled_from(sorted(options)), max_size=4) if options else st.just([])),
            *ALWAYS.get(command, ()),
        }
    )
    values = {name: options[name] and draw(options[name]) for name in chosen if name in options} | dict.fromkeys(
        set(chosen) - set(options)
    )
    plain = [draw(one) for one in positions] if positions and draw(st.integers(0, 7)) else []
    line = list(plain)
    for name, value in values.items():
        line += [name] if value is None else [f"{name}={value}"] if draw(st.booleans()) else [name, value]
    if draw(st.integers(0, 3)):
        return command, {"": plain, **values}, [*command, *line]
    how = draw(st.sampled_from(["drop", "insert", "twice", "shuffle"]))
    whole = [*command, *line] or ["--"]
    at = draw(st.integers(0, len(whole) - 1))
    if how == "drop":
        del whole[at]
    elif how == "insert":
        whole.insert(at, draw(WORDS))
    elif how == "twice":
        whole.insert(at, whole[at])
    else:
        whole = draw(st.permutations(whole))
    return command, None, whole


@fuzzed(3, case=typed())
def test_whatever_is_typed_ends_in_a_code_and_a_line(world, case):
    command, options, arguments = case
    shutil.rmtree("runs/new", ignore_errors=True)
    if "--debug" in arguments or "report" in arguments and "--untimed" not in arguments:
        return  # tracebacks, and half a minute of measuring, were asked for
    runs = {
        name: (world / "runs" / name / "run.json").read_bytes()
        for name in ("whole", "stopped")
        if (world / "runs" / name).is_dir()
    }
    code, out, err = run(arguments)
    assert code in (0, 1, 2, 130), code
    lines = [line for line in err.splitlines() if line.startswith("medtutor:")]
    assert "Traceback" not in err and "unexpected" not in err, err[-600:]
    reports = command in (("doctor",), ("notebooks", "check")) and out
    if code in (1, 2) and not reports:
        assert len(lines) == 1 and err.rstrip("\n").splitlines()[-1] == lines[0] and len(lines[0]) < 2000, err[-600:]
    else:
        assert not lines
    if code == 2:
        assert not out
    if "--json" in arguments and options is not None and code in (0, 130) and not out.startswith("usage:"):
        check_json(command, options, one_json_object(out))
    if code == 0 and options is not None and not out.startswith("usage:"):
        check_accepted(command, options)
    # What was saved before is there, whole, whatever was typed; a run that was asked for is whole, too.
    for name in runs:
        saved = mt.Run.load(world / "runs" / name)
        assert (world / "runs" / name / "run.json").read_bytes() == runs[name] or command == ("train",) and saved
    if not (world / "runs" / "stopped").is_dir() or not mt.Run.load(world / "runs" / "stopped").interrupted:
        things.stopped(mt.load("breastmnist", source="phantom")).save("runs/stopped")


def run(arguments):
    """(exit code, stdout, stderr) of `medtutor` with these arguments, in this process."""
    # As a terminal is: what cannot be written as UTF-8 is an error on stdout, and escaped on stderr.
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", newline=""),
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", newline=""),
    )
    with limits(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as left:  # --help and --version, which argparse prints
            assert left.code in (0, None)
            code = 0
    out.flush(), err.flush()
    return code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


def check_json(command, options, answer):
    if command == ("train",):
        assert {
            "dataset",
            "model",
            "task",
            "parameters",
            "epochs",
            "seed",
            "seconds",
            "provenance",
            "device",
            "processes",
            "val",
            "test",
        } <= set(answer)
        assert "--resume" in options or answer["seed"] == int(options.get("--seed", 0))
        assert answer["dataset"] == options[""][0].strip().lower()
    if command == ("explain",):
        assert answer["index"] == int(options["--index"]) and os.path.isfile(answer["file"])


def check_accepted(command, options):
    """What ended well was right."""
    for name, low in (("--epochs", 1), ("--seed", 0), ("--index", 0), ("--seeds", 0)):
        if command in (("train",), ("explain",), ("trial", "run")) and options.get(name) is not None:
            assert int(options[name]) >= low, name
    if command == ("train",):
        assert options[""][0].strip().lower() in catalog.names()
        assert options.get("--device", "cpu") in ("auto", "cpu") and options.get("--source", "auto") in (
            "auto",
            "medmnist",
            "decathlon",
            "phantom",
        )
        if "--out" in options:
            saved = mt.Run.load(options["--out"])
            assert not saved.interrupted and saved.card.name == options[""][0].strip().lower()
            assert "--resume" in options or saved.recipe.seed == int(options.get("--seed", 0))
    if command == ("explain",):
        with Image.open(os.path.expanduser(options["--out"])) as picture:
            assert picture.format == "PNG" and min(picture.size) > 10
    if command == ("data", "fetch"):
        raise AssertionError("there is nothing on disk and no network, so nothing can have been fetched")


def test_a_run_is_trained_evaluated_and_explained(world):
    """That the harness lets through what is right."""
    assert (
        run(
            [
                "train",
                "breastmnist",
                "--source",
                "phantom",
                "--model",
                "mlp",
                "--epochs",
                "1",
                "--out",
                "runs/right",
                "--json",
            ]
        )[0]
        == 0
    )
    assert run(["evaluate", "runs/right", "--json"])[0] == 0
    code, out, _ = run(["explain", "runs/right", "--index", "3", "--method", "saliency", "--out", "why.png", "--json"])
    assert code == 0 and one_json_object(out)["file"] == "why.png"
    assert run(["train", "breastmnist", "--source", "phantom", "--out", "runs/stopped", "--resume"])[0] == 0
    assert run(["trial", "run", "cnn-beats-mlp", "--out", "evidence", "--json"])[0] == 0
    assert run(["trial", "report", "--untimed", "--json"])[0] == 0
