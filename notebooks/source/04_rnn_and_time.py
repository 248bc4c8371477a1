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
# any order*? You build the networks that read frame after frame, and then take the
# order away, or reverse it, to see which networks notice.
#
# **You will be able to**
# 1. write a recurrent network and an LSTM, step by step;
# 2. measure how the gradient shrinks with the number of steps, and say what the
#    forget gate has to do with it;
# 3. decide whether a question needs one frame, many frames, or many frames in
#    order, and prove it;
# 4. pool over clips of unequal length without looking at the padding;
# 5. learn in two stages what one stage does not.
#
# About 90 minutes without the bonus parts, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | a beating ventricle drawn by medtutor: **PHANTOM**, no patient; one ultrasound loop of a heart that the package pydicom ships for its tests (pydicom is under an MIT license and names no other for this file); in a bonus part VesselMNIST3D (shapes of brain vessels, CC BY 4.0) |
# | Source | Yang et al., *MedMNIST v2*; pydicom's `examples_ybr_color.dcm` |
# | Use | for teaching and research; **not for clinical use** |
#
# No films of hearts with known truth can be shipped, so the heart is a phantom. Its
# numbers say nothing about patients.

# %%
import torch
from matplotlib.figure import Figure
from torch import nn

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.data.dataset import normalise
from medtutor.data.phantoms import cine
from medtutor.metrics import measure
from medtutor.metrics.regression import measure_regression
from medtutor.models import recurrent
from medtutor.reports import Table
from medtutor.training.heads import features_of, fit_head

# %% [markdown]
# ## Look at the clips first
#
# A clip is 16 frames of 28 x 28 pixels. The dark cavity in the bright wall is the left
# ventricle. It ejects blood into the body (**systole**) and fills again
# (**diastole**). Where in the beat a clip starts, and how many beats it holds, differs
# from clip to clip.

# %%
heart = mt.load("cine_ejection")
heart

# %%
def film(clips, names, alt, phantom=True):
    """Clips (T, 1, H, W) as film strips, one under the other."""
    figure = Figure((9, 0.85 * len(clips) + 0.3), layout="constrained")
    for ax, clip, name in zip(figure.subplots(len(clips)), clips, names):
        strip = torch.cat(list(clip[:, 0]), 1)
        ax.imshow(strip, cmap="gray", vmin=0, vmax=255)
        ax.axis("off")
        ax.set_title(name, size=10, loc="left")
    return figures.picture(figure, alt, phantom=phantom)

few = heart.train.labels[:200].argsort()[[0, 66, 133, 199]]
names = [f"ejects {heart.train.labels[i]:.0%}" for i in few]
film(heart.train.images[few], names,
     "Four clips of 16 frames, from the weakest heart to the strongest.")

# %% [markdown]
# The **ejection fraction** is the share of its blood that the ventricle ejects in a
# beat: the largest volume minus the smallest, divided by the largest. A weak heart
# ejects little. The phantom's masks give the volume of the cavity in each frame (a
# slice of fixed thickness, so volume is proportional to area).

# %%
def volume_curves(split):
    """(N, T): pixels inside the cavity in each frame."""
    curves = [(mask == 1).sum((1, 2)) for mask in split.masks]
    return torch.stack(curves).float()


