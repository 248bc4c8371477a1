# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Small data: what can so few images show?
#
# Medical images are few, and their labels fewer. This lesson looks for a leak in a
# published benchmark, then asks what a small test set can show at all, what helps
# where labels are few, and what a label is worth.
#
# **You will be able to**
# 1. find images that stand in two splits, and say what that does to a result;
# 2. say by how much the best of many networks flatters itself;
# 3. read a learning curve with its interval, and say over what the interval is;
# 4. write dropout, and test a remedy against overfitting one at a time;
# 5. choose an augmentation that the label allows;
# 6. measure how far people agree, and what wrong labels cost.
#
# About 80 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | BreastMNIST (ultrasound), PneumoniaMNIST (chest X-rays of children), 28 x 28 pixels, CC BY 4.0; hippocampus (brain MRI), CC BY-SA 4.0 |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023); Antonelli et al., Nature Communications 13:4128 (2022) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the images' place.
# Every table and picture then says so, and the numbers in the text do not hold.

# %%
from io import BytesIO

import numpy as np
import torch
from PIL import Image

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data.subsets import draw_labels, near_duplicates
from medtutor.data.subsets import with_label_noise
from medtutor.reports import Table
from medtutor.training.small_data import Setup, fit_small, pretrain, probe

# %% [markdown]
# ## The leak
#
# BreastMNIST has 546 images to train with and 156 to test on. Do some stand in both?

# %%
breast, xray = mt.load("breastmnist"), mt.load("pneumoniamnist")
figures.gallery(breast, columns=6)

# %% [markdown]
# Two images are alike if their pixels correlate: subtract the mean of each image, divide
# by its length, multiply. Brightness and contrast then play no part.
#
# $$r(x, y) = \frac{(x - \bar x) \cdot (y - \bar y)}{\lVert x - \bar x\rVert\,\lVert y - \bar y\rVert}$$

# %%
def most_alike(images, others):
    """(N, H, W), (M, H, W) floats -> (N,), correlation with the best match"""
    ### BEGIN SOLUTION
    def unit(pixels):
        pixels = pixels - pixels.mean(1, keepdim=True)
        return pixels / pixels.norm(dim=1, keepdim=True)

    table = unit(images.flatten(1)) @ unit(others.flatten(1)).T
    return table.max(1).values
    ### END SOLUTION

# %%
check.most_alike(most_alike)

# %% [markdown]
# A finder is tested before it is believed. Plant copies that were tampered with, and
# count how many it finds above 0.97. The last row is the false alarm: other patients,
# whose chests are alike, too. So the threshold is a choice between missed copies and
# false ones. All this is of X-rays; on ultrasound it may differ, so look at pairs, too.

# %%
def jpeg(image, quality=40):
    file = BytesIO()
    Image.fromarray(image.numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file)))


def crop(images, border):
    inner = images[:, None, border:-border, border:-border].float()
    larger = torch.nn.functional.interpolate(inner, 28, mode="bilinear")
    return larger[:, 0].round().to(torch.uint8)

# %%
films = xray.train.images[:200, 0]
copies = {
    "half as bright": films // 2,
    "compressed (JPEG)": torch.stack([jpeg(each) for each in films]),
    "cropped by 1 px": crop(films, 1), "cropped by 3 px": crop(films, 3),
    "moved by 1 px": films.roll(1, -1), "moved by 3 px": films.roll(3, -1),
    "other patients": xray.train.images[200:400, 0],
}
tried = {kind: near_duplicates(each, films) for kind, each in copies.items()}
rows = [[kind, f"{found.near.float().mean():.0%}",
         f"{found.correlation.median():.3f}"] for kind, found in tried.items()]
Table(["planted", "found", "median correlation"], rows,
      phantom=xray.is_phantom)

# %% [markdown]
# What is cropped or moved escapes, and copies of this kind stay uncounted. Now the
# published splits:

# %%
rows = []
for data in (breast, xray):
    for name in ("val", "test"):
        split = getattr(data, name)
        found = near_duplicates(split.images, data.train.images)
        rows.append([data.title, name, len(split), int(found.near.sum()),
                     int(found.exact.sum())])
