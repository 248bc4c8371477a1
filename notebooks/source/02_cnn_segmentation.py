# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # CNN segmentation: from thresholds to an FCN
#
# Where in this image is the organ? One answer for each pixel. You will draw a
# mask yourself, try the methods that came before networks, find out how far you
# get without learning, and only then build and train a network.
#
# **You will be able to**
# 1. compute Dice and Jaccard, and say which measure notices which error;
# 2. say why thresholds, edges and clusters fail on this organ;
# 3. name what a network has to beat, and measure it;
# 4. build a fully convolutional network, write the loss that it learns from,
#    and say what happens where a class is absent;
# 5. say where its masks are wrong, and how sure you are of its score.
#
# About 85 minutes without the bonus parts.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | brain MRI around the hippocampus, 1 mm between voxels, with experts' masks; Task04 of the Medical Segmentation Decathlon, CC BY-SA 4.0 |
# | Source | Simpson et al. 2019; Antonelli et al. 2022 |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files, drawn **phantoms** take the images' place. The card and
# every picture then say so.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.metrics import segmentation_scores
from medtutor.metrics.intervals import bootstrap
from medtutor.models import classical
from medtutor.reports import Table, atlases

# %% [markdown]
# ## Look at images and masks

# %%
brain = mt.load("hippocampus")
brain

# %% [markdown]
# **Who and how.** The images are from one hospital (Vanderbilt University
# Medical Center, USA): 195 adults, 90 of them healthy, 105 with a psychotic
# disorder such as schizophrenia, none with a significant neurological illness.
# The sequence is T1-weighted MPRAGE, on scanners of one manufacturer. The files
# do not say whose image is whose, nor who was ill. So nothing here shows how a
# network does on other scanners, on children or on Alzheimer's disease.

# %%
figures.gallery(brain)

# %% [markdown]
# The hippocampus is a small part of the brain. Front (anterior) is below, the top of
# the head to the right. In the upper row, would you have found the border, and the
# line where the anterior part ends?
#
# A **mask** is an image of class numbers, one for each pixel, as large as the
# image. To find it is called **semantic segmentation**.

# %%
widest = int((brain.train.masks > 0).flatten(1).sum(1).argmax())
mask = brain.train.masks[widest]
Table(
    ["class", "pixels in this mask", "share of all pixels"],
    [[name, int((mask == number).sum()),
      f"{(brain.train.masks == number).float().mean():.1%}"]
     for number, name in enumerate(brain.card.classes)],
    phantom=brain.is_phantom,
)

# %% [markdown]
# So an empty mask is right for nearly all pixels. **Accuracy** is no use here;
# what counts is the overlap of the mask $A$ and the expert's mask $B$. **Dice**
# is twice the pixels that both have, divided by the sum of the two counts:
#
# $$\text{Dice} = \frac{2\,|A \cap B|}{|A| + |B|}$$

# %%
def dice(masks, truths):
    """Two masks of each image, (N, H, W) bool -> (N,); both empty: 1"""
    ### BEGIN SOLUTION
    both = (masks & truths).sum((-2, -1))
    total = masks.sum((-2, -1)) + truths.sum((-2, -1))
    return torch.where(total > 0, 2 * both / total, 1.0)
    ### END SOLUTION

# %%
check.dice(dice)

# %% [markdown]
# The **Jaccard index** (or IoU, intersection over union) is $|A \cap B|$
# divided by $|A \cup B|$, the pixels that either mask has. Both say the same
# thing on two scales: each can be computed from the other. How?

# %%
def jaccard_from_dice(dice):
    """dice (N,), 0 to 1 -> the Jaccard index that goes with it, (N,)"""
    ### BEGIN SOLUTION
    # D = 2 c / (a + b) and J = c / (a + b - c): put c = D (a + b) / 2 in.
    return dice / (2 - dice)
    ### END SOLUTION

# %%
check.jaccard_from_dice(jaccard_from_dice)

# %% [markdown]
# ## Measures that disagree
#
# Here are masks that were made from an expert's, each wrong in one way.

