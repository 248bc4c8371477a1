"""The command line. `medtutor COMMAND --help` says more.

Exit codes: 0 done; 1 failed; 2 wrong input, with one line that names it and
the remedy; 130 interrupted by Ctrl-C. With `--json`, exactly one JSON object
on stdout; bars and remarks go to stderr.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

from .errors import InputError, MedtutorError, unknown
from .files import resolve


def main(arguments=None):
    """Run one command; returns its exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except InputError as error:
        return _complain(error, error.exit_code)
    if options.debug:
        return options.command(options)
    try:
        with warnings.catch_warnings():
            # One clear line instead of a warning with a source line under it.
            warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
            return options.command(options)
    except MedtutorError as error:
        return _complain(error, error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        # The reader (`| head`) has left: nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _complain(f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback", 1)


def _complain(error, code):
    line = " ".join(str(error).split())
    # Whatever was typed is repeated: of pages of it, the beginning; the remedy stands at the end.
    print(f"medtutor: {line if len(line) <= 1000 else f'{line[:600]} … {line[-300:]}'}", file=sys.stderr)
    return code


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message):
        raise InputError(f"{message}; see: {self.prog} --help")


def _parser():
    parser = _OneLineParser(prog="medtutor", description="Run the review: data, training, measures, lessons.")
    parser.add_argument("--version", action="version", version=f"medtutor {version('medtutor')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_OneLineParser)

    def command(name, function, summary, json_output=True):
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=function)
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        if json_output:
            sub.add_argument("--json", action="store_true", help="print one JSON object")
        return sub

    data = commands.add_parser("data", help="what data sets there are; fetch one")
    data_commands = data.add_subparsers(required=True, metavar="list | fetch", parser_class=_OneLineParser)
    for name, function, summary in (
        ("list", data_list, "what data sets there are, and where"),
        ("fetch", data_fetch, "fetch a data set, with its MD5 checked"),
    ):
        sub = data_commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=function)
        sub.add_argument("--root", help="folder to look in first and to fetch to")
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        if name == "fetch":
            sub.add_argument("name", help="such as pneumoniamnist")
            sub.add_argument("--size", type=int, help="pixels: 28 (default), 64, 128 or 224 (3-D: 28 or 64)")

    train = command("train", train_command, "train a model on a data set and measure it")
    train.add_argument("dataset", help="such as pneumoniamnist")
    train.add_argument(
        "--model", help="cnn (default), mlp, lenet, …; of hippocampus unet (default), fcn, attention_unet, …"
    )
    train.add_argument("--size", type=int, help="pixels: 28 (default), 64, 128 or 224 (3-D: 28 or 64)")
    train.add_argument("--epochs", type=int, help="in place of the recipe's")
    train.add_argument("--seed", type=int, default=0, help="of weights, batch order and augmentation")
    train.add_argument("--out", help="folder to save the run to")
    train.add_argument("--resume", action="store_true", help="go on with the interrupted run in --out")
    train.add_argument(
        "--source", default="auto", help="auto (default), medmnist (of hippocampus decathlon) or phantom"
    )
    train.add_argument("--root", help="folder to look for data in first")
    train.add_argument("--device", default="auto", help="auto (default) or cpu")

    evaluate = command("evaluate", evaluate_command, "the numbers of a saved run, beside the published ones")
    evaluate.add_argument("run", help="folder of a run")
    evaluate.add_argument("--root", help="folder to look for data in first")

    explain = command(
        "explain", explain_command, "why a saved run answers as it does on one image: a picture and its scores"
    )
    explain.add_argument("run", help="folder of a run")
    explain.add_argument("--index", type=int, required=True, help="which image of the split, from 0")
    explain.add_argument("--split", default="test", help="train, val or test (default)")
    explain.add_argument(
        "--method", default="integrated_gradients", help="integrated_gradients (default), grad_cam, lrp, occlusion, …"
    )
    explain.add_argument(
        "--target",
        help="class name or number; when left out the class that the model predicts, of a segmentation the one but the"
        " background that it gives most pixels; explained are the pixels that it gives to the class",
    )
    explain.add_argument("--layer", help="of grad_cam: which layer to look at")
    explain.add_argument("--out", required=True, help="PNG file to write")
    explain.add_argument("--root", help="folder to look for data in first")

    trial = commands.add_parser("trial", help="the review's claims: list them, collect evidence, report the verdicts")
    trial_commands = trial.add_subparsers(required=True, metavar="list | run | report", parser_class=_OneLineParser)
    for name, function, summary in (
        ("list", trial_list, "the claims and their verdicts"),
        ("run", trial_run, "collect the evidence for claims; interrupted, it goes on after the last training"),
        ("report", trial_report, "all claims with rule, evidence and verdict, as Markdown"),
    ):
        sub = trial_commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=function)
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        if name == "run":
            sub.add_argument("claims", nargs="*", metavar="ID", help="of a claim; all when left out")
            sub.add_argument("--source", help="auto or phantom; the published images when left out")
            sub.add_argument("--root", help="folder to look for data in first")
            sub.add_argument("--out", help="folder for the evidence; left out: the package's own, in a clone")
            sub.add_argument(
                "--seeds", nargs="+", type=int, metavar="SEED", help="in place of the claims' own: gives no verdict"
            )
            sub.add_argument("--device", default="auto", help="auto (default) or cpu")
        if name == "report":
            sub.add_argument(
                "--untimed", action="store_true", help="measure no times for the table of all families: quicker"
            )

    lab = command("lab", lab_command, "open the lessons in JupyterLab", json_output=False)
    lab.add_argument("options", nargs="*", help="passed on to jupyter lab, after --")
    command("doctor", doctor_command, "what works here, and what to do about the rest")
    notebooks = commands.add_parser("notebooks", help="build the lessons from their sources; check them")
    notebook_commands = notebooks.add_subparsers(required=True, metavar="build | check", parser_class=_OneLineParser)
    for name, function, summary in (
        ("build", notebooks_build, "execute the sources and write the notebooks"),
        (
            "check",
            notebooks_check,
            "are the notebooks in step with their sources, do they keep the course's rules and budgets",
        ),
    ):
        sub = notebook_commands.add_parser(name, help=summary, description=summary)
        sub.add_argument("lessons", nargs="*", help="numbers such as 01; all when left out")
        if name == "check":
            sub.add_argument(
                "--fast", action="store_true", help="only what needs no execution: no budgets of time and memory"
            )
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        sub.set_defaults(command=function)
    bench = command("bench", bench_command, "speed, each figure as a ratio to a reference measured in the same run")
    bench.add_argument("parts", nargs="*", help="data, gemm, reference, explorers; all when left out")
    return parser


