# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # CNN classification: is this X-ray normal?
#
# A network that looks at an image neighbourhood by neighbourhood, trained from
# scratch on your own processor, and asked what that is worth.
#
# **You will be able to**
# 1. compute what a convolution layer computes, and say what it means that it
#    *moves with the image*, and when that breaks;
# 2. write a residual network, and say what its block, batch normalisation and
#    global pooling are for;
# 3. compare networks on one budget, choose on the validation split, and say
#    what you cannot say beside a published result;
# 4. choose a threshold; read AUC, sensitivity, precision and F1, of each class
#    where there are more than two;
# 5. reuse the weights of one task for another.
#
# About 80 minutes, of which the processor needs two. You should know what a
# loss is; [lesson 00](00_start_here.ipynb) says how a lesson works.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray) and BreastMNIST (ultrasound), 28 x 28 pixels, CC BY 4.0; slices of the hippocampus set (brain MRI), CC BY-SA 4.0 |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023); Antonelli et al., Nature Communications 13:4128 (2022) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the
# images' place. Every table and picture then says so, and the numbers in the
# text do not hold.

# %%
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.data import normalise
from medtutor.data.subsets import near_duplicates
from medtutor.metrics import measure
from medtutor.reports import Table, class_table

# %% [markdown]
# ## Look at the images first
#
# The card tells what the data are, who made them, and what to beware of. All
# patients were children of one to five years, from one hospital in Guangzhou
# (Kermany et al. 2018): what we find says nothing about adults, or about
# another hospital.

# %%
xray = mt.load("pneumoniamnist")
xray

# %%
figures.gallery(xray)

# %% [markdown]
# What would *you* go by: how sharp the ribs are, how white the lungs are?
#
# ## A filter by hand
#
# A **convolution** layer lays a small table of weights, the **kernel**, on
# every place of the image where it fits, multiplies weight by pixel, and sums:
#
# $$y_{ij} = \sum_{u,v} k_{uv}\, x_{i+u,\,j+v}$$
#
# (Mathematicians call this a cross-correlation: nothing is flipped.) Write it.

# %%
def cross_correlate(image, kernel):
    """image (H, W), kernel (h, w) -> (H - h + 1, W - w + 1)"""
    ### BEGIN SOLUTION
    (H, W), (h, w) = image.shape, kernel.shape
    rows = [
        torch.stack([
            (image[i : i + h, j : j + w] * kernel).sum()
            for j in range(W - w + 1)
        ])
        for i in range(H - h + 1)
    ]
    return torch.stack(rows)
    ### END SOLUTION

# %%
check.cross_correlate(cross_correlate)

# %% [markdown]
# What does a kernel *see*? Three classic ones, chosen by hand. (From here on
# PyTorch does the sliding.)