Table(["set", "split", "images", "near-duplicate in train", "same bytes"],
      rows)

# %%
found = near_duplicates(breast.test.images, breast.train.images)
clean, truth = ~found.near, breast.test.labels
theirs = breast.train.labels[found.match]
against = found.near & (theirs != truth)  # opposite labels
order = (found.correlation + 2 * against).argsort(descending=True)[[0, 3, 6]]
pairs, names, short = [], [], ("malignant", "benign")  # or normal
for i in order.tolist():
    pairs += [breast.test.images[i], breast.train.images[found.match[i]]]
    names += [f"test: {short[truth[i]]}", f"train: {short[theirs[i]]}"]
figures.images(pairs, names,
               "Three test images, each beside its most alike training image: "
               + ", ".join(names) + ".", phantom=breast.is_phantom)

# %%
moves = Prediction(
    "10/leak",
    "The test images with a near-duplicate in train are left out. What "
    "becomes of the test AUC?",
    choices=["falls by more than 0.01", "stays", "rises by more than 0.01"],
)
moves

# %%
recipe = mt.default_recipe(breast.card, epochs=10, shift_at_test=0)
runs = [mt.fit(mt.build("cnn", breast, widths=(16, 32, 64), seed=seed),
               breast, recipe.but(seed=seed)) for seed in range(3)]
cnns = np.stack([run.predictions["test"][:, -1] for run in runs])

# %% [markdown]
# Three seeds, and 156 images: the interval is over both, since another training *and*
# other patients would have given another number.

# %%
from medtutor.metrics.classification import weighted_auc
from medtutor.metrics.intervals import level_over_seeds_and_cases as level

auc, ours = weighted_auc(truth), {}
parts = {"all": torch.ones_like(clean), "without": clean,
         "duplicates alone": found.near}
for name, each in parts.items():
    if len(truth[each].unique()) == 2:  # a phantom has no duplicates
        some = level(cnns, lambda one, w: auc(one, w * each.numpy()))
        ours[name] = some.value, some.interval()
Table(["test images", "AUC", "from", "to"],
      [[name, value, *ends] for name, (value, ends) in ours.items()],
      "mean of three CNNs", phantom=breast.is_phantom)

# %%
def gain(kept):
    """What leaving the others out does to the AUC, and its interval"""
    return level(cnns, lambda one, weights: auc(one, weights * kept.numpy())
                 - auc(one, weights))


gained = gain(clean)
low, high = gained.interval()
step = 0 if abs(gained.value) <= 0.01 else int(np.sign(gained.value))
moves.reconcile(moves.choices[step + 1], (
    f"By {gained.value:+.3f} [{low:+.3f}, {high:+.3f}]. "
    f"{int(against.sum())} of them have a twin with the opposite label, and "
    "what was learned by heart is then wrong. Without these alone the AUC "
    f"changes by {gain(~against).value:+.3f}."))

# %% [markdown]
# A leak need not flatter. Nor does the interval settle it: 156 images are few, and where it
# holds 0, the sign of the change may be chance.

# %% [markdown]
# ### What was claimed on BreastMNIST, with and without duplicates
#
# Published results stand on all images; nobody can take the duplicates out of a number.
# Our intervals, over seeds and images, show how little room there is for an order.

# %%
from medtutor.data.sources.published import published_rows

claimed = {f"{row.model} (published)": {"all": (row.auc, None)}
           for row in published_rows("breastmnist", 28)
           if "," not in row.model}
figures.dots({"our CNN": ours} | (claimed if not breast.is_phantom else {}),
             "test AUC on BreastMNIST", phantom=breast.is_phantom)