def _is_main_process():
    # Under torchrun every process runs this file; one of them speaks.
    return os.environ.get("RANK", "0") == "0"


def _print_json(value):
    print(json.dumps(_without_nan(value), indent=1, allow_nan=False, default=str))


def _without_nan(value):
    """The same with null for NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- data ---------------------------------------------------------------------------


def data_list(options):
    from .data import catalog
    from .data.loading import find
    from .data.phantoms import NAMES

    rows = []
    for name in catalog.names():
        card = catalog.card(name)
        found = {size: find(name, size, options.root) for size in catalog.sizes(name)}
        rows.append(
            {
                "name": name,
                "modality": card.modality,
                "task": card.task,
                "classes": list(card.classes),
                "cases": catalog.counts(name),
                "sizes": list(catalog.sizes(name)),
                "on_disk": {size: str(path) for size, path in found.items() if path},
                "phantom": name in NAMES,
                "licence": card.licence,
            }
        )
    if options.json:
        _print_json({"datasets": rows})
        return 0
    print(
        f"{'name':17}{'modality':27}{'task':12}{'classes':>8}{'train':>8}{'val':>7}{'test':>7}  sizes (px); * on disk"
    )
    for row in rows:
        sizes = " ".join(f"{size}{'*' if size in row['on_disk'] else ''}" for size in row["sizes"])
        cases = row["cases"]
        print(
            f"{row['name']:17}{row['modality']:27}{row['task']:12}{len(row['classes']):8}"
            f"{cases['train']:8}{cases['val']:7}{cases['test']:7}  {sizes}"
        )
    print(
        "\nLicence CC BY 4.0, dermamnist CC BY-NC 4.0, hippocampus CC BY-SA 4.0 (cases are volumes, images 56 x 40)."
        " Fetch one: medtutor data fetch NAME [--size S]"
    )
    return 0


def data_fetch(options):
    from .data.catalog import publisher
    from .data.loading import fetch_set, find, load

    found = find(options.name.strip().lower(), options.size, options.root) if options.name else None
    path = found or fetch_set(options.name, options.size, options.root)
    # Decoding checks the MD5 and the arrays.
    dataset = load(options.name, options.size, source=publisher(options.name), root=path.parent)
    if options.json:
        _print_json({"name": dataset.card.name, "size": dataset.card.size, "path": str(path), "fetched": found is None})
    else:
        print(f"{dataset}\n{'was on disk' if found else 'fetched to'}: {path}")
    return 0


# --- train, evaluate ----------------------------------------------------------------


def train_command(options):
    from .data import load
    from .models import build, models_for
    from .training import Run, default_recipe, fit
    from .training.processes import finish
    from .training.run import run_folder

    # Everything that can be wrong is found before the work starts.
    if options.resume and options.out is None:
        raise InputError("--resume needs --out FOLDER, the folder of the interrupted run")
    earlier = Run.load(options.out) if options.resume else None
    if options.out is not None:
        _check_writable(options.out)
        run_folder(options.out).check()
    dataset = load(options.dataset, options.size, source=options.source, root=options.root)
    if earlier is not None:
        recipe = earlier.recipe
        model = build(earlier.model.name, dataset, seed=recipe.seed, **earlier.model.options)
    else:
        name = options.model or models_for(dataset)[0]
        model = build(name, dataset, seed=options.seed)
        recipe = default_recipe(dataset.card, name, seed=options.seed)
        if options.epochs is not None:
            recipe = recipe.but(epochs=options.epochs)
    run = fit(model, dataset, recipe, device=options.device, resume=earlier)
    if _is_main_process():
        if options.out is not None:
            run.save(options.out)
        if options.json:
            _print_json(run.summary())
        else:
            print(f"{run}\n\n{_beside(run, dataset)}")
            if options.out is not None:
                print(f"\nsaved to {options.out}; look again: medtutor evaluate {options.out}")
        if run.interrupted and options.out is not None:
            print(f"go on with: medtutor train {options.dataset} --out {options.out} --resume", file=sys.stderr)
    finish()
    return 130 if run.interrupted else 0


def _check_writable(folder):
    from .doctor import can_be_written

    if not can_be_written(resolve(folder)):
        raise InputError(f"--out {folder} cannot be written; choose a folder that can")


def _beside(run, dataset):
    """The run's results beside what there is to compare them with, as text."""
    from .reports import comparison_table, segmentation_table

    return segmentation_table(run, dataset) if run.card.task == "segmentation" else comparison_table(run)


