"""Checks: right answers pass however written, each wrong one is refused with the hint that fits."""

import functools
import random
import re
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from answers import ANSWERS
from conftest import REFUSED
from medtutor.course import check
from medtutor.course.builder import solutions, sources
from medtutor.course.check import Exercise, Mistake, exercises, look_at
from medtutor.errors import InputError
from mutants import mutants

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ALL = exercises()
WRONG = [(name, mistake) for name, exercise in ALL.items() for mistake in exercise.mistakes]


@pytest.mark.parametrize("name", ALL)
def test_the_reference_passes(name):
    assert look_at(ALL[name], ALL[name].reference, seed=0).kind == "right"


@pytest.mark.parametrize("name, mistake", WRONG, ids=[f"{name}: {mistake.name}" for name, mistake in WRONG])
def test_a_wrong_answer_is_refused_with_its_hint(name, mistake):
    for seed in range(5):
        box = look_at(ALL[name], mistake.answer, seed=seed)
        assert box.kind == "wrong"
        assert box.text[1:] == mistake.hint[1:]
    REFUSED.append((name, mistake.name, box.text))


@pytest.mark.parametrize("name", ALL)
def test_every_exercise_knows_three_mistakes_with_hints_of_their_own(name):
    hints = [mistake.hint for mistake in ALL[name].mistakes]
    assert len(hints) >= 3 and len(set(hints)) == len(hints)


@pytest.mark.parametrize("blank", [None, ..., lambda *_: None, lambda *_: ...], ids=["none", "dots", "returns none", "returns dots"])
@pytest.mark.parametrize("name", ALL)
def test_an_untouched_blank_is_an_open_box(name, blank):
    box = getattr(check, name)(blank)
    assert box.kind == "open" and "not attempted" in box.text


def test_the_blank_of_nbgrader_is_open_too():
    def blank(*_):
        raise NotImplementedError

    assert check.auc(blank).kind == "open"


@pytest.mark.parametrize("source", sources(NOTEBOOKS), ids=lambda source: source.stem)
def test_the_solutions_in_the_lessons_pass(source):
    """Each check that a lesson calls is passed by the lesson's own solution."""
    for name, answer in solutions(source).items():
        assert look_at(ALL[name], answer, seed=1).kind == "right", name


@pytest.mark.parametrize("name, answer", [(name, answer) for name, _, answer in ANSWERS], ids=[f"{name}: {how}" for name, how, _ in ANSWERS])
def test_a_right_answer_passes_however_it_is_written(name, answer):
    for seed in range(5):
        box = look_at(ALL[name], answer, seed=seed)
        assert box.kind == "right", box


def test_every_exercise_is_answered_in_three_other_ways():
    ways = [name for name, _, _ in ANSWERS]
    assert all(ways.count(name) >= 3 for name in ALL)


# What mutants change without changing any value: the other side of a square, an axis that has one place, …
THE_SAME = """
    svd(rows - rows.mean(0), full  svd(rows.mean(0) - rows if  full_matrices=True  (rebuilt - image).abs()  stride=1)[-1, 0]  stride=1)[0, -1]
    kernel[None, None])[-1, 0]  kernel[None, None])[0, -1]  2 / (values[:, None] - centres) ** 2  (centres - values[:, None]) ** 2
    kthvalue(k + 1, dim=0)  (_distances(points, others) < radii)  _distances(others, points)  nonzero()[:, -1]  else 1.0  else -1.0
    seen[seen <= t]  seen[seen >= t]  skip.shape[2]  repeat_interleave(2, dim=2)  pass  masked_fill(float('-inf'), apart)
    keys.transpose(-1, -2)  keys.transpose(2, -1)  mean.shape[1]  mean.shape[-2]  mean.shape[-0]
"""


@pytest.mark.parametrize("name", ALL)
def test_no_mutant_of_a_reference_passes(name):
    """A sign, an axis, a bound, a step left out: whatever changes a value is found on the inputs that the check draws."""
    same = [words.strip() for words in re.split(r"\s{2,}", THE_SAME.strip())]
    found = mutants(ALL[name].reference)
    passed = [what for what, mutant in found if look_at(ALL[name], mutant, seed=0).kind == "right"]
    assert len(found) > 1
    assert [what for what in passed if not any(words in what.split("->")[-1] for words in same)] == []


