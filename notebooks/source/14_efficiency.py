# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Efficiency: what does an answer cost, and does it come in time?
#
# A network that is right is of no use where it does not fit into the machine, or
# answers after the moment has passed. Papers count parameters and operations;
# a hospital has a processor, a clock and a bill. This lesson measures what a
# network costs, tries four ways to make it cheaper, and asks of each what was lost.
#
# **You will be able to**
# 1. measure time so that the number means something, and say why operations do not
#    predict it;
# 2. write a quantiser, magnitude pruning and a distillation loss;
# 3. say which kind of pruning makes a network faster, and why the other does not;
# 4. export a network, in float32 and in 8 bits, and judge what changed by decisions;
# 5. hold a deadline by its slowest frames.
#
# About 85 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first. Files without PyTorch need
# `pip install 'medtutor[efficiency]'`.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children of one to five years, 28 x 28 pixels, CC BY 4.0); an ultrasound loop that the package pydicom ships for its tests (MIT license, no other named) |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023); pydicom |
# | Use | for teaching and research; **not for clinical use** |

# %%
import tempfile
from pathlib import Path

import torch

import medtutor as mt
from medtutor import efficiency as eff
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data import normalise
from medtutor.metrics import measure
from medtutor.models import parameter_count
from medtutor.reports import Table
from medtutor.training.private import fit_plain

# %% [markdown]
# The network that all of this is done to is the course's default CNN. Everything is
# looked at on **val**; test is left to the questions at the end.

# %%
xray = mt.load("pneumoniamnist")
PHANTOM = xray.is_phantom
train, y_train = normalise(xray.train.images), xray.train.labels
val, y_val = normalise(xray.val.images), xray.val.labels
recipe = mt.default_recipe(xray.card, "cnn", epochs=3, shift_at_test=0)
net = mt.fit(mt.build("cnn", xray), xray, recipe).model
figures.gallery(xray, columns=8)

# %%
def asked(model, images=val):
    """The logits of all images, in batches"""
    with torch.inference_mode():
        return torch.cat([model(some) for some in images.split(64)])


def auc(logits):
    return measure(y_val, logits.softmax(1), "binary", resamples=0).auc


whole = asked(net).clone()
print("PHANTOM: " * PHANTOM + f"val AUC {auc(whole):.3f}")

# %% [markdown]
# ## What a network costs
#
# **Parameters** fill the file and the memory. **FLOPs**, floating-point operations, are
# what has to be computed: a multiplication and an addition count as two. **Latency** is
# the time until an answer is there. Of it one says the **median** and the **99th
# percentile** (p99): the time that 99 of 100 answers do not exceed.

# %%
cnn_flops, large_flops = (
    eff.forward_flops(mt.build(name, xray), xray.card)
    for name in ("cnn", "resnet18")
)
costs = Prediction(
    "14/costs",
    f"ResNet-18 computes {large_flops / cnn_flops:.0f} times as many FLOPs as "
    "the default CNN. How many times as long does one image take?",
    low=1, high=100, step=1,
)
costs

# %% [markdown]
# Time is measured on a fixed number of threads (here one), after a **warm-up**, many
# times; what was measured in another hour or on another machine is not compared. The
# weights do not matter for time: these networks are not trained.

# %%
cost, rows = {}, []
for name in ("mlp", "lenet", "cnn", "vit", "resnet18"):
    model = mt.build(name, xray)
    few = 25 if name == "resnet18" else 100
    cost[name] = c = eff.measure_network(model, xray.card, repeats=few)
    rows.append([name, f"{c.parameters:,}", c.flops / 1e6,
                 round(c.bytes / 1000), c.latency.first, c.latency.median,
                 c.latency.p99, c.flops / 1e6 / c.latency.median])
Table(["one image", "parameters", "MFLOP", "kB", "first, ms",
       "median, ms", "p99, ms", "GFLOP/s"], rows)