# %%
narrow = Prediction(
    "02/narrow",
    "One mask misses the last quarter of the organ. Another is one pixel too "
    "narrow all round. Which has the higher Dice?",
    choices=["a quarter missed", "too narrow"],
)
narrow

# %%
from medtutor.metrics.masks import mask_measures, wrong_masks

truth = (mask > 0).numpy()
wrong = wrong_masks(truth)
names = ["the tip missed", "one pixel too narrow", "one pixel too wide",
         "moved by two pixels", "a speck far off"]
figures.outlines(
    brain.train.images[[widest]],
    {name.replace(" too", "\ntoo"): wrong[name][None] for name in names},
    ("background", "mask"),
    f"One slice with five masks: {', '.join(names)}.",
    phantom=brain.is_phantom,
)

# %%
numbers = {
    name: mask_measures(wrong[name], truth, brain.card.spacing[1:])
    for name in names
}
Table(
    ["mask", *numbers[names[0]]],
    [[name, *(f"{value:.2f}" for value in row.values())]
     for name, row in numbers.items()],
    "Distances in mm", phantom=brain.is_phantom,
)

# %%
tip, thin = (numbers[name]["Dice"] for name in names[:2])
narrow.reconcile(
    "a quarter missed" if tip > thin else "too narrow",
    f"{tip:.3f} and {thin:.3f}. The rim of a thin organ is a large part of "
    "it. By overlap the two are alike; by their borders they are not.",
)

# %% [markdown]
# Read the table along the columns.
#
# - **Sensitivity** alone rewards a mask that is too wide, **precision** alone
#   one that is too narrow. Dice is their harmonic mean.
# - The *Hausdorff distance* is the farthest that one border is from the
#   other: four stray pixels are enough. **HD95** leaves out the worst 5 %.
# - **Surface Dice** is the share of both borders within 1 mm of the other.
#   Moved by two pixels, the mask still overlaps well, and hardly any of its
#   border is right.
#
# Which measures should a study report? **Metrics Reloaded** (Maier-Hein et al. 2024),
# guidelines by a large group of experts, begins with the problem and not with the
# measure: is the structure small, does its border matter, may it be absent? We report
# an overlap (Dice), a border (surface Dice) and nearly the worst case (HD95).
#
# Now you. Begin with an empty mask, hide the expert's, set the brush to draw,
# and mark the organ. Note the numbers, show the expert, and correct your mask.

# %%
explorers.draw_mask(brain)

# %% [markdown]
# ## Thresholds, edges, regions, clusters
#
# Xu et al. (2024), a review, go from thresholds, edges, regions and clusters to
# networks. We go the same way: edges and watershed cut an image where its brightness
# changes; region growing adds similar neighbours to a seed. All but **Otsu's
# threshold** give many regions or clusters, and none of them says which is the organ.
# So we let an **oracle** choose: it looks at the expert's mask. No real method can;
# its result is an upper limit.
#
# From here on a case is a *volume* of 48 slices, measured whole. All choices
# are made on the six validation volumes (four people). The twelve test volumes
# are kept for one reading at the end; they are of ten people, as far as the
# brightness of the images tells. No person is in two splits. Brightness does
# not tell the two parts of the organ apart, so both count as one.

# %%
volumes = brain.as_volumes()
truths = {s: getattr(volumes, s).masks.numpy() for s in ("val", "test")}


def without_network(split):
    """{method: masks (P, 48, 56, 40)}; all but Otsu see the truth."""
    images = getattr(volumes, split).images[:, 0].numpy()
    seeds = classical.oracle_seeds(truths[split])
    parts = {"k-means": classical.kmeans(images),
             "edges": classical.edges(images),
             "watershed": classical.watershed(images),
             "region growing": classical.region_growing(images, seeds)}
    return {"Otsu": classical.otsu(images)} | {
        f"{name}, oracle": classical.best_cluster(part, truths[split])
        for name, part in parts.items()}

# %%
clusters = Prediction(
    "02/clusters",
    "Four clusters of brightness, of which the truth itself chooses the best. "
    "Which mean Dice will k-means reach?",
    low=0.0, high=1.0, step=0.01,
)
clusters

