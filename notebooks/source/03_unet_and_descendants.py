# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # U-Net and its descendants: what is a skip worth?
#
# A network of 2015 founded a whole family. You build it, take its one idea away,
# see what is missing, and then ask the same of what descendants added.
#
# **You will be able to**
# 1. build a U-Net, say what a skip connection carries, and measure what it is
#    worth with the right score;
# 2. tell three descendants by what they change, and compare them fairly;
# 3. clean a segmentation up afterwards, and choose how strongly on the right
#    split;
# 4. say what of the U-Net of 2015 is still in use, and what is a strong
#    baseline today.
#
# Bonus parts: which segmentations to look at again, without the truth; and
# what changes, and what it costs, when slices become volumes.
#
# About 85 minutes without the bonus parts.
# [Lesson 02](02_cnn_segmentation.ipynb) comes first: masks, Dice, the loss,
# and the atlas that needs no network.
#
# | | |
# |---|---|
# | Images | Hippocampus, Task04 of the Medical Segmentation Decathlon: 48 of its MRI volumes, CC BY-SA 4.0 |
# | Source | Simpson et al. 2019; Antonelli et al. 2022 |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files, drawn **phantoms** take the images' place. Every table and
# picture then says so, and the text's numbers do not hold.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.data import augmentation, normalise
from medtutor.metrics import segmentation_scores
from medtutor.metrics.segmentation import by_patient
from medtutor.models import parameter_count
from medtutor.models.postprocessing import MeanShape, largest_component
from medtutor.reports import Table

# %%
dataset = mt.load("hippocampus")
volumes = dataset.as_volumes()
classes = len(dataset.card.classes)
figures.gallery(dataset)

# %% [markdown]
# ## Why this family exists: the way down loses the place
#
# To say *what* something is, a network must look at its surroundings: it
# shrinks its maps until one place has seen much of the image. To say *where
# its border is*, it must answer pixel by pixel. An **encoder** goes down, a
# **decoder** comes back up. In the network of lesson 02, the lowest map has 100
# channels of 7 x 5 places: one place stands for 8 x 8 pixels, 8 mm. Whatever
# the decoder knows of a border must be packed into those channels.
#
# U-Net (Ronneberger et al. 2015) gives the decoder a second source: at each
# level it also sees what the encoder saw there, before the next pooling. That
# is a **skip connection**. With the encoder's features $e_l$ of level $l$, what
# comes from the level below, $d_{l+1}$, upsampled, and a block of convolutions
# $f_l$:
#
# $$d_l = f_l\big(\,[\,e_l,\ \text{up}(d_{l+1})\,]\,\big)$$
#
# The brackets put channels behind each other (**concatenation**). Write what
# stands in them. Each place from below is repeated two by two; where the side
# was odd, the last row or column is too much and is cut off; then the encoder's
# features come first, and those from below are put behind them.

# %%
def skip_join(below, skip):
    """(B, C, h, w) and (B, C, H, W) -> (B, 2 C, H, W)"""
    ### BEGIN SOLUTION
    larger = F.interpolate(below, scale_factor=2, mode="nearest")
    larger = larger[..., : skip.shape[-2], : skip.shape[-1]]
    return torch.cat([skip, larger], dim=1)
    ### END SOLUTION

# %%
check.skip_join(skip_join)

# %% [markdown]
# ## A U-Net, written out
#
# First its parts. A block is that of lesson 02.

# %%
class Block(nn.Sequential):
    """Two 3 x 3 convolutions, each with batch normalisation and ReLU."""
    def __init__(self, before, width):
        layers = []
        for channels in (before, width):
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width), nn.ReLU(),
            ]
        super().__init__(*layers)

# %%
class Parts(nn.Module):
    """What a U-Net is made of; widths are its channels, fine to coarse."""
    def __init__(self, widths=(12, 24, 48, 88), classes=3):
        super().__init__()
        down = zip((1, *widths), widths)
        up = list(zip(widths[1:], widths))
        self.encoder = nn.ModuleList(Block(a, b) for a, b in down)
        # 1 x 1: only the number of channels changes.
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in up)
        # Twice as many channels come in: half of them by the skip.
        self.decoder = nn.ModuleList(Block(2 * b, b) for _, b in up)
        self.classifier = nn.Conv2d(widths[0], classes, 1)

# %% [markdown]
# Then the way through them. The second line of the last loop is the skip.