# %%
ratio = cost["resnet18"].latency.median / cost["cnn"].latency.median
costs.reconcile(
    min(round(ratio), 100),
    "Look at the last column: operations in a second differ between networks. "
    "Many small layers cost calls, and memory that is waited for, not "
    "arithmetic.",
)

# %% [markdown]
# Two more costs, where the machine tells them. **Energy** is read from the processor's
# own counters or not at all: a program that multiplies seconds by a watt number
# estimates.

# %%
one = val[:1]
memory = eff.peak_memory()
print(f"peak memory of this notebook: {(memory or 0) / 1e9:.2f} GB")
with torch.inference_mode():
    print("energy of one answer:", eff.energy(lambda: net(one)))

# %% [markdown]
# ## Many at once
#
# Whoever has a pile of images, and not one child in front of the machine, may ask of
# many at once.

# %%
batches = Prediction(
    "14/batches",
    "The time for one image: how many times shorter is it in a batch of 64 "
    "than alone?",
    low=1, high=20, step=0.5,
)
batches

# %%
alone = eff.model_latency(net, one).median
rows, best = [], alone
for size in (1, 4, 16, 64):
    spent = eff.model_latency(net, val[:size], 20 if size > 4 else 100)
    rows.append([size, spent.median, spent.median / size])
    best = spent.median / size
batches.reconcile(min(round(2 * alone / best) / 2, 20),
                  "Throughput rises until the arithmetic units are busy; the "
                  "first image of a batch waits for the last.")
Table(["images at once", "ms until the answer", "ms an image"], rows)

# %% [markdown]
# ## Fewer bits
#
# A weight takes 32 bits. **Quantisation** (Jacob et al. 2018) stores whole numbers
# $q$ of $b$ bits, which stand for a range from $l \leq 0$ to $h \geq 0$ by a **scale** $s$
# and a **zero point** $z$. Both $q$ and $z$ are whole, so that 0 is met exactly:
#
# $$s = \frac{h - l}{2^b - 1}, \quad z = \operatorname{round}(-l / s), \quad
# q = \operatorname{clip}(\operatorname{round}(x / s + z),\ 0,\ 2^b - 1), \quad
# \hat x = s\,(q - z)$$

# %%
def rounded_to_bits(values, low, high, bits):
    """values (N,) -> what is left of them, (N,)"""
    ### BEGIN SOLUTION
    most = 2**bits - 1
    scale = (high - low) / most
    zero_point = round(-low / scale)
    whole = (values / scale + zero_point).round().clamp(0, most)
    return (whole - zero_point) * scale
    ### END SOLUTION

# %%
check.rounded_to_bits(rounded_to_bits)

# %% [markdown]
# How many bits do the weights need? Once with a scale for each layer, once for each
# output channel. A **flip** is an image that gets another class than before: a mean
# such as the AUC may stay while single answers change.

# %%
rows = []
for bits in (8, 6, 4, 3, 2):
    row = [bits]
    for per_channel in (False, True):
        coarse = eff.rounded_weights(net, bits, per_channel)
        change = eff.changed(whole, asked(coarse), y_val)
        row += [f"{change.auc:+.3f}", f"{change.flipped:.1%}"]
    rows.append(row)
Table(["bits", "AUC, by layer", "flips", "AUC, by channel", "flips"], rows,
      "Weights rounded; val, minus the network before", PHANTOM)

# %% [markdown]
# ## Fewer weights
#
# **Magnitude pruning** (Han et al. 2015) sets the weights of smallest size to zero. One
# limit for all layers together leaves more where weights are large.

# %%
def without_the_smallest(first, second, share):
    """two layers' weights, share of all -> both, with zeros"""
    ### BEGIN SOLUTION
    sizes = torch.cat([first.flatten(), second.flatten()]).abs()
    limit = sizes.sort().values[round(share * len(sizes)) - 1]
    return first * (first.abs() > limit), second * (second.abs() > limit)
    ### END SOLUTION

# %%
check.without_the_smallest(without_the_smallest)

# %%
zeroed = Prediction(
    "14/zeroed",
    "Nine of ten weights are set to zero. PyTorch's answer comes",
    choices=["in a tenth of the time", "in about half", "as late as before"],
)
zeroed