curves = volume_curves(heart.train)[few]
figures.curves(
    range(16), dict(zip(names, curves)), "frame", "cavity (pixels)",
    "The cavity's area over time in the four clips: the stronger the heart, "
    "the deeper the valley.",
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
# fraction need one? By its definition two frames are enough, the fullest and the
# emptiest. Which comes first does not matter.
#
# Compare four networks. All have the same small CNN, the **encoder**, which turns
# each frame into 48 **features**. They differ in the **head** that reads the
# 16 x 48 features.
#
# | name | the head sees | needs the order |
# |---|---|---|
# | `single_frame` | one frame | no |
# | `mean_frames` | the mean over the frames | no |
# | `max_min_frames` | the largest and the smallest value of each feature | no |
# | `lstm` | frame after frame, with a memory of 32 numbers | can use it |
#
# The measure is R², the share of the variance that is explained: 0 is what predicting
# the mean gives, less is worse, 1 is perfect. We choose on the 300 validation clips
# and read the test clips once, for the winner.

# %%
best = Prediction(
    "04/best",
    "Which of the four estimates the ejection fraction best?",
    choices=["single_frame", "mean_frames", "max_min_frames", "lstm"],
)
best

# %%
recipe = mt.default_recipe(heart.card)
runs = {
    name: mt.fit(mt.build(name, heart), heart, recipe)
    for name in ("single_frame", "mean_frames", "max_min_frames", "lstm")
}

# %%
def r2(answers):
    """R² on the validation clips."""
    return measure_regression(heart.val.labels, answers, resamples=0).r2


def from_masks(curves):
    """What the true masks say, without any network."""
    return r2(1 - curves.amin(1) / curves.amax(1))


curves = volume_curves(heart.val)
rows = [[name, run.val.r2] for name, run in runs.items()]
Table(["head", "R²"], [*rows, ["(true masks)", from_masks(curves)]],
      "300 validation clips", phantom=True)

# %%
winner = max(runs, key=lambda name: runs[name].val.r2)
print("PHANTOM, test clips,", winner, runs[winner].test)
best.reconcile(
    winner,
    "The right summary beats the more powerful network: largest and smallest "
    "is what the target is made of.",
)

# %% [markdown]
# The true masks do not reach 1: a cavity has a whole number of pixels, and the
# fullest and emptiest moments may fall between two frames. The card
# *recurrence-beats-pooling* below has five seeds.
#
# Does the network that was built for order use it?

# %%
unordered = Prediction(
    "04/unordered",
    "Put the frames of every validation clip in a random order. What is the "
    "LSTM's R² then?",
    low=0.0, high=1.0, step=0.01,
)
unordered

# %%
mixed = cine.shuffled(heart.val.images, torch.Generator().manual_seed(0))
loose = {name: r2(run.predict(mixed)) for name, run in runs.items()}
Table(["head", "in order", "shuffled"],
      [[name, runs[name].val.r2, loose[name]] for name in runs],
      "R² on validation clips", phantom=True)

# %%
unordered.reconcile(
    loose["lstm"],
    "A network that can use the order need not use it. If an LSTM beats a "
    "single frame, more frames help; that their order helps is not shown.",
)

# %% [markdown]
# (`single_frame` reads the middle frame; after shuffling that is another one.) Run
# this test whenever somebody says that a network "models time".
#
# ## Frames that are not there
#
# Clips have unequal lengths. They are padded to one length, and a pooling over
# time must leave the **padding** out. Write the pooling of `max_min_frames`.

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
# What if the second half of every film is missing? You can **cut** the clip and
# tell the network its length, fill with **black** frames, or **hold** the last
# frame.

# %%
modes = ("cut", "held", "black")
short = {mode: cine.dropped(heart.val.images, 8, mode) for mode in modes}
rows = [[name, run.val.r2, *(r2(run.predict(short[m])) for m in modes)]
        for name, run in runs.items() if name != "single_frame"]
known = ["(true masks)", from_masks(curves), from_masks(curves[:, :8])]
Table(["head", "all 16", *modes], [*rows, [*known, "", ""]],
      "R² on validation clips with their first 8 frames", phantom=True)

# %% [markdown]
# Half a film often misses the smallest or the largest volume: see the true masks.
# Beyond that, black frames do the harm. A black frame is an image that the network has
# never seen, and it counts like any other.
#
# ## A network with a state
#
# What reads frame after frame? A **recurrent neural network** (RNN) keeps a
# **state** $h$. At each frame it computes a new one from the frame's features
# $x_t$ and the old state, always with the same weights:
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b)$$
#
# Drawn frame by frame, the loop is **unrolled**: a deep network with one layer a
# frame. (The figure's cell is a GRU, see below.)

# %%
figures.diagram("rnn")

# %%
class PlainRNN(nn.Module):
    """Features (N, T, F) -> all states (N, T, H), and the last."""
    def __init__(self, features=48, hidden=32):
        super().__init__()
        self.W = nn.Parameter(torch.randn(hidden, features) / 10)
        self.U = nn.Parameter(torch.randn(hidden, hidden) / 10)
        self.b = nn.Parameter(torch.zeros(hidden))
        self.b2 = nn.Parameter(torch.zeros(hidden))  # torch has two of them

    def forward(self, x):
        states = [x.new_zeros(len(x), len(self.U))]
        for frame in x.unbind(1):
            new = frame @ self.W.T + states[-1] @ self.U.T
            states.append(torch.tanh(new + self.b + self.b2))
        return torch.stack(states[1:], 1), states[-1][None]

# %%
features = features_of(runs["lstm"].model, heart.val.images[:8])
same_network(PlainRNN(), nn.RNN(48, 32, batch_first=True), features)