# %%
class MyUNet(Parts):
    def forward(self, x):
        features = [self.encoder[0](x)]
        for block in self.encoder[1:]:
            x = F.max_pool2d(features[-1], 2, ceil_mode=True)
            features.append(block(x))
        x = features.pop()
        for level, skip in reversed(list(enumerate(features))):
            x = F.interpolate(self.narrow[level](x), scale_factor=2)
            x = torch.cat([skip, x[..., :skip.shape[2], :skip.shape[3]]], 1)
            x = self.decoder[level](x)
        return self.classifier(x)

# %%
unet = mt.build("unet", dataset)
same_network(MyUNet(), unet, torch.randn(2, 1, 56, 40))

# %%
figures.diagram("unet")

# %% [markdown]
# Follow the channels at the lowest skip. 88 come from below. A **1 x 1
# convolution**, hidden in many drawings, makes 48 of them, as many as the skip
# has: so the block takes 48 + 48 = 96. Skips cost parameters, so the bottom is
# 88 channels wide where the network without skips has 100: both have about
# 0.24 million. Anything else would compare two sizes.
#
# **What differs from the paper of 2015.** That network was made for cells in
# microscopes, learned from very few images, and won a challenge in cell
# tracking (ISBI 2015).
#
# | in the paper | here, and often today |
# |---|---|
# | learned 2 x 2 **up-convolution** (transposed convolution) | 1 x 1 convolution, then each place repeated: fewer parameters |
# | **valid convolutions**: no padding, maps shrink, skips are cropped | padding: the mask is as large as the image |
# | large images in tiles that overlap | one image, one pass |
# | pixels between touching cells weigh more in the loss (**border weights**) | cross-entropy and soft Dice |
# | **elastic deformation** of the few training images | moved, turned, scaled, mirrored |
#
# **What became of it.** 3D U-Net (Çiçek et al. 2016) made every operation
# three-dimensional. Many descendants followed; three are below. **nnU-Net**
# (Isensee et al. 2021) went the other way: a plain U-Net, with preprocessing,
# size and training set by rules from the data, surpassed most existing methods
# on 23 data sets. In 2024 its authors compared again: with baselines as well
# trained, most newer networks, transformers among them, do not beat it (Isensee
# et al. 2024). **Foundation models** such as MedSAM (Ma et al. 2024) segment
# what a user marks with a box.
#
# ## The same network, with skips and without
#
# Three scores, from [lesson 02](02_cnn_segmentation.ipynb): **Dice** (overlap),
# **surface Dice** (the share of the two surfaces within 1 mm of the other) and
# **HD95** (how far apart the surfaces are where they are farthest, the worst 5 %
# left out). All are of whole volumes, and a mean over both parts.

# %%
least = Prediction(
    "03/least",
    "Skips bring back the detail that pooling lost. Which of the three "
    "scores will gain least by them?",
    choices=["Dice", "surface Dice", "HD95"],
)
least

# %%
recipe = mt.default_recipe(dataset.card)
without = mt.fit(mt.build("fcn", dataset), dataset, recipe)
run = mt.fit(unet, dataset, recipe)
for name, each in (("no skips", without), ("U-Net", run)):
    print(f"{name}, {each.parameters:,} parameters: {each.val}")

# %% [markdown]
# These are the six validation volumes, of four people. The runs' test results are
# read once, further down. Two functions for the rest of the lesson: slices to
# volumes, and scores of masks.

# %%
def by_volume(probabilities, split="val"):
    """(N, classes, H, W) -> (volumes, classes, D, H, W)"""
    whose = getattr(dataset, split).patients
    return by_patient(probabilities.float(), whose).transpose(1, 2)


def scores(masks, split="val"):
    """{score: (volumes,)} of masks (volumes, D, H, W)."""
    truth = getattr(volumes, split).masks
    found = segmentation_scores(masks, truth, classes, dataset.card.spacing)
    return {name: values.mean(1) for name, values in found.items()}

# %%
masks = {
    name: by_volume(each.predictions["val"]).argmax(1)
    for name, each in (("no skips", without), ("U-Net", run))
}
table = {name: scores(found) for name, found in masks.items()}
figures.patients(
    table, "Validation scores of each volume, without skips and with them.",
    subjects=volumes.val.subjects, phantom=dataset.is_phantom,
)

# %%
def errors(scores):
    """What is missing to a perfect score, mean over volumes."""
    return {"Dice": 1 - scores["dice"].mean(),
            "surface Dice": 1 - scores["surface_dice"].mean(),
            "HD95": scores["hd95"].mean()}


