"""Pictures of one Run: how it was trained, and what it answers."""

from ..errors import InputError
from ..metrics import metrics_kind
from ..training.run import Run
from .canvas import BLUE, GREY, ORANGE, Picture, checked_run, new_figure, picture, predictions


def history(run: Run) -> Picture:
    """Loss and validation AUC (Dice of a segmentation, R² of a regression) after each epoch.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.history(run).alt)
    Phantom images, drawn by medtutor. Two curves over 1 epochs...
    """
    if not checked_run(run).history:
        raise InputError(
            "the run has no history: its model was not trained, or is no longer what was trained; give the run that fit"
            " returned"
        )
    kind = metrics_kind(run.card.task)
    key, name = f"val_{kind.curve[0]}", kind.headline
    epochs = [row["epoch"] for row in run.history]
    figure = new_figure(7, 2.6)
    loss, auc = figure.subplots(1, 2)
    loss.plot(epochs, [row["loss"] for row in run.history], "o-", color=BLUE, markersize=3)
    loss.set(xlabel="epoch", ylabel="training loss")
    auc.plot(epochs, [row[key] for row in run.history], "o-", color=ORANGE, markersize=3)
    auc.set(xlabel="epoch", ylabel=f"validation {name}")
    for ax in (loss, auc):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.spines[["top", "right"]].set_visible(False)
    first, last = run.history[0], run.history[-1]
    return picture(
        figure,
        f"Two curves over {len(epochs)} epochs: the training loss goes from {first['loss']:.2f} to {last['loss']:.2f}, "
        f"the validation {name} from {first[key]:.3f} to {last[key]:.3f}.",
        phantom=run.provenance == "phantom",
    )


def confusion(run: Run, split: str = "val") -> Picture:
    """How often each class was called each class, at the highest score.

    Raises `InputError` for runs without one class for each case, and for a split that was not read.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.confusion(run).alt)
    Phantom images, drawn by medtutor. Confusion matrix: of...
    """
    from sklearn.metrics import confusion_matrix  # takes most of a second to load

    labels, scores = predictions(run, split)
    if run.card.task == "multi-label":
        raise InputError("a multi-label run has no confusion matrix: each image may have several labels")
    if run.card.task == "regression":
        raise InputError(
            "a regression has no confusion matrix: it predicts a number, not a class; use figures.predicted(run)"
        )
    if run.card.task == "segmentation":
        raise InputError(
            "a segmentation has no confusion matrix of images: it answers for each pixel; use figures.gallery or"
            " explore(run)"
        )
    classes = run.card.classes
    matrix = confusion_matrix(labels, scores.argmax(1), labels=range(len(classes)))
    side = 1.1 * len(classes) + 1.6
    figure = new_figure(max(side, 3.6), max(side * 0.85, 3.0))
    ax = figure.subplots()
    share = matrix / matrix.sum(1, keepdims=True).clip(min=1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i in range(len(classes)):
        for j in range(len(classes)):
            colour = "white" if share[i, j] > 0.5 else "black"
            ax.text(j, i, f"{matrix[i, j]}\n{share[i, j]:.0%}", ha="center", va="center", color=colour)
    names = [name.replace(", ", ",\n") for name in classes]
    ax.set_xticks(range(len(classes)), names, rotation=0 if len(classes) <= 3 else 90)
    ax.set_yticks(range(len(classes)), names)
    ax.set(xlabel="the model says", ylabel="the label says")
    ax.set_title(f"{run.card.title}, {split} split", size=10)
    words = "; ".join(f"of {matrix[i].sum()} {name}, {matrix[i, i]} are called so" for i, name in enumerate(classes))
    return picture(figure, f"Confusion matrix: {words}.", phantom=run.provenance == "phantom")


def roc(run: Run, split: str = "val") -> Picture:
    """The ROC curve of a binary run, with the point where the score is one half.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.roc(run).alt)
    Phantom images, drawn by medtutor. ROC curve on the val split...
    """
    from sklearn.metrics import roc_curve

    labels, scores = predictions(run, split)
    if run.card.task != "binary":
        raise InputError(f"a ROC curve is drawn for binary tasks; this one is {run.card.task}")
    false_positive, true_positive, _ = roc_curve(labels, scores[:, 1])
    called = scores[:, 1] > 0.5
    found, mistaken = called[labels == 1].mean(), called[labels == 0].mean()
    metrics = getattr(run, split)
    figure = new_figure(3.6, 3.6)
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], ":", color=GREY, label="chance")
    ax.plot(false_positive, true_positive, color=BLUE, label=f"{run.model.name}, AUC {metrics.auc:.3f}")
    ax.plot(mistaken, found, "o", color=ORANGE, label="threshold one half")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    ax.legend(loc="lower right", fontsize=8, frameon=False)
    return picture(
        figure,
        f"ROC curve on the {split} split, area {metrics.auc:.3f}. At a threshold of one half, "
        f"{found:.0%} of '{run.card.classes[1]}' are found and "
        f"{mistaken:.0%} of '{run.card.classes[0]}' are called so by mistake.",
        phantom=run.provenance == "phantom",
    )