# %% [markdown]
# To train it, the chain rule runs back through all frames: **backpropagation
# through time**. From the last state to the state at frame $t$ the gradient is a
# product with one factor a step:
#
# $$\frac{\partial h_T}{\partial h_t} = \prod_{s=t+1}^{T}
# \operatorname{diag}\left(1-h_s^2\right) U$$
#
# If the factors are small, the product is nearly 0 after a few steps: the gradient
# **vanishes**, and early frames cannot be learned from (Bengio et al. 1994). If they
# are large, it **explodes**.
#
# ## One step of an LSTM
#
# The **LSTM** (long short-term memory, Hochreiter & Schmidhuber 1997) keeps a
# second state, the memory (**cell state**) $c$, and shows a part of it, $h$. Four linear layers
# look at $x_t$ and $h_{t-1}$; $\sigma$ is the sigmoid, $\odot$ the product number
# by number.
#
# | block of rows | formula | decides |
# |---|---|---|
# | **input gate** | $i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i)$ | how much is written |
# | **forget gate** | $f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)$ | how much of the old memory is kept |
# | candidate | $g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)$ | what could be written |
# | **output gate** | $o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o)$ | how much is shown |
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot g_t \qquad h_t = o_t \odot \tanh(c_t)$$

# %%
figures.diagram("lstm_cell")

# %%
def lstm_step(x, h, c, weight_x, weight_h, bias):
    """x (B, F), h and c (B, H) -> the new (h, c)

    weight_x (4H, F), weight_h (4H, H), bias (4H,): the blocks of rows
    stand in the order of the table.
    """
    ### BEGIN SOLUTION
    rows = x @ weight_x.T + h @ weight_h.T + bias
    i, f, g, o = rows.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c
    ### END SOLUTION

# %%
check.lstm_step(lstm_step)

# %% [markdown]
# Repeat the step over the frames, add a linear layer, and you have the head that was
# trained above. (The package's step stands here, so that the cell runs before yours
# does.)

# %%
class LSTM(nn.Module):
    """Features (N, T, F) -> answers (N, outputs)."""
    def __init__(self, features=48, hidden=32, outputs=1):
        super().__init__()
        self.W, self.U, self.b, self.b2 = (
            nn.Parameter(torch.zeros(4 * hidden, *shape))
            for shape in ((features,), (hidden,), (), ()))
        self.answer = nn.Linear(hidden, outputs)

    def forward(self, x):
        h = c = x.new_zeros(len(x), self.U.shape[1])
        for frame in x.unbind(1):
            h, c = recurrent.lstm_step(
                frame, h, c, self.W, self.U, self.b + self.b2)
        return self.answer(h)

# %%
same_network(LSTM(), runs["lstm"].model.head, features)

# %% [markdown]
# A **GRU** (Cho et al. 2014) has no second state and two gates. The update gate $z$
# both keeps and writes, $h_t = z_t \odot h_{t-1} + (1-z_t) \odot n_t$, with a
# candidate $n_t$ that sees the old state through the reset gate $r$. A
# **bidirectional** network (Graves & Schmidhuber 2005) is two of them: one reads from
# the first frame, the other from the last, and their last states stand side by side.
# It needs the whole film, so it cannot answer while the film runs.
#
# ## Does the gradient survive?
#
# Along the memory, with the gates held fixed, the LSTM's gradient is the product
# of the forget gates:
#
# $$\frac{\partial c_T}{\partial c_t} = \prod_{s=t+1}^{T} f_s$$
#
# So it survives only where the forget gates are near 1. In torch a new LSTM's
# forget gates are near 0.5, because their bias is near 0. If you add 3 to the bias,
# they are near 0.95: the gate is open (Gers et al. 2000 added this gate).

# %%
survives = Prediction(
    "04/survives",
    "Four networks before any training. In which is more than 1 % of the "
    "gradient left after 15 steps?",
    choices=["LSTM, GRU and open LSTM", "LSTM and open LSTM",
             "open LSTM only", "none"],
)
survives

# %%
def open_lstm(features, hidden, batch_first=True):
    """An LSTM whose forget gates start near 0.95."""
    layer = nn.LSTM(features, hidden, batch_first=batch_first)
    layer.bias_ih_l0.data[hidden : 2 * hidden] += 3
    return layer


kinds = {"plain RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM,
         "open LSTM": open_lstm}