# %%
def whole_dice(masks, split="val"):
    """Dice of the whole organ, both parts as one, for each volume, (P,)"""
    truth = truths[split] > 0
    scores = segmentation_scores(masks > 0, truth, 2, distances=False)
    return scores["dice"][:, 0]


found = without_network("val")
Table(["method", "mean Dice, validation"],
      [[name, whole_dice(each).mean()] for name, each in found.items()],
      phantom=brain.is_phantom)

# %%
clusters.reconcile(
    whole_dice(found["k-means, oracle"]).mean(),
    "A cluster is everything of one brightness, anywhere in the image.",
)

# %%
middle = 24  # of the 48 slices
shown = {"expert": (truths["val"] > 0)[:3, middle]}
shown |= {name.replace(", ", "\n"): each[:3, middle]
          for name, each in found.items()}
figures.outlines(
    volumes.val.images[:3, :, middle], shown, ("background", "mask"),
    "Three volumes' middle slices with the masks of the expert and of "
    f"{'; '.join(found)}. All but the expert's cover much that is not the "
    "organ, or miss most of it.",
    phantom=brain.is_phantom,
)

# %% [markdown]
# Watershed and edges do best, and not by their own merit: among many small
# regions, the oracle's choice tells *where* the organ is.
#
# Why does brightness fail? Compare the organ with its surroundings:

# %%
def depth(mask):
    """Voxels (here mm) to the border of a mask; negative outside."""
    inside = ndimage.distance_transform_edt(mask)
    return inside - ndimage.distance_transform_edt(~mask)


depths = np.stack([depth(mask > 0) for mask in truths["val"]])
images = volumes.val.images[:, 0].numpy()
grey = {"organ": images[depths > 0],
        "up to 5 mm outside": images[(depths < 0) & (depths >= -5)]}
low, high = np.percentile(grey["organ"], [5, 95])
alike = grey["up to 5 mm outside"]
alike = ((alike >= low) & (alike <= high)).mean()

# %%
levels = np.arange(0, 256, 16)
figures.curves(
    levels + 8,
    {name: np.histogram(values, [*levels, 256])[0] / len(values)
     for name, values in grey.items()},
    "grey level", "share of the voxels",
    f"Nine tenths of the organ lie between {low:.0f} and {high:.0f}, and so "
    f"do {alike:.0%} of the voxels around it.",
    phantom=brain.is_phantom,
)

# %% [markdown]
# No threshold divides what has the same brightness. Edges have the same
# trouble: where the neighbours are as bright, there is none.
#
# ## How far you get without learning a network: the atlas
#
# These volumes were cut out around the organ, so it always lies in about the
# same place. Take the share of the training masks that mark a voxel: that is an
# **atlas**. It may also look at the brightness, with one normal distribution
# for each class.

# %%
masks = volumes.train.masks.numpy()
atlas = classical.Atlas.fit(volumes.train.images[:, 0].numpy(), masks, 3)


def by_atlas(split):
    images = getattr(volumes, split).images[:, 0].numpy()
    return {"atlas, place alone": atlas.predict(images, use_intensity=False),
            "atlas with brightness": atlas.predict(images)}


atlases_of = by_atlas("val")
found |= atlases_of
Table(["method", "mean Dice, validation"],
      [[name, whole_dice(each).mean()] for name, each in atlases_of.items()],
      phantom=brain.is_phantom)

# %% [markdown]
# The first of them has not even looked at the image, and beats everything
# above. **Read every Dice from here on beside these two.** Where a data set is
# cut out and centred, much of a network's Dice is the place.
#
# ## A fully convolutional network
#
# A classifier ends with one answer for the image. Leave out the flattening and
# end with a 1 x 1 convolution, and there is an answer for each place: a **fully
# convolutional network** (**FCN**, Long et al. 2015). To see much of the image
# it pools (the **encoder**); to answer for each pixel it upsamples again (the
# **decoder**). Here is the whole network, first its parts.

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
    """What an FCN is made of; widths are its channels, fine to coarse."""
    def __init__(self, widths=(12, 24, 48, 100), classes=3):
        super().__init__()
        down = zip((1, *widths), widths)
        up = list(zip(widths[1:], widths))
        self.encoder = nn.ModuleList(Block(a, b) for a, b in down)
        # 1 x 1: only the number of channels changes.
        self.ups = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in up)
        self.decoder = nn.ModuleList(Block(b, b) for _, b in up)
        self.classifier = nn.Conv2d(widths[0], classes, 1)

