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
# A small convolutional network, trained from scratch on your own processor,
# beside what was published on the same images.
#
# **You will be able to**
# 1. load a medical benchmark and say what is in it, and what to beware of;
# 2. train a residual CNN on it with one recipe, without touching the test
#    images;
# 3. read AUC, accuracy and their intervals, a ROC curve and a confusion
#    matrix;
# 4. say whether your result is better than a published one, and what you
#    cannot say.
#
# About 10 minutes, of which the processor needs two. You should know what a
# convolution and a loss are.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray) and BreastMNIST (ultrasound), 28 x 28 pixels, CC BY 4.0 |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the
# images' place. Every table and picture then says so.

# %%
import medtutor as mt
from medtutor import figures
from medtutor.evaluation import comparison_table

# %% [markdown]
# ## Look at the images first
#
# The card tells what the data are, who made them, and what to beware of.

# %%
xray = mt.load("pneumoniamnist")
xray

# %% [markdown]
# The published split: models are chosen on `val`, and `test` is read once, at
# the very end. Mind the warning about the test images: they come from another
# source split than the validation images.

# %%
figures.gallery(xray)

# %% [markdown]
# Look at the two rows before you go on. What would *you* go by: the contrast
# between lung and heart, how sharp the ribs are, how white the lungs are?
#
# ## Train
#
# `build` makes the default CNN: three residual blocks at 28, 14 and 7 pixels,
# then the maximum over all places, since a finding counts wherever it is. Read
# it in `medtutor/models/cnn.py`; it fits on a screen.

# %%
model = mt.build("cnn", xray)
recipe = mt.default_recipe(xray.card)
recipe

# %% [markdown]
# The recipe ships with the package; `medtutor/training/recipes.toml` says how
# it was chosen. Images are mirrored left to right only because the label does
# not depend on the side: the images of the organ sets, where left and right
# kidney are two classes, are never mirrored.

# %%
run = mt.fit(model, xray, recipe)

# %%
figures.history(run)

# %% [markdown]
# ## Measure
#
# The area under the ROC curve (AUC) is the chance that a pneumonia image gets
# a higher score than a normal one. It does not depend on a threshold, and
# little on how frequent pneumonia is; accuracy depends on both. So read the
# AUC first.

# %%
print(run.val)
print(run.test)

# %% [markdown]
# Validation looks far better than test. That is not overfitting alone: the two
# splits are not drawn from the same pool (the test images are from a source
# split of their own). Who reports only validation numbers on this set reports
# too much.

# %%
figures.roc(run)

# %%
figures.confusion(run)

# %% [markdown]
# At a threshold of one half, the network errs mostly in one direction. Which
# error is worse, a missed pneumonia or a false alarm, is not a question for
# the network.
#
# ## Beside the published results

# %%
print(comparison_table(run))

# %%
figures.comparison(run)

# %% [markdown]
# The published ResNet-18 has 65 times as many parameters and was trained for
# 100 epochs. At 28 pixels and with a few thousand images, more parameters are
# not what is missing.
#
# What this does **not** show: one run is one seed, the interval covers the
# choice of test images only, and 624 small images are no clinical trial.
#
# ## The same on ultrasound
#
# BreastMNIST has 546 training images, a ninth of the X-rays, and 156 test
# images: one image is 0.64 points of accuracy.

# %%
ultrasound = mt.load("breastmnist")
figures.gallery(ultrasound)

# %%
breast_run = mt.fit(mt.build("cnn", ultrasound), ultrasound)
print(breast_run)

# %%
figures.confusion(breast_run)

# %%
print(comparison_table(breast_run))

# %%
figures.comparison(breast_run)

# %% [markdown]
# Look at the width of the interval: with 156 test images, most published
# differences on this set are smaller than what the choice of test images does.
#
# ## Key points
#
# - A network of 0.17 million parameters, trained in about a minute on two
#   processor cores, reaches or passes the published ResNet-18 at 28 pixels.
# - AUC first, with an interval; accuracy only together with the share of the
#   largest class.
# - Nothing was selected on the test split, which was read once.
#
# ## References
#
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
# - He K. et al., *Deep residual learning for image recognition*,
#   arXiv:1512.03385 (2015).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