def precision_recall(run: Run, split: str = "val") -> Picture:
    """Precision against recall of a binary run, with the point where the score is one half.

    Chance is the share of class 1: unlike the ROC curve, this one depends on it.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> print(figures.precision_recall(run).alt)
    Phantom images, drawn by medtutor. Precision...
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    labels, scores = predictions(run, split)
    if run.card.task != "binary":
        raise InputError(f"a precision-recall curve is drawn for binary tasks; this one is {run.card.task}")
    precision, recall, _ = precision_recall_curve(labels, scores[:, 1])
    area, share = average_precision_score(labels, scores[:, 1]), labels.mean()
    called = scores[:, 1] > 0.5
    at_half = labels[called].mean() if called.any() else float("nan")
    found = called[labels == 1].mean()
    figure = new_figure(3.6, 3.6)
    ax = figure.subplots()
    ax.axhline(share, linestyle=":", color=GREY, label=f"chance, {share:.2f}")
    ax.plot(recall, precision, color=BLUE, label=f"{run.model.name}, average {area:.3f}")
    ax.plot(found, at_half, "o", color=ORANGE, label="threshold one half")
    ax.set(xlabel="recall (sensitivity)", ylabel="precision", xlim=(-0.02, 1.02), ylim=(0, 1.02), aspect="equal")
    ax.legend(loc="lower left", fontsize=8, frameon=False)
    return picture(
        figure,
        f"Precision against recall on the {split} split, average precision {area:.3f}, chance {share:.2f}. At a"
        f" threshold of one half, {found:.0%} of '{run.card.classes[1]}' are found, and {at_half:.0%} of those called"
        " so are so.",
        phantom=run.provenance == "phantom",
    )


def predicted(run: Run, split: str = "val") -> Picture:
    """The predicted numbers of a regression against the true ones: on the line they agree.

    Raises `InputError` for runs of other tasks, and for a split that was not read.

    >>> import medtutor as mt
    >>> from medtutor import figures
    >>> hearts = mt.load("cine_ejection")
    >>> run = mt.fit(mt.build("single_frame", hearts), hearts, mt.Recipe(epochs=1, batch_size=100), progress=False)
    >>> print(figures.predicted(run).alt)
    Phantom images, drawn by medtutor. Predicted ...
    """
    labels, answers = predictions(run, split)
    if run.card.task != "regression":
        raise InputError(f"predicted against true numbers are drawn of a regression; this run is {run.card.task}")
    answers, metrics, name = answers[:, 0], getattr(run, split), run.card.classes[0]
    ends = [min(labels.min(), answers.min()), max(labels.max(), answers.max())]
    figure = new_figure(3.8, 3.8)
    ax = figure.subplots()
    ax.plot(ends, ends, ":", color=GREY, label="as it should be")
    ax.plot(ends, [run.scale[0]] * 2, "--", color=ORANGE, linewidth=1, label="always the mean")
    ax.plot(labels, answers, "o", color=BLUE, alpha=0.5, markersize=4, label=run.model.name)
    ax.set(xlabel=f"{name}, the label", ylabel=f"{name}, predicted", aspect="equal")
    ax.legend(loc="upper left", fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return picture(
        figure,
        f"Predicted {name} against the true one of {len(labels)} cases of the {split} split. The labels run from"
        f" {labels.min():.3g} to {labels.max():.3g}, the predictions from {answers.min():.3g} to {answers.max():.3g};"
        f" R² {metrics.r2:.3f}, mean error {metrics.mae:.3g}.",
        phantom=run.provenance == "phantom",
    )