before, after = errors(table["no skips"]), errors(table["U-Net"])
change = {name: after[name] / before[name] - 1 for name in before}
Table(
    ["missing to a perfect score", "no skips", "U-Net", "change"],
    [[name, before[name], after[name], f"{change[name]:+.0%}"]
     for name in before],
    "Less is better. HD95 in mm", phantom=dataset.is_phantom,
)

# %%
least.reconcile(
    max(change, key=change.get),
    "Skips put the border right all along it, and surface Dice sees that "
    "best. HD95 hangs on few places far away, and changes most from one "
    "training to the next. Why, and what five seeds say, comes further down.",
)

# %% [markdown]
# So the score that you choose decides what you conclude. Dice is about regions,
# and hardly feels their surface; HD95 is one distance, and a single speck far
# away can decide it. Both beside the expert, one slice of each volume:

# %%
def fullest(volume):
    """The row of the slice with most foreground in a validation volume."""
    size = volumes.val.masks[volume].flatten(1).count_nonzero(1)
    return volume * len(size) + int(size.argmax())


def show_volumes(which, columns, alt):
    """One slice of each; columns {heading: masks (volumes, D, H, W)}."""
    rows = [fullest(volume) for volume in which]
    chosen = {name: each.flatten(0, 1)[rows] for name, each in columns.items()}
    return figures.outlines(
        dataset.val.images[rows], {"image": None, **chosen},
        dataset.card.classes, alt, sideways=True, phantom=dataset.is_phantom,
    )

# %%
shown = {"expert": volumes.val.masks, **masks}
show_volumes(
    range(6), shown,
    "Six volumes, one slice each: the image, the expert's outlines, those "
    "of the network without skips and those of the U-Net. Without skips the "
    "outlines are rounder.",
)

# %% [markdown]
# ## What a skip carries
#
# Stop the U-Net before its last block, and look at what the block gets: from
# the skip and from below.

# %%
seen = []
last = run.model.decoder[0]
hook = last.register_forward_hook(lambda _, taken, __: seen.append(taken[0]))
with torch.no_grad():
    run.model(normalise(dataset.val.images[[fullest(0)]]))
hook.remove()
skip, below = seen[0][0].chunk(2)  # (12, 56, 40) each


def strongest(maps, count=3):
    """The maps that vary most from place to place, the border aside."""
    spread = maps[:, 8:-8, 8:-8].flatten(1).std(1)
    return maps[spread.argsort(descending=True)[:count]]

# %%
image = dataset.val.images[fullest(0), 0]
figures.images(
    [image, *strongest(skip), *strongest(below)],
    ["image", *["skip"] * 3, *["from below"] * 3],
    "A slice, three feature maps of the finest skip, which look like the "
    "image, and three from below, in squares of two by two pixels, which "
    "mark where the hippocampus is.",
    phantom=dataset.is_phantom,
)

# %% [markdown]
# The skip is sharp and knows little: it marks every edge in the head. What
# comes from below is coarse and knows where the organ lies. Neither would do
# alone.
#
# How much depends on which skip? Cut one in the *trained* network: put the mean
# over the image at every place, so that each channel keeps its level and
# loses its places. This is an **ablation**.

# %%
cut = Prediction(
    "03/cut",
    "Which skip must not be cut: the finest (56 x 40), the middle one "
    "(28 x 20) or the coarsest (14 x 10)?",
    choices=["finest", "middle", "coarsest"],
)
cut

# %%
def with_cut(level, images):
    """Probabilities of the U-Net with the places of one skip erased."""
    join = run.model.join

    def erased(x, features, at):
        skip = features[level].mean((2, 3), keepdim=True)
        changed = list(features)
        changed[level] = skip.expand_as(features[level])
        return join(x, changed, at)

    run.model.join = erased
    found = run.predict(images)
    del run.model.join  # the model's own is back
    return found

# %%
val = {"none": by_volume(run.predictions["val"])}
for level, name in enumerate(("finest", "middle", "coarsest")):
    val[name] = by_volume(with_cut(level, dataset.val.images))
found = {name: scores(p.argmax(1)) for name, p in val.items()}
figures.patients(
    {f"cut: {name}": values for name, values in found.items()},
    "Validation scores of each volume with one skip cut.",
    subjects=volumes.val.subjects, phantom=dataset.is_phantom,
)