def _masked_data(run, root):
    """The data set of a segmentation's run, whose training masks make the atlas, which no run carries with it; None of
    other tasks.

    None also of the user's own arrays, which nothing brings back: then there is no atlas.
    """
    if run.card.task != "segmentation" or run.provenance == "arrays":
        return None
    return run.dataset(root)


def evaluate_command(options):
    from dataclasses import asdict

    from .reports import atlases, compare
    from .training import Run

    run = Run.load(options.run)
    dataset = _masked_data(run, options.root)
    if options.json and run.card.task == "segmentation":
        found = {} if dataset is None else atlases(dataset)
        _print_json(run.summary() | {"comparison": {name: asdict(metrics) for name, metrics in found.items()}})
    elif options.json:
        _print_json(run.summary() | {"comparison": [vars(row) for row in compare(run)]})
    else:
        print(f"{run}\n\n{_beside(run, dataset)}")
    return 0


# --- explain ------------------------------------------------------------------------


def explain_command(options):
    from dataclasses import asdict

    from . import figures
    from .data.card import SPLITS
    from .explanation import explain, score
    from .explanation.attribution import checked_method
    from .explanation.region import in_words
    from .explanation.subject import Subject
    from .training import Run

    # Everything that can be wrong is found before the work starts.
    checked_method(options.method)
    if options.split not in SPLITS:
        raise unknown("split", options.split, SPLITS)
    out = _checked_png(options.out)
    run = Run.load(options.run)
    Subject.of(run)  # refuses what cannot be explained
    dataset = run.dataset(options.root)
    cases = getattr(dataset, options.split)
    if not 0 <= options.index < len(cases):
        raise InputError(
            f"--index {options.index} is out of range; the {options.split} split has images 0…{len(cases) - 1}"
        )
    target = int(options.target) if (options.target or "").isdecimal() else options.target
    image = cases.images[options.index]
    attribution = explain(run, image, options.method, target=target, layer=options.layer)
    evidence = None if cases.evidence is None else cases.evidence[options.index]
    scores = score(run, image, attribution, evidence=evidence)
    label = _label_of(dataset.card, cases.targets[options.index])
    picture = figures.attribution(
        dataset, image, attribution, f"{options.split} image {options.index}, label {label}", scores
    )
    try:
        picture.save(out)
    except OSError as error:
        raise MedtutorError(f"{out} could not be written ({error.strerror or error})") from error
    if options.json:
        answer = {
            "run": options.run,
            "dataset": dataset.card.name,
            "model": run.model.name,
            "provenance": run.provenance,
            "split": options.split,
            "index": options.index,
            "label": label,
            "method": attribution.method,
            "target": attribution.target.name,
            "predicted": attribution.predicted.name,
            "probability": attribution.probability,
            "number": attribution.number,
            "score": attribution.score,
            "region": None if attribution.region is None else in_words(attribution.region),
            "layer": attribution.layer,
            "options": attribution.options,
            "scores": asdict(scores),
            "seconds": attribution.seconds,
            "file": str(out),
        }
        _print_json(answer)
    else:
        print(f"{dataset.title}, {options.split} image {options.index}, label: {label}\n{attribution}")
        for name, value in asdict(scores).items():
            if value is not None:
                print(f"  {name:20}{value:.3f}")
        print(f"saved to {out}")
    return 0