# %% [markdown]
# So from here on BreastMNIST is used without its duplicates, and the rest of the lesson
# uses X-rays, of whose test images it found none in train.
#
# ## The best of K networks
#
# Somebody trains K networks, measures all on the test set, and reports the best. What
# is seen is what a network is worth plus an error, and the best one has been lucky, too.
# If worth spreads by $\tau$ and errors by $\sigma$, the winner's number is too high by
#
# $$m_K\,\frac{\sigma^2}{\sqrt{\sigma^2 + \tau^2}}, \qquad m_K = \mathbb E\,\max(z_1, \dots, z_K),\ z_k \sim \mathcal N(0, 1)$$
#
# Twenty networks of one kind, which differ in their seed alone. Choose the best on half
# of the clean test images, and look at it on the other half; many times.

# %%
flattery = Prediction(
    "10/winner",
    "By how much is the AUC of the best of twenty higher on the half on "
    "which it was chosen than on the other half?",
    low=0.0, high=0.1, step=0.005,
)
flattery

# %%
from medtutor.metrics.selection import select_on_half

lenets = np.stack([
    fit_small(breast, Setup(steps=120), seed=seed).scores(
        breast.test.images)[:, 1] for seed in range(20)])
kept = clean.numpy()
chosen = {count: select_on_half(lenets[:count, kept], truth[kept])
          for count in (2, 5, 10, 20)}
rows = [[count, each.shown, each.kept, each.excess, each.expected]
        for count, each in chosen.items()]
Table(["best of", "where chosen", "other half", "excess", "by the formula"],
      rows, f"halves of {kept.sum()} images", phantom=breast.is_phantom)

# %%
flattery.reconcile(
    round(chosen[20].excess, 3),
    "The networks are worth nearly the same; the order between them is luck, "
    "and luck stays behind. Select on val, and read test once.",
)

# %% [markdown]
# ## How much data?
#
# From here on X-rays. Draw labels at random, train for as many steps, and look at val. Each
# number below is one training of a second:

# %%
rows = []
for count in (20, 100, 500):
    draws = [fit_small(draw_labels(xray, count, seed), seed=seed)
             for seed in (0, 1)]
    rows.append([count, *(each.quality(xray.val).auc for each in draws)])
Table(["labels", "one draw", "another draw"], rows, "AUC on val",
      phantom=xray.is_phantom)

# %% [markdown]
# Two draws of 20 differ by more than two of 500. So a **learning curve** needs an interval
# over draws of labels, over seeds and over test images.
#
# What can a test set show at all? Below, choose its size, the number of classes and
# seeds, and a true difference, and see what you would see, and how often you would be
# fooled.
#
# Above it stand three refusals, a sentence each: fewer labels than classes, a draw of one class,
# labels that are all wrong.

# %%
from medtutor.errors import InputError

attempts = (
    lambda: draw_labels(xray, 1, seed=0),
    lambda: [draw_labels(xray, 2, seed, each_class=False)
             for seed in range(40)],
    lambda: with_label_noise(xray, 1.0, seed=0),
)
for attempt in attempts:
    try:
        attempt()
    except InputError as error:
        print("-", error)
explorers.sample_size()

# %% [markdown]
# One training above was one draw. Five draws of labels and two seeds of each, from 20
# labels to all, now on test, whose images are harder than those of val:

# %%
def stored(claim, names, xlabel):
    """A figure of what was measured before, with its intervals"""
    rows = {}
    for name, curve in review.stored_curves(claim).items():
        for x in curve.x if name in names else ():
            value, *interval = curve.at(x)
            rows.setdefault(str(x), {})[name] = value, tuple(interval)
    if not rows:
        return print(f"no evidence yet: medtutor trial run {claim}")
    return figures.dots(rows, xlabel)


stored("data-availability-limits", ("plain", "geometry"),
       "test AUC, by the number of labels")

# %% [markdown]
# With few labels much hangs on which ones were drawn: look how wide the first row is. Two arms whose
# intervals overlap may still be told apart: they share draws and test images, so their *difference*, which
# the cards below judge, has a narrower interval of its own.
#
# ## Overfitting
#
# A hundred labels, of which ten are wrong, and multi-layer perceptrons of growing size. What does it
# cost to have many more weights than labels?

# %%
capacity = Prediction(
    "10/capacity",
    "From 8 to 128 hidden units: what gets worse on val?",
    choices=["AUC alone", "calibration alone", "both", "neither"],
)
capacity