# %%
surface = {name: found[name]["surface_dice"].mean() for name in found}
cut.reconcile(
    min(cut.choices, key=surface.get),
    "The finest skip has most pixels, and need not be the one that matters "
    "most: what depends on a skip shows only when it is cut.",
)

# %% [markdown]
# This says what *this trained network* relies on, not what skips are needed: the
# network trained without any is better than one that lost its middle one later.
#
# ## Descendants
#
# A study that the review cites sorts U-Net's descendants by what they change
# (Azad et al. 2024). The six names are theirs, the rest is ours:
#
# | what is changed | for example | where |
# |---|---|---|
# | backbone | the blocks: residual units, 3-D | `residual_unet`; volumes in a bonus part |
# | bottleneck | the coarsest level: more context | a transformer there, in [lesson 08](08_hybrids_and_fusion.ipynb) |
# | skip | what passes: attention gates, features of several levels | `attention_unet`, `multi_level_unet`; `fcn` has no skips |
# | representation | what the features are made to hold | not here; [lesson 05](05_autoencoders.ipynb) learns features without labels |
# | transformer | attention between all places | [lesson 07](07_vision_transformers.ipynb), for classification |
# | probabilistic | several answers for one image | not here; a bonus part has the network's own doubt |
#
# `residual_unet` adds each block's input to its output. `multi_level_unet`
# gives each block of the decoder features of *all* levels, the idea that gives
# MLFA-UNet (Methods 232:52, 2024) its name, which the review cites; in our own
# form. Each is a few lines in `medtutor/models/unet.py`.
#
# **Equal parameters.** A descendant that adds something must give up as much
# elsewhere. Count first: a block is two convolutions without bias, each
# followed by a batch normalisation with two numbers for each channel. In 2-D
# the kernels are 3 x 3, in volumes 3 x 3 x 3.

# %%
def block_parameters(before, width, dims):
    """Channels in, channels of both convolutions, 2 or 3 -> a number"""
    ### BEGIN SOLUTION
    kernel = 3**dims
    convolutions = before * width * kernel + width * width * kernel
    normalisations = 2 * (2 * width)
    return convolutions + normalisations
    ### END SOLUTION

# %%
check.block_parameters(block_parameters)

# %%
kin = ["fcn", "unet", "residual_unet", "attention_unet", "multi_level_unet"]
Table(["network", "parameters"],
      [[name, f"{parameter_count(mt.build(name, dataset)):,}"]
       for name in kin])

# %% [markdown]
# ## Attention gates
#
# The finest skip marks every edge in the head. An **attention gate** (Oktay et
# al. 2018) lets the coarser level decide, place by place, how much of a skip
# passes: a number $g$ from 0 to 1 that all channels of the skip $e$ are
# multiplied by,
#
# $$g = \sigma\big(w^\top\, \text{ReLU}(U e + V d)\big),$$
#
# where $d$ comes from below, $U$ and $V$ mix channels at each place, $w$ makes
# one number of what they give, and $\sigma$ is the sigmoid. Write it for one
# image.

# %%
def additive_gate(skip, below, from_skip, from_below, weights):
    """skip, below (C, H, W), U, V (F, C), w (F,) -> gated (C, H, W)"""
    ### BEGIN SOLUTION
    inner = torch.einsum("fc,chw->fhw", from_skip, skip)
    inner = inner + torch.einsum("fc,chw->fhw", from_below, below)
    gate = torch.einsum("f,fhw->hw", weights, inner.relu()).sigmoid()
    return skip * gate
    ### END SOLUTION

# %%
check.additive_gate(additive_gate)

# %%
attention = mt.fit(mt.build("attention_unet", dataset), dataset, recipe)
print("U-Net", run.val)
print("gates", attention.val)
rows = [fullest(volume) for volume in range(len(volumes.val))]
with torch.no_grad():
    gates = attention.model.attention(normalise(dataset.val.images[rows]))
figures.images(
    [image, dataset.val.masks[rows[0]] * 100, *(g[0, 0] for g in gates)],
    ["image", "expert", "finest gate", "middle gate", "coarsest gate"],
    "A slice, the expert's mask, and three gates, red where they open.",
    phantom=dataset.is_phantom,
)

# %%
inside = (dataset.val.masks[rows] > 0).float()[:, None]
near = F.max_pool2d(inside, 9, stride=1, padding=4) - inside
regions = {"inside the organ": inside, "just outside": near,
           "far away": 1 - inside - near}