# %% [markdown]
# The way through them: down, with a pooling before each block; then up, where
# each place is repeated two by two. Where a side was odd, pooling had rounded up:
# the last row or column is cut off.

# %%
class MyFCN(Parts):
    def forward(self, x):
        sizes = []
        for level, block in enumerate(self.encoder):
            if level:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = block(x)
            sizes.append(x.shape[-2:])
        for level in (2, 1, 0):
            x = F.interpolate(self.ups[level](x), scale_factor=2)
            rows, columns = sizes[level]
            x = self.decoder[level](x[..., :rows, :columns])
        return self.classifier(x)

# %%
model = mt.build("fcn", brain)
for height, width in ((56, 40), (96, 64)):
    slices = torch.zeros(1, 1, height, width)
    print(tuple(slices.shape), "->", tuple(model(slices).shape))
same_network(MyFCN(), model, torch.randn(2, 1, 56, 40))

# %% [markdown]
# The same weights answer for images of any size. The channels and places:

# %%
figures.diagram("fcn")

# %% [markdown]
# One place of the coarsest map sees 68 x 68 pixels, more than the slice has
# (its **receptive field**). All that the decoder knows comes through those
# 7 x 5 places: this network has no **skips** from left to right. (The finer
# networks of Long et al. have some; the next lesson is about them.)
#
# **Where it came from, where it stands.** Earlier networks classified one
# sliding window after another; Long et al. made one pass of it. U-Net
# (Ronneberger et al. 2015) added skips. **nnU-Net** (Isensee et al. 2021) sets
# preprocessing, size and training of a U-Net by rules from the data: without
# manual tuning it surpassed most existing methods on 23 public data sets, and
# is the baseline to beat. **Foundation models** such as MedSAM (Ma et al.
# 2024), trained with 1.6 million pairs of image and mask, segment what a user
# puts a box around.
#
# ## The loss
#
# The network gives a probability $p_{ik}$ for each pixel $i$ and class $k$. Its
# loss has two terms. **Cross-entropy** looks at each pixel, **soft Dice** at
# each class but the background: it is the Dice with probabilities in place of
# decisions, so that it has a gradient (after V-Net, Milletari et al. 2016). With
# the expert's mask $m_{ik}$ of 0 and 1, its class $y_i$, $N$ pixels and $K$
# classes without the background:
#
# $$-\frac{1}{N}\sum_{i} \log p_{i y_i} \; + \; 1 - \frac{1}{K} \sum_{k=1}^{K}
# \frac{2 \sum_i p_{ik}\, m_{ik} + 1}{\sum_i p_{ik} + \sum_i m_{ik} + 1}$$
#
# Write the soft Dice loss: 1 minus the mean over classes and images. It is the one
# that trains the network below. Stay in PyTorch: the check compares the gradient.

# %%
def soft_dice_loss(probabilities, masks):
    """(B, 1 + K, H, W) each, class 0 the background -> one number"""
    ### BEGIN SOLUTION
    p, m = probabilities[:, 1:], masks[:, 1:]
    common = (p * m).sum(dim=(2, 3))
    total = p.sum(dim=(2, 3)) + m.sum(dim=(2, 3))
    return 1 - ((2 * common + 1) / (total + 1)).mean()
    ### END SOLUTION

# %%
check.soft_dice_loss(soft_dice_loss)

# %% [markdown]
# Why the two ones? They are for a class that is *absent* from a slice. Take
# such a slice, let the network give each pixel the same probability of the
# absent class, and see what the loss says, with the ones and without.

