# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Vision transformers: what is it worth to see everything at once?
#
# A convolution looks at a few neighbouring pixels. A vision transformer (ViT)
# cuts the image into patches and lets each of them look at all the others, from
# its first block on. The review names it as the technique that captures **global
# features**. This lesson asks what the word means, and when it pays.
#
# **You will be able to**
# 1. cut an image into tokens, write attention, and say why its scores are
#    scaled;
# 2. build a ViT from parts and compare it fairly: as many parameters, equal
#    work;
# 3. show what a ViT without positions can no longer see;
# 4. keep three things apart: what a network can see, how it puts together what
#    it sees, and what it takes to learn to;
# 5. say what smaller patches cost, and what windows save;
# 6. look where a ViT looks, and test whether that explains anything.
#
# About 75 minutes, of which the processor needs two to three.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray, 28 x 28 pixels, CC BY 4.0); for the long range and for the explanations **phantoms**: drawn marks, and X-rays with planted spots |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the X-rays'
# place. Every picture then says so, and what the text says of the real images
# does not hold.

# %%
from dataclasses import replace
from statistics import mean

import torch
import torch.nn.functional as F

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data import normalise
from medtutor.metrics import measure
from medtutor.models import parameter_count
from medtutor.reports.cost import forward_flops, measure_cost

# %% [markdown]
# ## An image as a list of patches

# %%
xray = mt.load("pneumoniamnist")
xray

# %%
figures.gallery(xray)

# %% [markdown]
# Transformers come from language, where a sentence is a list of **tokens**. An
# image is none. So a ViT (Dosovitskiy et al. 2020) begins with scissors: squares
# of a few pixels, in reading order, are its words.

# %%
def with_gaps(image, patch):
    """(H, W) uint8, with white lines between the patches"""
    tiles = image.unfold(0, patch, patch).unfold(1, patch, patch)
    tiles = F.pad(tiles, (0, 1, 0, 1), value=255)  # (R, C, p + 1, p + 1)
    return tiles.transpose(1, 2).flatten(2).flatten(0, 1)

# %%
one = xray.test.images[3, 0]
figures.images(
    [one, *(with_gaps(one, patch) for patch in (14, 7, 4, 2))],
    ["28 x 28 pixels", "4 patches of 14", "16 of 7", "49 of 4", "196 of 2"],
    "An X-ray, and the same cut into 4, 16, 49 and 196 square patches.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# The default here are 7 x 7 patches of 4 pixels. Do the cutting: each patch
# becomes one row of numbers, its channels one after the other, each read row by
# row.

# %%
def patchify(images, patch):
    """(B, C, H, W) -> (B, N, C * patch * patch), in reading order"""
    ### BEGIN SOLUTION
    B, C, H, W = images.shape
    grid = images.reshape(B, C, H // patch, patch, W // patch, patch)
    grid = grid.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, p, p)
    return grid.flatten(3).flatten(1, 2)
    ### END SOLUTION

# %%
check.patchify(patchify)

# %% [markdown]
# A linear layer, one and the same for all patches, then turns the 16 grey levels
# of a patch into a token of 64 numbers. Cutting and layer together are a
# convolution whose kernel is as large as its stride, and that is how it is
# written in `medtutor/models/vit.py`. So the ViT does begin with a convolution,
# and it is the only one.
#
# ## Attention
#
# Now the tokens look at each other. Three more linear layers make three vectors
# of each token: a **query** (what it looks for), a **key** (what it can be found
# by) and a **value** (what it hands on). How well a query fits a key is their
# scalar product, the *score*. A softmax turns the scores of one query into
# weights that add up to 1, and the query gathers the mean of all values with
# those weights (Vaswani et al. 2017):
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}(Q K^\top / \sqrt d\,)\, V$$
#
# A convolution takes a weighted sum, too. Its weights are fixed once it is
# trained, and reach as far as its kernel. Here the weights depend on what is in
# the image, and reach everywhere.
#
# What is the root of $d$ for, the number of numbers in a query?

# %%
scaling = Prediction(
    "07/scaling",
    "A query meets 49 keys, all of 64 random numbers (standard normal). "
    "Without the root: which share of the weight does the best key get, on "
    "average? (An equal share is 0.02.)",
    low=0.0, high=1.0, step=0.01,
)
scaling

# %%
drawn = torch.Generator().manual_seed(0)
queries, keys = torch.randn(2, 500, 49, 64, generator=drawn)
print("divided by  best key's share  keys that hold 90 %")
best = {}
for divisor in (1, 8, 64):
    scores = queries @ keys.transpose(-2, -1) / divisor  # (500, 49, 49)
    weights = scores.softmax(-1).sort(descending=True).values
    held = (weights.cumsum(-1) < 0.9).sum(-1) + 1.0
    best[divisor] = weights[..., 0].mean().item()
    print(f"{divisor:10}{best[divisor]:18.2f}{held.mean():22.1f}")

# %%
scaling.reconcile(
    best[1],
    "A score is a sum of 64 products, with a standard deviation of 8. The "
    "softmax of such numbers is nearly all or nothing: whoever is ahead by "
    "chance gets most, before anything has been learned. Divided by 8, the "
    "standard deviation is 1; by 64, all keys look nearly alike.",
)