opened = {}
for name, gate in zip(("finest", "middle", "coarsest"), gates):
    gate = F.interpolate(gate, inside.shape[-2:])
    opened[name] = {of: ((gate * area).sum() / area.sum()).item()
                    for of, area in regions.items()}
Table(["gate", *regions], [[n, *row.values()] for n, row in opened.items()],
      "How far gates are open, 0 to 1", phantom=dataset.is_phantom)

# %% [markdown]
# Nobody told the gates what to do: they learned it from the loss alone, and
# another seed may learn another way. A gate's map looks like an explanation. It
# says what passes a skip, and not what the network goes by: the rest of the
# network can make up for either. (Grad-CAM of a segmentation is in lesson 02;
# [lesson 09](09_interpretability.ipynb) tests such maps.)
#
# ## All of them, five seeds
#
# One run of each ranks nothing. The table has five seeds of each, 12 epochs of AdamW,
# on the test volumes: differences from the U-Net with the same seed, and half of the
# 95 % interval over seeds.
#
# The review cites a network for breast ultrasound with gates and residual units,
# and a Dice of 0.93 (Ding et al. 2024): another organ, nothing about gates here.

# %%
better = Prediction(
    "03/better",
    "Of three descendants (residual, gated, multi-level), how many beat the "
    "U-Net's Dice, the whole interval above zero?",
    choices=["0", "1", "2", "3"],
)
better

# %%
evidence = review.read_evidence("skips-sharpen-boundaries")


def five_seeds(pairs):
    """Mean difference and half of its interval, a row for each pair."""
    columns = ("dice", "surface dice", "nearer in mm")
    cells = {arms: [evidence.contrast(f"{arms}: {column}")
                    for column in columns] for arms in pairs}
    return Table(["first against second", *columns], [
        [arms, *(f"{c.mean:+.3f} ± {c.interval[1] - c.mean:.3f}" for c in row)]
        for arms, row in cells.items()
    ])

# %%
descendants = [f"{name} against unet" for name in kin[2:]]
five_seeds(["unet against fcn", *descendants])

# %%
lows = [evidence.contrast(f"{a}: dice").interval[0] for a in descendants]
better.reconcile(
    str(sum(low > 0 for low in lows)),
    "What an addition is worth on these images, at this size, only a test "
    "with as many parameters and several seeds can tell.",
)

# %% [markdown]
# The skips are worth 0.03 Dice and 0.03 surface Dice. What was added to them is
# worth nothing that this test can see: the three means lie within 0.001 of zero,
# on both sides of it. That agrees with the comparison of 2024 named above. Two
# things speak for the descendants all the same: the recipe was found with the
# U-Net, and these images are small, with little background to shut out.
#
# ## After the network: what is known of every hippocampus
#
# The network answers slice by slice and knows nothing of the whole. We do:
# the hippocampus is *one piece*, and it has a *usual shape*.
#
# 1. **Largest connected component**: all other pieces of foreground are
#    removed.
# 2. **Mean shape**: the probabilities are pulled towards the mean of the
#    training masks, put where the prediction lies. A study of leg muscles that
#    the review cites did so after a U-Net (Lin et al. 2024: Dice 0.83); ours is
#    the idea in our own form. The weight is chosen on validation volumes.

# %%
pulls = [0.0, 0.1, 0.2, 0.3, 0.5, 0.7]
spacing = dataset.card.spacing
shape = MeanShape.fit(volumes.train.masks, classes, spacing=spacing)
dices = [
    scores(shape.apply(val["none"], pull).argmax(1))["dice"].mean()
    for pull in pulls
]
pull = pulls[int(np.argmax(dices))]
figures.curves(
    pulls, {"mean of 30 volumes": dices}, "weight of the mean shape",
    "validation Dice",
    f"Validation Dice; it is highest with a weight of {pull}.",
    phantom=dataset.is_phantom,
)

# %% [markdown]
# A weak pull adds 0.001, a strong one harms.

# %%
far = Prediction(
    "03/far",
    "The U-Net's HD95 on the validation volumes is printed further up. What "
    "is left of it when only the largest piece is kept (mm)?",
    low=0.0, high=8.0, step=0.1,
)
far

# %%
kept = scores(largest_component(masks["U-Net"], whole=True))
far.reconcile(
    kept["hd95"].mean(),
    "The farthest errors were islands, small pieces far from the organ, which "
    "Dice hardly sees. Removing them needs no training.",
)