# %%
few = draw_labels(xray, 100, seed=0)
wrong, swept = with_label_noise(few, 0.1, seed=0), {}
for width in (2, 8, 32, 128):
    small = fit_small(wrong, Setup(steps=1000), model="mlp", width=width)
    swept[width] = small.quality(wrong.train), small.quality(xray.val)
rows = [[width, train.auc, val.auc, train.calibration, val.calibration]
        for width, (train, val) in swept.items()]
Table(["hidden units", "train AUC", "val AUC", "calibration error, train",
       "val"], rows, phantom=xray.is_phantom)

# %%
begin, end = swept[8][1], swept[128][1]
worse = (end.auc < begin.auc - 0.01,
         end.calibration > begin.calibration + 0.01)
capacity.reconcile(
    {(True, True): "both", (True, False): "AUC alone",
     (False, True): "calibration alone", (False, False): "neither"}[worse],
    f"AUC {begin.auc:.3f} to {end.auc:.3f}, calibration error "
    f"{begin.calibration:.3f} to {end.calibration:.3f}, loss "
    f"{begin.loss:.2f} to {end.loss:.2f}: one training of each size.",
)

# %% [markdown]
# The same for more sizes, five draws and two seeds. Does the error on new images first rise and
# then fall again (**double descent**; Belkin et al. 2019)? Look before you say so:

# %%
stored("dropout-helps", ("capacity, train AUC", "capacity, val AUC",
                         "capacity, val calibration error"),
       "AUC or calibration error, by the number of weights")

# %% [markdown]
# ### Dropout
#
# Under **dropout**, in each step a share $p$ of the units is silenced at random (Hinton et al. 2012), so
# that none can rely on another. What is kept is scaled up by $1/(1 - p)$: the mean stays,
# and when predicting nothing has to be done. With the mask $k$ of what is kept:
#
# $$y = \frac{k \odot x}{1 - p}$$
#
# Write it, and what it does to the gradient on the way back, $\partial L/\partial x$ from
# $\partial L/\partial y$.

# %%
def dropout(x, gradient, kept, p):
    """All (B, F), kept bool -> output, gradient with respect to x"""
    ### BEGIN SOLUTION
    scale = kept / (1 - p)
    return x * scale, gradient * scale
    ### END SOLUTION

# %%
check.dropout(dropout)

# %% [markdown]
# The other remedies: **weight decay** pulls weights to zero in each step; **label smoothing** asks
# for 0.95 in place of 1; **early stopping** keeps the weights of the lowest val loss; averaging keeps
# the mean of the last steps; augmentation varies the images. One draw, live:

# %%
rows = []
for name, setup in {"none": Setup(), "dropout": Setup(dropout=0.5)}.items():
    small = fit_small(few, setup)
    train, val = small.quality(few.train), small.quality(xray.val)
    rows.append([name, train.auc, val.auc, val.loss, val.calibration])
Table(["remedy", "train AUC", "val AUC", "val loss", "calibration error"],
      rows, "100 labels", phantom=xray.is_phantom)

# %% [markdown]
# Five draws and two seeds, one remedy at a time; then dropout and augmentation in all
# combinations, a **factorial** design, which shows whether the second adds anything to the first:

# %%
stored("dropout-helps", ("remedies", "factorial"), "test AUC, 100 labels")

# %% [markdown]
# ## Augmentation
#
# The review sorts it into filters, geometry, erasing and mixing. Mixing changes the label
# along with the image (**mixup**; Zhang et al. 2018; a bonus exercise below).

# %%
from medtutor.data import as_uint8, normalise
from medtutor.data.augmentation import augment

kinds = ("none", "filters", "geometry", "erasing", "mixing", "mirror")
some = normalise(xray.train.images[:4])
varied = [augment(some, torch.eye(4), kind,
                  torch.Generator().manual_seed(5))[0][0] for kind in kinds]
figures.images([as_uint8(each) for each in varied], kinds,
               "An X-ray as it is and varied in five ways.",
               phantom=xray.is_phantom)