# %%
def left_after(layer, steps=40):
    """Gradient of the last state in the inputs, by lag; 1 at lag 0."""
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(64, steps + 1, 48, generator=noise).requires_grad_()
    last = layer(x)[0][:, -1]
    towards = torch.randn(last.shape, generator=noise)
    slope = torch.autograd.grad((last * towards).sum(), x)[0]
    sizes = slope.norm(dim=2).mean(0).flip(0)
    return sizes / sizes[0]


torch.manual_seed(0)
left = {name: left_after(make(48, 32, batch_first=True))
        for name, make in kinds.items()}

# %%
figures.curves(
    range(41), {name: sizes.log10() for name, sizes in left.items()},
    "steps back", "log10 of what is left",
    "How much of the gradient is left, as a power of ten. After 15 steps: "
    + ", ".join(f"{k} {v[15]:.0e}" for k, v in left.items()) + ".",
)

# %%
kept = [name for name, sizes in left.items() if sizes[15] > 0.01]
answers = {3: survives.choices[0], 2: survives.choices[1],
           1: survives.choices[2], 0: "none"}
survives.reconcile(
    answers[len(kept)],
    "0.5 to the power of 15 is 0.00003, 0.95 to the power of 15 is 0.46. The "
    "gate makes it possible that the gradient survives. Its bias, or "
    "training, has to make it so.",
)

# %% [markdown]
# Does it matter? A task with one thing to remember: the first input is 1 or -1,
# then zeros follow. After the last step, say which it was.

# %%
def remembers(make, lag, seed):
    """Accuracy after 200 steps of training; 0.5 is chance."""
    torch.manual_seed(seed)
    layer, answer = make(1, 32, batch_first=True), nn.Linear(32, 1)
    weights = [*layer.parameters(), *answer.parameters()]
    optimiser = torch.optim.Adam(weights, 5e-3)
    for _ in range(200):
        first = torch.randint(2, (64, 1, 1)) * 2.0 - 1
        x = torch.cat([first, torch.zeros(64, lag, 1)], 1)
        said = answer(layer(x)[0][:, -1])
        optimiser.zero_grad()
        nn.functional.softplus(-said * first[:, 0]).mean().backward()
        optimiser.step()
    return (said * first[:, 0] > 0).float().mean().item()

# %%
rows = [[name, *(" ".join(f"{remembers(make, lag, seed):.2f}"
                          for seed in range(3)) for lag in (15, 40))]
        for name, make in kinds.items()]
Table(["", "15 steps later", "40 steps later"], rows,
      "Accuracy, three seeds each")

# %% [markdown]
# Over 15 steps a small gradient was enough. Over 40, only the open LSTM learned with
# all seeds; the plain RNN did with one.
#
# Where this family stands: **transformers** ([lesson 07](07_vision_transformers.ipynb))
# look at all steps at once, so that no product of factors lies between two of them.
# For real films of the heart, 10,030 echocardiograms with their ejection fractions
# are public, and a network of convolutions over space and time was trained on them
# (Ouyang et al. 2020). Recurrent networks stay useful where frames arrive one by one,
# and as a part of larger ones: Sufian & Niu (2025) join an autoencoder, a CNN and an
# RNN to segment the heart in MRI.
#
# ## A question that needs the order
#
# A stiff ventricle fills differently from a healthy one. The second target asks
# whether the **filling** is slow or fast. It is built so that only the order can
# tell: a clip of one class is a clip of the other class *run backwards*. Mean,
# largest, smallest, even the Fourier magnitude have the same distribution in both.
# (So the phantom's "fast filling" is a teaching device, not a disease.)

# %%
filling = mt.load("cine_filling")
slow, fast = (int((filling.train.labels == k).nonzero()[0]) for k in (0, 1))
curves = volume_curves(filling.train)
figures.curves(
    range(16), {"slow filling": curves[slow], "fast filling": curves[fast],
                "fast, backwards": curves[fast].flip(0)},
    "frame", "cavity (pixels)",
    "Slow filling falls fast and rises slowly, fast filling the other way "
    "round; run backwards, fast becomes slow.",
    phantom=True,
)

# %%
plain = Prediction(
    "04/plain",
    "The LSTM, trained on these clips with the same hyperparameters: its "
    "validation AUC?",
    low=0.4, high=1.0, step=0.01,
)
plain

