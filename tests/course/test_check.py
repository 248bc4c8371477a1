"""Checks: right answers pass however written, each wrong one is refused with the hint that fits."""

import functools
import random
import re
import signal
import sys
import threading
import time
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from answers import ANSWERS
from mutants import mutants

from medtutor.course import check
from medtutor.course.builder import solutions, sources
from medtutor.course.check import Exercise, Mistake, exercises, look_at
from medtutor.errors import InputError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ALL = exercises()
WRONG = [(name, mistake) for name, exercise in ALL.items() for mistake in exercise.mistakes]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """What is solved here is not the user's doing."""
    monkeypatch.setenv("MEDTUTOR_HOME", str(tmp_path / "kept"))


@pytest.mark.parametrize("name", ALL)
def test_the_reference_passes(name):
    assert look_at(ALL[name], ALL[name].reference, seed=0).kind == "right"


@pytest.mark.parametrize("name, mistake", WRONG, ids=[f"{name}: {mistake.name}" for name, mistake in WRONG])
def test_a_wrong_answer_is_refused_with_its_hint(name, mistake, record_property):
    for seed in range(5):
        box = look_at(ALL[name], mistake.answer, seed=seed)
        assert box.kind == "wrong"
        assert box.text[1:] == mistake.hint[1:]
    record_property("refused", [name, mistake.name, box.text])


@pytest.mark.parametrize("name", ALL)
def test_every_exercise_knows_three_mistakes_with_hints_of_their_own(name):
    hints = [mistake.hint for mistake in ALL[name].mistakes]
    assert len(hints) >= 3 and len(set(hints)) == len(hints)


@pytest.mark.parametrize(
    "blank", [None, ..., lambda *_: None, lambda *_: ...], ids=["none", "dots", "returns none", "returns dots"]
)
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


@pytest.mark.parametrize(
    "name, answer", [(name, answer) for name, _, answer in ANSWERS], ids=[f"{name}: {how}" for name, how, _ in ANSWERS]
)
def test_a_right_answer_passes_however_it_is_written(name, answer):
    for seed in range(5):
        box = look_at(ALL[name], answer, seed=seed)
        assert box.kind == "right", box


def test_every_exercise_is_answered_in_three_other_ways():
    ways = [name for name, _, _ in ANSWERS]
    assert all(ways.count(name) >= 3 for name in ALL)


# Mutants that are right, by what is new in them: the other side of a square, an axis with one place, a case that does
# not occur.
THE_SAME = {
    "anomaly_score": ["(rebuilt - image).abs()", "stride=1)[-1, 0]", "stride=1)[0, -1]"],
    "attend": [
        "pass",
        "masked_fill(float('-inf'), attn_mask)",
        "transpose(-1, -2)",
        "transpose(2, -1)",
        "return scores",
    ],
    "called_in_each": ["groups != group"],
    "covered": ["kthvalue(k + 1, dim=0)", "_distances(points, others) < radii"],
    "cross_correlate": ["kernel[None, None])[-1, 0]", "kernel[None, None])[0, -1]"],
    "equalised_odds": ["groups != group", "abs(other - one)", "zip(second, first)"],
    "cusum_alarm": ["total >= threshold", "- slack, 0.0)"],
    "expected_error": ["right[here].double().mean() - confidence[here].mean()"],
    "fill_lost": ["nonzero()[:, -1]", "else 1.0", "else -1.0", "seen[seen <= t]", "seen[seen >= t]"],
    "fuzzy_memberships": ["2 / (values[:, None] - centres) ** 2", "1 / (centres - values[:, None]) ** 2"],
    "most_alike": ["keepdim=True) - pixels"],
    "likelihood_ratio": ["(mean - target)"],
    "pca_reconstruction": ["svd(rows - rows.mean(0), full", "svd(rows.mean(0) - rows if", "full_matrices=True"],
    "rollout": ["mean.shape[1]", "mean.shape[-2]", "mean.shape[-0]"],
    "skip_join": [":skip.shape[2]", "repeat_interleave(2, dim=2)"],
    "windowed": ["np.clip(0, "],
}


@pytest.mark.parametrize("name", ALL)
def test_no_mutant_of_a_reference_passes(name):
    """A sign, an axis, a bound, a step left out: whatever changes a value is found on the inputs that the check
    draws.
    """
    found = mutants(ALL[name].reference)
    passed = [what for what, mutant in found if look_at(ALL[name], mutant, seed=0).kind == "right"]
    assert len(found) > 1
    assert [what for what in passed if not any(new in what.split("  ->  ")[1] for new in THE_SAME.get(name, []))] == []


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
    floats += [
        parameter.dtype for value in seen if isinstance(value, torch.nn.Module) for parameter in value.parameters()
    ]
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
    for answer in (
        lambda x: (2 * x).numpy(),
        lambda x: (2 * x).tolist(),
        lambda x: (x + x).float(),
        lambda x: list(2 * x),
    ):
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