# %% [markdown]
# Write it. The last two axes are tokens and numbers; before them there may be
# others, such as images and heads.

# %%
def attend(queries, keys, values):
    """(..., N, d) each -> (..., N, d): what each query gathers"""
    ### BEGIN SOLUTION
    d = queries.shape[-1]
    scores = queries @ keys.transpose(-2, -1) / d**0.5  # (..., N, N)
    return scores.softmax(dim=-1) @ values
    ### END SOLUTION

# %%
check.attend(attend)

# %% [markdown]
# The model runs four of these side by side, **heads**, each on 16 of a token's
# 64 numbers, so that a token can look at four things at once.
#
# ## The model, part by part
#
# A **block** is attention, and then a small MLP that works on each token alone;
# what each of them finds is added to what was there. Five blocks, then the mean
# of all tokens, then a linear layer. Watch the shapes:

# %%
vit = mt.build("vit", xray)
batch = normalise(xray.test.images[:2])
with torch.no_grad():
    maps, tokens, weights = (
        part(batch) for part in (vit.embedding, vit.tokens, vit.attention)
    )
    mixed = vit.norm(vit.blocks(tokens))
    logits = vit.classifier(mixed.mean(dim=1))
for name, x in {
    "images": batch, "a convolution of stride 4": maps,
    "as tokens, with positions": tokens, "after five blocks": mixed,
    "logits of the mean token": logits, "weights of block 1": weights[0],
}.items():
    print(f"{name:27}{tuple(x.shape)}")

# %% [markdown]
# The last line: two images, four heads, and for each of 49 tokens how much it
# takes from each of 49. What does this cost beside the CNN of lesson 01, and
# beside a *hybrid*, convolutions first and attention after them?

# %%
mflop = {}
for name in ("cnn", "vit", "hybrid"):
    model = mt.build(name, xray)
    mflop[name] = forward_flops(model, xray.card) / 1e6
    print(f"{name:7}{parameter_count(model):8,} parameters"
          f"{mflop[name]:6.1f} million operations an image")
longer = mflop["cnn"] / mflop["vit"]
print(f"for equal work, the ViT may be trained {longer:.2f} times as long")

# %% [markdown]
# As many parameters as the CNN, and less than half of the floating-point
# operations: it works on 49 places, the CNN first on 784. So a fair comparison
# gives the ViT more epochs. **As many parameters, equal work**: that is the
# rule for each comparison in this lesson. It is one rule among several; who
# counts epochs, or seconds on a graphics card, gets other winners.

# %%
recipe = mt.default_recipe(xray.card, "vit", epochs=4, shift_at_test=0)
run = mt.fit(vit, xray, recipe)
run.test

# %% [markdown]
# ## Without positions, a bag of patches
#
# Look at your `attend` again. Where does it use *where* a token stands? Nowhere:
# change the order of the tokens, and what they gather changes its order with
# them. MLP and mean do not know any place either. That is what the **positions**
# are for: 64 learned numbers for each of the 49 places, added to its token.

# %%
def shuffled(images, seed=0, patch=4):
    """The patches in another order, the same one for all the images"""
    tiles = F.unfold(images.float(), patch, stride=patch)  # (N, 16, 49)
    drawn = torch.Generator().manual_seed(seed)
    tiles = tiles[..., torch.randperm(tiles.shape[-1], generator=drawn)]
    return F.fold(tiles, 28, patch, stride=patch).to(torch.uint8)

# %%
first = xray.test.images[[3]]
figures.images(
    [first[0], *(shuffled(first, seed)[0] for seed in (0, 1, 2))],
    ["the image", "shuffled", "shuffled", "shuffled"],
    "An X-ray, and its 49 patches in three random orders: no chest is left.",
    phantom=xray.is_phantom,
)

# %%
bag = Prediction(
    "07/bag",
    "A ViT without positions is shown an X-ray, and then its patches "
    "shuffled. By how much does its answer change?",
    choices=["not at all", "less than from patient to patient",
             "more than from patient to patient"],
)
bag

# %%
def changes(model):
    """Of the logits: by shuffling an image, and by taking another one"""
    images = xray.test.images[:32]
    with torch.no_grad():
        here, moved = (model.eval()(normalise(some))
                       for some in (images, shuffled(images)))
    return [(here - other).abs().mean().item()
            for other in (moved, here.roll(1, dims=0))]

# %%
print("mean change of a logit   shuffled   another patient")
for name, model in {
    "no positions, untrained": mt.build("vit", xray, positions=False),
    "with positions, untrained": mt.build("vit", xray),
    "with positions, trained": run.model,
}.items():
    by_order, by_patient = changes(model)
    print(f"{name:26}{by_order:7.4f}{by_patient:18.4f}")
    if name.startswith("no"):
        told = by_order, by_patient

# %%
bag.reconcile(
    "not at all" if told[0] < 1e-4
    else "less than from patient to patient" if told[0] < told[1]
    else "more than from patient to patient",
    "The sum over tokens is the same in any order, up to the last digit that "
    "the computer keeps. An image without order is a bag of patches.",
)

# %% [markdown]
# Is that bad? Ask the trained network. It has positions, it has seen chests the
# right way up and nothing else, and its answers do change. Now all test images
# are shuffled, in the same way.