def test_gradients_are_compared_where_the_lesson_asks_for_them_and_nowhere_else():
    asked = {}
    for source in sources(NOTEBOOKS):
        for part in re.split(r"(?<=\))\n\n# %%", source.read_text(encoding="utf-8")):
            for name in re.findall(r"^check\.(\w+)\(", part, re.M):
                asked[name] = "stay in pytorch" in " ".join(part.replace("#", " ").split()).lower()
    assert asked == {name: exercise.gradients for name, exercise in ALL.items()}


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_in_single_precision_as_in_the_lessons(name):
    seen = []
    look_at(ALL[name], lambda *inputs: seen.extend(inputs) or ALL[name].reference(*inputs), seed=0)
    floats = [value.dtype for value in seen if isinstance(value, torch.Tensor) and value.is_floating_point()]
    floats += [parameter.dtype for value in seen if isinstance(value, torch.nn.Module) for parameter in value.parameters()]
    assert set(floats) <= {torch.float32}


# --- however it is written ---------------------------------------------------


def double(x):
    return 2 * x


DOUBLE = Exercise(
    "double",
    double,
    lambda generator: (torch.tensor(generator.normal(size=(3, 4))),),
    (Mistake("square", lambda x: x**2, "you square."),),
    gradients=True,
)


def test_numpy_lists_and_single_precision_pass():
    no_gradients = Exercise("double", double, DOUBLE.inputs, DOUBLE.mistakes)
    for answer in (lambda x: (2 * x).numpy(), lambda x: (2 * x).tolist(), lambda x: (x + x).float(), lambda x: list(2 * x)):
        assert look_at(no_gradients, answer, seed=0).kind == "right"


def test_an_answer_for_labels_in_pure_python_passes():
    def auc(labels, scores):
        ill = [float(s) for s, y in zip(scores, labels) if y == 1]
        healthy = [float(s) for s, y in zip(scores, labels) if y == 0]
        return sum((a > b) + 0.5 * (a == b) for a in ill for b in healthy) / (len(ill) * len(healthy))

    def rates(labels, scores, threshold):
        y, called = labels.numpy(), scores.numpy() > threshold
        return np.array([called[y == 1].mean(), 1 - called[y == 0].mean()])

    assert check.auc(auc).kind == "right"
    assert look_at(ALL["sensitivity_and_specificity"], rates, seed=0).kind == "right"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda x: 3 * x, "12 of 12 values"),
        (lambda x: 2 * x[:2], r"yours is \(2, 4\), asked for is \(3, 4\)"),
        (lambda x: (2 * x).sum(), "yours is a single number"),
        (lambda x: (2 * x, x[0]), "2 arrays where 1"),
        (lambda x: "six", "returns str"),
        (lambda x: x.nonsense, "AttributeError"),
        (lambda: 1, "TypeError"),
        (lambda x: x.mul_(2), "changes its input"),
        (lambda x: (2 * x).detach(), "no gradient"),
        (lambda x: 2 * x * (2 * x) / (2 * x).detach(), "gradients are not"),
        (lambda x: x**2, "You square"),
        (torch.ones(3), "the function itself"),
    ],
)
def test_what_is_wrong_is_named(answer, hint):
    box = look_at(DOUBLE, answer, seed=0)
    assert box.kind == "wrong"
    assert re.search(hint, box.text)


def test_gaps_in_an_input_are_no_change_of_it():
    gaps = Exercise("filled", lambda x: x.nan_to_num(0), lambda generator: (torch.tensor([float("nan"), generator.normal()]),), ())
    assert look_at(gaps, lambda x: x.nan_to_num(0), seed=0).kind == "right"
    assert "changes its input" in look_at(gaps, lambda x: x.nan_to_num_(0), seed=0).text


def test_a_hint_never_tells_right_values():
    box = look_at(DOUBLE, lambda x: 3 * x, seed=0)
    assert "2" not in box.text.replace("12", "")


def test_an_unknown_check_names_those_there_are():
    with pytest.raises(InputError, match="cross_correlate"):
        check.cross_corelate(lambda: 0)
    assert "auc" in dir(check)


def test_a_box_says_its_kind_in_symbol_and_words():
    box = check.auc(None)
    assert str(box).startswith("☐ auc") and "not attempted" in box._repr_html_()
