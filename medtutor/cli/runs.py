"""`medtutor train`, `evaluate`, `card`, `explain` and `page`."""

import json
import os
import sys
from contextlib import suppress

from ..errors import InputError, MedtutorError, unknown
from ..files import resolve
from .common import check_writable, command, is_main_process, print_json


def add(commands):
    """Declares the commands."""
    train = command(commands, "train", train_command, "train a model on a data set and measure it")
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

    evaluate = command(
        commands, "evaluate", evaluate_command, "a saved run's numbers, beside published ones, and by class"
    )
    evaluate.add_argument("run", help="folder of a run")
    evaluate.add_argument("--root", help="folder to look for data in first")

    card = command(commands, "card", card_command, "a saved run's model card and data sheet")
    card.add_argument("run", help="folder of a run")
    card.add_argument("--use", default="", help="the intended use, in place of teaching and research")
    card.add_argument("--out", help="folder to write card.md and card.json to")

    explain = command(
        commands,
        "explain",
        explain_command,
        "why a saved run answers as it does on one image: a picture and its scores",
    )
    explain.add_argument("run", help="folder of a run")
    explain.add_argument(
        "--index",
        type=int,
        required=True,
        help="which image of the split, from 0 as in Python; the picture counts from 1",
    )
    explain.add_argument("--split", default="val", help="train, val (default) or test")
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

    page = command(commands, "page", page_command, "a saved run as one HTML file that explains itself in any browser")
    page.add_argument("run", help="folder of a run of images or clips")
    page.add_argument("--out", required=True, help="HTML file to write, at most 6 MB")
    page.add_argument("--images", type=int, default=40, help="how many images it shows: 40 (default)")
    page.add_argument("--root", help="folder to look for data in first")


def train_command(options):
    from ..data import load
    from ..models import build, models_for
    from ..training import Run, default_recipe, fit
    from ..training.processes import finish
    from ..training.run import run_folder

    # Everything that can be wrong is found before the work starts.
    if options.resume and options.out is None:
        raise InputError("--resume needs --out FOLDER, the folder of the interrupted run")
    earlier = Run.load(options.out) if options.resume else None
    if options.out is not None:
        check_writable(options.out)
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
    if is_main_process():
        if options.out is not None:
            run.save(options.out)
        if options.json:
            print_json(run.summary())
        else:
            print(f"{run}\n\n{_beside(run, dataset)}")
            if options.out is not None:
                print(f"\nsaved to {options.out}; look again: medtutor evaluate {options.out}")
        if run.interrupted and options.out is not None:
            print(f"go on with: medtutor train {options.dataset} --out {options.out} --resume", file=sys.stderr)
    finish()
    return 130 if run.interrupted else 0


def _beside(run, dataset):
    """The run's results beside what there is to compare them with, as text; of a classification by class, too."""
    from ..metrics.classification import TASKS
    from ..reports import class_table, comparison_table, segmentation_table

    if run.card.task == "segmentation":
        return segmentation_table(run, dataset)
    of_classes = run.card.task in TASKS and run.test is not None
    return comparison_table(run, dataset) + (f"\n\n{class_table(run, 'test')}" if of_classes else "")


def _data_beside(run, root):
    """The data set of a segmentation's run, whose training masks make the atlas, which no run carries with it, and of a
    set whose splits share images; None of others.

    None also of the user's own arrays, which nothing brings back, and of a set with shared images that is not at hand:
    then there is no atlas, and the result stands once.
    """
    from ..data.subsets import SHARED

    if run.provenance == "arrays":
        return None
    if run.card.task == "segmentation":
        return run.dataset(root)
    with suppress(MedtutorError):
        return run.dataset(root) if run.card.name in SHARED else None
    return None


def evaluate_command(options):
    from dataclasses import asdict

    from ..metrics.classification import TASKS
    from ..reports import atlases, by_class, compare
    from ..training import Run

    run = Run.load(options.run)
    dataset = _data_beside(run, options.root)
    if options.json and run.card.task == "segmentation":
        found = {} if dataset is None else atlases(dataset)
        print_json(run.summary() | {"comparison": {name: asdict(metrics) for name, metrics in found.items()}})
    elif options.json:
        classes = {"classes": by_class(run, "test")} if run.card.task in TASKS else {}
        print_json(run.summary() | {"comparison": [vars(row) for row in compare(run, dataset)]} | classes)
    else:
        print(f"{run}\n\n{_beside(run, dataset)}")
    return 0


def card_command(options):
    from ..files import write_text
    from ..reports import model_card
    from ..training import Run

    if options.out is not None:
        check_writable(options.out)
    card = model_card(Run.load(options.run), intended_use=options.use)
    if options.out is not None:
        out = resolve(options.out)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {options.out} cannot be written; choose a folder that can") from error
        write_text(out / "card.md", card.markdown)
        write_text(out / "card.json", json.dumps(card.as_record(), indent=1, allow_nan=False) + "\n")
    if options.json:
        print_json(card.as_record())
    else:
        print(card.markdown if options.out is None else f"saved to {options.out}: card.md, card.json")
    return 0


def explain_command(options):
    from dataclasses import asdict

    from .. import figures
    from ..data.card import SPLITS
    from ..explanation import explain, score
    from ..explanation.attribution import checked_method
    from ..explanation.region import in_words
    from ..explanation.subject import Subject
    from ..training import Run

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
    case = f"image {options.index + 1} of the {options.split} split"  # as the explorers count
    picture = figures.attribution(dataset, image, attribution, f"{case}, label {label}", scores)
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
        print_json(answer)
    else:
        print(f"{dataset.title}, {case}, label: {label}\n{attribution}")
        for name, value in asdict(scores).items():
            if value is not None:
                print(f"  {name:20}{value:.3f}")
        print(f"saved to {out}")
    return 0


def page_command(options):
    from ..pages import page
    from ..pages.document import checked_file
    from ..training import Run

    checked_file(options.out)
    run = Run.load(options.run)
    out = page(run, run.dataset(options.root), options.out, images=options.images)
    if options.json:
        print_json({"run": options.run, "provenance": run.provenance, "file": str(out.path), "bytes": out.bytes})
    else:
        print(f"{run}\n\nsaved to {out}")
    return 0


def _checked_png(file):
    """The path of a PNG file that can be written."""
    out = resolve(file)
    if out.suffix.lower() != ".png":
        raise InputError(f"--out {file} is no PNG file; give a name that ends in .png")
    check_writable(out.parent)
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
