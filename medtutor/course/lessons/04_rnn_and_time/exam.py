"""Exam questions of lesson 04, RNN and time."""

import numpy as np
import torch
from torch import nn

from ....metrics import measure_regression
from ...exam import question


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@question(
    "A forget gate stands at {f} for {steps} steps. What share of the gradient along the memory is left?", "{:.4f}"
)
def survives(generator):
    f, steps = int(generator.integers(60, 97)) / 100, int(generator.integers(4, 20))
    return {"f": f, "steps": steps}, [
        (f**steps, "With the gates held fixed the gradient is the product of the forget gates."),
        (f, "This is what one step leaves; the steps multiply."),
        (max(0.0, 1 - steps * (1 - f)), "Losses do not add up: each step takes a share of what is left."),
        ((1 - f) ** steps, "1 - f is what a step forgets, not what it keeps."),
    ]


@question(
    "An LSTM with one unit. Before the sigmoids the gates have: input {i}, forget {f}, output {o}; before the tanh the"
    " candidate has {g}. The memory was {c}. What is the new memory?",
    "{:.3f}",
)
def memory(generator):
    i, f, o, g = (int(x) / 10 for x in generator.integers(-25, 26, 4))
    c = int(generator.integers(5, 20)) / 10
    one, keep, new = _sigmoid(i), _sigmoid(f), np.tanh(g)
    return {"i": i, "f": f, "o": o, "g": g, "c": c}, [
        (keep * c + one * new, "What is kept of the old memory, and what is let in of the candidate."),
        (_sigmoid(o) * np.tanh(keep * c + one * new), "This is the output h, which shows a part of the memory."),
        (c + one * new, "The forget gate is left out: the old memory is not kept whole."),
        (one * c + keep * new, "The two gates were swapped: the forget gate weighs the old memory."),
    ]


@question(
    "A forget gate's sum is 0 but for its bias of {bias}. What share of the memory is kept after {steps} steps?",
    "{:.3f}",
)
def bias(generator):
    b, steps = int(generator.integers(8, 40)) / 10, int(generator.integers(3, 13))
    return {"bias": b, "steps": steps}, [
        (_sigmoid(b) ** steps, "The gate is the sigmoid of its sum, and the steps multiply."),
        (0.5**steps, "So it is without the bias: a new LSTM forgets half in each step."),
        (_sigmoid(b), "This is one step."),
        (_sigmoid(b * steps), "The gate is applied in each step; biases do not add up."),
    ]


