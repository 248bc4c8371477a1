# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # RNNs and time: does the order matter?
#
# A film of a heart is more than its frames. But is it more than its frames *in
# any order*? This lesson takes the order away, turns it round, and cuts the
# film short, to see which networks notice.
#
# **You will be able to**
# 1. say whether a question needs one frame, many frames, or many frames in
#    order, and prove it;
# 2. compute one step of an LSTM;
# 3. pool over the frames of clips of unequal length without looking at the
#    padding;
# 4. train in two stages where one stage learns nothing;
# 5. compare a forecast with the one that costs nothing: copy the last frame.
#
# About 60 minutes, of which the processor needs two to three.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | a beating ventricle drawn by medtutor: **PHANTOM**, no patient; VesselMNIST3D (brain vessels, CC BY 4.0); one ultrasound loop of a heart that the package pydicom ships for its tests (pydicom is under an MIT license and names no other for this file) |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023); pydicom's `examples_ybr_color.dcm` |
# | Use | for teaching and research; **not for clinical use** |
#
# No films of hearts whose truth is known can be shipped with this course. So the
# heart is a phantom here, and its numbers say something about networks and
# nothing about patients.

# %%
import torch
from matplotlib.figure import Figure

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data.phantoms import cine
from medtutor.data.dataset import normalise
from medtutor.metrics import measure
from medtutor.metrics.regression import measure_regression
from medtutor.models import recurrent
from medtutor.models.conv_lstm import NextFrame
from medtutor.training.heads import features_of, fit_head

# %% [markdown]
# ## Look at the clips first
#
# Sixteen frames of 28 x 28 pixels. The dark cavity in the bright wall is the
# left ventricle; it throws blood out (**systole**) and fills again
# (**diastole**). Where in the beat a clip starts, and how many beats it holds,
# differs from clip to clip.

# %%
heart = mt.load("cine_ejection")
heart