# %%
anterior, posterior = (
    (brain.train.masks == k).flatten(1).any(1) for k in (1, 2)
)
print(f"{(anterior | posterior).sum()} training slices with an organ, "
      f"{(anterior ^ posterior).sum()} of them with one part only")
rows = []
for p in (0.5, 0.01, 0.001):
    for added in (0, 1):
        logit = torch.tensor(p).logit().repeat(56 * 40).requires_grad_()
        loss = 1 - added / (logit.sigmoid().sum() + added)
        loss.backward()
        rows.append([p, added, loss.item(), f"{logit.grad.sum():.4f}"])
Table(["probability", "added", "loss", "gradient, summed"], rows)

# %% [markdown]
# Without the ones, the loss of an absent class is 1 whatever the network says,
# and its gradient is zero: nothing tells it to take the wrong pixels away. With
# them there is a gradient. It is weak while much is predicted, and strong once
# little is left; until then the cross-entropy does the work.

# %%
gain = Prediction(
    "02/gain",
    "The atlas reaches the Dice above on the whole organ. And the network, "
    "after about a minute of training?",
    low=0.0, high=1.0, step=0.01,
)
gain

# %%
recipe = mt.default_recipe(brain.card)
run = mt.fit(model, brain, recipe)
print(recipe)
figures.history(run)

# %%
def as_masks(scores):
    """(slices, classes, 56, 40) -> class numbers (volumes, 48, 56, 40)"""
    return scores.float().argmax(1).unflatten(0, (-1, 48)).numpy()


found["FCN"] = as_masks(run.predictions["val"])
gain.reconcile(
    whole_dice(found["FCN"]).mean(),
    "It knows the place as the atlas does, and what the place looks like.",
)

# %% [markdown]
# ## Where the border blurs
#
# In what distance from the expert's border are the wrong voxels? Zero would be
# the border itself; negative is outside of the organ.

# %%
steps = [-6, -5, -4, -3, -2, -1, 1, 2, 3, 4]
errors = {name: found[name] != truths["val"]
          for name in ("FCN", "atlas with brightness")}
figures.curves(
    steps,
    {name: [error[np.rint(depths) == mm].mean() for mm in steps]
     for name, error in errors.items()},
    "mm inside the expert's border (negative: outside)",
    "share of wrong voxels",
    "Share of wrong voxels by distance from the border.",
    phantom=brain.is_phantom,
)

# %%
away = np.abs(depths[errors["FCN"]])
print(f"of the FCN's errors {(away < 2).mean():.0%} are less than 2 mm from "
      f"the border, {(away > 5).mean():.0%} more than 5 mm")

# %% [markdown]
# The FCN finds the organ, but not its exact border. On one slice, its
# probabilities fall over some pixels where the expert drew a line. All it knows
# of the place came through maps with one answer for 8 x 8 pixels.

# %%
one = int((brain.val.masks > 0).flatten(1).sum(1).argmax())
image, expert = brain.val.images[one], (brain.val.masks[one] > 0).float()
scores = run.predictions["val"][one].float()
organ = 1 - scores[0]
figures.images(
    [image[0], expert, organ, organ.round() - expert],
    ["image", "expert", "probability", "wrong pixels"],
    "A validation slice, the expert's mask, the FCN's probability of the "
    "organ with a soft rim, and the wrong pixels: red too much, blue missed, "
    "nearly all on the border.",
    phantom=brain.is_phantom,
)

# %% [markdown]
# ## Why here?
#
# Which places did the network use? **Grad-CAM** (lesson 09) answers it for a class
# score. A segmentation has one score a pixel; take their mean over a region, and the
# same method works (Seg-Grad-CAM, Vinogradova et al. 2020): each channel of the
# coarsest map is weighted by its mean gradient.

# %%
from medtutor.explanation import explain

called = scores.argmax(0)
maps = [explain(run, image, "grad_cam", target=k, region=called == k).map
        for k in (1, 2)]
inside = [(each[called == k].sum() / each.sum()).item()
          for k, each in zip((1, 2), maps)]
figures.images(
    [image[0], called * 100, *maps],
    ["image", "prediction", "why anterior?", "why posterior?"],
    "A slice, the prediction, and the Grad-CAM of either part. "
    f"{inside[0]:.0%} and {inside[1]:.0%} of the maps lie within the part.",
    phantom=brain.is_phantom,
)