# %% [markdown]
# ## The test, read once
#
# What is compared was decided above: two networks and the gates; for the U-Net
# the largest piece, and the mean shape with the weight that was best on
# validation. Now the twelve test volumes, of ten people. The intervals draw
# people, with all their volumes.

# %%
chances = by_volume(run.predictions["test"], "test")
ways = {"U-Net": chances.argmax(1)}
for name, each in (("no skips", without), ("gates", attention)):
    ways[name] = by_volume(each.predictions["test"], "test").argmax(1)
ways["U-Net, largest piece"] = largest_component(ways["U-Net"], whole=True)
ways["no skips, largest"] = largest_component(ways["no skips"], whole=True)
ways[f"U-Net, mean shape {pull}"] = shape.apply(chances, pull).argmax(1)
figures.patients(
    {name: scores(found, "test") for name, found in ways.items()},
    "Test scores of each volume, three networks and three clean-ups.",
    subjects=volumes.test.subjects, phantom=dataset.is_phantom,
)

# %% [markdown]
# So HD95 measured islands in part, in both networks: compare each with its largest
# piece. How many islands a training leaves is largely chance. Five seeds
# of the U-Net, with clean-up minus without:

# %%
five_seeds(["largest component against none", "mean shape against none"])

# %% [markdown]
# ## Explore
#
# Choose a volume and move through the slices; then move the threshold, remove
# islands, pull towards the mean shape, compare the networks, and ask *why*.

# %%
explorers.segmentation(
    run, dataset, others={"no skips": without, "gates": attention}
)

# %% [markdown]
# ## Where it fails
#
# The validation volumes, worst first by the Dice of the U-Net:

# %%
worst = np.argsort(table["U-Net"]["dice"]).tolist()
gated = by_volume(attention.predictions["val"]).argmax(1)
show_volumes(
    worst, {**shown, "gates": gated},
    "The validation volumes, worst first: image, expert, and the outlines "
    "of three networks.",
)

# %% [markdown]
# Where all networks depart from the expert in the same way, no skip and no gate
# helps. Where the anterior and the posterior part meet, there is little to be
# seen in the image: that line is a convention.
#
# ## What the review says and what we measured
#
# The review names U-Net among the techniques for segmentation, and cites
# descendants and a clean-up. We asked four questions, each with a rule written
# down before the evidence; five seeds each.

# %%
display(
    review.claim("skips-sharpen-boundaries"),
    review.claim("attention-gates-help"),
    review.claim("descendants-beat-unet"),
    review.claim("post-processing-helps"),
)

# %% [markdown]
# On the first card, *supported*, surface Dice is better with every seed, HD95 with
# four of five. The next two say *no difference larger than the margin*: 0.007 and
# 0.009 are still possible. The last is *inconclusive*: the largest piece helps with
# every seed, by 0.008, and the interval holds the margin.
#
# ## Exercises without a check
#
# 1. Train the U-Net with one pooling less: `widths=(16, 36, 92)`. How much of
#    the organ's surroundings does it see, and which score tells?
# 2. Set a skip to zero instead of its mean. Why is the result another, and
#    which of the two is the fairer question?
# 3. Put a learned up-convolution, `nn.ConvTranspose2d(a, b, 2, stride=2)`, into
#    `MyUNet` in place of the 1 x 1 convolution. How many parameters are added?
# 4. In the explorer, find a volume whose Dice falls when the mean shape pulls
#    harder. What is unusual about the organ?
#
# ## Quiz

# %%
Quiz("03_unet_and_descendants")

# %% [markdown]
# ## Bonus: which segmentations would you look at again?
#
# In use nobody knows the truth. A network's own doubt may stand in for it: the
# **entropy** of its probabilities $p_k$ at each pixel, divided by that of $K$
# equally probable classes, so that it lies between 0 and 1. Where a probability
# is zero, it adds nothing.
#
# $$H = -\frac{1}{\log K} \sum_{k=1}^{K} p_k \log p_k$$

# %%
def prediction_entropy(probabilities):
    """(classes, H, W) -> (H, W), 0 to 1"""
    ### BEGIN SOLUTION
    surprise = -probabilities.clamp(min=1e-12).log()
    total = (probabilities * surprise).sum(0)
    return total / torch.tensor(float(len(probabilities))).log()
    ### END SOLUTION

# %%
check.prediction_entropy(prediction_entropy)