SUM = Exercise("total", lambda x: x.sum(), DOUBLE.inputs, ())
BOTH = Exercise("both", lambda x: (x + 1, x * 2), DOUBLE.inputs, ())
PLAIN = Exercise("double", double, DOUBLE.inputs, DOUBLE.mistakes)


def said(exercise, answer):
    """(kind, text) of a check."""
    box = look_at(exercise, answer, seed=0)
    return box.kind, box.text


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: 2 * x.numpy()[::-1][::-1],
        lambda x: np.flip(np.flip(2 * x.numpy())),
        lambda x: (2 * x.numpy()).astype(">f8"),
        lambda x: (2 * x.numpy()).astype(np.longdouble),
        lambda x: np.broadcast_to(2 * x.numpy(), x.shape),
        lambda x: np.ma.masked_array(2 * x.numpy()),
        lambda x: (2 * x).to_sparse(),
        lambda x: (2 * x).requires_grad_(),
        lambda x: [[2 * value for value in row] for row in x],
        lambda x: [[float(2 * value) for value in row] for row in x],
        lambda x: tuple(2 * row for row in x.numpy()),
        lambda x: torch.nn.Parameter(2 * x),
    ],
)
def test_arrays_of_any_make_pass(answer):
    assert said(PLAIN, answer) == ("right", "agrees with the reference on 6 random inputs.")


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: float(x.sum()),
        lambda x: x.numpy().sum(),
        lambda x: np.array(x.numpy().sum()),
        lambda x: x.double().sum().requires_grad_(),
        lambda x: sum(map(sum, x)),
    ],
    ids=["float", "numpy", "array", "tensor", "python"],
)
def test_numbers_of_any_make_pass(answer):
    assert said(SUM, answer)[0] == "right"


@pytest.mark.parametrize(
    "answer",
    [lambda x: [x + 1, (2 * x).tolist()], lambda x: torch.stack([x + 1, x * 2]), lambda x: np.stack([x + 1, x * 2])],
)
def test_two_arrays_pass_in_a_list_and_as_one(answer):
    assert said(BOTH, answer)[0] == "right"


class Doubling(torch.nn.Module):
    def forward(self, x):
        return 2 * x

    def of(self, x):
        return 2 * x


@pytest.mark.parametrize(
    "answer",
    [
        Doubling(),
        Doubling().of,
        functools.partial(torch.mul, 2),
        functools.lru_cache(double),
        np.vectorize(lambda x: 2 * x),
        torch.no_grad()(double),
    ],
    ids=["module", "method", "partial", "cached", "vectorised", "decorated"],
)
def test_whatever_can_be_called_is_looked_at(answer):
    assert said(PLAIN, answer)[0] == "right"


def test_a_scripted_function_is_looked_at():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert said(PLAIN, torch.jit.script(double))[0] == "right"


@pytest.mark.parametrize(
    "answer, sentence",
    [
        (lambda x: 2 * x + 0j, "returns complex numbers; take their real part"),
        (lambda x: (2 * x).long(), r"returns whole numbers \(int64\); asked for are fractions"),
        (lambda x: 2 * x > 0, r"returns whole numbers \(bool\)"),
        (lambda x: torch.where(x > 9, x, torch.nan), "12 of 12 values are nan; is something divided by zero"),
        (lambda x: 2 * x / torch.zeros(4), "values are -?inf"),
        (lambda x: (2 * x).max(dim=1), r"values and their places.*take \.values"),
        (lambda x: [2 * x, None], "returns None in the place of a number"),
        (lambda x: [[2 * x[0, 0]], [1, 2]], "2 arrays where 1 is"),
        (lambda x: [[[1.0], [1.0, 2.0]]], "a list of arrays of different shapes"),
        (lambda x: {"double": 2 * x}, "returns dict, which is no number"),
        (lambda x: (2 * value for value in x), "returns generator, which is no number"),
        (lambda x: torch.empty(3, 4, device="meta"), "returns Tensor, which is no number"),
        (lambda x: np.array(["a"]), "returns ndarray, which is no number"),
        (lambda x: (2 * x).round(decimals=2), "not quite: off by 2 % at most. Is something rounded"),
        (lambda x: (2 * x).bfloat16(), "not quite"),
        (lambda x: torch.randn(3, 4), "another answer each time"),
        (lambda x: (2 * x).T, r"yours is \(4, 3\), asked for is \(3, 4\)"),
    ],
)
def test_a_wrong_kind_of_value_gets_its_own_sentence(answer, sentence):
    kind, text = said(PLAIN, answer)
    assert kind == "wrong" and re.search(sentence, text), text