# %%
sparse = eff.prune_weights(net, 0.9)
at_once = asked(sparse)
again = dict(epochs=1, learning_rate=2e-3, progress=False)
fit_plain(sparse, train, y_train, **again)
with torch.inference_mode():
    spent = eff.latencies({"before": lambda: net(one),
                           "after": lambda: sparse(one)})
before, after = (each.median for each in spent.values())
print(f"zeros {eff.zeros(sparse):.0%}, {before:.2f} and {after:.2f} ms")
zeroed.reconcile(
    "as late as before" if after > 0.7 * before else "in about half"
    if after > 0.3 * before else "in a tenth of the time",
    "A dense convolution multiplies by 0 as by any other number.",
)

# %% [markdown]
# This was **unstructured pruning**. **Structured pruning** takes out whole channels, here
# those between the two convolutions of each residual block: what goes in and out
# keeps its width, and the tensors are really smaller.

# %%
removed = Prediction(
    "14/removed",
    "Now nine of ten channels inside of the blocks are removed. How many "
    "times faster is the answer to one image?",
    low=0.5, high=10, step=0.5,
)
removed

# %%
narrow = eff.remove_channels(net, 0.9)
fit_plain(narrow, train, y_train, **again)
with torch.inference_mode():
    spent = eff.latencies({"net": lambda: net(one),
                           "sparse": lambda: sparse(one),
                           "narrow": lambda: narrow(one)})
rows = [
    [name, f"{parameter_count(model):,}",
     eff.forward_flops(model, xray.card) / 1e6,
     round(eff.file_bytes(model) / 1000), spent[key].median, auc(logits)]
    for name, key, model, logits in (
        ("whole", "net", net, whole),
        ("90 % zeros, at once", "sparse", sparse, at_once),
        ("and trained again", "sparse", sparse, asked(sparse)),
        ("90 % of channels", "narrow", narrow, asked(narrow)))]

# %%
removed.reconcile(
    round(2 * spent["net"].median / spent["narrow"].median) / 2,
    "A tenth of the channels is not a tenth of the time: the number of layers "
    "is as before, and each call has its price.",
)
Table(["", "parameters", "MFLOP", "kB", "ms", "val AUC"], rows,
      phantom=PHANTOM)

# %% [markdown]
# ## A small network, taught by a large one
#
# **Distillation** (Hinton et al. 2015): a *student* learns from labels, and from what a
# *teacher* says of the other classes. Both logits, $z$ of the student and $v$ of the
# teacher, are divided by a temperature $T$:
#
# $$L = w\,T^2\,\mathrm{KL}\bigl(\mathrm{softmax}(v/T)\,\|\,\mathrm{softmax}(z/T)\bigr)
# + (1 - w)\,\mathrm{CE}(z, y)$$
#
# Means over the batch. The slopes shrink with $1/T^2$; the factor $T^2$ undoes that.

# %%
import torch.nn.functional as F


def taught(student, teacher, labels, temperature, weight):
    """logits (B, classes) twice, labels (B,) -> a number"""
    ### BEGIN SOLUTION
    said = F.log_softmax(student / temperature, dim=1)
    wanted = F.softmax(teacher / temperature, dim=1)
    soft = F.kl_div(said, wanted, reduction="batchmean") * temperature**2
    hard = F.cross_entropy(student, labels)
    return weight * soft + (1 - weight) * hard
    ### END SOLUTION

# %%
check.taught(taught)

# %% [markdown]
# A textbook would take ResNet-18 as the teacher. Its training is too long for a lesson,
# and the course's evidence found no gain above 0.015 from its depth on these X-rays
# ([lesson 01](01_cnn_classification.ipynb), claim `depth-helps`). So the default CNN
# teaches a student with a ninth of its numbers. It is asked once for each image.

# %%
teaches = Prediction(
    "14/teaches",
    "The student's val AUC with a teacher, minus that with labels alone?",
    low=-0.05, high=0.05, step=0.005,
)
teaches