# %%
order = Prediction(
    "07/order",
    f"As they are, the trained ViT ranks the test images with an AUC of "
    f"{run.test.auc:.2f}. And when their patches are shuffled?",
    low=0.0, high=1.0, step=0.01,
)
order

# %%
def auc_of(run, images):
    scores = run.predict(images)
    return measure(xray.test.labels, scores, "binary", resamples=0).auc


without_order = []
for seed in range(3):
    moved = shuffled(xray.test.images, seed)
    without_order.append(auc_of(run, moved))
    print(f"shuffled, {seed}   test AUC {without_order[-1]:.3f}")

# %%
order.reconcile(
    mean(without_order),
    "Nobody could read such an image. What is left of the AUC is what the "
    "patches say one by one, and how they are lit; what is lost is what the "
    "network made of their places.",
)

# %% [markdown]
# On the real images little is lost. Pneumonia makes these X-rays smoother and
# greyer, patch by patch, as lesson 05 found with one line of code; to see that, a
# network needs no chest. A high AUC does not mean that it sees the whole.
#
# This network was trained with an order and tested without. Trained and tested
# with positions, and trained and tested with none, on the real images:

# %%
def arms_of(evidence, where):
    """{network: test AUC of each seed} on one kind of images"""
    found = {}
    for contrast in evidence.contrasts if evidence else ():
        if contrast.keys["column"] == where:
            pair = contrast.first, contrast.second
            found |= dict(zip(contrast.arms, pair))
    return found

# %%
hunger = review.read_evidence("vits-need-more-data")
print("test AUC, mean of five seeds (lowest, highest)")
for name, aucs in arms_of(hunger, "pneumoniamnist").items():
    print(f"{name:10}{mean(aucs):.3f} ({min(aucs):.3f}, {max(aucs):.3f})")

# %% [markdown]
# Positions are worth 0.02 of AUC, with every seed. A bag of patches gets the other
# 0.94: for these X-rays it matters more *what* is there than *where*.
#
# ## What is "global"?
#
# Three things hide in that word.
#
# - **Receptive field**: how far a single place can see. Of the last map of the
#   CNN here, each place sees 25 x 25 pixels; of a ViT each token sees all, from
#   the first block on.
# - **Aggregation**: how the places are put together. Whoever takes the maximum of
#   each feature over the whole image has looked at the whole image as well.
# - **Learning**: how many images, and how much training, it takes to *find* the
#   rule. That is more than being able to hold it.
#
# To take them apart, we need images whose label is nowhere but in the relation of
# two distant places. **Phantoms**: two marks in opposite corners, each a cross or
# a hollow square. The label says whether they are the same. One mark alone says
# nothing at all.

# %%
marks = mt.load("marks_shapes")
figures.gallery(marks, columns=6)

# %% [markdown]
# The networks are of 66 to 80 thousand parameters:
#
# | | a place sees | places are put together by |
# |---|---|---|
# | `bag` | 13 x 13 pixels | the mean of their answers |
# | `together` | the same features | their maximum, then an MLP |
# | `cnn` | 25 x 25 pixels | their maximum |
# | `vit` | all 28 x 28, in 16 patches of 7 | attention, then the mean |
#
# The bag (after BagNet, Brendel & Bethge 2019) adds up what each place says for
# itself. `together` differs from it in the last step only. (A ViT without
# positions is a bag of another kind: it does not know where its patches were, but
# it may combine them.)

# %%
from medtutor.reports.cost import MATCHED, equal_work
from medtutor.data.subsets import some_of

some = some_of(marks, 2500)  # the first 2500 of 20,000


def train_on_marks(arm, epochs=4):
    """A `Run`, with the work of so many epochs of the CNN"""
    name, options = MATCHED[arm]
    longer = equal_work(name, some, options, than=MATCHED["cnn"])
    recipe = mt.default_recipe(some.card, name,
                               epochs=round(epochs * longer))
    return mt.fit(mt.build(name, some, **options), some, recipe)

# %%
SETS = {
    "the bag alone": {"bag"}, "bag and together": {"bag", "together"},
    "bag, together and CNN": {"bag", "together", "cnn"},
    "bag and ViT": {"bag", "vit"}, "none": set(),
}
chance = Prediction(
    "07/chance",
    "2500 images, and as much work as the CNN needs to see each of them "
    "four times. Which networks stay near chance (test AUC below 0.6)?",
    choices=[*SETS, "others"],
)
chance

# %%
learned = {
    arm: train_on_marks(arm) for arm in ("bag", "together", "cnn", "vit")
}

# %%
print("PHANTOM    epochs  last loss  test AUC  AUC 0.9 on val after")
for arm, each in learned.items():
    epochs = each.recipe.epochs
    done = [epoch["val_auc"] > 0.9 for epoch in each.history]
    when = f"{(done.index(True) + 1) / epochs:.0%}" if any(done) else "never"
    print(f"{arm:10}{epochs:7}{each.history[-1]['loss']:11.3f}"
          f"{each.test.auc:10.3f}{when:>22}")