# %%
direct = mt.fit(mt.build("lstm", filling), filling, recipe)
at_train = measure(
    filling.train.labels, direct.predict(filling.train.images), "binary",
    resamples=0,
)
print(f"PHANTOM, AUC: train {at_train.auc:.3f}, val {direct.val.auc:.3f}")

# %%
plain.reconcile(
    direct.val.auc,
    "Chance is 0.5. Did it learn nothing, or the training clips by heart? "
    "The AUC on the training clips says which.",
)

# %% [markdown]
# ## Why does it fail?
#
# Fifteen steps are not too many, says the table of what is remembered. Is the rule too
# hard? Give the LSTM the **ground truth**, the volume curve of each
# clip: one number a frame in place of an image.

# %%
def auc(head, features):
    """AUC on the validation clips."""
    with torch.no_grad():
        scores = head.eval()(features).softmax(1)
    return measure(filling.val.labels, scores, "binary", resamples=0).auc

def as_features(split):
    curves = volume_curves(split)[:, :, None]  # one number a frame
    return (curves - curves.mean()) / curves.std()


torch.manual_seed(0)
reader = fit_head(recurrent.LSTM(features=1), as_features(filling.train),
                  filling.train.labels, task="binary", progress=False)
print(f"on the true curve: AUC {auc(reader, as_features(filling.val)):.3f}")

# %% [markdown]
# So the same kind of layer learns the rule from these clips *once the volume is
# there*. What is missing is an encoder that measures it. A likely reason: as long as
# the features mean nothing, their order means nothing either; and as long as the head
# ignores the order, the encoder is not told what to look for.
#
# ## Two stages
#
# The encoder of `max_min_frames` has learned volumes already, from another target on
# other clips. This is **transfer learning**: keep that encoder as it is (**frozen**),
# compute the features of every clip once, and train only heads. `fourier` sees how
# strongly each feature swings, but not when.

# %%
heads = ("mean_frames", "max_min_frames", "fourier",
         "lstm", "gru", "temporal_conv")
encoder = runs["max_min_frames"].model.encoder
models = {
    name: mt.build(name, filling, encoder=encoder) for name in heads
}
train = features_of(models["lstm"], filling.train.images)
val = features_of(models["lstm"], filling.val.images)
for name, model in models.items():
    fit_head(model.head, train, filling.train.labels, task="binary")

# %%
backwards = Prediction(
    "04/backwards",
    "The proof: validation clips run backwards, labels as they were. What AUC "
    "does a head get that uses the order?",
    low=0.0, high=1.0, step=0.01,
)
backwards

# %%
def shuffled(features):
    """The frames of each clip in a random order."""
    generator = torch.Generator().manual_seed(0)
    return cine.shuffled(features[..., None, None], generator)[..., 0, 0]


control = mt.build("lstm", filling, encoder=encoder).head
fit_head(control, shuffled(train), filling.train.labels, task="binary")
each = {name: model.head for name, model in models.items()}
each["lstm, trained on shuffled frames"] = control
rows = [[name, *(auc(head, x) for x in (val, val.flip(1), shuffled(val)))]
        for name, head in each.items()]
Table(["head", "as filmed", "backwards", "shuffled"], rows,
      "AUC on validation clips", phantom=True)

# %%
backwards.reconcile(
    auc(models["lstm"].head, val.flip(1)),
    "To such a head a clip run backwards is a clip of the other class, and it "
    "says so each time. Nothing that forgets the order could be so "
    "consistently wrong.",
)

# %% [markdown]
# The heads that forget the order stay near chance, as they must, and so does the LSTM
# that was trained on shuffled frames. All that know the order solve the task; two
# **convolutions over time** (`temporal_conv`) do it, too.
#
# ## Explore
#
# The two-stage LSTM beside the one that was trained end to end. Step through a clip and
# watch state and answer change frame by frame; play it backwards, shuffled, or with
# frames missing.

# %%
from medtutor.explorers.sequence import sequence

ordered = mt.fit(mt.build("lstm", filling, encoder=encoder), filling,
                 recipe.but(epochs=12))
print("PHANTOM, test clips:", ordered.test)
sequence(ordered, filling, others={"end to end": direct})

# %% [markdown]
# ## Where it fails: a real loop
#
# One second of ultrasound of a beating heart, 30 frames: the whole picture, as the
# scanner stored it.

# %%
import pydicom
from pydicom.data import get_testdata_file

file = get_testdata_file("examples_ybr_color.dcm", download=False)
record = pydicom.dcmread(file)
grey = torch.tensor(record.pixel_array).float().mean(3)  # (30, 240, 320)
print(f"{record.Manufacturer}, patient's name in the header: "
      f"{record.PatientName}")