# %%
kernels = {
    "vertical edges": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "blur": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
    "spots": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
kernels = {name: torch.tensor(k).float() for name, k in kernels.items()}


def see(images, kernel):
    """(N, 1, H, W) -> (N, 1, H - 2, W - 2), for one 3 x 3 kernel."""
    return F.conv2d(images, kernel[None, None])

# %%
image = xray.train.images[:1]  # (1, 1, 28, 28), uint8
maps = [see(image.float(), kernel) for kernel in kernels.values()]
figures.images(
    [image, *maps], ["the image", *kernels],
    "An X-ray and the feature maps of three hand-made kernels: the edge "
    "kernel draws ribs and the border of the heart, blur smooths, spots "
    "speckles.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# Red is positive, blue negative. Such an image of answers is a **feature map**.
# A convolutional network *learns* its kernels: dozens of them, each
# looking at the feature maps of the layer below.
#
# ## Why this family exists: it moves with the image
#
# The same weights on every place mean that a finding is seen wherever it is.
# Write $T$ for a move of the image, $f$ for the filter. If $f(Tx) = T f(x)$,
# then $f$ is **equivariant** to moves. Measure it both ways round.

# %%
def moved(images, pixels):
    """Images (..., H, W) moved to the right; what leaves comes in again."""
    return torch.roll(images, pixels, dims=-1)


def mismatch(operation, pixels, stride=1):
    """How far the two orders differ, relative to the answer's size."""
    x = xray.train.images[:64].float() / 255
    first_move = operation(moved(x, pixels))
    first_filter = moved(operation(x), pixels // stride)
    # The columns on the left, which came in again, are no shift.
    gap = (first_move - first_filter)[..., 4:].abs().mean()
    return (gap / first_filter.abs().mean()).item()

# %% [markdown]
# Networks also shrink their maps. **Pooling** keeps the largest (or the mean)
# of each 2 x 2 answers.

# %%
pooling = Prediction(
    "01/pooling",
    "After pooling 2 x 2: which moves of the image does the answer follow "
    "exactly?",
    choices=["all", "even ones only", "none"],
)
pooling

# %%
def convolution(x):
    return see(x, kernels["vertical edges"])


def and_pooling(x):
    return F.max_pool2d(convolution(x), 2)


Table(
    ["moved by", "convolution, off by", "with pooling"],
    [[by, mismatch(convolution, by), mismatch(and_pooling, by, stride=2)]
     for by in (1, 2, 3, 4)],
    phantom=xray.is_phantom,
)

# %%
pooling.reconcile(
    "even ones only",
    "A move by one pixel falls between two places of the pooled map. So "
    "networks are sensitive to small shifts after all.",
)

# %% [markdown]
# That sensitivity is known from large networks, too (Azulay & Weiss 2019), and
# a blur before pooling reduces it (Zhang 2019).
#
# ## From an MLP to a residual CNN
#
# A **multi-layer perceptron** (MLP) has a weight of its own for each pixel: it
# must learn what a rib looks like anew for every place. Here are four
# networks; each fits on a screen of `medtutor/models/cnn.py`.
#
# | name | after | shapes, for one image of 28 x 28 |
# |---|---|---|
# | `mlp` | | 784 → 128 → 64 → 2 |
# | `lenet` | LeCun et al. 1998 | 6 x 14 x 14 → 16 x 5 x 5 → 120 → 84 → 2 |
# | `vgg` | Simonyan & Zisserman 2014 | 32 x 14 x 14 → 64 x 7 x 7 → 128 x 3 x 3 → 2 |
# | `cnn` | He et al. 2015 | 24 x 28 x 28 → 48 x 14 x 14 → 96 x 7 x 7 → 2 |
#
# The first is 6 maps of 14 x 14, and so on. The last one, our default:

# %%
figures.diagram("residual_cnn")

# %% [markdown]
# It has three ideas that came after LeNet.
#
# **Batch normalisation** (Ioffe & Szegedy 2015) brings each map to mean 0 and
# variance 1, over all places of all images of the batch, and then lets the
# network choose scale and mean, $\gamma$ and $\beta$:
#
# $$\hat{x} = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# Training gets faster and bears a higher **learning rate**. In prediction,
# running means of $\mu$ and $\sigma^2$ are used, so that an answer does not
# depend on the other images of the batch.
#
# A **residual connection**, one kind of **skip connection**, adds the input of
# a block to its output: $y = \mathrm{ReLU}(F(x) + x)$. The convolutions $F$
# learn a correction only, and the sum hands the gradient down without a detour
# through $F$. That made networks of a hundred layers trainable.
# Where the shapes differ, a 1 x 1 convolution adapts $x$.
#
# **Global pooling** takes one number of each last map: the mean (Lin et al.
# 2013), here the maximum, because a finding counts wherever it is. No
# weight belongs to a place, so the network takes images of any size.

# %%
def conv(inputs, outputs, size=3, stride=1):
    """Convolution and batch normalisation, which needs no bias below it."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )

# %%
class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.first = conv(inputs, outputs, stride=stride)
        self.second = conv(outputs, outputs)
        self.skip = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.skip = conv(inputs, outputs, size=1, stride=stride)

    def forward(self, x):
        y = F.relu(self.first(x))
        return F.relu(self.second(y) + self.skip(x))

# %%
class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(1, 24)
        self.blocks = nn.Sequential(
            ResidualBlock(24, 24), ResidualBlock(24, 48, stride=2),
            ResidualBlock(48, 96, stride=2))
        self.classifier = nn.Linear(96, 2)

    def forward(self, x):  # (B, 1, 28, 28)
        x = F.relu(self.stem(x))  # (B, 24, 28, 28)
        x = self.blocks(x)  # (B, 96, 7, 7)
        x = x.amax(dim=(2, 3))  # (B, 96): global max-pooling
        return self.classifier(x)  # (B, 2), the logits

# %%
same_network(SmallCNN(), mt.build("cnn", xray), torch.randn(4, 1, 28, 28))

# %% [markdown]
# It trains like any other. The loss is the **cross-entropy**,
# $-\log p_{\text{label}}$, where $p$ is the **softmax** of the **logits**. One
# **epoch**, every training image once:

# %%
torch.manual_seed(0)
mine = SmallCNN()
optimiser = torch.optim.AdamW(mine.parameters(), lr=4e-3)
for rows in torch.randperm(len(xray.train)).split(64):  # batches
    logits = mine(normalise(xray.train.images[rows]))  # pixels -1...1
    loss = F.cross_entropy(logits, xray.train.labels[rows])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

mine.eval()  # from here on, running means in batch normalisation
with torch.no_grad():
    scores = mine(normalise(xray.val.images)).softmax(1)
print(measure(xray.val.labels, scores, "binary"))

# %% [markdown]
# ## One recipe for all
#
# `mt.fit` does the same with a few additions, all of them **hyperparameters**
# of the recipe.

# %%
recipe = mt.default_recipe(xray)
recipe

# %% [markdown]
# - **Augmentation**: in training, images are mirrored, turned (`rotation`),
#   scaled and moved (`shift`) at random. Mirroring is allowed because the
#   label does not depend on the side.
# - **Label smoothing**: the target is 0.95 and 0.05, not 1 and 0.
# - `average`: what is kept is a running mean of the weights,
#   $\bar{w} \leftarrow 0.99\,\bar{w} + 0.01\,w$ after each step (Tarvainen &
#   Valpola 2017); it is steadier than the last weights.
# - `shift_at_test`: **test-time augmentation**. A prediction is the mean over
#   the image, its mirror image, and all moves by one pixel: 18 views.
#
# - `optimiser`: Muon for the kernels (Jordan et al. 2024), Adam for the rest, so
#   for all of the MLP.
#
# The last three are no part of the network. Comparisons must say that they were used.
#
# Now four networks, one recipe, five epochs each.

# %%
mlp_auc = Prediction(
    "01/mlp",
    "The CNN will reach a validation AUC of about 0.996. And the MLP, which "
    "has never heard of neighbours?",
    low=0.5, high=1.0, step=0.01,
)
mlp_auc

# %%
names = ("mlp", "lenet", "vgg", "cnn")
runs = {
    name: mt.fit(mt.build(name, xray), xray, recipe) for name in names
}
figures.ladder(list(runs.values()), split="val")

# %%
mlp_auc.reconcile(
    runs["mlp"].val.auc,
    "X-rays are taken in a standard position: lungs are where lungs always "
    "are, and much can be told from how white which place is.",
)

# %% [markdown]
# One run each, on one small split: this picture ranks little.
#
# Does the MLP lose where the standard position is lost? Move the images,
# with the border's own value coming in:

# %%
def auc_when_moved(run, pixels):
    images = F.pad(xray.val.images.float(), [pixels, 0, 0, 0], "replicate")
    scores = run.predict(images[..., :28].to(torch.uint8))
    return measure(xray.val.labels, scores, "binary", resamples=0).auc


moves = [0, 3, 6]
lines = {
    name: [auc_when_moved(runs[name], pixels) for pixels in moves]
    for name in ("mlp", "cnn")
}
figures.curves(moves, lines, "moved to the right by (pixels of 28)",
               "validation AUC", phantom=xray.is_phantom)

# %% [markdown]
# Both were trained with moves of up to two pixels. Beyond that, the MLP has
# never seen such images; the CNN has seen the same neighbourhoods elsewhere.
#
# ## Measure
#
# The **AUC**, the area under the **ROC curve**, is the chance that an image
# with pneumonia gets a higher score than a normal one; two equal scores count
# half: $P(s_+ > s_-) + \tfrac{1}{2} P(s_+ = s_-)$. Write it as code.

# %%
def auc(labels, scores):
    """labels (N,) of 0 and 1, scores (N,) -> one number, 0 to 1"""
    ### BEGIN SOLUTION
    ill, healthy = scores[labels == 1], scores[labels == 0]
    difference = ill[:, None] - healthy[None]  # (ill, healthy)
    wins = (difference > 0).double() + (difference == 0).double() / 2
    return wins.mean()
    ### END SOLUTION

# %%
check.auc(auc)

# %% [markdown]
# We name the winner on `val`, and read `test` for that one alone.

# %%
run = max(runs.values(), key=lambda each: each.val.auc)
print(run)

# %% [markdown]
# Validation looks far better than test, and that is not **overfitting** alone.
# The validation images are a random tenth of the source's training images, so
# a child may stand in both; eight of them are even copies of training images.
# The test images are a set of their own. Validation numbers alone overstate
# performance on this set.
#
# ## Thresholds and rare classes
#
# Above which score, the **threshold**, is an image called pneumonia? Two shares
# say what a threshold does: **sensitivity**, of the ill,
# how many are called ill; **specificity**, of the healthy, how many are called
# healthy.

# %%
def sensitivity_and_specificity(labels, scores, threshold):
    """(sensitivity, specificity), calling ill what is above threshold"""
    ### BEGIN SOLUTION
    called = scores > threshold
    sensitivity = called[labels == 1].double().mean()
    specificity = (~called[labels == 0]).double().mean()
    return sensitivity, specificity
    ### END SOLUTION

# %%
check.sensitivity_and_specificity(sensitivity_and_specificity)

# %% [markdown]
# Choose a threshold on the validation split. Take the one that calls 95 % of the *normal* validation images normal.

# %%
transfer = Prediction(
    "01/transfer",
    "With that threshold, what share of the normal test images is called "
    "normal?",
    low=0.0, high=1.0, step=0.01,
)
transfer

# %%
val_scores = run.predictions["val"][:, 1]
threshold = val_scores[xray.val.labels == 0].quantile(0.95)
normal = run.predictions["test"][xray.test.labels == 0, 1]
transfer.reconcile(
    (normal <= threshold).double().mean().item(),
    "The order of the scores carries over (that is the AUC); their level does "
    "not, because the test images come from elsewhere. A threshold must be "
    "set again wherever images come from somewhere else.",
)

# %% [markdown]
# With TP for the ill that are called ill, FP for false alarms and FN for
# misses, the measures are
#
# $$\text{recall} = \frac{TP}{TP + FN}, \quad
# \text{precision} = \frac{TP}{TP + FP}, \quad
# F_1 = \frac{2\,TP}{2\,TP + FP + FN}$$
#
# **Recall** is another word for sensitivity. **Precision** falls when
# pneumonia gets rarer, and with it **F1**, their harmonic mean; the ROC curve
# stays. F1 ignores how many healthy people were rightly left alone.
#
# ## Explore
#
# Move the threshold, pick an outcome, and look at the images behind the
# numbers. Which normal ones look ill to the network?

# %%
explorers.classification(run, xray)

# %% [markdown]
# ## More than two classes, more than one label
#
# Slices of brain MRI, cut out around the hippocampus. Experts have marked its
# front part (anterior) and its back part (posterior). Which of the two does an
# axial slice show? The labels come from the masks; people are kept apart.

# %%
brain = mt.load("hippocampus").as_volumes()


def axial(cases):
    """Slices (N, 48, 56), which part each shows (N, 2), whose it is (N,)."""
    images = cases.images[:, 0].movedim(3, 1).flatten(0, 1)
    masks = cases.masks.movedim(3, 1).flatten(0, 1).flatten(1)
    shows = torch.stack([(masks == part).any(1) for part in (1, 2)], 1)
    people = cases.patients if cases.subjects is None else cases.subjects
    people = people.repeat_interleave(len(images) // len(people))
    full = images.flatten(1).float().std(1) > 1  # the others are black
    return images[full], shows[full].long(), people[full]

# %%
slices = {s: axial(getattr(brain, s)) for s in ("train", "val", "test")}


def dataset(task, classes, label):
    """A data set of the slices, with `label` of what each one shows."""
    made = mt.from_arrays(
        *((images, label(shows)) for images, shows, _ in slices.values()),
        task=task, classes=classes, name="hippocampus slices",
        subjects={s: people for s, (_, _, people) in slices.items()},
    )
    card = replace(made.card, modality="axial brain MRI",
                   licence=brain.card.licence)
    return replace(made, card=card, provenance=brain.provenance)

# %% [markdown]
# There are two ways to ask. **Multi-class**: one of four, "neither",
# "anterior", "posterior" or "both". The softmax makes the four probabilities
# sum to 1. **Multi-label**: two questions, each with its own sigmoid
# $1 / (1 + e^{-z})$, so that both answers may be yes. The network is the same
# but for its last layer.

# %%
parts = dataset("multi-class", ["neither", "anterior", "posterior", "both"],
                lambda shows: shows[:, 0] + 2 * shows[:, 1])
figures.gallery(parts)

# %%
of_those_called = Prediction(
    "01/rarest",
    "The mean AUC over the four classes will be about 0.98. Of the test "
    "slices that the network calls 'anterior', what share is right?",
    low=0.0, high=1.0, step=0.01,
)
of_those_called

# %%
brief = mt.default_recipe(parts, epochs=4)
which_of_four = mt.fit(mt.build("cnn", parts), parts, brief)
class_table(which_of_four, split="test")

# %%
called = which_of_four.predictions["test"].argmax(1) == 1
right = called & (parts.test.labels == 1)
of_those_called.reconcile(
    right.sum().item() / max(called.sum().item(), 1),
    "The AUC of a class asks whether its slices score higher than others, and "
    "most others are easily told. Where classes meet, at the border of a "
    "part, the highest score is often the wrong one, and the rarest class "
    "pays for it.",
)

# %% [markdown]
# That is what a **macro-averaged** AUC hides: it depends neither on decisions
# nor on how rare a class is. Read recall, precision and F1 of each class
# beside it; `medtutor evaluate` prints them. (Nothing is chosen here, so we may
# read the test split.)

# %%
labels = dataset("multi-label", ["anterior", "posterior"], lambda shows: shows)
each = mt.fit(mt.build("cnn", labels), labels, brief)
class_table(each, split="test")

# %%
right = (each.predictions["test"] > 0.5) == labels.test.labels
print(f"labels right {right.double().mean():.2f}, "
      f"slices with both right {right.all(1).double().mean():.2f}, "
      f"right of four classes {which_of_four.test.acc:.2f}")

# %% [markdown]
# The accuracy of a multi-label task is a mean over labels, and looks better
# than the share of slices with all labels right. In
# [ChestMNIST](https://medmnist.com), with 14 rare labels, ResNet-18 has
# 0.947, and an AUC of 0.768.
#
# ## Transfer learning
#
# **Transfer learning** starts from the weights of another task: of 77 studies
# on small medical data sets, 75 % use it (Piffer et al. 2024). BreastMNIST has
# 546 training images. Do weights from X-rays help?
#
# Count first what the splits share. The source of this set has duplicates
# (Pawłowska et al. 2023), and some stand on both sides of the split: **data
# leakage**. So each result is given without the copies, too.

# %%
ultrasound = mt.load("breastmnist")
copies = near_duplicates(ultrasound.test.images, ultrasound.train.images)
print(copies)


def started(how):
    """A network for BreastMNIST, with random weights or those of X-rays."""
    model = mt.build("cnn", ultrasound)
    if how != "from scratch":
        weights = runs["cnn"].model.state_dict()
        own = model.classifier.state_dict(prefix="classifier.")
        model.load_state_dict(weights | own)  # all but the last layer
    if how == "last layer only":
        model.requires_grad_(False).classifier.requires_grad_(True)
    return model

# %%
rows, short = [], mt.default_recipe(ultrasound, epochs=20)
for how in ("from scratch", "fine-tuned", "last layer only"):
    breast = mt.fit(started(how), ultrasound, short)
    scores = breast.predictions["test"][~copies.near]
    others = ultrasound.test.labels[~copies.near]
    rows.append([how, breast.test.auc,
                 measure(others, scores, "binary").auc])
Table(["weights", "test AUC", "without copies"], rows,
      phantom=ultrasound.is_phantom)

# %% [markdown]
# With the weights of X-rays and a new last layer alone, the AUC is far from 0.5:
# they carry something. Fine-tuned, they end where random weights end:
# **transfer did not help here**. This is one seed each on 156 images, so only
# the large difference counts. Do not choose among the three by the validation
# split: 31 of its 78 images are near-copies of training images. The copies in
# the test split do not flatter: without them every result is higher.
#
# ## Beside the published results

# %%
figures.comparison(run)

# %% [markdown]
# Be careful with "better". With *our recipe*, by AdamW, ResNet-18 itself reaches
# 0.970 (five seeds, third claim below): the difference is the recipe, not the
# network. And one run is one seed, the interval covers the choice of test
# images only, and 624 small images are no clinical trial.
#
# ## Where it fails
#
# The validation images that the network is most sure about, and wrong:

# %%
figures.worst_mistakes(run, xray, split="val")

# %% [markdown]
# ## What the review says and what we measured
#
# The review names CNNs first among the techniques for classification, and too
# many parameters for too few images as a cause of overfitting. Three questions
# of ours follow, five seeds each.

# %%
display(
    review.claim("cnn-beats-mlp"),
    review.claim("cnn-keeps-lead-shifted"),
    review.claim("depth-helps"),
)

# %% [markdown]
# Read the third card twice. The larger network *is* better, by half a point of
# AUC, with 65 times as many parameters; the margin is one and a half points.
#
# ## Where this family came from, and where it stands
#
# LeNet read digits in 1998. VGG (2014) has up to 19 layers, ResNet (2015), with
# residual connections, up to 152. DenseNet joins every layer with all later
# ones, EfficientNet balances depth, width and resolution, and ConvNeXt (2022)
# takes over the habits of [vision transformers](07_vision_transformers.ipynb)
# and stays convolutional. For segmentation there is nnU-Net, a U-Net that
# configures itself ([lesson 03](03_unet_and_descendants.ipynb)). Today a
# classifier often starts from a **foundation model**, trained on many images
# without labels ([lesson 05](05_autoencoders.ipynb)); what you then do is
# transfer learning.
#
# ## Bonus: look inside
#
# The feature maps of one image, layer by layer. Switch a channel off
# and see what the answer loses: a map that looks like an edge may count for
# nothing. Then compare with the training images. Are the nearest ones of the
# class that the network says?

# %%
explorers.features(runs["cnn"], xray)

# %% [markdown]
# ## Bonus: what averaging over views is worth

# %%
def of_one_view(each, images):
    with torch.no_grad():
        return each.read(each.model(normalise(images)))


rows = []
for name, each in runs.items():
    plain = of_one_view(each, xray.val.images)
    one = measure(xray.val.labels, plain, "binary", resamples=0).auc
    rows.append([name, one, each.val.auc])
Table(["network", "one view", "18 views"], rows, "Validation AUC",
      phantom=xray.is_phantom)

# %% [markdown]
# Next to nothing on these images, for the convolutional networks. What is usual
# need not help here: measure it.
#
# ## Bonus: the activation, a detail that papers make much of
#
# A study of Alzheimer's disease that the review cites (Archana & Kalirajan
# 2025) uses Swish, $x \cdot \mathrm{sigmoid}(x)$, in place of ReLU, and
# reports an accuracy of 96.5 % against 92.3 % for VGG16. That compares two
# whole networks. Here the activation is the only difference: `swish_cnn` is
# `vgg` with one word changed.

# %%
swish = mt.fit(mt.build("swish_cnn", xray), xray, recipe)
figures.ladder([runs["vgg"], swish], split="val")

# %% [markdown]
# A gap that is small beside the interval says nothing yet. It needs several
# seeds, and both networks on the same images.
#
# ## Exercises without a check
#
# 1. Halve the widths: `mt.build("cnn", xray, widths=(12, 24, 48))`. How many
#    parameters are left, and does the validation AUC suffer more than its
#    interval is wide?
# 2. Train with `recipe.but(average=0.0)`: the last weights are kept. What does
#    the curve of `figures.history` say, and what does the validation AUC?
# 3. Train with `recipe.but(shift=0.0, rotation=0.0, scale=0.0)` and draw the
#    curve over moves again. What does augmentation do for the MLP?
# 4. Repeat the transfer with seeds 1 and 2. Does the order stay?
#
# ## Quiz

# %%
Quiz("01_cnn_classification")

# %% [markdown]
# ## Key points
#
# - A convolution uses the same weights everywhere: its answer moves with the
#   image. Pooling keeps that for some moves only.
# - A residual block learns a correction to its input; batch normalisation and
#   global pooling make it train fast, and take images of any size.
# - A small network, trained in a minute, passes the published ResNet-18 at 28
#   pixels; so does ResNet-18 with our recipe. The recipe is the difference, not
#   the depth.
# - AUC first, with an interval; accuracy only together with the share of the
#   commonest class; with more than two classes, recall and precision of each.
# - A threshold belongs to the source of the images it was chosen on.
# - Networks were compared and thresholds chosen on `val`; `test` was read for
#   what had been named before.
#
# ## References
#
# - Archana B., Kalirajan K., *An intelligent magnetic resonance imagining-based
#   multistage Alzheimer's disease classification using swish-convolutional
#   neural networks*, Medical & Biological Engineering & Computing (2025).
#   [doi:10.1007/s11517-024-03237-2](https://doi.org/10.1007/s11517-024-03237-2)
# - Antonelli M. et al., *The Medical Segmentation Decathlon*, Nature
#   Communications 13:4128 (2022).
#   [doi:10.1038/s41467-022-30695-9](https://doi.org/10.1038/s41467-022-30695-9)
# - Azulay A., Weiss Y., *Why do deep convolutional networks generalize so
#   poorly to small image transformations?*, Journal of Machine Learning
#   Research 20(184) (2019).
#   [arXiv:1805.12177](https://arxiv.org/abs/1805.12177)
# - He K. et al., *Deep residual learning for image recognition* (2015).
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)
# - Huang G. et al., *Densely connected convolutional networks*, CVPR (2017).
#   [arXiv:1608.06993](https://arxiv.org/abs/1608.06993)
# - Ioffe S., Szegedy C., *Batch normalization: accelerating deep network
#   training by reducing internal covariate shift* (2015).
#   [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - Kermany D. et al., *Identifying medical diagnoses and treatable diseases by
#   image-based deep learning*, Cell 172:1122 (2018).
#   [doi:10.1016/j.cell.2018.02.010](https://doi.org/10.1016/j.cell.2018.02.010)
# - Jordan K. et al., *Muon: an optimizer for hidden layers in neural networks*
#   (2024). [kellerjordan.github.io/posts/muon](https://kellerjordan.github.io/posts/muon)
# - LeCun Y. et al., *Gradient-based learning applied to document recognition*,
#   Proceedings of the IEEE (1998).
#   [doi:10.1109/5.726791](https://doi.org/10.1109/5.726791)
# - Lin M., Chen Q., Yan S., *Network in network* (2013).
#   [arXiv:1312.4400](https://arxiv.org/abs/1312.4400)
# - Liu Z. et al., *A ConvNet for the 2020s* (2022).
#   [arXiv:2201.03545](https://arxiv.org/abs/2201.03545)
# - Pawłowska A. et al., letter on a dataset of breast ultrasound images, Data
#   in Brief 48:109247 (2023).
#   [doi:10.1016/j.dib.2023.109247](https://doi.org/10.1016/j.dib.2023.109247)
# - Piffer S. et al., a systematic review of small medical data sets (2024).
#   [doi:10.1088/2516-1091/ad525b](https://doi.org/10.1088/2516-1091/ad525b)
# - Ramachandran P. et al., *Searching for activation functions* (2017).
#   [arXiv:1710.05941](https://arxiv.org/abs/1710.05941)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Simonyan K., Zisserman A., *Very deep convolutional networks for
#   large-scale image recognition* (2014).
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)
# - Tan M., Le Q., *EfficientNet: rethinking model scaling for convolutional
#   neural networks* (2019).
#   [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)
# - Tarvainen A., Valpola H., *Mean teachers are better role models:
#   weight-averaged consistency targets improve semi-supervised deep learning
#   results* (2017). [arXiv:1703.01780](https://arxiv.org/abs/1703.01780)
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
# - Zhang R., *Making convolutional networks shift-invariant again* (2019).
#   [arXiv:1904.11486](https://arxiv.org/abs/1904.11486)