# %% [markdown]
# Which one is allowed, the label decides. Suppose the question is on which side the heart is: every
# second X-ray is turned left to right here, and that is the label.

# %%
from medtutor.data.planting import plant_side

sides = plant_side(xray)
some = draw_labels(sides, 200, seed=0)
reached = {kind: fit_small(some, Setup(augmentation=kind)).quality(
    sides.val).auc for kind in ("none", "geometry", "mirror")}
Table(["augmentation", "val AUC"], list(reached.items()), phantom=True)

# %% [markdown]
# With the mirror, every image stands in train with both labels: chance is all that can be learned, and
# on which side of one half the AUC falls is an accident. This harm is one by construction. Wherever left and
# right tell classes apart it is to be feared, so no card of an organ set allows a mirror (lesson 00).
#
# And for pneumonia, which has no side? All ways, with 100 labels:

# %%
stored("augmentation-helps", ("kinds",), "test AUC, 100 labels")

# %% [markdown]
# Outlook: images may also be varied by adversarial training, by transferring the style of
# another scanner, or drawn by a GAN (lesson 06).
#
# ## Transfer
#
# Begin with weights that have learned elsewhere: from BreastMNIST with labels, or from all X-rays
# *without* labels, as an autoencoder's encoder. Then either train everything on
# (**fine-tuning**) or leave the weights and fit a logistic regression on the features
# (**linear probe**). Most studies on small sets that one review counts transfer weights (Piffer et
# al. 2024). With 20 labels:

# %%
starts = {"random": mt.build("lenet", xray, seed=0),
          "breast": pretrain(breast, epochs=10),
          "autoencoder": pretrain(xray, labels=False)}
rows = []
for name, weights in starts.items():
    tens = [draw_labels(xray, 20, seed) for seed in (0, 1)]
    tuned = [fit_small(ten, start=weights).quality(xray.val).auc
             for ten in tens]
    probed = [probe(weights, ten).quality(xray.val).auc for ten in tens]
    rows.append([name, np.mean(tuned), np.mean(probed)])
Table(["weights from", "fine-tuned", "linear probe"], rows,
      "AUC on val, mean of two draws", phantom=xray.is_phantom)

# %% [markdown]
# The same with 10 to 200 labels, and a **2 x 2** that tells transfer from augmentation:

# %%
stored("transfer-helps", ("random", "breast", "random probe",
                          "autoencoder probe", "2 x 2"),
       "test AUC, by the number of labels; 2 x 2 with 100")

# %% [markdown]
# A larger study (Woerner & Baumgartner 2024; cited, not measured here) found BiomedCLIP best on average
# where labels are very few, and a ResNet-18 from ImageNet, simply fine-tuned, about as good as such large
# models from more than five a class.
#
# ## What a label is worth
#
# ### Wrong labels
#
# *Symmetric* noise changes any label; *one-sided* noise calls ill children normal, as where a finding
# was overlooked. 500 labels:

# %%
several = draw_labels(xray, 500, seed=0)
rows = []
for share in (0.0, 0.2, 0.4):
    found = [fit_small(with_label_noise(several, share, 0, kind)).quality(
        xray.val) for kind in ("symmetric", "one-sided")]
    rows.append([f"{share:.0%}", *(each.auc for each in found),
                 *(each.loss for each in found)])
Table(["wrong", "AUC, symmetric", "one-sided", "loss, symmetric",
       "one-sided"], rows, phantom=xray.is_phantom)

# %%
stored("dropout-helps", ("symmetric noise", "one-sided noise"),
       "test AUC, 200 labels, by the share that is wrong")

# %% [markdown]
# ### Raters
#
# No two people mark alike. Three **simulated** raters mark the hippocampus: one draws around
# the expert's border, one within it, one in haste. The expert's mask is their truth.

# %%
from medtutor.data.annotation import raters
from medtutor.metrics.agreement import consensus, raters_dice