def test_a_value_that_is_infinite_does_not_make_all_others_right():
    infinite = Exercise("one_over", lambda x: 1 / x, lambda generator: (torch.tensor([0.0, generator.normal()]),), ())
    assert said(infinite, lambda x: 2 / x)[0] == "wrong"
    assert said(infinite, lambda x: [1 / float(x[1]) if value else torch.inf for value in x])[0] == "right"


# --- nothing returned, nothing written -----------------------------------------


def forgets(x):
    total = 2 * x  # noqa: F841


def prints(x):
    print(2 * x)


def forgets_sometimes(x):
    if x[0, 0] > 0:
        return 2 * x


def dots(x):
    """What it should do."""
    ...  # your code here


class Blank:
    def __call__(self, x):
        """Nothing yet."""


@pytest.mark.parametrize("name", ALL)
def test_who_forgets_the_return_is_told_so(name):
    def answer(*inputs):
        result = ALL[name].reference(*inputs)  # noqa: F841

    box = look_at(ALL[name], answer, seed=0)
    assert box.kind == "wrong" and "returns nothing" in box.text


def test_what_is_printed_is_not_returned(capsys):
    kind, text = said(PLAIN, prints)
    assert kind == "wrong" and "print shows it" in text and "tensor" in capsys.readouterr().out


def test_a_return_on_one_way_only():
    assert "for some inputs; every way through it needs a return" in said(PLAIN, forgets_sometimes)[1]


@pytest.mark.parametrize("blank", [dots, functools.partial(dots), torch.no_grad()(dots), Blank(), lambda x: None])
def test_a_blank_is_open_whatever_it_is_made_of(blank):
    assert said(PLAIN, blank)[0] == "open"


def test_where_the_source_is_not_at_hand_blanks_are_still_told_from_answers():
    space = {}
    exec(
        "def blank(x):\n    ...\n\ndef forgets(x):\n    y = 2 * x\n\ndef stops(x):\n    y = 2\n    return x / nothing",
        space,
    )
    assert said(PLAIN, space["blank"])[0] == "open"
    assert "returns nothing" in said(PLAIN, space["forgets"])[1]
    assert "NameError: name 'nothing' is not defined, in line 9 (inputs: (3, 4))" in said(PLAIN, space["stops"])[1]


def test_nothing_at_all_is_open_too():
    assert check.auc().kind == "open"


# --- answers that misbehave ----------------------------------------------------


def stops_inside(x):
    return helper(x)


def helper(x):
    return x.reshape(5, 5)


def leaves(x):
    sys.exit(3)


def runs_out_of_memory(x):
    raise MemoryError


def calls_itself(x):
    return calls_itself(x)


def stops_with_a_long_message(x):
    raise ValueError("first line\nsecond line " + "x" * 999)


@pytest.mark.parametrize(
    "answer, sentence",
    [
        (stops_inside, r"RuntimeError: shape .*, in line \d+, “return x.reshape\(5, 5\)” \(inputs: \(3, 4\)\)\.$"),
        (leaves, r"SystemExit: 3, in line \d+, “sys.exit\(3\)”"),
        (runs_out_of_memory, r"stopped with MemoryError, in line \d+"),
        (calls_itself, "RecursionError: maximum recursion depth exceeded"),
        (stops_with_a_long_message, r"ValueError: first line, in line"),
        (lambda x: x.long().softmax(0), r"stopped with \w+Error: .*not implemented for 'Long'"),
        (lambda x, y: x, r"TypeError: .*missing 1 required positional argument: 'y' \(inputs"),
    ],
)
def test_an_answer_that_stops_gets_one_sentence_with_its_line(answer, sentence):
    kind, text = said(PLAIN, answer)
    assert kind == "wrong" and re.search(sentence, text) and "\n" not in text, text


def test_an_error_on_the_way_back_is_a_sentence_too():
    def answer(x):
        return x * 2 if not x.requires_grad else {}["nothing"]

    assert "no gradient flows" in said(DOUBLE, answer)[1]


def never_ends(x):
    while True:
        pass


def never_ends_and_catches(x):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


def never_lets_go(x):
    for _ in range(2):
        try:
            time.sleep(60)
        except BaseException:
            pass
    time.sleep(60)