@question("An LSTM layer of torch takes {given} numbers a frame and has {units} units. How many parameters has it?")
def parameters(generator):
    given, units = (int(x) for x in generator.integers(8, 60, 2))
    key = sum(each.numel() for each in nn.LSTM(given, units).parameters())
    return {"given": given, "units": units}, [
        (key, "Four times (input, forget, output, candidate): weights of input and state, and two biases."),
        (key // 4, "This is one of the four; an LSTM has three gates and a candidate."),
        (4 * units * (given + units), "torch gives each of the four two biases for each unit."),
        (4 * units * (given + 2), "The state is fed back: it has weights of its own."),
    ]


@question(
    "The ventricle's area in the frames of a beat is {areas}. What is the ejection fraction by areas, the share of the"
    " largest that is lost?",
    "{:.3f}",
)
def ejected(generator):
    areas = generator.integers(40, 130, 6)
    first, low, high = areas[0], areas.min(), areas.max()
    return {"areas": ", ".join(map(str, areas))}, [
        (1 - low / high, "The largest and the smallest decide, in whichever order they come."),
        (1 - low / first, "The first frame need not be the largest."),
        (1 - areas.mean() / high, "The mean over frames is no measure of how far it shrinks."),
        (high / low - 1, "This divides by the smallest; the share is of the largest."),
    ]


@question("The true values are {true}, a network says {said}. What is R²?", "{:.3f}")
def explained(generator):
    true = generator.integers(30, 70, 5) / 100
    said = (true + generator.integers(-12, 13, 5) / 100).round(2)
    key = measure_regression(torch.tensor(true), torch.tensor(said), resamples=0).r2
    errors, spread = ((said - true) ** 2).sum(), ((true - true.mean()) ** 2).sum()
    return {"true": ", ".join(f"{x:.2f}" for x in true), "said": ", ".join(f"{x:.2f}" for x in said)}, [
        (key, "1 minus the squared errors over those of saying the mean each time."),
        (errors / spread, "This is the share that is not explained."),
        (float(np.corrcoef(true, said)[0, 1]) ** 2, "The squared correlation forgives an offset and a wrong scale."),
        (1 - float(np.abs(said - true).mean()), "This is 1 minus the mean error; it is not held against the spread."),
    ]


@question(
    "Features of a clip's frames: {there}; then {pad} black frames, each with {black}. By a right mean over the clip,"
    " and not over the padding, what comes out?",
    "{:.3f}",
)
def padding(generator):
    there, pad = generator.integers(10, 60, 4) / 10, int(generator.integers(2, 6))
    black = int(generator.integers(65, 99)) / 10
    padded = np.concatenate([there, np.full(pad, black)])
    return {"there": ", ".join(f"{x:.1f}" for x in there), "pad": pad, "black": black}, [
        (there.mean(), "Only frames that are there take part, in the sum and in the number."),
        (padded.mean(), "The features of black frames take part: a black frame is an image, too."),
        (there.sum() / len(padded), "The sum leaves them out, the number of frames does not."),
        (padded.max(), "This is the maximum, and it is that of a black frame."),
    ]


@question(
    "An RNN without inputs: h = tanh({u} h), and h stays at 0. By what is the gradient multiplied over {steps} steps"
    " back?",
    "{:.4f}",
)
def plain(generator):
    u, steps = int(generator.integers(3, 15)) / 10, int(generator.integers(3, 9))
    h = torch.zeros((), dtype=torch.float64, requires_grad=True)
    state = h
    for _ in range(steps):
        state = torch.tanh(u * state)
    key = float(torch.autograd.grad(state, h)[0])
    return {"u": u, "steps": steps}, [
        (key, "At 0 the slope of tanh is 1, so each step multiplies by the weight."),
        (u, "This is one step; the chain rule multiplies one factor for each."),
        (u * steps, "Factors of the chain rule multiply, they do not add up."),
        (np.tanh(u) ** steps, "The chain rule takes the slope of tanh, not its value."),
    ]


@question(
    "A GRU's update gate is {z}: the new state is (1 - z) times the candidate plus z times the old one. Old"
    " {old}, candidate {new} in each of two steps. What is the state after both?",
    "{:.3f}",
)
def gru(generator):
    z, old, new = int(generator.integers(1, 10)) / 10, *(int(x) / 10 for x in generator.integers(-9, 10, 2))
    once = (1 - z) * new + z * old
    return {"z": z, "old": old, "new": new}, [
        ((1 - z) * new + z * once, "The second step mixes the candidate with what the first has left."),
        (once, "This is after one step."),
        ((1 - z**2) * old + z**2 * new, "Old state and candidate were swapped: z keeps the old one."),
        (2 * once, "States do not add up: each step replaces the one before."),
    ]


@question(
    "A head that uses the direction of time, and nothing else, has an AUC of {auc} on filling clips. Run"
    " backwards, with"
    " the labels left as they were, what AUC is expected?",
    "{:.2f}",
)
def backwards(generator):
    auc = int(generator.integers(75, 100)) / 100
    return {"auc": auc}, [
        (1 - auc, "Each clip looks like one of the other class, so every pair is ranked the other way."),
        (auc, "So it would be for a head that does not use the order."),
        (0.5, "Chance would be for a head that knows nothing; this one is consistently wrong."),
        (auc - 0.5, "This is what lies above chance; backwards, as much lies below it."),
    ]