# %% [markdown]
# Can the Dice be predicted from such numbers? Ganesh et al. (2025) train a
# network to predict the overlap without the truth, so that failures are
# flagged. Six validation volumes are too few for that; a ridge regression on
# five numbers must do: entropy inside and at the border, the Dice of the
# probabilities with their own mask, the organ's volume, and its pieces.
#
# Failures are rare on clean images, so make some: noise, blur, uneven
# brightness, weak contrast, ghosts of a moving patient. First, what they do:

# %%
from medtutor.reports.quality import QualityModel, judge_flags
from medtutor.reports.quality import uncertainty_features


def doubted(split, kind, strength):
    """(features, true Dice) of a split's volumes, images made worse."""
    cases = getattr(volumes, split)
    worse = augmentation.degrade(cases.images[:, 0], kind, strength)
    slices = torch.from_numpy(worse).flatten(0, 1)[:, None]
    found = by_volume(run.predict(slices), split)
    dice = segmentation_scores(
        found.argmax(1), cases.masks, classes, distances=False
    )["dice"].mean(1)
    return uncertainty_features(found), dice

# %%
kinds = ("noise", "blur", "bias field", "contrast", "ghost")
clean = doubted("val", "noise", 0)
fitted = {kind: [doubted("val", kind, s) for s in (0.2, 0.5)]
          for kind in kinds}
Table(
    ["validation Dice", "clean", "strength 0.2", "strength 0.5"],
    [[kind, clean[1].mean(), *(dice.mean() for _, dice in parts)]
     for kind, parts in fitted.items()], phantom=dataset.is_phantom,
)

# %% [markdown]
# No training image had noise like this. A network need not withstand what it
# was not shown: test on the images that will come.

# %%
flagged = Prediction(
    "03/flagged",
    "A failure is a Dice below 0.7. What share of the failures on worsened "
    "test volumes is flagged, by the doubt alone, if the kind of damage is "
    "new?",
    low=0.0, high=1.0, step=0.01,
)
flagged

# %%
def together(parts):
    """Many (features, Dice) as one."""
    features, dice = zip(*parts)
    joined = {
        name: np.concatenate([each[name] for each in features])
        for name in features[0]
    }
    return joined, np.concatenate(dice)

# %%
asked = {"clean": doubted("test", "noise", 0)}
asked |= {kind: doubted("test", kind, 0.35) for kind in kinds}
dice = np.concatenate([true for _, true in asked.values()])


def expected(without_own):
    """Expected Dice of all that is asked, (72,)"""
    found = []
    for kind, (features, _) in asked.items():
        parts = [clean]
        for name, two in fitted.items():
            parts += [] if without_own and name == kind else two
        found.append(QualityModel.fit(*together(parts)).predict(features))
    return np.concatenate(found)

# %%
new = judge_flags(expected(without_own=True), dice)
print("a kind of damage that was not fitted:\n ", new)
print("kinds that were fitted, an upper limit:\n ",
      judge_flags(expected(without_own=False), dice))

# %%
flagged.reconcile(
    new.found,
    "This is the number that counts: a scanner's next failure is of a new "
    f"kind. Of a failure and a good case, the failure is expected to be worse "
    f"in {new.auroc:.0%} of the pairs. To find more failures, flag from a "
    "higher expected Dice on, and review more good cases unnecessarily.",
)

# %%
guess = expected(without_own=True)
order = np.argsort(guess)
figures.curves(
    range(len(order)), {"expected": guess[order], "true": dice[order]},
    "test volumes, clean and worse, by expected Dice", "Dice",
    f"Expected and true Dice of {len(order)} test volumes, sorted by the "
    f"expected one; their correlation is {new.correlation:.2f}.",
    phantom=dataset.is_phantom,
)

# %% [markdown]
# A flag is a reason to look; no flag is no reason not to. These were twelve
# volumes of ten people, each made worse by a program in five ways, not a
# scanner's own failures: that many cases are not that many people.
#
# ## Bonus: slices or volumes?
#
# The networks above never see two slices at once; islands in single slices are
# one result. A **3-D U-Net** sees the whole. Its kernels have 27 weights in
# place of 9, so at equal parameters its channels are fewer.

# %%
from time import perf_counter

