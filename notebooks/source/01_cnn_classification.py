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
# A network that looks at an image as you do, neighbourhood by neighbourhood,
# trained from scratch on your own processor, and asked what that is worth.
#
# **You will be able to**
# 1. compute what a convolution layer computes, and say what one filter sees;
# 2. say what it means that a convolution *moves with the image*, and when
#    that breaks;
# 3. train networks of several sizes with one recipe, and not be fooled by the
#    size;
# 4. choose a threshold, and read AUC, sensitivity, precision and F1;
# 5. say whether your result is better than a published one, and what you
#    cannot say.
#
# About 50 minutes, of which the processor needs two to three. You should know
# what a loss is; [lesson 00](00_start_here.ipynb) says how a lesson works.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray) and BreastMNIST (ultrasound), 28 x 28 pixels, CC BY 4.0 |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the
# images' place. Every table and picture then says so, and the numbers in the
# text do not hold.

# %%
import torch
import torch.nn.functional as F

import medtutor as mt
from medtutor import explorers, figures
from medtutor.course import Prediction, Quiz, check
from medtutor.metrics import measure
from medtutor.reports import comparison_table

# %% [markdown]
# ## Look at the images first
#
# The card tells what the data are, who made them, and what to beware of.

# %%
xray = mt.load("pneumoniamnist")
xray

# %%
figures.gallery(xray)

# %% [markdown]
# Look at the two rows before you go on. What would *you* go by: the contrast
# between lung and heart, how sharp the ribs are, how white the lungs are?
#
# ## A filter by hand
#
# A convolution layer lays a small table of weights, the **kernel**, on every
# place of the image where it fits, multiplies weight by pixel, and sums. Write
# it. Two loops are fine; so is anything else that gives the same numbers.

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
# What does a kernel *see*? Four classic ones, chosen by hand long before
# anybody trained one. (From here on PyTorch does the sliding.)

# %%
kernels = {
    "vertical edges": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "horizontal edges": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    "blur": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
    "spots": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
kernels = {name: torch.tensor(k).float() for name, k in kernels.items()}


def see(image, kernel):
    """(H, W) -> (H - 2, W - 2), for one 3 x 3 kernel."""
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]