# %%
def film(clips, names, alt, phantom=True):
    """Clips (T, 1, H, W) as film strips, one under the other."""
    figure = Figure((9, 0.85 * len(clips) + 0.3), layout="constrained")
    axes = figure.subplots(len(clips), 1, squeeze=False)[:, 0]
    for ax, clip, name in zip(axes, clips, names):
        strip = torch.cat(list(clip[:, 0]), dim=1)
        ax.imshow(strip, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        ax.set_title(name, size=9, loc="left")
    return figures.picture(figure, alt, phantom=phantom)

# %%
order = heart.train.labels[:200].argsort()
few = order[[0, 66, 133, 199]]
names = [f"throws out {heart.train.labels[i]:.0%}" for i in few]
film(heart.train.images[few], names,
     "Four clips of 16 frames, from the weakest heart to the strongest.")

# %% [markdown]
# How much of its blood the ventricle throws out in a beat is its **ejection
# fraction**: from the largest volume to the smallest, as a share of the
# largest. A weak heart throws out little. The phantom's masks give the
# volume of the cavity in each frame (a slice of fixed thickness: volume goes
# with area).

# %%
def volume_curves(split):
    """(N, T): pixels inside the cavity in each frame."""
    curves = [(mask == 1).sum((1, 2)) for mask in split.masks]
    return torch.stack(curves).float()


curves = volume_curves(heart.train)
lines = {f"{heart.train.labels[i]:.0%} thrown out": curves[i] for i in few}
figures.curves(
    range(16), lines, "frame", "cavity (pixels)",
    "The cavity's area over time in the four clips: it shrinks fast, fills "
    "slowly, and the stronger the heart, the deeper the valley.",
    phantom=True,
)

# %%
def ejection_fraction(volumes):
    """volumes (N, T) -> (N,), each from 0 to 1"""
    ### BEGIN SOLUTION
    return 1 - volumes.amin(1) / volumes.amax(1)
    ### END SOLUTION

# %%
check.ejection_fraction(ejection_fraction)

# %% [markdown]
# ## The question
#
# Recurrent networks exist for data that come in an order. Does the ejection
# fraction need one? Look at its definition: two frames are enough, the one with
# the most and the one with the least blood. Which comes first does not matter.
#
# Four networks. All have the same small CNN, the **encoder**, which turns each
# frame into 48 numbers; they differ in the **head** that reads the 16 x 48
# numbers.
#
# | name | the head sees | needs the order |
# |---|---|---|
# | `single_frame` | one frame | no |
# | `mean_frames` | the mean over the frames | no |
# | `max_min_frames` | the largest and the smallest value of each number | no |
# | `lstm` | frame after frame, with a memory of 32 numbers | can use it |
#
# Networks start with answers around 0 that differ by about 1. `fit` therefore
# takes the mean off the target and divides by its spread, and turns the answers
# back. The measure is R², the share of the variance that is explained.

# %%
best = Prediction(
    "04/best",
    "Which of the four reads the ejection fraction best?",
    choices=["single_frame", "mean_frames", "max_min_frames", "lstm"],
)
best

# %%
recipe = mt.default_recipe(heart.card)
runs = {
    name: mt.fit(mt.build(name, heart), heart, recipe)
    for name in ("single_frame", "mean_frames", "max_min_frames")
}

# %%
runs["lstm"] = mt.fit(mt.build("lstm", heart), heart, recipe)

# %%
curves = volume_curves(heart.test)


def from_masks(curves):
    """What the true masks of these frames say, without any network."""
    shares = 1 - curves.amin(1) / curves.amax(1)
    return measure_regression(heart.test.labels, shares)


print(f"{'PHANTOM, test clips':19}{'R²':>7}{'95 % interval':>18}")
results = {name: run.test for name, run in runs.items()}
for name, result in (results | {"(true masks)": from_masks(curves)}).items():
    low, high = result.r2_interval
    print(f"{name:19}{result.r2:7.3f}{low:8.3f} to{high:7.3f}")

# %%
best.reconcile(
    max(runs, key=lambda name: runs[name].test.r2),
    "The right summary beats the more powerful network: largest and smallest "
    "is what the target is made of.",
)

# %% [markdown]
# An R² of 0 is what saying the mean each time gives, 1 is perfect. The last row
# is what counting the pixels of the true masks gives; not 1, because a cavity
# has a whole number of pixels and the fullest and emptiest moments may fall
# between two frames.
#
# One training each is one throw of the dice. The same with five seeds, and more
# networks, is kept with the course; in the columns the R² of the first minus
# that of the second.

# %%
evidence = review.read_evidence("order-carries-information")
print("PHANTOM, five seeds")
print(review.pivot(evidence, ["ejection R²"]))

# %% [markdown]
# But what of the network that was built for order: does it go by it?

# %%
unordered = Prediction(
    "04/unordered",
    "The frames of every test clip in a random order: what becomes of the "
    "LSTM's R²?",
    low=0.0, high=1.0, step=0.01,
)
unordered

# %%
generator = torch.Generator().manual_seed(0)
mixed = cine.shuffled(heart.test.images, generator)


def r2(run, clips):
    return measure_regression(
        heart.test.labels, run.predict(clips), resamples=0
    ).r2


for name, run in runs.items():
    print(f"{name:15} in order {run.test.r2:.3f}"
          f"   shuffled {r2(run, mixed):.3f}")

# %%
unordered.reconcile(
    r2(runs["lstm"], mixed),
    "A network that can use the order need not do so. Who shows that an LSTM "
    "beats a single frame has shown that more frames help, not that their "
    "order does.",
)

# %% [markdown]
# Always run this test where somebody says that a network "models time".
#
# ## Frames that are not there
#
# Clips have unequal lengths. They are padded to one, and whoever pools over
# time must leave the padding out. Write the pooling of `max_min_frames`.

# %%
def highest_and_lowest(features, lengths):
    """features (N, T, F), lengths (N,): real frames -> (N, 2F)

    First the largest value of each feature, then the smallest.
    """
    ### BEGIN SOLUTION
    frames = torch.arange(features.shape[1])
    padding = (frames >= lengths[:, None])[:, :, None]
    highest = features.masked_fill(padding, -torch.inf).amax(1)
    lowest = features.masked_fill(padding, torch.inf).amin(1)
    return torch.cat([highest, lowest], 1)
    ### END SOLUTION

# %%
check.highest_and_lowest(highest_and_lowest)

# %% [markdown]
# What if the second half of every film is missing? Three ways to deal with it:
# **cut** the clip and tell the network, put **black** frames in, or **hold** the
# last frame that is there.

# %%
print("PHANTOM, R² on test clips with their first 8 frames only")
print(f"{'':15} {'all 16':>7}{'cut':>7}{'held':>7}{'black':>7}")
for name in ("mean_frames", "max_min_frames", "lstm"):
    row = [runs[name].test.r2]
    for mode in ("cut", "held", "black"):
        shorter = cine.dropped(heart.test.images, 8, mode)
        row.append(r2(runs[name], shorter))
    print(f"{name:15} " + "".join(f"{value:7.2f}" for value in row))
half = from_masks(curves[:, :8])
print(f"{'(true masks)':15} {from_masks(curves).r2:7.2f}{half.r2:7.2f}")

# %% [markdown]
# Half a film often misses the smallest or the largest volume, so everybody must
# lose something: see the true masks. Beyond that, black frames do the harm. A
# black frame is no missing frame to a network: it is an image that it has never
# seen, and it answers to it. With five seeds, as differences of R² (above 0:
# cutting the clip short is better):

# %%
print("PHANTOM, five seeds")
print(review.pivot(evidence, ["cut against held", "cut against black"]))

# %% [markdown]
# To leave a frame out beats holding the last one for all that read in order: a
# heart that stands still for eight frames is a film, too, and a wrong one. Only
# `fourier` has to hold: its weights belong to frequencies of sixteen frames.
#
# ## One step of an LSTM
#
# What is it that reads frame after frame? An LSTM (Hochreiter & Schmidhuber
# 1997) holds a memory `c` and shows a part of it, `h`. Four linear layers look
# at the new frame `x` and at what was shown last:
#
# | block of rows | goes through | decides |
# |---|---|---|
# | input gate | sigmoid | how much of the candidate is written |
# | forget gate | sigmoid | how much of the old memory is kept |
# | candidate | tanh | what could be written |
# | output gate | sigmoid | how much of the memory (through tanh) is shown |
#
# The new memory is what is kept plus what is written. The memory is *added* to,
# not multiplied by a matrix at each step: that is why gradients survive many
# steps.

# %%
def lstm_step(x, h, c, weight_x, weight_h, bias):
    """x (B, F), h and c (B, H) -> the new (h, c)

    weight_x (4H, F), weight_h (4H, H), bias (4H,): the blocks of rows
    stand in the order of the table.
    """
    ### BEGIN SOLUTION
    rows = x @ weight_x.T + h @ weight_h.T + bias
    write, keep, candidate, show = rows.chunk(4, dim=1)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c
    ### END SOLUTION

# %%
check.lstm_step(lstm_step)

# %% [markdown]
# That is all there is to it. Sixteen such steps with the trained weights are
# the trained network:

# %%
model = runs["lstm"].model
clips = heart.test.images[:8]
layer, features = model.head.recurrence, features_of(model, clips)
bias = layer.bias_ih_l0 + layer.bias_hh_l0
h = c = torch.zeros(8, 32)
with torch.no_grad():
    for x in features.unbind(1):
        h, c = recurrent.lstm_step(
            x, h, c, layer.weight_ih_l0, layer.weight_hh_l0, bias
        )
    gap = model.head.answer(h) - model(normalise(clips))
print(f"by hand and by torch: at most {gap.abs().max():.0e} apart")

# %% [markdown]
# ## A question that needs the order
#
# A stiff ventricle fills otherwise than a healthy one. The second target asks
# whether the **filling** is slow or fast, and it is built so that nothing but
# the order can tell: a clip of one class is a clip of the other class *run
# backwards*. Mean, largest, smallest, even the Fourier magnitude have the same
# distribution in both classes. (So the phantom's "fast filling" is a teaching
# device, no disease.)

# %%
filling = mt.load("cine_filling")
slow, fast = (int((filling.train.labels == k).nonzero()[0]) for k in (0, 1))
pair = filling.train.images[[slow, fast]]
film(torch.cat([pair, cine.reversed_in_time(pair[1:])]),
     ["slow filling", "fast filling", "the same fast one, run backwards"],
     "A clip with slow filling, one with fast filling, and the latter run "
     "backwards, in which the filling is slow.")

# %%
curves = volume_curves(filling.train)
figures.curves(
    range(16), {"slow filling": curves[slow], "fast filling": curves[fast],
                "fast, backwards": curves[fast].flip(0)},
    "frame", "cavity (pixels)",
    "Three volume curves: slow filling falls fast and rises slowly, fast "
    "filling the other way round; run backwards, fast becomes slow.",
    phantom=True,
)

# %%
plain = Prediction(
    "04/plain",
    "The LSTM, trained on these clips with the same recipe: its test AUC?",
    low=0.4, high=1.0, step=0.01,
)
plain

# %%
direct = mt.fit(mt.build("lstm", filling), filling, recipe)
at_train = measure(
    filling.train.labels, direct.predict(filling.train.images), "binary",
    resamples=0,
)
print(f"PHANTOM, AUC: train {at_train.auc:.3f}, test {direct.test.auc:.3f}")

# %%
plain.reconcile(
    direct.test.auc,
    "Chance is 0.5. Did it learn nothing, or the training clips by heart? "
    "The AUC on the training clips says which.",
)

# %% [markdown]
# ## Why does it fail?
#
# Is the rule too hard? Give the LSTM the truth, the volume curve of each clip:
# one number a frame in place of an image.

# %%
def auc(head, features, labels=filling.test.labels):
    with torch.no_grad():
        scores = head.eval()(features).softmax(1)
    return measure(labels, scores, "binary", resamples=0).auc

# %%
def as_features(split):
    curves = volume_curves(split)[:, :, None]  # one number a frame
    return (curves - curves.mean()) / curves.std()


torch.manual_seed(0)
reader = recurrent.LSTM(features=1)
fit_head(reader, as_features(filling.train), filling.train.labels,
         task="binary", progress=False)
print(f"on the true curve: AUC {auc(reader, as_features(filling.test)):.3f}")

# %% [markdown]
# So the rule is learned from these few clips within seconds, by the same kind
# of layer, *once the volume is there*. What is missing is an encoder that
# measures it, and this target did not teach one. A likely reason: as long as the
# frames' numbers mean nothing, their order means nothing either; and as long as
# the head makes nothing of the order, the encoder is not told what to look for.

# %% [markdown]
# ## Two stages
#
# The encoder of `max_min_frames` has learned volumes already, from another
# target on other clips. Take it over as it is, compute the features of every
# clip once, and train only heads on them.

# %%
heads = ("mean_frames", "max_min_frames", "fourier",
         "lstm", "gru", "temporal_conv")
encoder = runs["max_min_frames"].model.encoder
models = {
    name: mt.build(name, filling, encoder=encoder) for name in heads
}
train = features_of(models["lstm"], filling.train.images)
test = features_of(models["lstm"], filling.test.images)
for name, model in models.items():
    fit_head(model.head, train, filling.train.labels, task="binary")

# %%
backwards = Prediction(
    "04/backwards",
    "Then the proof: test clips run backwards, labels as they were. What AUC "
    "does a head get that goes by the order?",
    low=0.0, high=1.0, step=0.01,
)
backwards

# %%
def shuffled(features):
    """The frames of each clip in a random order."""
    generator = torch.Generator().manual_seed(0)
    return cine.shuffled(features[..., None, None], generator)[..., 0, 0]


def row(head):
    each = (test, test.flip(1), shuffled(test))
    return "".join(f"{auc(head, features):10.3f}" for features in each)


print(f"PHANTOM, AUC   {'test':>10}{'backwards':>10}{'shuffled':>10}")
for name, model in models.items():
    print(f"{name:15}{row(model.head)}")

# %%
backwards.reconcile(
    auc(models["lstm"].head, test.flip(1)),
    "To such a head a clip run backwards is a clip of the other class, and it "
    "says so each time. Nothing that forgets the order could be wrong so "
    "thoroughly.",
)

# %% [markdown]
# The heads that forget the order stay at chance, as they must. All of those
# that know it do it, and recurrence is not the only way: two **convolutions
# over time** are as good. Which of them is better cannot be told from a task
# that all of them solve.
#
# One more control. The same LSTM, trained on clips whose frames were shuffled:

# %%
control = mt.build("lstm", filling, encoder=encoder).head
fit_head(control, shuffled(train), filling.train.labels, task="binary",
         progress=False)
print(f"PHANTOM, AUC   {'test':>10}{'backwards':>10}{'shuffled':>10}")
print(f"{'lstm, shuffled':15}{row(control)}")

# %% [markdown]
# ## How much of the film is needed?
#
# A recurrent head can be asked after every frame.

# %%
def auc_over_time(head):
    with torch.no_grad():
        answers = head.answers_over_time(test).softmax(2)  # (N, 16, 2)
    return [
        measure(filling.test.labels, answers[:, t], "binary",
                resamples=0).auc
        for t in range(16)
    ]

# %%
lines = {name: auc_over_time(models[name].head)
         for name in ("lstm", "temporal_conv", "max_min_frames")}
figures.curves(
    range(1, 17), lines, "frames seen", "test AUC",
    "Test AUC against the number of frames seen: " + "; ".join(
        f"{name} {line[3]:.2f} after 4, {line[7]:.2f} after 8, "
        f"{line[-1]:.2f} after 16" for name, line in lines.items()),
    phantom=True,
)

# %% [markdown]
# A beat lasts 9 to 16 frames. Before it is over the answer has to be a guess
# for some clips.
#
# ## Which frame decided?
#
# [Lesson 09](09_interpretability.ipynb) asks which pixels an answer hangs on;
# the same can be asked of frames, and here the truth is known: the ejection
# fraction is decided by the frame with the most and the frame with the least
# blood. Two ways to ask: the size of the **gradient** in each frame, and
# **covering** a frame with the one before it.

# %%
def by_gradient(model, clips):
    parts = []
    for some in clips.split(10):  # gradients of all at once need much room
        x = normalise(some).requires_grad_()
        slope = torch.autograd.grad(model(x)[:, 0].sum(), x)[0]
        parts.append(slope.abs().sum((2, 3, 4)))
    return torch.cat(parts)  # (N, T)

# %%
@torch.no_grad()
def by_covering(model, clips):
    features = features_of(model, clips)
    whole, changes = model.head(features)[:, 0], []
    for t in range(16):
        covered = features.clone()
        covered[:, t] = features[:, t - 1 if t else 1]
        changes.append((model.head(covered)[:, 0] - whole).abs())
    return torch.stack(changes, 1)  # (N, T)

# %%
clips = heart.test.images[:200]
volumes = volume_curves(heart.test)[:200]
extremes = (volumes == volumes.amin(1, keepdim=True))
extremes |= volumes == volumes.amax(1, keepdim=True)


def hits(importance):
    """The share of clips whose most important frame is extreme."""
    first = importance.argmax(1, keepdim=True)
    return extremes.gather(1, first).float().mean()

# %%
print(f"PHANTOM; chance {extremes.float().mean():.2f}")
for name in ("max_min_frames", "lstm"):
    untrained = mt.build(name, heart).eval()
    both = {"trained": runs[name].model, "untrained": untrained}
    for state, each in both.items():
        gradient = hits(by_gradient(each, clips))
        covering = hits(by_covering(each, clips))
        print(f"{name:15} {state:10} gradient {gradient:.2f}   "
              f"covering {covering:.2f}")

# %% [markdown]
# The untrained network is the control, as in lesson 09: only what the trained
# one hits beyond that was learned.

# %%
one = by_gradient(runs["max_min_frames"].model, clips[:1])[0]
two = by_gradient(runs["lstm"].model, clips[:1])[0]
figures.curves(
    range(16),
    {"volume": volumes[0] / volumes[0].max(),
     "max_min_frames": one / one.max(), "lstm": two / two.max()},
    "frame", "share of the largest",
    "One test clip: its volume curve, and how strongly the answers of two "
    f"networks hang on each frame. max_min_frames most on frame "
    f"{one.argmax()}, the LSTM on frame {two.argmax()}; least blood is in "
    f"frame {volumes[0].argmin()}, most in frame {volumes[0].argmax()}.",
    phantom=True,
)

# %% [markdown]
# ## Explore
#
# The LSTM that goes by the order, as one network from clip to answer, beside
# the one that was trained end to end. Step through a clip and watch state and
# answer grow frame by frame; play it backwards, shuffled, with frames missing.

# %%
ordered = mt.build("lstm", filling, encoder=encoder)
longer = recipe.but(epochs=12)
ordered = mt.fit(ordered, filling, longer)
print("PHANTOM:", ordered.test)

# %%
from medtutor.explorers.sequence import sequence

sequence(ordered, filling, others={"end to end": direct})

# %% [markdown]
# ## Real images: slices as a sequence
#
# Real films are missing here, but any volume is a sequence of slices.
# VesselMNIST3D holds pieces of brain vessels, 28 slices each, healthy or with
# an **aneurysm**, a bulge. The order of the slices is anatomy now, not time.

# %%
vessels = mt.load("vesselmnist3d").as_sequence()
vessels

# %%
pair = [int((vessels.train.labels == k).nonzero()[0]) for k in (0, 1)]
film(vessels.train.images[pair][:, 4:24], vessels.card.classes,
     "The 20 middle slices of a vessel and of an aneurysm.",
     phantom=vessels.is_phantom)

# %%
slices = Prediction(
    "04/slices",
    "Which has the highest test AUC here?",
    choices=["mean_frames", "lstm"],
)
slices

# %%
brief = mt.default_recipe(vessels.card, epochs=12)
stacks = {
    name: mt.fit(mt.build(name, vessels), vessels, brief)
    for name in ("mean_frames", "lstm")
}

# %%
figures.ladder(list(stacks.values()))

# %%
slices.reconcile(
    max(stacks, key=lambda name: stacks[name].test.auc),
    "Look at the intervals before you make a rule of it: one seed, 382 test "
    "volumes, and a short training.",
)

# %%
generator = torch.Generator().manual_seed(0)
mixed = cine.shuffled(vessels.test.images, generator)
for name, run in stacks.items():
    loose = measure(vessels.test.labels, run.predict(mixed), "binary",
                    resamples=0).auc
    print(f"{name:15} {run.test}\n"
          f"{'':15} slices shuffled: AUC {loose:.3f}")

# %% [markdown]
# ## A real loop: forecast the next frame
#
# One second of ultrasound of a beating heart, 30 frames, from the files that
# pydicom ships for its own tests. A forecast needs no labels, the next frame is
# the truth. It needs something to beat: **copy the last frame** costs nothing.

# %%
import pydicom
from pydicom.data import get_testdata_file

file = get_testdata_file("examples_ybr_color.dcm", download=False)
record = pydicom.dcmread(file)
grey = torch.tensor(record.pixel_array).float().mean(3)  # (30, 240, 320)
# Without the letters at the border, and 4 x 4 pixels made one.
sector = grey[:, 16:232, 40:260].unfold(1, 4, 4).unfold(2, 4, 4)
loop = sector.mean((3, 4))  # (30, 54, 55)
print(f"{record.Manufacturer}, {len(loop)} frames, "
      f"{record.FrameTime} ms each")

# %%
shown = [0, 8, 14, 20, 25]
figures.images(
    [grey[t, 16:232, 40:260].to(torch.uint8) for t in shown],
    [f"frame {t}" for t in shown],
    "Five frames of a real ultrasound loop of a heart: the chambers change "
    "their size, and a valve opens and closes.",
)

# %%
change = (loop[1:] - loop[:-1]).abs().mean((1, 2))
apart = (loop - loop[0]).abs().mean((1, 2))
figures.curves(
    range(30), {"to the frame before": [0.0, *change.tolist()],
                "to the first frame": apart},
    "frame", "mean difference (of 255)",
    "Mean difference of each frame to the one before it and to the first one. "
    f"It is exactly 0 to the one before in frames "
    f"{(change == 0).nonzero()[:, 0].add(1).tolist()}.",
)

# %% [markdown]
# Look at the lower line before you go on. Where it touches zero, the frame is an
# exact *copy* of the one before: no heart and no noise does that. In those frames copying is
# perfect by construction, and whoever averages over all frames gives it a
# present.
#
# Five forecasts. **Copy**; **go on**, twice the last frame minus the one before
# it; two that are fitted to the first 20 frames: each pixel from the 3 x 3
# pixels around it in the last frame, or in the last three frames (least
# squares, a convolution with one layer); and a **ConvLSTM** (Shi et al. 2015),
# whose memory is a stack of maps. They are measured on the last ten frames, at
# the pixels that move at all.

# %%
def around(frames):
    """(k, H, W) -> (H * W, 9 k + 1): what a forecast looks at."""
    padded = torch.nn.functional.pad(frames[None], [1] * 4, "replicate")
    seen = torch.nn.functional.unfold(padded, 3)[0].T
    return torch.cat([seen, torch.ones(len(seen), 1)], 1)


def fitted(k):
    """Forecasts of frames 20 to 29 from the k before, fitted before 20."""
    x = torch.cat([around(loop[t - k : t]) for t in range(3, 20)])
    y = torch.cat([loop[t].flatten() for t in range(3, 20)])
    weights = torch.linalg.lstsq(x, y[:, None]).solution
    late = [around(loop[t - k : t]) @ weights for t in range(20, 30)]
    return torch.stack(late).view(10, *loop.shape[1:])

# %%
centre, width = loop[:20].mean(), loop[:20].std()
frames = ((loop - centre) / width)[None, :, None]  # (1, 30, 1, 54, 55)

# %%
def conv_lstm(seed):
    """Forecasts of frames 20 to 29, learned from frames 0 to 19."""
    torch.manual_seed(seed)
    model = NextFrame()
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(80):
        drawn = model(frames[:, :19])[:, change[:19] > 0]  # no copies
        wanted = frames[:, 1:20][:, change[:19] > 0]
        optimiser.zero_grad()
        (drawn - wanted).square().mean().backward()
        optimiser.step()
    return model(frames[:, :29])[0, 19:, 0].detach() * width + centre

# %%
forecast = Prediction(
    "04/forecast",
    "Copying has an error of about 6 grey values where something moves. "
    "Which forecast has the smallest?",
    choices=["copy the last frame", "fitted, one frame",
             "fitted, three frames", "ConvLSTM"],
)
forecast

# %%
forecasts = {
    "copy the last frame": loop[19:29],
    "go on as before": 2 * loop[19:29] - loop[18:28],
    "fitted, one frame": fitted(1),
    "fitted, three frames": fitted(3),
} | {f"ConvLSTM, seed {seed}": conv_lstm(seed) for seed in range(5)}
moving = loop[:20].std(0) > 4
new = change[19:] > 0  # no copies among the last ten
errors = {}
print(f"{'mean error of 255':22}{'all ten':>9}{'no copies':>11}")
for name, guess in forecasts.items():
    each = (guess - loop[20:]).abs()[:, moving].mean(1)
    errors[name] = each[new].mean().item()
    print(f"{name:22}{each.mean():9.2f}{errors[name]:11.2f}")

# %%
drawn = torch.tensor([errors.pop(f"ConvLSTM, seed {k}") for k in range(5)])
errors["ConvLSTM"] = drawn.mean().item()
half = 2.78 * drawn.std() / 5**0.5  # Student's t for five seeds
print(f"ConvLSTM, no copies: {errors['ConvLSTM']:.2f}, "
      f"95 % interval over seeds ±{half:.2f}; "
      f"copy {errors['copy the last frame']:.2f}")

# %%
forecast.reconcile(
    min(errors, key=errors.get),
    "Going on as before doubles the noise. A part of what the fit gains is "
    "mere blurring: so much does one frame alone gain. The rest needs several "
    "frames: motion, or noise that averages out. The ConvLSTM could do all "
    "of that; from twenty frames it does not learn it.",
)

# %% [markdown]
# It is one second of one heart: this shows how to measure a forecast, and that
# copying is hard to beat, no more. A forecast that is blurred has a smaller mean
# error than a sharp one that is a pixel off; so a small error is no sharp
# picture.
#
# ## Where it fails
#
# Nothing keeps you from asking the phantom's networks about the real loop.

# %%
def frames_of(rows, columns):
    """Every second frame of a region, 28 x 28, as a clip (1, 15, 1, …)"""
    region = loop[::2, rows, columns][:, None]
    small = torch.nn.functional.interpolate(region, (28, 28), mode="area")
    return small.round().to(torch.uint8)[None]


whole = frames_of(slice(0, 54), slice(0, 55))
closer = frames_of(slice(8, 50), slice(12, 50))
for name in ("max_min_frames", "lstm"):
    first, second = (
        runs[name].predict(clip).item() for clip in (whole, closer)
    )
    print(f"{name:15} whole sector {first:.2f}, closer {second:.2f}")

# %% [markdown]
# Each answer looks like an ejection fraction, and none is one. The networks have
# seen drawn rings only, the loop is another view, another machine, real; they
# have no way to say so. Two crops of one heart, two networks: compare the four
# numbers. **Not one of them may be used for anything.**
#
# ## What the review says and what we measured
#
# The abstract of the review names RNNs for temporal analysis. Five sentences
# were made of that, with a rule for each before it was measured, and five seeds.

# %%
review.claim("order-carries-information")

# %%
review.claim("recurrence-uses-order")

# %%
review.claim("recurrence-beats-pooling")

# %%
review.claim("bidirectional-helps")

# %%
review.claim("recurrence-helps-on-slices")

# %% [markdown]
# All but the last on a phantom. Whether a question needs the order has to be
# shown by taking the order away; where it does, the recurrent network is one of
# several that can use it; and trained on the images alone, it did not. (Twenty
# times as many clips, drawn anew for each epoch, did not change that when we
# tried it once outside of this lesson.) On the slices, in the last card, the LSTM
# has not learned its task at all, and a network that does not know tests nothing.
#
# ## Exercises without a check
#
# 1. Train `mt.build("fourier", heart)`. It keeps how strongly each feature
#    swings and throws the phase away. Why does it do well here, badly on
#    shuffled frames, and at chance on the filling?
# 2. `mt.build("conv_lstm", heart)` remembers what was where. Is it worth its
#    time? Compare R² and seconds (`run.seconds`) with `max_min_frames`.
# 3. Draw harder clips: `cine.draw("filling", {"train": 750}, systole=(0.4,
#    0.45))["train"]`. At which `systole` can the two-stage LSTM no longer tell the
#    classes apart, and why must it fail at 0.5?
# 4. Give `NextFrame` 16 maps of state in place of 4 (`NextFrame(hidden=16)`), or
#    300 steps. What becomes of the error on the frames that it learns from, and
#    of that on the last ten?
#
# ## Quiz

# %%
Quiz("04_rnn_and_time")

# %% [markdown]
# ## Key points
#
# - First ask what the question needs: one frame, many frames, or their order.
#   Shuffling and reversing the clips answer that, the name of the network does
#   not.
# - The ejection fraction needs the largest and the smallest volume: pooling
#   that keeps just these beats recurrence.
# - Where only the order tells, AUC 1 on the clips and AUC 0 on the same clips run
#   backwards is the proof that it is used.
# - A target can be too far from the pixels to train an encoder. Two stages, the
#   first on a nearer target, made the second easy.
# - Missing frames are left out, at most held, never black.
# - A forecast is compared with copying the last frame, without the frames that
#   are copies.
#
# ## References
#
# - Cho K. et al., *Learning phrase representations using RNN encoder-decoder*,
#   arXiv:1406.1078 (2014): the GRU.
# - Gers F. A. et al., *Learning to forget: continual prediction with LSTM*,
#   Neural Computation 12:2451 (2000): the forget gate.
# - Hochreiter S., Schmidhuber J., *Long short-term memory*, Neural Computation
#   9:1735 (1997).
# - Shi X. et al., *Convolutional LSTM network*, arXiv:1506.04214 (2015).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
# - Sufian & Niu, Computers in Biology and Medicine 186:109597 (2025): an
#   autoencoder, a CNN and an RNN joined for cardiac MRI.
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
# - A side note, not medical: Sensors 25:5524 (2025), which cites the review,
#   designs radio amplifiers with LSTMs that read in both directions.