# %%
teacher = asked(net, train).clone()
how = dict(epochs=5, learning_rate=1e-2, progress=False)
small = {"widths": (8, 16, 32)}
by_labels = fit_plain(mt.build("cnn", xray, **small), train, y_train, **how)
student = eff.distil(mt.build("cnn", xray, **small), train, y_train, teacher,
                     **how)
found = {"teacher": (net, whole)} | {
    name: (model, asked(model)) for name, model in
    (("labels alone", by_labels), ("taught", student))}

# %%
rows = []
for name, (model, logits) in found.items():
    c, change = eff.measure_network(model, xray.card), eff.changed(
        whole, logits, y_val)
    rows.append([name, f"{c.parameters:,}", c.latency.median, auc(logits),
                 f"{change.flipped:.1%}"])
gain = auc(found["taught"][1]) - auc(found["labels alone"][1])
teaches.reconcile(round(gain, 3), "One seed, one val set: differences below "
                  "0.015 are noise. The evidence below has five seeds.")
Table(["", "parameters", "ms", "val AUC", "unlike the teacher"], rows,
      phantom=PHANTOM)

# %% [markdown]
# ## Without PyTorch
#
# **ONNX** is a file of operations and weights that other programs run, such as
# onnxruntime. In float32 the same numbers must come out: up to $10^{-4}$, or the export
# is refused.

# %%
folder = Path(tempfile.mkdtemp())
exact = eff.export_onnx(net, train[:256], folder / "exact.onnx")
change = eff.changed(whole, asked(exact), y_val)
print(f"flips {change.flipped:.1%}, largest difference {change.largest:.1e}")

# %%
eight = Prediction(
    "14/eight",
    "The same in 8 bits, weights and maps. On this processor, one image "
    "takes onnxruntime",
    choices=["less than 0.8 of the time", "about as long", "longer"],
)
eight

# %% [markdown]
# **Static quantisation** also rounds what runs between the layers, whose ranges are
# read from some training images. Now $10^{-4}$ would be the wrong bar. What counts
# is decisions.

# %%
int8 = eff.quantise_onnx(exact, train[:256], folder / "int8.onnx")
runs = {"PyTorch": net, "onnxruntime": exact, "int8": int8}
with torch.inference_mode():
    single, pile = (
        eff.latencies({name: lambda run=run: run(some)
                       for name, run in runs.items()}, repeats)
        for some, repeats in ((one, 100), (val[:64], 10)))
rows = []
for name, run in runs.items():
    change = eff.changed(whole, asked(run), y_val)
    size = eff.file_bytes(net) if run is net else run.bytes
    rows.append([name, round(size / 1000), single[name].median,
                 pile[name].median, f"{change.auc:+.4f}",
                 f"{change.flipped:.1%}", f"{change.largest:.2g}"])

# %%
factor = single["int8"].median / single["onnxruntime"].median
eight.reconcile(
    "less than 0.8 of the time" if factor < 0.8 else "about as long"
    if factor < 1.2 else "longer",
    "Processors with instructions for 8 bits (VNNI, AMX) gain; on others the "
    "turning to and fro eats up what was won. The file is smaller anywhere.",
)
Table(["", "kB", "one image, ms", "64, ms", "AUC", "flips", "largest"], rows,
      "val, minus PyTorch", PHANTOM)

# %% [markdown]
# **Who pays?** Compression may leave the mean and harm a few: rare or hard cases
# (Hooker et al. 2019). Here the flips of each class:

# %%
ways = {"int8": asked(int8), "90 % zeros, again": asked(sparse),
        "channels": asked(narrow), "student": asked(student)}
rows = []
for name, logits in ways.items():
    flip = logits.argmax(1) != whole.argmax(1)
    sure = whole.softmax(1).amax(1)
    rows.append([name, *(f"{int(flip[y_val == c].sum())} of "
                         f"{int((y_val == c).sum())}" for c in (0, 1)),
                 float(sure[flip].mean()) if flip.any() else "-",
                 float(sure.mean())])