figures.images(
    [grey[0].to(torch.uint8), grey[0, :36, :48].to(torch.uint8)],
    ["the whole frame", "its top left corner"],
    "A whole frame of a real ultrasound loop of a heart, and its corner. "
    "Letters and numbers stand at the border; PLA at the top left.",
)

# %% [markdown]
# Read the border. At the top left stand the same letters as in the header's field for
# the patient's name. In this public test file they identify nobody. In a hospital's
# file a name would stand there, *burned in*: part of the pixels. If you delete the
# name from the header, the picture still shows it. **De-identification** has to look
# at the pixels as well. We cut the border off and average 4 x 4 pixels.
#
# Nothing stops you from asking the phantom's networks about this loop.

# %%
# 4 x 4 pixels become one
sector = grey[:, 16:232, 40:260].unfold(1, 4, 4).unfold(2, 4, 4)
loop = sector.mean((3, 4))  # (30, 54, 55)

def asked(name, rows, columns):
    """A network's answer to every second frame of a region, 28 x 28."""
    region = loop[::2, rows, columns][:, None]
    small = nn.functional.interpolate(region, (28, 28), mode="area")
    return runs[name].predict(small.round().to(torch.uint8)[None]).item()


Table(["head", "whole sector", "closer crop"],
      [[name, asked(name, slice(0, 54), slice(0, 55)),
        asked(name, slice(8, 50), slice(12, 50))]
       for name in ("max_min_frames", "lstm")], "Answers, not measurements")

# %% [markdown]
# Each answer looks like an ejection fraction, and none is one. The networks have seen
# drawn rings only, and have no way to say so. Compare the four numbers. **Not one of
# them may be used for anything.**
#
# ## What the review says and what we measured
#
# The abstract of the review names RNNs for temporal analysis. We asked five
# questions about that, with five seeds each; all but the last are about a phantom.

# %%
display(review.claim("order-carries-information"))
display(review.claim("recurrence-uses-order"))
display(review.claim("recurrence-beats-pooling"))
display(review.claim("bidirectional-helps"))
display(review.claim("recurrence-helps-on-slices"))

# %% [markdown]
# Whether a question needs the order has to be shown by taking the order away. Where it
# does, a recurrent network is one of several that can use it, and trained from the
# images alone it did not. The last question is **not testable here**: on the slices
# the LSTM, with a mean AUC of 0.586, has not learned its task, and such a network
# cannot test anything.
#
# ## Exercises without a check
#
# 1. Put your own `lstm_step` into the class `LSTM`. Is it still the same network?
# 2. Open the forget gate by 1 and by 5 in place of 3. What is left after 40 steps,
#    and what does the network remember?
# 3. Open the forget gate of `mt.build("lstm", filling)` before it is trained end to
#    end (`model.head.recurrence.bias_ih_l0`). Does its AUC leave 0.5? What does that
#    say about the likely reason that is given above?
# 4. Train `mt.build("fourier", heart)`. It keeps how strongly each feature
#    swings and discards the phase. Why does it do well here, badly on
#    shuffled frames, and at chance on the filling?
# 5. Draw harder clips: `cine.draw("filling", {"train": 750}, systole=(0.4,
#    0.45))["train"]`. At which `systole` can the two-stage LSTM no longer tell the
#    classes apart, and why must it fail at 0.5?
#
# ## Quiz

# %%
Quiz("04_rnn_and_time")

# %% [markdown]
# ## Key points
#
# - First ask what the question needs: one frame, many frames, or their order.
#   Shuffling and reversing the clips answer that; the name of the network does not.
# - The ejection fraction needs the largest and the smallest volume: a pooling that
#   keeps just these beats recurrence.
# - Backpropagation through time multiplies one factor a step. The gradient survives
#   where the factors are near 1: in an LSTM, where the forget gates are open.
# - Where only the order tells, AUC 1 on the clips and AUC 0 on the same clips run
#   backwards is the proof that it is used.
# - A target can be too far from the pixels to train an encoder. Two stages, the
#   first on a nearer target, made the second easy.
# - Missing frames are left out or held, never black.
#
# ## Bonus: How much of the film is needed?
#
# A recurrent head can be asked after every frame.