brain = mt.load("hippocampus").as_volumes()
expert, classes = brain.test.masks, brain.card.classes
marked = raters(expert)
middle = {name: masks[:3, expert.shape[1] // 2]
          for name, masks in {"expert": expert, **marked}.items()}
figures.outlines(brain.test.images[:3, :, expert.shape[1] // 2], middle,
                 classes, "Three slices, as an expert and three simulated "
                 "raters mark them.", phantom=brain.is_phantom)

# %% [markdown]
# A network that marks exactly as the expert does is measured against the hasty rater. What Dice does it
# get? Say a number before you run the cell.

# %%
both = {kind: consensus(marked, kind) for kind in ("STAPLE", "majority")}
everybody = {"expert": expert, **marked, **both}
agreement = raters_dice(everybody, len(classes))
rows = [[name, *row] for name, row in zip(everybody, agreement)]
Table(["", *everybody], rows, f"mean Dice of each pair, {len(expert)} volumes",
      phantom=brain.is_phantom)

# %% [markdown]
# The first row has it: no mistake at all, and less than 1. Agreement between people is a **ceiling** for what a
# comparison with one of them can show. A network that passes it may have that one's habits, or be nearer to
# the truth than people are; the comparison cannot tell.
#
# The **majority** takes each pixel's commonest class; **STAPLE** (Warfield et al. 2004) weighs raters
# by how reliable each seems. Do they come closer to the expert than any rater? Here habits
# were made to differ, and can cancel. Where all share one, neither helps.
#
# ### Kappa
#
# Two who never look and call every film normal agree always. **Cohen's kappa** is the agreement
# $p_o$ beyond what chance would give, $p_e$, from how often each of them gives each class:
#
# $$\kappa = \frac{p_o - p_e}{1 - p_e}, \qquad p_e = \sum_k p_k^{(1)}\,p_k^{(2)}$$

# %%
def cohens_kappa(first, second):
    """Class numbers (N,) of three classes -> a number, at most 1"""
    ### BEGIN SOLUTION
    agreed = (first == second).double().mean()
    chance = sum((first == k).double().mean() * (second == k).double().mean()
                 for k in range(3))
    return (agreed - chance) / (1 - chance)
    ### END SOLUTION

# %%
check.cohens_kappa(cohens_kappa)

# %% [markdown]
# Real films, read twice: 4,376 X-rays of the NIH set, whose labels a program took from the reports
# (Wang et al. 2017), and radiologists in agreement read anew (Majkowska et al. 2020). Only the
# counts stand in this package.

# %%
from medtutor.data.annotation import read_twice
from medtutor.metrics.agreement import kappa

rows = []
for each in read_twice():
    one, other = each.labels()
    rows.append([each.finding, each.first, each.second, each.both,
                 f"{(one == other).mean():.0%}", kappa(one, other)])
Table(["finding", "mined", "adjudicated", "both", "agreed", "kappa"], rows,
      "4,376 chest X-rays of 1,695 patients")

# %% [markdown]
# Where a finding is rare, agreement looks high; kappa shows what it is worth. Of the films on which
# either reading found a pneumothorax, both did on fewer than a third. A network that repeated the mined labels
# without one mistake would have just this kappa when measured by the adjudicated ones.
#
# ### Which label to ask for next
#
# **Active learning** asks for the label of the image of which the model is least sure. Ten at random, then ten at
# a time, from ten beginnings, a linear probe on the autoencoder's features:

# %%
from medtutor.training.label_budget import buy_labels
from medtutor.training.small_data import features

seen, judged = (features(starts["autoencoder"], split.images)
                for split in (xray.train, xray.val))
curves = {choose: np.array([list(buy_labels(
    seen, xray.train.labels, judged, xray.val.labels, choose=choose,
    start=start).values()) for start in range(10)])
    for choose in ("random", "unsure")}
bought = list(range(10, 101, 10))
figures.curves(bought, {name: each.mean(0) for name, each in curves.items()},
               "labels bought", "AUC on val", "Means of ten beginnings.",
               phantom=xray.is_phantom)

# %% [markdown]
# Compare the lines with the spread that other beginnings have (a bonus table has it) before you praise either.
# Asking where the model is unsure also asks for what is hard, or mislabelled.
#
# ## What the review says and what we measured
#
# The review names data availability and overfitting as challenges; too few examples and too many
# weights as causes; dropout and augmentation as remedies. Four questions, each with a
# rule that was written down first. An answer is *inconclusive* where the interval of the difference holds the
# margin, however clear its mean looks: five draws of labels are few.

# %%
review.claim("data-availability-limits")

# %%
review.claim("augmentation-helps")

# %%
review.claim("transfer-helps")

# %%
review.claim("dropout-helps")

# %% [markdown]
# ## Bonus: What the labels cost, and labels that nobody gave
#
# How many labels did the active choice save, if any? Until it reached what 100 random ones give; where the means
# differ by less than the spread, that number is luck, too:

# %%
rows = []
for name, each in curves.items():
    enough = each.mean(0) >= curves["random"].mean(0)[-1]
    cost = bought[enough.argmax()] if enough.any() else "not reached"
    rows.append([name, each.mean(0)[-1], each[:, -1].std(ddof=1), cost])
Table(["asked for", "AUC at 100 labels", "spread over beginnings",
       "labels until random's AUC"], rows, phantom=xray.is_phantom)

# %% [markdown]
# **Pseudo-labels**: a model labels what it is sure of, learns from that too, and so on
# (scikit-learn's `SelfTrainingClassifier`). Its mistakes are among its teachers.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from medtutor.metrics import measure


def judge(head, rows, labels):
    model = make_pipeline(StandardScaler(), head).fit(seen[rows], labels)
    scores = model.predict_proba(judged)
    return measure(xray.val.labels, scores, "binary", resamples=0).auc

# %%
plain, rows = LogisticRegression(C=0.1, max_iter=500), []
teacher = SelfTrainingClassifier(plain, threshold=0.95)
for paid in (20, 50, 100):
    pairs = []
    for seed in range(5):
        some = np.random.default_rng(seed).permutation(len(seen))[:2000]
        labels = xray.train.labels.numpy()[some]
        guessed = np.where(np.arange(len(some)) < paid, labels, -1)
        pairs.append([judge(plain, some[:paid], labels[:paid]),
                      judge(teacher, some, guessed)])
    rows.append([paid, *np.mean(pairs, axis=0), *np.std(pairs, axis=0)])
Table(["labels paid for", "AUC, these alone", "with pseudo-labels",
       "spread", "spread"], rows, "5 draws, val", phantom=xray.is_phantom)

# %% [markdown]
# ## Bonus: Does augmentation change a map?
#
# Spots are planted as in lesson 09, and two networks learn them, one with augmentation. In what share
# of the images does a map point to the spot?

# %%
from medtutor.data.planting import plant_spots
from medtutor.explanation import explain_batch, pointing_game

spots = plant_spots(xray, "bright")
ill = (spots.val.labels == 1).nonzero()[:32, 0]
images, evidence = spots.val.images[ill], spots.val.evidence[ill]
rows = []
for kind in ("none", "geometry"):
    small = fit_small(draw_labels(spots, 1000, seed=0),
                      Setup(steps=1000, augmentation=kind))
    hits = [np.mean(list(map(pointing_game, explain_batch(
        small.model, images, method, target=1), evidence)))
        for method in ("saliency", "integrated_gradients", "grad_cam")]
    rows.append([kind, small.quality(spots.val).auc, *hits])

# %%
Table(["augmentation", "val AUC", "saliency", "integrated gradients",
       "Grad-CAM"], rows, "32 images with a bright spot, one training each",
      phantom=True)

# %% [markdown]
# ## Bonus: Two more exercises
#
# **Mixup.** Each image is mixed with another of the batch, whose number stands in `order`; `share` of its own
# stays, and the targets are mixed alike.

# %%
def mixup(images, targets, order, share):
    """(B, C, H, W), (B, classes), (B,), (B,) -> images, targets"""
    ### BEGIN SOLUTION
    wide = share[:, None, None, None]
    mixed = wide * images + (1 - wide) * images[order]
    answers = share[:, None] * targets + (1 - share[:, None]) * targets[order]
    return mixed, answers
    ### END SOLUTION

# %%
check.mixup(mixup)

# %% [markdown]
# **The standard error of an AUC** $A$ (Hanley & McNeil 1982), with $n$ ill and $m$ healthy cases. An AUC is a
# share of pairs, and pairs that share a case are not independent. The two fractions are those of exponential
# scores, and near to those of many others:
#
# $$\mathrm{SE}^2 = \frac{A(1 - A) + (n - 1)\left(\frac{A}{2 - A} - A^2\right) + (m - 1)\left(\frac{2A^2}{1 + A} - A^2\right)}{n\,m}$$

# %%
def auc_error(auc, positives, negatives):
    """A number and two numbers of cases -> a number"""
    ### BEGIN SOLUTION
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (positives - 1) * (first - auc**2)
                + (negatives - 1) * (second - auc**2))
    return (variance / (positives * negatives)) ** 0.5
    ### END SOLUTION

# %%
check.auc_error(auc_error)

# %% [markdown]
# ## Quiz

# %%
Quiz("10_small_data")

# %% [markdown]
# ## Key points
#
# - Look for copies before you believe a test set; report both numbers. A leak need not
#   flatter.
# - The best of K networks has been lucky; the smaller the test set, the more.
# - An interval says over what it is: draws of labels, seeds, test images.
# - Overfitting is a gap between train and val: look for it in calibration and loss, not in AUC alone.
# - Which augmentation is allowed, the label decides.
# - People differ. Their agreement, beyond chance, limits what a comparison with one of them can show.
#
# ## References
#
# - Antonelli M. et al., *The Medical Segmentation Decathlon*, Nature Communications 13:4128
#   (2022). [doi:10.1038/s41467-022-30695-9](https://doi.org/10.1038/s41467-022-30695-9)
# - Belkin M. et al., *Reconciling modern machine-learning practice and the classical
#   bias-variance trade-off*, PNAS 116:15849-15854 (2019).
#   [arXiv:1812.11118](https://arxiv.org/abs/1812.11118)
# - Cohen J., *A coefficient of agreement for nominal scales*, Educational and Psychological
#   Measurement 20:37-46 (1960).
#   [doi:10.1177/001316446002000104](https://doi.org/10.1177/001316446002000104)
# - Hanley J. A., McNeil B. J., *The meaning and use of the area under a receiver operating
#   characteristic (ROC) curve*, Radiology 143:29-36 (1982).
#   [doi:10.1148/radiology.143.1.7063747](https://doi.org/10.1148/radiology.143.1.7063747)
# - Hinton G. E. et al., *Improving neural networks by preventing co-adaptation of feature
#   detectors* (2012), dropout. [arXiv:1207.0580](https://arxiv.org/abs/1207.0580)
# - Majkowska A. et al., *Chest radiograph interpretation with deep learning models*,
#   Radiology 294:421-431 (2020).
#   [doi:10.1148/radiol.2019191293](https://doi.org/10.1148/radiol.2019191293)
# - Piffer S. et al., a review of deep learning on small sets of medical images (2024).
#   [doi:10.1088/2516-1091/ad525b](https://doi.org/10.1088/2516-1091/ad525b)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Wang X. et al., *ChestX-ray8* (2017).
#   [arXiv:1705.02315](https://arxiv.org/abs/1705.02315)
# - Warfield S. K., Zou K. H., Wells W. M., *Simultaneous truth and performance level
#   estimation (STAPLE)*, IEEE Transactions on Medical Imaging 23:903-921 (2004).
#   [doi:10.1109/TMI.2004.828354](https://doi.org/10.1109/TMI.2004.828354)
# - Woerner S., Baumgartner C. F., *Navigating data scarcity using foundation models: a
#   benchmark of few-shot and zero-shot learning approaches in medical imaging* (2024).
#   [arXiv:2408.08058](https://arxiv.org/abs/2408.08058)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
# - Zhang H. et al., *mixup: beyond empirical risk minimization* (2018).
#   [arXiv:1710.09412](https://arxiv.org/abs/1710.09412)