Table(["flips", *xray.card.classes, "confidence of the flipped", "of all"],
      rows, phantom=PHANTOM)

# %% [markdown]
# ## A deadline
#
# The ultrasound loop of [lesson 04](04_rnn_and_time.ipynb) has 33.3 ms from one frame
# to the next. In that time a frame is decoded from DICOM, cropped to the sector without
# letters, made as small as the network takes it, answered, and drawn as a PNG. What
# counts is the **deadline**: p99, and the frames that come too late.
#
# The networks know X-rays. What they say of a heart means nothing: this is timing.

# %%
stage = Prediction(
    "14/stage",
    "ResNet-18 aside, which stage takes longest with the default CNN?",
    choices=["decode", "resize", "network", "overlay"],
)
stage

# %% [markdown]
# Each switch is turned on in turn, always one image at a time. The chains take turns,
# loop by loop; the first loop warms up and is not counted. Of the 60 frames that are
# left p99 is the slowest.

# %%
import copy

import numpy as np

# %%
large = mt.build("resnet18", xray).eval()
last = copy.deepcopy(net).eval().to(memory_format=torch.channels_last)
fused = eff.fuse_batch_norms(last)
chains = {
    "ResNet-18": eff.Chain(large),
    "CNN, with gradients": eff.Chain(net, gradients=True),
    "CNN, inference_mode": eff.Chain(net),
    "channels_last": eff.Chain(last, channels_last=True),
    "batch norm fused": eff.Chain(fused, channels_last=True),
    "onnxruntime": eff.Chain(exact),
    "onnxruntime, int8": eff.Chain(int8),
    "student": eff.Chain(student),
    "int8, decoded ahead": eff.Chain(int8, ahead=True)}

# %%
lines = eff.follow(chains, loops=3)
middle = {name: float(np.median(ms)) for name, ms in
          lines["CNN, inference_mode"].stages.items()}
stage.reconcile(
    max(("decode", "resize", "network", "overlay"), key=middle.get),
    "A faster network cannot save more than the network takes (Amdahl's law): "
    "look at the whole chain before you prune.",
)

# %%
figures.deadline(lines, alt="One thread, 60 frames for each chain.")

# %%
rows = [[name, f"{line.first:.0f}", f"{line.median:.1f}",
         f"{line.p99:.1f}", f"{line.missed()} of {len(line.frames)}",
         f"{np.median(line.ages):.0f}"] for name, line in lines.items()]
Table(["one thread", "first frame, ms", "median", "p99", "late",
       "age of the picture"], rows, "No phantom, and no finding: timing")

# %% [markdown]
# The **first frame** pays for what later ones find ready: a service warms up before its
# first patient. Decoding ahead needs a free core, and shortens the time *between* pictures,
# not the **age** of one: it waits in line. A network that steers a needle needs the age.

# %%
second = Prediction(
    "14/second",
    "On two threads in place of one, the default CNN's median time for a "
    "frame is, in percent of that on one,",
    low=20, high=200, step=5,
)
second

# %%
def saliency(image):
    """The slope of class 1 over the pixels"""
    x = image.clone().requires_grad_()
    last(x)[0, 1].backward()
    return x.grad[0, 0]


some = {"CNN": eff.Chain(last, channels_last=True),
        "CNN and a map": eff.Chain(last, saliency, channels_last=True)}
threads = {number: eff.follow(some, loops=2, threads=number)
           for number in (1, 2)}

# %%
ratio = threads[2]["CNN"].median / threads[1]["CNN"].median
second.reconcile(
    round(100 * ratio),
    "Only the network is shared among threads, and so small a one is hardly "
    "worth it. Where other work keeps the cores busy, threads wait for each "
    "other, and two are slower than one.",
)
Table(["threads", "", "median", "p99", "late"],
      [[number, name, f"{line.median:.1f}", f"{line.p99:.1f}",
        f"{line.missed()} of {len(line.frames)}"]
       for number, each in threads.items() for name, line in each.items()])