deep = mt.build("unet", volumes, widths=(8, 16, 28, 48))
rows = []
for name, model, each in (("2-D", run.model, dataset), ("3-D", deep, volumes)):
    one = each.val.images[:len(each.val) // len(volumes.val)]
    with torch.no_grad():
        begin = perf_counter()
        model.eval()(normalise(one))
        seconds = perf_counter() - begin
    rows.append([name, f"{parameter_count(model):,}",
                 int(each.train.masks.flatten(1).any(1).sum()),
                 mt.default_recipe(each.card).epochs, f"{seconds:.2f}"])
Table(["U-Net", "parameters", "images with an organ", "epochs of the recipe",
       "seconds for one volume"], rows)

# %% [markdown]
# One volume is one training image: there are fewer to learn from, so that the
# recipe goes over them more often. Which of the two is better *in equal time* is
# not measured here: a training of the 3-D network takes longer than a lesson
# may. nnU-Net does not guess either: it trains both and compares them by
# cross-validation. Train both yourself, for as many minutes each:
# `mt.fit(deep, volumes)` is the 3-D training.
#
# ## Key points
#
# - A skip brings the decoder the places that pooling lost. It acts at the
#   border: score it with surface Dice, not with Dice or HD95 alone.
# - Count all channels: a 1 x 1 convolution stands before each concatenation.
# - Compare descendants at equal parameters, with one recipe and several seeds.
#   A well configured plain U-Net (nnU-Net) is the baseline to beat.
# - Far errors of a slice-by-slice network are islands. Keeping the largest
#   piece costs nothing; how strongly a shape may pull is chosen on val.
# - (Bonus) A network's doubt ranks its failures; judge it on damage of a kind
#   that it was not fitted to.
#
# ## References
#
# - Antonelli M. et al., *The Medical Segmentation Decathlon*, Nature
#   Communications 13:4128 (2022).
#   [doi:10.1038/s41467-022-30695-9](https://doi.org/10.1038/s41467-022-30695-9)
# - Azad R. et al., *Medical image segmentation review: the success of U-Net*,
#   IEEE Transactions on Pattern Analysis and Machine Intelligence 46:10076
#   (2024).
#   [doi:10.1109/TPAMI.2024.3435571](https://doi.org/10.1109/TPAMI.2024.3435571)
# - Çiçek Ö. et al., *3D U-Net: learning dense volumetric segmentation from
#   sparse annotation*, MICCAI (2016).
#   [arXiv:1606.06650](https://arxiv.org/abs/1606.06650)
# - Ding et al., *AI-based automated breast cancer segmentation in ultrasound
#   imaging based on attention gated multi ResU-Net*, PeerJ Computer Science
#   (2024). [PeerJ e2226](https://peerj.com/articles/cs-2226)
# - Isensee F. et al., *nnU-Net: a self-configuring method for deep
#   learning-based biomedical image segmentation*, Nature Methods 18:203 (2021).
#   [doi:10.1038/s41592-020-01008-z](https://doi.org/10.1038/s41592-020-01008-z)
# - Isensee F. et al., *nnU-Net revisited: a call for rigorous validation in 3D
#   medical image segmentation* (2024).
#   [arXiv:2404.09556](https://arxiv.org/abs/2404.09556)
# - Lin Z., Dall'Ara E., Guo L., *A novel mean shape based post-processing method
#   for enhancing deep learning lower-limb muscle segmentation accuracy*, PLoS
#   One (2024).
#   [doi:10.1371/journal.pone.0308664](https://doi.org/10.1371/journal.pone.0308664)
# - Ma J. et al., *Segment anything in medical images*, Nature Communications
#   (2024).
#   [doi:10.1038/s41467-024-44824-z](https://doi.org/10.1038/s41467-024-44824-z)
# - Nikolov S. et al., *Deep learning to achieve clinically applicable
#   segmentation of head and neck anatomy for radiotherapy* (2018): surface Dice.
#   [arXiv:1809.04430](https://arxiv.org/abs/1809.04430)
# - Oktay O. et al., *Attention U-Net: learning where to look for the pancreas*
#   (2018). [arXiv:1804.03999](https://arxiv.org/abs/1804.03999)
# - Ronneberger O. et al., *U-Net: convolutional networks for biomedical image
#   segmentation*, MICCAI (2015).
#   [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Simpson A. L. et al., *A large annotated medical image dataset for the
#   development and evaluation of segmentation algorithms* (2019).
#   [arXiv:1902.09063](https://arxiv.org/abs/1902.09063)
# - Zhang Z. et al., *Road extraction by deep residual U-Net* (2017).
#   [arXiv:1711.10684](https://arxiv.org/abs/1711.10684)