# %%
def auc_over_time(head):
    with torch.no_grad():
        answers = head.answers_over_time(val).softmax(2)  # (N, 16, 2)
    return [measure(filling.val.labels, answers[:, t], "binary",
                    resamples=0).auc for t in range(16)]

lines = {name: auc_over_time(models[name].head)
         for name in ("lstm", "temporal_conv", "max_min_frames")}
figures.curves(
    range(1, 17), lines, "frames seen", "AUC",
    "Validation AUC against the number of frames seen.", phantom=True,
)

# %% [markdown]
# A beat lasts 9 to 16 frames. Before it is over the answer has to be a guess
# for some clips.
#
# ## Bonus: Which frame decided?
#
# [Lesson 09](09_interpretability.ipynb) asks which pixels an answer depends on.
# The same can be asked of frames, and here the truth is known: the ejection
# fraction is decided by the fullest and the emptiest frame. Two ways to ask: the
# size of the **gradient** in each frame, and **covering** a frame with the one
# before it.

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
clips, volumes = heart.val.images[:200], volume_curves(heart.val)[:200]
extremes = (volumes == volumes.amin(1, keepdim=True))
extremes |= volumes == volumes.amax(1, keepdim=True)


def hits(importance):
    """The share of clips whose most important frame is extreme."""
    first = importance.argmax(1, keepdim=True)
    return extremes.gather(1, first).float().mean().item()

# %%
rows = []
for name in ("max_min_frames", "lstm"):
    untrained = mt.build(name, heart).eval()
    for state, model in (("trained", runs[name].model),
                         ("untrained", untrained)):
        rows.append([f"{name}, {state}", hits(by_gradient(model, clips)),
                     hits(by_covering(model, clips))])
Table(["head", "gradient", "covering"], rows,
      f"Share of hits; chance {extremes.float().mean():.2f}", phantom=True)

# %% [markdown]
# The untrained network is the control, as in lesson 09: only what the trained
# one hits beyond that was learned.
#
# ## Bonus: Slices as a sequence
#
# Any volume is a sequence of slices. VesselMNIST3D holds pieces of brain vessels, 28
# slices each, healthy or with an **aneurysm**, a bulge: shapes made of meshes, not grey
# images. The order of the slices is anatomy now, not time.

# %%
vessels = mt.load("vesselmnist3d").as_sequence()
pair = [int((vessels.train.labels == k).nonzero()[0]) for k in (0, 1)]
film(vessels.train.images[pair][:, 4:24], vessels.card.classes,
     "The 20 middle slices of a vessel and of an aneurysm.",
     phantom=vessels.is_phantom)

# %%
brief = mt.default_recipe(vessels.card, epochs=12)
mixed = cine.shuffled(vessels.val.images, torch.Generator().manual_seed(0))
rows = []
for name in ("mean_frames", "lstm"):
    run = mt.fit(mt.build(name, vessels), vessels, brief)
    loose = measure(vessels.val.labels, run.predict(mixed), "binary",
                    resamples=0).auc
    rows.append([name, run.val.auc, loose])
Table(["head", "in order", "shuffled"], rows,
      f"AUC on {len(mixed)} validation volumes, one seed",
      phantom=vessels.is_phantom)

# %% [markdown]
# Before you read anything into the LSTM's row: has it learned the task? If its AUC is
# near 0.5, shuffling has nothing to take away, and the row says nothing about order.
# Over five seeds it did not learn it, with this encoder and as many epochs as the
# protocol gives; the last card above says so.
#
# ## Bonus: Forecast the next frame
#
# Back to the ultrasound loop. A forecast needs no labels, the next frame is
# the truth. It needs something to beat: **copying the last frame** costs nothing.

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
# Look at the lower line before you go on. Where it touches zero after frame 0, the
# frame is an exact *copy* of the one before: no heart and no noise does that. In those
# frames copying is perfect by construction, and a mean over all frames gives it an
# unfair advantage.
#
# Five forecasts. **Copy**; **go on**, twice the last frame minus the one before
# it; two that are fitted to the first 20 frames: each pixel from the 3 x 3
# pixels around it in the last frame, or in the last three frames (least
# squares, a convolution with one layer); and a **ConvLSTM** (Shi et al. 2015), an
# LSTM whose memory is a stack of maps and whose linear layers are convolutions.
# They are measured on the last ten frames, at the pixels that move at all.

# %%
def around(frames):
    """(k, H, W) -> (H * W, 9 k + 1): what a forecast looks at."""
    padded = nn.functional.pad(frames[None], [1] * 4, "replicate")
    seen = nn.functional.unfold(padded, 3)[0].T
    return torch.cat([seen, torch.ones(len(seen), 1)], 1)