# %%
low = {arm for arm, each in learned.items() if each.test.auc < 0.6}
chance.reconcile(
    next((name for name, arms in SETS.items() if arms == low), "others"),
    "The bag cannot: a sum of what each place says alone holds no relation, "
    "however long it is trained. Whether the others do is a matter of "
    "learning, for all three of them can hold the rule.",
)

# %% [markdown]
# The last column says after which share of its training a network had found the
# rule. For `together` and the CNN a small detector and a maximum are enough: "is
# there a cross anywhere, is there a square anywhere?" is asked of the **whole
# image**, and the step that makes it global has not one weight to be learned.
#
# The ViT sees both marks from its first block on, and so what? Follow its loss:

# %%
history = learned["vit"].history
figures.curves(
    [epoch["epoch"] for epoch in history],
    {"loss in training": [epoch["loss"] for epoch in history],
     "AUC on validation": [epoch["val_auc"] for epoch in history]},
    "epoch", "loss, AUC",
    "The ViT on two marks, over its epochs: the loss begins at "
    f"{history[0]['loss']:.2f} and ends at {history[-1]['loss']:.2f}, the AUC "
    f"on validation goes from {history[0]['val_auc']:.2f} to "
    f"{history[-1]['val_auc']:.2f}.",
    phantom=True,
)

# %% [markdown]
# A loss of 0.693, the logarithm of 2, is that of a network which says "one half"
# to every image. On this plateau it has not learned the images by heart; it has
# found nothing in them. It *can see* both marks, and does not know what to look
# for: that a cross is the same thing wherever it lies is built into a
# convolution, and a ViT has to find it out, for each way in which a cross may lie
# across the edges of patches.
#
# One seed, one number of images, little work. Here are five seeds, more work,
# more images, fainter marks that jitter more (`noisy`), and `patterns`, which
# no detector can know in advance: two random patterns, drawn anew for each
# image, that have to be compared. The mean of the test AUC, and in brackets the
# lowest:

# %%
trial = review.read_evidence("vits-see-globally")
settings = dict.fromkeys(
    contrast.keys["column"] for contrast in trial.contrasts
) if trial else ()
arms = ("bag", "together", "cnn", "vit", "hybrid")
print(f"{'PHANTOM':28}" + "".join(f"{arm:>13}" for arm in arms))
for where in settings:
    aucs = arms_of(trial, where)
    print(f"{where:28}" + "".join(
        f"  {mean(aucs[arm]):.2f} ({min(aucs[arm]):.2f})" for arm in arms))

# %% [markdown]
# Read it by the three words.
#
# - **Aggregation**: `bag` against `together`, the same features and another last
#   step, is the whole way from chance to 1.00.
# - **Receptive field**: it decides nothing here. With 13 x 13 pixels `together`
#   does as well as the CNN with 25 x 25.
# - **Learning**: with enough work the ViT, too, finds the rule of the plain shapes
#   with every seed, from 2,500 images as from 20,000. It needed more training, not
#   more images. With fainter marks it stays below 0.6 in four seeds of five. And
#   the comparison of two patterns, which looks as if made for attention, it does
#   not find in this time; a CNN with a maximum does, to 0.94. The hybrid finds the
#   rule of the shapes or does not, depending on the seed, and that of the patterns
#   never.
#
# So nothing here speaks for "a ViT sees globally where a CNN does not", and little
# against: on shapes the CNN leaves no room to be better, and on patterns the ViT has
# not learned its task. What puts places together need not be attention, and what
# *can* see everything still has to find what to look for. Not shown: larger images, larger networks, and
# networks with a head start, to which we come below.
#
# ## Few images
#
# The same question on X-rays, where the rule is not known to anybody. 5 % of the
# labelled images are left, 236. By equal work: 14 epochs for the CNN, 30 for the
# ViT.

# %%
from medtutor.data.subsets import labelled

few = labelled(xray, 0.05, seed=0)
glance = {"images": few.val.images[:50], "labels": few.val.labels[:50]}
few = replace(few, val=replace(few.val, **glance))  # after each epoch
few.train.labels.bincount()

# %%
lead = Prediction(
    "07/lead",
    f"{len(few.train)} X-rays to learn from. By how much is the CNN's test "
    "AUC above the ViT's? (Below 0: the ViT is ahead.)",
    low=-0.2, high=0.2, step=0.005,
)
lead

# %%
hungry = {}
for name, epochs in {"cnn": 14, "vit": round(14 * longer)}.items():
    recipe = mt.default_recipe(
        few.card, name, epochs=epochs, batch_size=32, shift_at_test=0,
        optimiser="adamw",  # one optimiser for both
    )
    hungry[name] = mt.fit(mt.build(name, few), few, recipe)
    print(f"{name} of {epochs} epochs: test AUC {hungry[name].test.auc:.3f}")

# %%
lead.reconcile(
    hungry["cnn"].test.auc - hungry["vit"].test.auc,
    f"One seed, one draw of {len(few.train)} images. A difference like this "
    "may turn round with the next draw; that is what five seeds are for.",
)

# %% [markdown]
# Five seeds on the real images, each with its own draw, and more work. With
# more labels, too:

# %%
shares = {5: "5%", 25: "25%", 100: "100%"}
aucs = {
    share: arms_of(hunger, f"pneumoniamnist, {name} of labels")
    for share, name in shares.items()
}
print("labels" + "".join(f"{arm:>24}" for arm in ("cnn", "vit", "hybrid")))
for share, arms in aucs.items():
    print(f"{share:4} %" + "".join(
        f"   {mean(arm):.3f} ({min(arm):.3f}, {max(arm):.3f})"
        for arm in (arms[name] for name in ("cnn", "vit", "hybrid") if arms)
    ))

# %% [markdown]
# The CNN is ahead at each of the three, by 0.021 with 5 % of the labels, 0.010 with
# a quarter and 0.006 with all. The means say what one would expect: the lead
# shrinks. Five seeds do not settle it, for at 5 % the leads run from -0.004 to 0.041,
# and the interval of the shrinking just holds 0. What they do settle: with *all* 4,708
# images the ViT has not caught up. The hybrid lies between its parents, or with
# the lower one; lesson 08 goes on from there.
#
# Where does the difference come from? A convolution knows before any training
# that near pixels belong together and that a finding may be anywhere. These are
# not facts about images in general; they are **inductive biases**, bets that
# happen to be good ones for images. A ViT makes fewer bets, and has to learn from
# examples what the CNN was given. With enough examples that need not be a loss.
#
# ## A head start
#
# The first ViTs won after **pre-training** on very many photographs (Dosovitskiy
# et al. 2020): they did not begin with random weights, but with those of a network
# that had learned something else. It is no law: DeiT, with 86 million parameters,
# reached 83.1 % on ImageNet without any other images (Touvron et al. 2021).
#
# Photographs by the million are out of reach here. But the ViT from the beginning
# of this lesson has learned pneumonia. Does that help with another task on the
# same X-rays? Half of them get a small bright spot at a random place, and the
# spot is the label: **phantoms**, as in
# [lesson 09](09_interpretability.ipynb), whose CNN learns these spots from random
# weights in four epochs.

# %%
from copy import deepcopy

from medtutor.data.planting import plant_spots

spots = plant_spots(xray, "bright")
figures.gallery(spots, columns=6)

# %%
head_start = Prediction(
    "07/head-start",
    "Four epochs on the spots, from random weights and from those that have "
    "learned pneumonia. By how much is the test AUC of the second higher?",
    low=-0.5, high=0.5, step=0.01,
)
head_start

# %%
starts = {"random weights": mt.build("vit", spots),
          "learned pneumonia": deepcopy(run.model)}
recipe = mt.default_recipe(spots.card, "vit", epochs=4, shift_at_test=0)
spotters = {
    name: mt.fit(model, spots, recipe) for name, model in starts.items()
}

# %%
for name, each in spotters.items():
    print(f"PHANTOM, from {name:18} test AUC {each.test.auc:.3f}")
figures.curves(
    [epoch["epoch"] for epoch in each.history],
    {name: [epoch["val_auc"] for epoch in each.history]
     for name, each in spotters.items()},
    "epoch", "AUC on validation",
    "A ViT learns planted spots over four epochs: its AUC on validation ends "
    + " and ".join(f"at {each.history[-1]['val_auc']:.2f} from {name}"
                   for name, each in spotters.items()) + ".",
    phantom=True,
)

# %%
head_start.reconcile(
    spotters["learned pneumonia"].test.auc
    - spotters["random weights"].test.auc,
    "Spots have little to do with pneumonia. What they share are the X-rays: "
    "which differences between patches are usual, and which are not. The "
    "work of the first training is not counted here, and it was one seed.",
)

# %% [markdown]
# ## What small patches cost
#
# A patch becomes *one* token, so a small finding shares its token with all that
# lies around it. Smaller patches see more finely. The price is in $Q K^\top$:
# N tokens make N x N scores.

# %%
price = Prediction(
    "07/price",
    "Patches of 2 pixels in place of 4: four times as many tokens. How many "
    "times as many floating-point operations?",
    low=1, high=20, step=0.1,
)
price

# %%
models = {
    (name, patch): mt.build(name, xray, patch=patch)
    for name, patch in (("vit", 14), ("vit", 7), ("vit", 4), ("vit", 2),
                        ("windowed_vit", 2))
}
costs = {
    each: measure_cost(model, xray.card, batch=8)
    for each, model in models.items()
}