# %%
for name, share in zip(brain.card.classes[1:], inside):
    print(f"{name}: {share:.0%} of the map lies within the predicted part")

# %% [markdown]
# Most of a map lies *outside* the part that it explains: what surrounds the
# organ speaks for it, too. A cell of these maps is 8 x 8 pixels, so they say
# nothing about the border. (Whether to trust such maps: lesson 09.)
#
# Go through volumes and slices, worst first, and ask "why?" of any of them.
# Where are the errors: at the tips, between the parts, along the side?

# %%
explorers.segmentation(run, brain)

# %% [markdown]
# ## The test, read once
#
# Nothing below is chosen any more. Each dot is a volume. Two volumes of one
# person resemble each other, so the interval of the mean draws *people*, ten
# of them, with all their volumes. It says nothing about another training.

# %%
tested = without_network("test") | by_atlas("test")
tested["FCN"] = as_masks(run.predictions["test"])
whole = {name: whole_dice(each, "test") for name, each in tested.items()}
people = volumes.test.subjects
figures.patients(
    {name: {"dice": each} for name, each in whole.items()},
    "Test Dice of the whole organ for each volume, by method.",
    subjects=people, phantom=brain.is_phantom,
)

# %%
better = whole["FCN"] - whole["atlas with brightness"]
low, high = bootstrap(lambda d: d.mean(-1), better, subjects=people)
print(f"FCN above the atlas in {(better > 0).sum()} of {len(better)} volumes, "
      f"on average by {better.mean():.3f} (95 % {low:.3f} to {high:.3f})")

# %% [markdown]
# On the *same* volumes, the difference is much clearer than between two intervals
# that are wide because people differ. With the parts apart, and the distances:

# %%
rows = {"FCN": run.test, **atlases(brain)}
scores_of = ("dice", "hd95", "surface_dice")
Table(
    ["test", "Dice", "HD95, mm", "surface Dice"],
    [[name, *(getattr(each, score) for score in scores_of)]
     for name, each in rows.items()]
    + [[f"FCN, {part}", *(each[score] for score in scores_of)]
       for part, each in run.test.of_class.items()],
    "Mean over both parts, and each part", phantom=brain.is_phantom,
)

# %% [markdown]
# Look at HD95: there the network is hardly better than the atlas, or worse. An
# atlas never marks anything far from the usual place; a network sometimes does.
# Keep only the largest connected piece of each part, a step with nothing to
# choose, and see what the stray ones cost.

# %%
from medtutor.models.postprocessing import largest_component

kept = largest_component(tested["FCN"].astype(np.uint8))
cleaned = segmentation_scores(kept, truths["test"], 3, brain.card.spacing)
gone, marked = (kept != tested["FCN"]).sum(), (tested["FCN"] > 0).sum()
print(f"{gone} of {marked} voxels taken away; now " + ", ".join(
    f"{name} {values.mean():.3f}" for name, values in cleaned.items()
))

# %% [markdown]
# A few voxels, a step in HD95, hardly a difference in Dice: so report both.
#
# ## Where it fails
#
# The three validation volumes with the lowest Dice, each on the slice where
# most voxels are wrong:

# %%
dice_of = whole_dice(found["FCN"])
worst = dice_of.argsort()[:3]
slices = [errors["FCN"][p].sum((1, 2)).argmax() for p in worst]
figures.outlines(
    volumes.val.images[worst, :, slices],
    {"expert": truths["val"][worst, slices],
     "FCN": found["FCN"][worst, slices],
     "atlas": found["atlas with brightness"][worst, slices]},
    brain.card.classes,
    "The three volumes with the lowest Dice: outlines of expert, FCN, atlas.",
    names=[f"Dice {dice_of[p]:.2f}" for p in worst],
    phantom=brain.is_phantom,
)