def fitted(k):
    """Forecasts of frames 20 to 29 from the k before, fitted before 20."""
    x = torch.cat([around(loop[t - k : t]) for t in range(3, 20)])
    y = torch.cat([loop[t].flatten() for t in range(3, 20)])
    weights = torch.linalg.lstsq(x, y[:, None]).solution
    late = [around(loop[t - k : t]) @ weights for t in range(20, 30)]
    return torch.stack(late).view(10, *loop.shape[1:])

# %%
from medtutor.models.conv_lstm import NextFrame

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
    "copy the last frame": [loop[19:29]],
    "go on as before": [2 * loop[19:29] - loop[18:28]],
    "fitted, one frame": [fitted(1)],
    "fitted, three frames": [fitted(3)],
    "ConvLSTM": [conv_lstm(seed) for seed in range(5)],
}
moving = loop[:20].std(0) > 4
new = change[19:] > 0  # no copies among the last ten


def error(guess, rows):
    return (guess - loop[20:]).abs()[rows][:, moving].mean().item()

# %%
errors = {name: [error(guess, new) for guess in guesses]
          for name, guesses in forecasts.items()}
rows = [[name, error(guesses[0], slice(None)),
         ", ".join(f"{one:.2f}" for one in errors[name])]
        for name, guesses in forecasts.items()]
Table(["forecast", "all ten frames", "without copies"], rows,
      "Mean error of 255 (of the ConvLSTM, five seeds)")

# %%
mean = {name: sum(found) / len(found) for name, found in errors.items()}
forecast.reconcile(
    min((name for name in forecast.choices), key=mean.get),
    "Going on as before doubles the noise. A part of what the fit gains is "
    "mere blurring: that is what one frame alone gains. The rest needs more "
    "frames: motion, or noise that averages out. The ConvLSTM could do all "
    "of that; from twenty frames it does not learn it.",
)

# %% [markdown]
# It is one second of one heart: this shows how to measure a forecast, and that
# copying is hard to beat, no more. A blurred forecast has a smaller mean error than
# a sharp one that is a pixel off, so a small error does not mean a sharp picture.
#
# ## References
#
# - Bengio Y. et al., *Learning long-term dependencies with gradient descent is
#   difficult*, IEEE Transactions on Neural Networks 5 (1994):
#   [doi:10.1109/72.279181](https://doi.org/10.1109/72.279181)
# - Cho K. et al., *Learning phrase representations using RNN encoder-decoder* (2014),
#   the GRU: [arXiv:1406.1078](https://arxiv.org/abs/1406.1078)
# - Gers F. A. et al., *Learning to forget: continual prediction with LSTM*,
#   Neural Computation 12:2451 (2000):
#   [doi:10.1162/089976600300015015](https://doi.org/10.1162/089976600300015015)
# - Graves A., Schmidhuber J., *Framewise phoneme classification with bidirectional
#   LSTM and other neural network architectures*, Neural Networks 18:602 (2005):
#   [doi:10.1016/j.neunet.2005.06.042](https://doi.org/10.1016/j.neunet.2005.06.042)
# - Hochreiter S., Schmidhuber J., *Long short-term memory*, Neural Computation
#   9:1735 (1997):
#   [doi:10.1162/neco.1997.9.8.1735](https://doi.org/10.1162/neco.1997.9.8.1735)
# - Ouyang D. et al., *Video-based AI for beat-to-beat assessment of cardiac
#   function*, Nature 580:252 (2020):
#   [doi:10.1038/s41586-020-2145-8](https://doi.org/10.1038/s41586-020-2145-8)
# - Shi X. et al., *Convolutional LSTM network* (2015):
#   [arXiv:1506.04214](https://arxiv.org/abs/1506.04214)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025), the review that this course accompanies:
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Sufian M. A., Niu M., *Hybrid deep learning for computational precision in cardiac
#   MRI segmentation*, Computers in Biology and Medicine 186:109597 (2025):
#   [doi:10.1016/j.compbiomed.2024.109597](https://doi.org/10.1016/j.compbiomed.2024.109597)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023):
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
# - A side note, not medical: a work in Sensors 25:5524 (2025), which cites the review,
#   designs radio amplifiers with LSTMs that read in both directions:
#   [doi:10.3390/s25175524](https://doi.org/10.3390/s25175524)