# %%
print(f"{'':13} patch  tokens    scores   MFLOP  ms to train, to predict")
for (name, patch), cost in costs.items():
    tokens = (28 // patch) ** 2
    scores = tokens * (49 if name == "windowed_vit" else tokens)
    print(f"{name:13}{patch:6}{tokens:8}{scores:10,}{cost.flops / 1e6:8.1f}"
          f"{cost.train_ms:12.1f}{cost.predict_ms:12.1f}")

# %%
price.reconcile(
    costs["vit", 2].flops / costs["vit", 4].flops,
    "Between 4 and 16. Linear layers and MLPs work on each token alone, and "
    "cost 4 times as much; only the scores and the weighted means cost 16 "
    "times as much. In this model the two halves are equal at 256 tokens.",
)

# %% [markdown]
# Times are of this machine and this minute, operations are not. They need not
# agree: many small products keep a processor less busy than few large ones, and
# the softmax over all those scores is not even counted.
#
# An image of 224 pixels in patches of 2 would have 12,544 tokens and 157 million
# scores, for each head and block. So nobody does that. One way out is a patch
# that grows with the image. Another are **windows** (Swin; Liu et al. 2021): a
# token looks at the 7 x 7 tokens of its window, in the next block the windows lie
# elsewhere, and the cost grows with N, not with its square. That is the last row.
# It gives up what this lesson is about: a block of it sees 14 x 14 pixels, and is
# near-sighted again.
#
# ## Where it looks
#
# It *may* look everywhere from the first block on. Does it? The **attention
# distance** is how far away, in pixels, the places lie from which a token takes,
# weighted by how much it takes (Dosovitskiy et al. 2020). It is measured for each
# head, here as a mean over 20 test images, and is to be held against a head that
# looks at all places alike.

# %%
from medtutor.explanation import attention_of, randomised, receptive_field

seen = xray.test.images[:20]


def distances(model):
    """Pixels, (blocks, heads)"""
    each = [attention_of(model, image).distances() for image in seen]
    return torch.stack(each).mean(dim=0)


even = attention_of(run, seen[0]).even_distance()
print(f"a head that looks at all places alike: {even:.1f} pixels")

# %%
reach = Prediction(
    "07/reach",
    "In the first block of the trained ViT, how far does the most "
    "near-sighted of the four heads look, in pixels?",
    low=0, high=20, step=0.1,
)
reach

# %%
far, untrained = distances(run), distances(randomised(run))
lines = {
    "trained, farthest head": far.amax(1), "trained, mean": far.mean(1),
    "trained, nearest head": far.amin(1), "untrained, mean": untrained.mean(1),
    "all places alike": torch.full((5,), even),
}
figures.curves(
    range(1, 6), lines, "block", "attention distance in pixels",
    "Attention distance by block. " + "; ".join(
        f"{name}: from {line[0]:.1f} to {line[-1]:.1f} pixels"
        for name, line in lines.items()) + ".",
    phantom=xray.is_phantom,
)

# %%
reach.reconcile(
    far[0].min().item(),
    f"All places alike would be {even:.1f}, a 3 x 3 convolution of patches "
    "about 4. An untrained ViT looks at all places nearly alike: it begins "
    "global. What it has to learn is where not to look.",
)

# %% [markdown]
# On the real images it has learned hardly any of that: the heads stay close to
# the grey line, which is a plain mean over the image. That fits the shuffled
# images. Larger ViTs, after more training, have heads in their first blocks that
# look at their neighbours (Dosovitskiy et al. 2020): they learn what a
# convolution is born with.
#
# So what is called global is where a ViT *starts*. A CNN starts at the other end:
# its first layer sees 3 x 3 pixels and each layer adds some. How much a pixel can
# move what the middle of a map says:

# %%
cnn_run = hungry["cnn"]
stages = ("stem", "blocks.0", "blocks.1", "blocks.2")
fields = [receptive_field(cnn_run, layer=stage) for stage in stages]
fields.append(receptive_field(run, layer="as_maps"))
sides = [int((field > 0).any(dim=1).sum()) for field in fields]
figures.images(
    [field.sqrt() for field in fields],
    [f"{name}: {side} px" for name, side in zip(
        ("stem", "block 1", "block 2", "block 3", "ViT"), sides)],
    "Receptive fields of the middle place: of the CNN's stem and three "
    f"blocks {', '.join(map(str, sides[:4]))} pixels wide, of the ViT's last "
    f"block {sides[4]}; "
    "strong in the middle, faint towards their borders.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# (Drawn is the square root: at the border of its field a CNN feels next to
# nothing.)
#
# ## Explore
#
# Choose an image and a patch, and see where each head looks, block by block, and
# what the receptive field of the CNN is at the same place. Can you find a head
# that looks at the neighbours, and one that looks at the other lung?

# %%
explorers.attention(run, xray, cnn=cnn_run)

# %% [markdown]
# ## Does attention explain?
#
# Such maps look like reasons. Two doubts. A weight says *from where* numbers were
# taken, not what they said. And from the second block on, a token is no longer
# its own patch: it holds what it has gathered.
#
# **Attention rollout** (Abnar & Zuidema 2020) sees to the second doubt. In each
# block, average the heads. A block *adds* what it gathers to what was there, so
# count the two for one half each: half the weights, half "stays where it is", the
# identity. Then multiply the blocks through. Row i of the product says how much
# of each patch has reached token i.

# %%
def rollout(weights):
    """(blocks, heads, N, N) -> (N, N), each row adds up to 1"""
    ### BEGIN SOLUTION
    through = torch.eye(weights.shape[-1], dtype=weights.dtype)
    stay = through
    for block in weights:  # the first one is the first to work
        through = (block.mean(dim=0) + stay) / 2 @ through
    return through
    ### END SOLUTION

# %%
check.rollout(rollout)

# %% [markdown]
# The first doubt can be tested where the truth is known. For the spots it is:
# nothing else differs between the two classes. So, does the highest value of a map
# lie on the spot, a *hit*? And does the map of the same network with random
# weights hit it, too?

# %%
spotter = spotters["learned pneumonia"]
points = Prediction(
    "07/points",
    f"The network tells spot from no spot with an AUC of "
    f"{spotter.test.auc:.2f}. In which share of the images does its attention "
    "rollout point to the spot? (Chance is about 0.02.)",
    low=0.0, high=1.0, step=0.01,
)
points

# %%
from medtutor.explanation import explain_batch, trust_table
from medtutor.explanation.trust import as_text

methods = ["attention_rollout", "grad_cam", "saliency",
           "integrated_gradients"]
with_spot = (spots.test.labels == 1).nonzero()[:32, 0]
images = spots.test.images[with_spot]
evidence = spots.test.evidence[with_spot]
tables = {
    name: trust_table(each, images, [1] * len(images), evidence,
                      methods=methods, curves=4)
    for name, each in spotters.items()
}

# %%
for name, table in tables.items():
    auc = spotters[name].test.auc
    print(f"PHANTOM, began with {name}, test AUC {auc:.3f}")
    print(as_text(table), end="\n\n")

# %%
table = tables["learned pneumonia"]
hit = table["attention_rollout"]
points.reconcile(
    hit["hit"],
    f"With random weights it hits {hit['hit untrained']:.2f}; a filter for "
    f"edges, which needs no network, hits {table['edges']['hit']:.2f}; and "
    f"saliency, one gradient, {table['saliency']['hit']:.2f}. Only what is "
    "beyond random weights and edges can have been learned.",
)

# %%
names = ["image", "truth", *methods]
for number in (0, 1):
    image = images[[number]]
    maps = [explain_batch(spotter, image, name, target=[1])[0].map
            for name in methods]
    display(figures.images(
        [image[0, 0], evidence[number].float(), *maps], names,
        "An X-ray with a planted spot, the spot, and the maps of "
        f"{', '.join(methods)}; red speaks for 'spot', blue against.",
        phantom=True,
    ))

# %% [markdown]
# `deletion` (low is good) and `insertion` (high is good) ask the network itself:
# what happens to its answer when the pixels that the map calls important are taken
# away first, or given back first?
#
# Compare the two tables. A network whose AUC is near 0.5 does not know the spots,
# trained or not. Where its maps hit them all the same, that is not because it knows
# them. So a third control beside random weights and edges: look at the AUC first.
#
# The networks above had little time. Five seeds with more: pneumonia first, then
# bright, dark and texture spots, one kind after another, twelve epochs of each. What
# they know, first:

# %%
attention = review.read_evidence("attention-explains")
kinds = ("bright", "dark", "texture")
print("PHANTOM, test AUC of each of five seeds")
for contrast in attention.contrasts if attention else ():
    if contrast.keys["score"] == "AUC":
        print(f"{contrast.name:26}" + " ".join(
            f"{auc:.2f}" for auc in contrast.first))

# %% [markdown]
# All of them know all three. Now their hits, minus those of the same network with
# random weights:

# %%
if attention:
    hits = [f"hit on {kind} spots" for kind in kinds]
    print("PHANTOM")
    print(review.pivot(attention, ["hit", *hits]))

# %% [markdown]
# Here attention does point to what decides, on each kind of spot, and because of what
# was learned. Of the five it is also the most even. Integrated gradients set out from a
# black image and cannot see a dark spot; saliency and occlusion differ widely from seed
# to seed on texture; and Grad-CAM, on maps of 7 x 7 tokens that have all looked at each
# other, gains nothing that five seeds could show.
#
# The first networks that this was tried on had seven epochs on the spots, from random
# weights. Few of them knew the spots, rollout gained 0.18 (0.00 to 0.36), and the
# claim was "not supported" then. That had been a fact about those networks: a map of who
# does not know is no test of maps, for or against.
#
# Deletion and insertion, as differences from a random map; and how similar a map
# stays when all weights, or the head alone, become random:

# %%
if attention:
    others = ["deletion", "insertion", "similar all", "similar head"]
    print("PHANTOM")
    print(review.pivot(attention, others))

# %% [markdown]
# One column needs no experiment. Rollout never looks at the head: it explains the
# gathering, and knows neither the class nor the answer. So it cannot change when
# the head becomes random, and it draws the same map for "spot" and for "no spot".
#
# A spot is evidence in one place. What about a relation? Back to the two marks, where
# the ViT has to bring together two places, the very thing that attention is for.
# Whatever it knows it has from the marks, for there is nothing else. By chance a map
# hits one of them in 0.06 of the images.

# %%
pairs = (some.test.labels == 1).nonzero()[:32, 0]
table = trust_table(
    learned["vit"], some.test.images[pairs], [1] * len(pairs),
    some.test.evidence[pairs], methods=methods, curves=4,
)
print(f"PHANTOM, test AUC {learned['vit'].test.auc:.3f}")
print(as_text(table))

# %% [markdown]
# A network that finds every mark need not *look* at it more than at other places.
# It is enough that what comes from there is different. Attention is a mean, and a
# small share of a large value moves the mean. And a high hit rate is no proof
# either, as long as random weights reach it, too.
#
# So attention *may* point to what decides, and need not. Which of the two it does,
# the map itself does not say. (One seed; and this network is another one, of larger
# patches.)
#
# ## What others found
#
# The review cites a systematic review that compares ViTs and CNNs on medical
# images (Takahashi et al. 2024). Another one stands close to it, on ViTs for
# brain cancer (Ali et al. 2023). Both counted studies; nothing was trained.
#
# | | found in the literature | in this lesson |
# |---|---|---|
# | Takahashi et al. 2024 | 36 studies | one set of X-rays, two of drawn marks; 28 pixels |
# | who is ahead | the trend favours transformers | the CNN, on each kind of image and with each share of labels, at as many parameters and equal work |
# | pre-training | is important | one head start, on the same X-rays, one seed; none from other images |
# | Ali et al. 2023 | of 688 records 22 studies, most of them segmentation; Swin is used most | classification only; windows measured for their cost, not trained |
#
# The two columns need not contradict each other. A ViT that has been
# pre-trained on millions of photographs no longer has to learn from 236 X-rays
# what a neighbour is. But whoever compares *that* ViT with a CNN trained from
# scratch has compared the pre-training. And a count of studies is not a mean of
# effects: what did not work is published less often.
#
# ## Where it fails
#
# - **Little data and no pre-training.** On the marks it may stay at a loss of
#   0.693 long after a CNN is done. Look at the training loss first: it tells "has
#   not found the rule" from "has learned the images by heart".
# - **Fine detail.** What is smaller than a patch shares its token; smaller patches
#   cost up to the square.
# - **Other sizes.** Positions belong to one grid. Another image size needs others.
# - **Maps.** A map of attention always looks as if it meant something. It has to
#   pass the tests that any other map has to pass.
#
# ## What the review says and what we measured
#
# The review says that ViTs capture global features. That they *can* see
# everything is true by construction. What was made testable is whether it pays:

# %%
review.claim("vits-see-globally")

# %% [markdown]
# Among its references is the review that finds pre-training important. The other
# side of that coin is how a ViT does with few labels and without it:

# %%
review.claim("vits-need-more-data")

# %% [markdown]
# It names interpretability among the challenges. Attention is often shown as if
# it had solved that:

# %%
review.claim("attention-explains")

# %% [markdown]
# Supported, for spots: evidence in one place. The two marks above are not in it.

# %% [markdown]
# ## Exercises without a check
#
# 1. Train a ViT of patches of 7 on the X-rays for as much work. Does it lose
#    anything? (`mt.build("vit", xray, patch=7)`)
# 2. Give the ViT on marks half of the work, and twice as much. When does its loss
#    leave 0.693? What if it sees as many images, but all of them different
#    (`some_of(marks, 20_000)`, fewer epochs)?
# 3. Move the test images by 1, 2 and 3 pixels (`torch.roll`). Which answers change
#    more, those of the ViT or those of the CNN, and why?
# 4. At how many tokens do attention's own products cost as much as all linear
#    layers, for a width of 64 and for one of 768? Is a ViT on 196 tokens
#    dominated by its attention?
# 5. From random weights, train on the spots for eight epochs: as much work as both
#    trainings of the other one. And from other random weights, with the seeds 1 and
#    2 (`mt.build(..., seed=1)`, `recipe.but(seed=1)`). Is the head start still one?
#
# ## Quiz

# %%
Quiz("07_vision_transformers")

# %% [markdown]
# ## Key points
#
# - A ViT turns patches into tokens. Attention is a mean over all of them, whose
#   weights depend on what is there; scores are divided by the root of $d$.
# - Without positions a ViT sees a bag of patches.
# - "Global" is three things: how far a place sees, how places are put together,
#   and what it takes to learn. A CNN with a maximum over the image is global, too.
# - Compare at as many parameters and equal work, and say so; with pre-training
#   against without, the pre-training is compared.
# - The scores grow with the square of the number of tokens; windows take the
#   square away, and the long range with it.
# - From random weights a ViT may stay on a plateau for long, with a loss as if it
#   guessed. What it has learned elsewhere may spare it that.
# - Attention says from where, not what and not why. On a network that knows the spots
#   it points to them; on one that knows two marks it need not. It is tested like any
#   map, and on a network that has learned what it is asked about.
#
# ## References
#
# - Abnar S., Zuidema W., *Quantifying attention flow in transformers*,
#   arXiv:2005.00928, ACL (2020).
# - Ali H., Qureshi R., Shah Z., review of vision transformers for brain cancer,
#   JMIR Medical Informatics e47445 (2023).
# - Brendel W., Bethge M., *Approximating CNNs with bag-of-local-features models
#   works surprisingly well on ImageNet*, arXiv:1904.00760 (2019).
# - Dosovitskiy A. et al., *An image is worth 16x16 words: transformers for image
#   recognition at scale*, arXiv:2010.11929 (2020).
# - Liu Z. et al., *Swin transformer: hierarchical vision transformer using
#   shifted windows*, arXiv:2103.14030 (2021).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
# - Takahashi S. et al., systematic review comparing vision transformers and
#   convolutional neural networks, Journal of Medical Systems 48:84 (2024).
# - Touvron H. et al., *Training data-efficient image transformers & distillation
#   through attention*, arXiv:2012.12877 (2021).
# - Vaswani A. et al., *Attention is all you need*, arXiv:1706.03762 (2017).
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