# %% [markdown]
# Look for slices that the expert left empty: where an organ ends from slice to
# slice is a border too, and a network that sees one slice at a time cannot look
# at the next. Noisy images, and flags for bad masks, are a bonus part of
# [lesson 03](03_unet_and_descendants.ipynb).
#
# ## What the review says and what we measured
#
# The review names convolutional networks among the techniques for segmentation.
# We asked a question, with a rule written down before the evidence.

# %%
review.claim("networks-beat-the-atlas")

# %% [markdown]
# ## Exercises without a check
#
# 1. In the widget, draw a mask with a Dice above 0.9 and the worst HD95 you can
#    make, then one with a surface Dice of 1 and the worst Dice.
# 2. Build an atlas from five training volumes, then from all thirty. How
#    many masks does it take?
# 3. Shift all validation volumes by six voxels with `np.roll`. What becomes of
#    the atlas, and of the FCN? Which of them knew the place only?
#
# ## Quiz

# %%
Quiz("02_cnn_segmentation")

# %% [markdown]
# ## Bonus: fuzzy clusters
#
# A voxel on the border holds both tissues. **Fuzzy C-means** (Bezdek 1981) gives it a
# share in each cluster; the iMIA tool of Ticala et al. (2025) offers it together with
# edge detectors. With fuzziness 2, the memberships of a value are proportional to one
# over the *squared* distance to each centre, and sum to 1.

# %%
def fuzzy_memberships(values, centres):
    """values (N,), centres (K,), no value at a centre -> (N, K)"""
    ### BEGIN SOLUTION
    closeness = 1 / (values[:, None] - centres) ** 2
    return closeness / closeness.sum(dim=1, keepdim=True)
    ### END SOLUTION

# %%
check.fuzzy_memberships(fuzzy_memberships)

# %%
slab = volumes.val.images[:1, 0, middle].numpy()  # one slice
memberships = classical.fuzzy_clusters(slab)[0]
titles = [f"cluster {k}" for k in range(1, 5)]
figures.images(
    [slab[0], *memberships], ["image", *titles],
    "A slice, and how much each pixel belongs to each of four clusters, from "
    "dark to bright: soft borders, and no cluster is the organ.",
    phantom=brain.is_phantom,
)

# %%
part = 1 + classical.fuzzy_clusters(volumes.val.images[:, 0].numpy()).argmax(1)
chosen = whole_dice(classical.best_cluster(part, truths["val"])).mean()
plain = whole_dice(found["k-means, oracle"]).mean()
print(f"validation Dice: fuzzy, oracle {chosen:.3f}; k-means {plain:.3f}")

# %% [markdown]
# Fuzziness softens the border of a cluster. It does not make the cluster an
# organ.
#
# ## Bonus: one term, the other, or both?
#
# What is each term of the loss worth? Here is a whole training loop, and a short
# training (two epochs) with each term alone and with both: an **ablation**.

# %%
from monai.losses import DiceLoss

from medtutor.data import normalise

some = (brain.train.masks > 0).flatten(1).any(1)
pictures = normalise(brain.train.images[some])
labels = brain.train.masks[some].long()[:, None]
soft = DiceLoss(include_background=False, to_onehot_y=True, softmax=True,
                smooth_nr=1, smooth_dr=1)
terms = {
    "cross-entropy": lambda p, y: F.cross_entropy(p, y[:, 0]),
    "soft Dice": soft,
    "both": lambda p, y: F.cross_entropy(p, y[:, 0]) + soft(p, y),
}

# %%
def trained(loss, epochs=2):
    """Validation masks of an FCN after a short training."""
    torch.manual_seed(0)
    network = mt.build("fcn", brain).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(labels)).split(16):
            optimiser.zero_grad()
            loss(network(pictures[rows]), labels[rows]).backward()
            optimiser.step()
    with torch.no_grad():
        return as_masks(network.eval()(normalise(brain.val.images)))

# %%
Table(["loss", "validation Dice, two epochs, one seed"],
      [[name, whole_dice(trained(loss)).mean()]
       for name, loss in terms.items()], phantom=brain.is_phantom)