def _checked_png(file):
    """The path of a PNG file that can be written."""
    out = resolve(file)
    if out.suffix.lower() != ".png":
        raise InputError(f"--out {file} is no PNG file; give a name that ends in .png")
    _check_writable(out.parent)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        writable = not out.is_dir() and os.access(out if out.exists() else out.parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise InputError(f"--out {file} cannot be written; choose a file that can")
    return out


def _label_of(card, label):
    if card.task == "segmentation":
        return ", ".join(card.classes[number] for number in label.unique().tolist() if number) or "none"
    if card.task == "regression":
        return f"{float(label):.4g}"
    if card.task == "multi-label":
        return ", ".join(name for name, present in zip(card.classes, label.tolist()) if present) or "none"
    return card.classes[int(label)]


# --- trial --------------------------------------------------------------------------


def trial_list(options):
    from .review import claims, judge, verdict

    judged = [(claim, *judge(claim)) for claim in claims()]
    rows = [(claim, found) for claim, _, found in judged]
    if options.json:
        fields = [
            {
                "id": claim.id,
                "lesson": claim.lesson,
                "verdict": found.word,
                "reason": found.reason,
                "sentence": claim.tested,
            }
            for claim, found in rows
        ]
        _print_json({"claims": fields})
        return 0
    widths = [max(len(text) for text in column) for column in zip(*[(c.id, c.lesson, v.word) for c, v in rows])]
    for claim, found in rows:
        print(f"{claim.id:{widths[0]}}  {claim.lesson:{widths[1]}}  {found.word:{widths[2]}}  {claim.tested}")
    for claim, evidence, found in judged:
        if evidence is None and found != verdict(claim, None):  # there is a file, but it cannot be used
            print(f"medtutor: {claim.id} is {found}", file=sys.stderr)
    return 0


def trial_run(options):
    from functools import partial

    from .review import claim, claims, verdict

    # Everything that can be wrong is found before the work starts.
    chosen = [claim(claim_id) for claim_id in options.claims] or claims()
    out = _evidence_folder(options, chosen)

    from .data.catalog import publisher
    from .data.loading import load as load_set
    from .review.kept import forget_trainings
    from .review.trials import run_trial

    if options.source not in (None, "auto", "phantom"):
        raise InputError(
            f"unknown source {options.source!r}; choose auto or phantom, or leave it out for the published images"
        )

    def load(name):
        return load_set(name, source=options.source or publisher(name), root=options.root)

    remark, records = partial(print, file=sys.stderr, flush=True), []
    for each in chosen:
        try:
            evidence = run_trial(each, seeds=options.seeds, load=load, folder=out, device=options.device, report=remark)
        except KeyboardInterrupt:
            remark("the finished trainings are kept: the same command goes on after them")
            raise
        path = evidence.save(out)
        remark(f"evidence: {path}")
        found = verdict(each, evidence)
        records.append(each.as_record(evidence, found))
        if not options.json:
            print(each.card(evidence, found).as_text(), end="\n\n", flush=True)
    # Kept for the case of an interruption, and for claims that share them.
    forget_trainings(out)
    if options.json:
        _print_json({"out": str(out), "claims": records})
    return 0


def _evidence_folder(options, chosen):
    """Where `trial run` writes. Into the package goes only what can carry a verdict."""
    from .review.evidence import FOLDER

    seeds = options.seeds
    if seeds and (min(seeds) < 0 or len(set(seeds)) < len(seeds)):
        raise InputError("--seeds must be whole numbers from 0, each once")
    if options.out is not None:
        _check_writable(options.out)
        return resolve(options.out)
    if options.source or (seeds and any(sorted(seeds) != sorted(claim.seeds) for claim in chosen)):
        raise InputError("other images or seeds than the claim's give no verdict; say where to with --out FOLDER")
    if not (FOLDER.parents[2] / "pyproject.toml").is_file() or not os.access(FOLDER.parent, os.W_OK):
        raise InputError("the installed package keeps its own evidence; say where to with --out FOLDER")
    return FOLDER


def trial_report(options):
    from functools import partial

    from .review import claims, judge, side_by_side
    from .training.processes import choose_threads

    found = [(claim, *judge(claim)) for claim in claims()]
    choose_threads()
    table = side_by_side(timed=not options.untimed, report=partial(print, file=sys.stderr, flush=True))
    if options.json:
        _print_json({"claims": [claim.as_record(*judged) for claim, *judged in found], "families": table.as_records()})
    else:
        print(
            "\n\n".join(
                [
                    "# The review's claims on trial",
                    *(claim.card(*judged).as_markdown() for claim, *judged in found),
                    table.as_markdown(),
                ]
            )
        )
    return 0


# --- lessons, doctor, bench ----------------------------------------------------------


def _notebooks():
    """The lessons' folder, beside the package in a clone of the repository."""
    folder = Path(__file__).resolve().parent.parent / "notebooks"
    if not folder.is_dir():
        raise InputError("the lessons are not beside this package; clone the repository and run: make lab")
    return folder


def _chosen_sources(options):
    from .course.builder import sources

    found = {source.name[:2]: source for source in sources(_notebooks())}
    for number in options.lessons:
        if number not in found:
            raise unknown("lesson", number, list(found))
    return [source for number, source in found.items() if not options.lessons or number in options.lessons]


def notebooks_build(options):
    from .course.builder import build, read

    chosen = _chosen_sources(options)
    for source in chosen:
        for solved in (False, True):
            read(source, solved)  # whatever cannot be read is refused before the first one runs
    for source in chosen:
        print(f"{source.name} …", file=sys.stderr)
        for path, cost in build(source).items():
            print(f"{path.relative_to(_notebooks())}  {cost}")
    return 0


def notebooks_check(options):
    from .course.builder import execute, read
    from .course.inspection import COURSE_SECONDS, inspect_lesson, orphans, over_budget

    chosen = _chosen_sources(options)
    problems = [] if options.lessons else orphans(_notebooks())
    seconds = 0.0
    for source in chosen:
        problems += inspect_lesson(source)
        if not options.fast:
            print(f"{source.name} …", file=sys.stderr)
            try:
                cost = execute(read(source, solved=False), source)
            except MedtutorError as error:
                problems.append(str(error))
                continue
            seconds += cost.seconds
            problems += [f"{source.name}: {problem}" for problem in over_budget(cost)]
            print(f"{source.name}  {cost}")
    if seconds > COURSE_SECONDS:
        problems.append(f"all lessons together took {seconds / 60:.0f} minutes; at most {COURSE_SECONDS // 60}")
    for problem in problems:
        print(f"NOT  {problem}")
    if not problems:
        print(f"ok   {len(chosen)} lessons{', nothing executed' if options.fast else ''}")
    return 1 if problems else 0


def lab_command(options):
    folder = _notebooks()
    try:
        import jupyterlab  # noqa: F401
    except ImportError:
        raise InputError('JupyterLab is not installed; run: pip install "medtutor[lab]"') from None
    # As root, which is usual in containers, JupyterLab wants to be told.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    start = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *root, *options.options]
    # Widgets are saved with a notebook: opened again without a kernel it shows them as they were left.
    settings = [str(Path(__file__).parent / "lab_settings"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment = {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, settings))}
    return subprocess.run(start, env=environment).returncode


def doctor_command(options):
    from .doctor import examine

    findings = examine()
    if options.json:
        _print_json({"ok": all(f.ok for f in findings), "findings": [vars(f) for f in findings]})
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'NOT '} {finding.subject:12} {finding.text}")
            if finding.remedy:
                print(f"     {'':12} -> {finding.remedy}")
    return 0 if all(finding.ok or not finding.needed for finding in findings) else 1


def bench_command(options):
    from .bench import PARTS, measure_all

    for part in options.parts:
        if part not in PARTS:
            raise InputError(f"unknown part {part!r}; choose from {', '.join(PARTS)}")
    figures = measure_all(options.parts or list(PARTS), report=None if options.json else print)
    if options.json:
        _print_json(figures)
    return 0