# %%
image = xray.train.images[0, 0]  # (28, 28), uint8
maps = [see(image.float(), kernel) for kernel in kernels.values()]
figures.images(
    [image, *maps], ["the image", *kernels],
    "An X-ray and the answers of four hand-made kernels: the edge kernels "
    "draw ribs and the border of the heart, blur smooths, spots speckles.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# Red is a positive answer, blue a negative one. A convolutional network
# *learns* its kernels: dozens of them, layer upon layer, each looking at the
# answers of the layer below.
#
# ## Why this family exists: it moves with the image
#
# The same weights on every place mean that a finding is seen wherever it is.
# Measure it: move the image, then filter; or filter, then move the answer.
# If both come to the same, the operation is **equivariant** to shifts.

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
# Networks also shrink their maps, here by taking the largest of each 2 x 2
# answers.

# %%
pooling = Prediction(
    "01/pooling",
    "After pooling 2 x 2: which moves of the image does the answer follow "
    "exactly?",
    choices=["all", "even ones only", "none"],
)
pooling

# %%
kernel = kernels["vertical edges"][None, None]


def convolution(x):
    return F.conv2d(x, kernel)


def convolution_and_pooling(x):
    return F.max_pool2d(convolution(x), 2)


for pixels in (1, 2, 3, 4):
    plain = mismatch(convolution, pixels)
    pooled = mismatch(convolution_and_pooling, pixels, stride=2)
    print(f"moved by {pixels}: {plain:5.1%} off, with pooling {pooled:5.1%}")

# %%
pooling.reconcile(
    "even ones only",
    "A move by one pixel falls between two places of the pooled map: what is "
    "lost there is why networks see small shifts after all.",
)

# %% [markdown]
# ## From an MLP to a residual CNN
#
# A multi-layer perceptron (MLP) has a weight of its own for each pixel: it
# must learn what a rib looks like anew for every place. Four networks, one
# recipe, the same images. Shapes for one grey image of 28 x 28:
#
# | name | after | shapes |
# |---|---|---|
# | `mlp` | | 784 → 128 → 64 → 2 |
# | `lenet` | LeCun et al. 1998 | 6 x 14 x 14 → 16 x 5 x 5 → 120 → 84 → 2 |
# | `vgg` | Simonyan & Zisserman 2014 | 32 x 14 x 14 → 64 x 7 x 7 → 128 x 3 x 3 → 2 |
# | `cnn` | He et al. 2015 | 24 x 28 x 28 → 48 x 14 x 14 → 96 x 7 x 7 → 2 |
#
# Read them in `medtutor/models/cnn.py`; each fits on a screen. `cnn`, the
# default, ends with the maximum over all places: a finding counts wherever it
# is.

# %%
recipe = mt.default_recipe(xray.card)
recipe

# %% [markdown]
# The recipe ships with the package; `medtutor/training/recipes.toml` says how
# it was chosen. Images are mirrored left to right only because the label does
# not depend on the side: the images of the organ sets, where left and right
# kidney are two classes, are never mirrored.

# %%
mlp_auc = Prediction(
    "01/mlp",
    "The CNN will reach a test AUC of about 0.97. And the MLP, which has "
    "never heard of neighbours?",
    low=0.5, high=1.0, step=0.01,
)
mlp_auc

# %%
runs = {}
for name in ("mlp", "lenet", "vgg", "cnn"):
    # All but the default are here to be compared: fewer epochs will do.
    epochs = recipe.epochs if name == "cnn" else 3
    model = mt.build(name, xray)
    runs[name] = mt.fit(model, xray, recipe.but(epochs=epochs))
run = runs["cnn"]

# %%
figures.ladder(list(runs.values()))

# %%
mlp_auc.reconcile(
    runs["mlp"].test.auc,
    "X-rays are taken in a standard position: lungs are where lungs always "
    "are, and much can be told from how white which place is.",
)

# %% [markdown]
# One run each, and intervals that overlap: this picture alone ranks little.
# The claim at the end of the lesson was tested with five seeds and equal
# numbers of parameters.
#
# So does the MLP lose where the standard position is lost? Move the images
# of the validation split, with the border's own value coming in:

# %%
def auc_when_moved(run, pixels):
    images = F.pad(xray.val.images.float(), [pixels, 0, 0, 0], "replicate")
    scores = run.predict(images[..., :28].to(torch.uint8))
    return measure(xray.val.labels, scores, "binary", resamples=0).auc


moves = [0, 2, 4, 6]
lines = {
    name: [auc_when_moved(runs[name], pixels) for pixels in moves]
    for name in ("mlp", "cnn")
}

# %%
figures.curves(
    moves, lines, "moved to the right by (pixels of 28)", "validation AUC",
    "Validation AUC against the move: " + "; ".join(
        f"{name} " + ", ".join(f"{auc:.2f}" for auc in aucs)
        for name, aucs in lines.items()
    ),
    phantom=xray.is_phantom,
)

# %% [markdown]
# Both were trained with random moves of up to two pixels, so two costs
# neither of them much. Beyond that, one of them has never seen such images,
# and the other has in a sense: it has seen the same neighbourhoods elsewhere.
#
# ## A detail that papers make much of: the activation
#
# A study of Alzheimer's disease that the review cites (Archana & Kalirajan
# 2025) uses Swish, x · sigmoid(x), in place of ReLU and reports an accuracy of
# 96.5 % against 92.3 % for VGG16. That compares two whole networks. Here the
# activation is the only difference: `swish_cnn` is `vgg` with one word changed.

# %%
swish = mt.fit(mt.build("swish_cnn", xray), xray, recipe.but(epochs=3))
figures.ladder([runs["vgg"], swish])

# %%
gap = swish.test.auc - runs["vgg"].test.auc
low, high = runs["vgg"].test.auc_interval
print(f"Swish minus ReLU: {gap:+.3f} AUC, one seed each")
print(f"the interval of one run alone is {high - low:.3f} wide")

# %% [markdown]
# A gap that is small beside the interval says nothing yet. It needs several
# seeds, and both networks on the same images.
#
# ## Measure
#
# The area under the ROC curve (AUC) is the chance that an image with
# pneumonia gets a higher score than a normal one. Write that sentence as
# code. Two equal scores count half.

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

# %%
print("validation", run.val)
print("test      ", run.test)

# %% [markdown]
# Validation looks far better than test. That is not overfitting alone: the two
# splits are not drawn from the same pool (the test images are from a source
# split of their own). Who reports only validation numbers on this set reports
# too much.
#
# ## Thresholds and rare classes
#
# A score is no decision. Above which score is an image called pneumonia? Two
# shares say what a threshold does: **sensitivity**, of the ill, how many are
# called ill; **specificity**, of the healthy, how many are called healthy.

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
# The honest way to choose a threshold is on the validation split. Take the
# one that calls 95 % of the *normal* validation images normal.

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
specificity = (normal <= threshold).double().mean().item()
print(f"threshold {threshold:.2f}, specificity on test {specificity:.2f}")

# %%
transfer.reconcile(
    specificity,
    "The order of the scores carries over (that is the AUC); their level does "
    "not, because test and validation images come from different sources. A "
    "threshold must be set again wherever images come from somewhere else.",
)

# %%
figures.roc(run)

# %%
figures.precision_recall(run)

# %%
figures.confusion(run)

# %% [markdown]
# The ROC curve does not change when pneumonia gets rarer; precision does.
# **F1** is the harmonic mean of precision and recall: it ignores how many
# healthy people were rightly left alone.
#
# ## Explore
#
# Move the threshold (arrow keys work), pick an outcome, and look at the images
# behind the numbers. Which normal ones look ill to the network?

# %%
explorers.classification(run, xray)

# %% [markdown]
# ## Beside the published results

# %%
print(comparison_table(run))

# %%
figures.comparison(run)

# %% [markdown]
# The published ResNet-18 has 65 times as many parameters and was trained for
# 100 epochs. What this does **not** show: one run is one seed, the interval
# covers the choice of test images only, and 624 small images are no clinical
# trial.
#
# ## Where it fails
#
# The images that the network is most sure about, and wrong:

# %%
figures.worst_mistakes(run, xray)

# %% [markdown]
# Why? Here are the feature maps of one image, layer by layer. Switch a channel
# off and see what the answer loses: a map that looks like an edge may count
# for nothing. Then compare with the training images. Are the nearest ones of
# the class that the network says, and is a mistake far from all of them?

# %%
explorers.features(run, xray)

# %% [markdown]
# And where images are few. BreastMNIST has 546 training images, a ninth of the
# X-rays, and 156 test images: one image is 0.64 points of accuracy. (Twenty
# epochs here, to be quick; the recipe that ships takes 55.)

# %%
ultrasound = mt.load("breastmnist")
figures.gallery(ultrasound)

# %%
few = mt.default_recipe(ultrasound.card, epochs=20)
breast_run = mt.fit(mt.build("cnn", ultrasound), ultrasound, few)
print(breast_run.test)

# %%
print(comparison_table(breast_run))

# %% [markdown]
# Look at the width of the interval: with 156 test images, most published
# differences on this set are smaller than what the choice of test images does.
#
# ## What the review says and what we measured
#
# The review names CNNs first among the techniques for classification, and
# too many parameters for too few images as a cause of overfitting. Three
# sentences were made testable, each with a rule written down before the
# evidence; five seeds each. `medtutor trial run` measures them again.

# %%
from medtutor import review

review.claim("cnn-beats-mlp")

# %%
review.claim("cnn-keeps-lead-shifted")

# %%
review.claim("depth-helps")

# %% [markdown]
# Read the third card twice. The larger network *is* a little better, by about
# half a point of AUC, with 65 times as many parameters. The margin is one and a
# half points, the noise of a test AUC here: "no difference" is always "no
# difference larger than".
#
# ## Exercises without a check
#
# 1. Halve the widths: `mt.build("cnn", xray, widths=(12, 24, 48))`. How many
#    parameters are left, and does the AUC suffer more than its interval is
#    wide?
# 2. Train with `recipe.but(shift=0.0, rotation=0.0, scale=0.0)` and draw the
#    curve over moves again. What does augmentation do for the MLP?
# 3. In the explorer, find a threshold at which every test image with
#    pneumonia is found. What does it cost?
#
# ## Quiz

# %%
Quiz("01_cnn_classification")

# %% [markdown]
# ## Key points
#
# - A convolution uses the same weights everywhere: its answer moves with the
#   image. Pooling keeps that for some moves only.
# - A network of 0.17 million parameters, trained in about half a minute on two
#   processor cores, passes the published ResNet-18 at 28 pixels.
# - AUC first, with an interval; accuracy only together with the share of the
#   commonest class.
# - A threshold belongs to the source of the images it was chosen on.
# - Nothing was selected on the test split, which was read once.
#
# ## References
#
# - Archana B., Kalirajan K., on a Flatten-Swish CNN for stages of Alzheimer's
#   disease in MRI, *Medical & Biological Engineering & Computing* (2025).
# - He K. et al., *Deep residual learning for image recognition*,
#   arXiv:1512.03385 (2015).
# - LeCun Y. et al., *Gradient-based learning applied to document recognition*,
#   Proceedings of the IEEE (1998).
# - Ramachandran P. et al., *Searching for activation functions*,
#   arXiv:1710.05941 (2017).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
# - Simonyan K., Zisserman A., *Very deep convolutional networks for
#   large-scale image recognition*, arXiv:1409.1556 (2014).
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