# %% [markdown]
# Soft Dice alone starts slowly: at first something of each class is predicted
# everywhere, and there its gradient is weak, as the table above shows.
# Cross-entropy has no such trouble. Whether the sum is better than
# cross-entropy alone, one short run of each cannot tell; try more epochs and
# seeds.
#
# ## Key points
#
# - Dice and Jaccard are one number on two scales; HD95 and surface Dice look at
#   the border. Report an overlap *and* a border.
# - Brightness does not find an organ among tissue of the same brightness, even
#   with an oracle's help.
# - An atlas needs no network. The value of a network is what it adds to that.
# - The loss is cross-entropy and soft Dice; a 1 above and below gives a class
#   that is absent a gradient.
# - A network's stray pixels hardly move the Dice, and move HD95 a lot.
# - Without skips, an FCN finds the organ and blurs its border.
# - Split by person, measure whole volumes, compare on the same ones, draw people
#   for the interval, and read the test once.
#
# ## References
#
# - Antonelli M. et al., *The Medical Segmentation Decathlon*, Nature
#   Communications 13:4128 (2022).
#   [doi:10.1038/s41467-022-30695-9](https://doi.org/10.1038/s41467-022-30695-9)
# - Bezdek J. C., *Pattern Recognition with Fuzzy Objective Function
#   Algorithms*, Plenum Press (1981).
#   [doi:10.1007/978-1-4757-0450-1](https://doi.org/10.1007/978-1-4757-0450-1)
# - Isensee F. et al., *nnU-Net: a self-configuring method for deep
#   learning-based biomedical image segmentation*, Nature Methods 18:203 (2021).
#   [doi:10.1038/s41592-020-01008-z](https://doi.org/10.1038/s41592-020-01008-z)
# - Long J. et al., *Fully convolutional networks for semantic segmentation*,
#   CVPR (2015).
#   [doi:10.1109/CVPR.2015.7298965](https://doi.org/10.1109/CVPR.2015.7298965)
# - Ma J. et al., *Segment anything in medical images*, Nature Communications
#   (2024).
#   [doi:10.1038/s41467-024-44824-z](https://doi.org/10.1038/s41467-024-44824-z)
# - Maier-Hein L. et al., *Metrics reloaded: recommendations for image analysis
#   validation*, Nature Methods 21:195 (2024).
#   [doi:10.1038/s41592-023-02151-z](https://doi.org/10.1038/s41592-023-02151-z)
# - Milletari F. et al., *V-Net: fully convolutional neural networks for
#   volumetric medical image segmentation* (2016): a loss from the Dice.
#   [arXiv:1606.04797](https://arxiv.org/abs/1606.04797)
# - Nikolov S. et al., *Deep learning to achieve clinically applicable
#   segmentation of head and neck anatomy for radiotherapy* (2018): surface Dice.
#   [arXiv:1809.04430](https://arxiv.org/abs/1809.04430)
# - Otsu N., *A threshold selection method from gray-level histograms*, IEEE
#   Transactions on Systems, Man, and Cybernetics 9:62 (1979).
#   [doi:10.1109/TSMC.1979.4310076](https://doi.org/10.1109/TSMC.1979.4310076)
# - Ronneberger O. et al., *U-Net: convolutional networks for biomedical image
#   segmentation*, MICCAI (2015).
#   [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Simpson A. L. et al., *A large annotated medical image dataset for the
#   development and evaluation of segmentation algorithms* (2019): the images
#   and masks. [arXiv:1902.09063](https://arxiv.org/abs/1902.09063)
# - Ticala C. et al., *An innovative medical image analyzer incorporating fuzzy
#   approaches to support medical decision-making*, Medical Sciences 13:97
#   (2025). [doi:10.3390/medsci13030097](https://doi.org/10.3390/medsci13030097)
# - Vinogradova K. et al., *Towards interpretable semantic segmentation via
#   gradient-weighted class activation mapping*, AAAI (2020).
#   [arXiv:2002.11434](https://arxiv.org/abs/2002.11434)
# - Xu et al., a review of medical image segmentation, Bioengineering 11:1034
#   (2024).
#   [doi:10.3390/bioengineering11101034](https://doi.org/10.3390/bioengineering11101034)