@pytest.mark.parametrize("answer", [never_ends, never_ends_and_catches])
def test_an_answer_that_never_ends_is_stopped(answer, monkeypatch):
    monkeypatch.setattr(sys.modules["medtutor.course.check"], "SECONDS", 0.3)
    start = time.monotonic()
    kind, text = said(PLAIN, answer)
    assert time.monotonic() - start < 10
    assert kind == "wrong" and re.search(r"stopped after 0.3 seconds, in line \d+, “.*”. Does a loop never end", text)


def test_an_answer_that_eats_memory_is_stopped(monkeypatch):
    def eats(x):
        kept = []
        while True:
            kept.append(torch.ones(1_000_000))

    monkeypatch.setattr(sys.modules["medtutor.course.check"], "BYTES", 50e6)
    kind, text = said(PLAIN, eats)
    assert kind == "wrong"
    assert re.search(
        r"stopped after taking 0.05 GB of memory, in line \d+, “kept.append.*”. Does a loop never end", text
    )


def test_an_answer_that_swallows_the_stop_is_stopped_again(monkeypatch):
    monkeypatch.setattr(sys.modules["medtutor.course.check"], "SECONDS", 0.1)
    assert "stopped after" in said(PLAIN, never_lets_go)[1]


def test_somebody_elses_alarm_is_left_as_it_was():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 100)
        look_at(PLAIN, double, seed=0)
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        assert 90 < left <= 100
        signal.raise_signal(signal.SIGALRM)
        assert rung == [1]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_check_works_outside_the_main_thread():
    boxes = []
    thread = threading.Thread(target=lambda: boxes.append(look_at(PLAIN, double, seed=0)))
    thread.start()
    thread.join()
    assert boxes[0].kind == "right"


def test_a_buffer_that_is_filled_anew_is_no_mistake():
    buffer = torch.zeros(3, 4)
    assert said(PLAIN, lambda x: torch.mul(x, 2, out=buffer))[0] == "right"


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.mul_(2),
        lambda x: x.unsqueeze_(0),
        lambda x: x.transpose_(0, 1),
        lambda x: np.multiply(x.numpy(), 2, out=x.numpy()),
    ],
)
def test_a_changed_input_is_seen_whatever_was_changed(change):
    def answer(x):
        right = 2 * x
        change(x)
        return right

    assert "changes its input" in said(PLAIN, answer)[1]


def test_a_changed_model_is_seen_and_harms_nobody():
    def answer(model, image, target):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        return torch.zeros_like(image)

    def asleep(model, image, target):
        model.train()
        return ALL["saliency"].reference(model, image, target)

    assert "changes its input" in said(ALL["saliency"], answer)[1]
    assert "changes its input" in said(ALL["saliency"], asleep)[1]
    assert said(ALL["saliency"], ALL["saliency"].reference)[0] == "right"


# --- what a check leaves behind ------------------------------------------------


def random_state():
    _, keys, place, *_ = np.random.get_state()
    return torch.get_rng_state().tolist(), keys.tolist(), place, random.getstate()


@pytest.mark.parametrize("name", ALL)
def test_a_check_moves_no_random_generator(name):
    before = random_state()
    look_at(ALL[name], ALL[name].reference)
    assert random_state() == before


def test_nor_does_an_answer_that_draws_or_seeds():
    def answer(x):
        torch.manual_seed(1), np.random.seed(1), random.seed(1)
        return 2 * x + torch.randn(3, 4) + np.random.rand() + random.random()

    before = random_state()
    assert said(PLAIN, answer)[0] == "wrong"
    assert random_state() == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "soft_dice_loss"])
def test_a_right_answer_is_right_where_gradients_were_turned_off(name, mode):
    with mode():
        assert look_at(ALL[name], ALL[name].reference, seed=0).kind == "right"
        assert not torch.is_grad_enabled()


def test_two_exercises_of_one_name_are_refused(monkeypatch):
    gan, start_here = (
        import_module(f"medtutor.course.lessons.{lesson}.exercises") for lesson in ("06_gan", "00_start_here")
    )
    monkeypatch.setattr(gan, "EXERCISES", [*gan.EXERCISES, *start_here.EXERCISES])
    exercises.cache_clear()
    try:
        with pytest.raises(InputError, match="two exercises have the name accuracy_of_the_commonest"):
            exercises()
    finally:
        exercises.cache_clear()


def test_gaps_in_an_input_are_no_change_of_it():
    gaps = Exercise(
        "filled", lambda x: x.nan_to_num(0), lambda generator: (torch.tensor([float("nan"), generator.normal()]),), ()
    )
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