# %% [markdown]
# ## How much accuracy for how much time?
#
# A model is on the **frontier** if no other is both cheaper and better. Both axes have
# intervals: the AUC's over seeds, and over cases where predictions were kept; a time's over
# repetitions on this machine. Where the intervals of the best two overlap, the cheaper one
# may be as good. Parameters, operations and time order the models otherwise.

# %%
from medtutor.explorers import frontier

frontier()

# %% [markdown]
# ## Bonus: Early exit
#
# Easy images need not go all the way (**early exit**; BranchyNet, Teerapittayanon et
# al. 2016). A second classifier after the first block answers where it is sure.

# %%
branchy = eff.EarlyExit(net).fit_exit(train, y_train).eval()
rows = []
for sure in (0.5, 0.9, 0.99, 0.999, 1.01):
    with torch.inference_mode():
        logits, early = branchy(val, sure)
        spent = eff.latency(lambda: branchy(val[:64], sure), 5).median
    rows.append([sure, f"{early.float().mean():.0%}", auc(logits),
                 spent / 64])
Table(["sure from", "leave early", "val AUC", "ms an image, in 64"], rows,
      "A confidence above 1 is never reached: all go on", PHANTOM)

# %% [markdown]
# ## What the review says and what we measured
#
# The review names computational requirements among the challenges, and computational
# efficiency and real-time applications among the directions. Three questions, each
# with a rule written down before its evidence, five seeds, all test images:

# %%
review.claim("compression-keeps-accuracy")

# %%
review.claim("small-student-suffices")

# %%
review.claim("real-time-on-modest-hardware")

# %% [markdown]
# ## Where it fails
#
# - Times are of this machine, this hour, this number of threads. A graphics processor, a
#   phone or a busy server order these networks otherwise.
# - Images of 28 pixels and two classes leave much to spare. What 4 bits do here says
#   nothing about a segmentation of 512 pixels.
# - Val chose nothing here, but it is small: two flips are 0.4 %.
# - A compressed network is another model: its calibration
#   ([lesson 11](11_trust.ipynb)) and its groups ([lesson 13](13_fairness.ipynb)) have
#   to be looked at again.
#
# ## Bonus: Exercises without a check
#
# 1. Prune 50, 80, 95 and 99 % of the weights, with training again. Where does val fall?
# 2. Export the student, in 8 bits. How many kB, how many microseconds?
# 3. Give `quantise_onnx` 8 images in place of 256 for its ranges. What flips?
# 4. Measure the same network on two threads. Does p99 fall, too?
#
# ## Quiz

# %%
Quiz("14_efficiency")

# %% [markdown]
# ## Key points
#
# - Parameters, operations, bytes and time are four things. Measure the one that you
#   mean: threads fixed, warmed up, median and p99.
# - Zeros make nothing faster on dense kernels; smaller tensors do, and less than
#   in proportion.
# - Float32 exports agree to $10^{-4}$. In 8 bits count flips, and whose.
# - Much of the time of a small network is overhead: another runtime may gain more than
#   another network.
# - A deadline is held by p99, not by the mean.
#
# ## References
#
# - Han S. et al., *Learning both weights and connections for efficient neural networks*
#   (2015). [arXiv:1506.02626](https://arxiv.org/abs/1506.02626)
# - Hinton G., Vinyals O., Dean J., *Distilling the knowledge in a neural network* (2015).
#   [arXiv:1503.02531](https://arxiv.org/abs/1503.02531)
# - Hooker S. et al., *What do compressed deep neural networks forget?* (2019).
#   [arXiv:1911.05248](https://arxiv.org/abs/1911.05248)
# - Jacob B. et al., *Quantization and training of neural networks for efficient
#   integer-arithmetic-only inference* (2018).
#   [arXiv:1712.05877](https://arxiv.org/abs/1712.05877)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Teerapittayanon S., McDanel B., Kung H. T., *BranchyNet: fast inference via early
#   exiting from deep neural networks* (2016).
#   [arXiv:1709.01686](https://arxiv.org/abs/1709.01686)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
