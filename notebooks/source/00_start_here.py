# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here: run the review
#
# In 2025 Shobayo and Saatchi reviewed how deep learning reads medical images:
# the techniques, and the challenges that hold them back. A review tells you
# what others found. This course lets you try it yourself: you train each kind
# of network on real images in a few minutes, look inside, and see what holds
# at this small scale.
#
# **You will be able to**
# 1. train a network, and say what its accuracy is worth;
# 2. describe the four imaging modalities, and name one pitfall of each data
#    set;
# 3. use a lesson: predict, run, reconcile, check, quiz;
# 4. say which techniques there are, and where in this course each one is;
# 5. tell a real image from a phantom, and a result from a claim.
#
# About 30 minutes. You need Python, a little PyTorch, and no medicine.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST and BreastMNIST, CC BY 4.0; hippocampus (Medical Segmentation Decathlon), CC BY-SA 4.0; one CT slice that the package pydicom ships for its tests (pydicom is under an MIT license and names no other for this file); phantoms drawn by medtutor |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023); Antonelli et al., Nature Communications 13:4128 (2022); pydicom's `CT_small.dcm` |
# | Use | for teaching and research; **not for clinical use** |

# %%
import torch

import medtutor as mt
from medtutor import explorers, figures
from medtutor.course import Prediction, Quiz, check, course_map, glossary

# %% [markdown]
# ## A network in twenty seconds
#
# Chest X-rays of children, shrunk to 28 x 28 pixels. Some show pneumonia.

# %%
xray = mt.load("pneumoniamnist")
figures.gallery(xray)

# %% [markdown]
# Three lines train a network to tell the two apart. How it works comes in
# lesson 01. **Three epochs** means that it sees each training image three
# times.

# %%
network = mt.build("cnn", xray)
run = mt.fit(network, xray, mt.Recipe(epochs=3))
print(run)

# %% [markdown]
# The images are in three parts. The network learns from `train`. `val`, the
# **validation split**, is for our choices. `test` is read once, at the end of
# the training, and nothing is chosen on it.
#
# ACC is the **accuracy**: the share of images that are classified correctly.
# In brackets stands its 95 % interval; n is the number of images.
# Is that number good? You cannot say before you know what is easy.
#
# ## How a lesson works
#
# **Predict.** Before you see a result you commit a guess. Nobody else sees it;
# it is kept on your machine. If you commit to a number first, a wrong guess
# will surprise you, and you will remember the answer.

# %%
commonest = Prediction(
    "00/commonest",
    "A program calls every test image of PneumoniaMNIST 'pneumonia', without "
    "looking. What is its accuracy?",
    low=0.0, high=1.0, step=0.01,
)
commonest

# %% [markdown]
# **Write.** Where a cell has three dots, you write. The check tries your
# function on random inputs and tells you what is not right yet, but not the
# solution. Any code that gives the right numbers passes: loops, NumPy, SciPy.
# You may leave the dots; the rest of the lesson still runs. Solutions are in
# the folder `solutions`.

# %%
def accuracy_of_the_commonest(labels):
    """labels (N,) whole numbers -> accuracy of calling all the commonest"""
    ### BEGIN SOLUTION
    return labels.bincount().max() / len(labels)
    ### END SOLUTION

# %%
check.accuracy_of_the_commonest(accuracy_of_the_commonest)

# %% [markdown]
# **Run, and reconcile.** The result beside your guess, and the reason. (The
# result is folded until you have guessed.)

# %%
share = (xray.test.labels == 1).double().mean().item()
commonest.reconcile(
    share,
    "So many of the test images show pneumonia. This is the floor: read every "
    "accuracy beside it.",
)

# %% [markdown]
# Such a simple method is a **baseline**. Our network is better than this one.
# AUC, the other number, does not depend on how common a class is: it is 0.5
# for a program that calls all images the same, and 1 where every image with
# pneumonia gets a higher score than every normal one.
#
# **Explore.** Most lessons have a widget, such as the gallery below. All of
# them work by keyboard: Tab moves between controls, arrow keys move a slider.
#
# ## The map
#
# Every lesson that is there has a link, and shows how far you have come.

# %%
course_map()

# %% [markdown]
# Read lesson 01 first; most others build on it. If you have little time, take
# 01, 03 and 09.
#
# ## What the review says, and what it does not
#
# Its abstract names seven families of technique in nine uses: convolutional
# networks for classification and for segmentation, recurrent networks for
# time, autoencoders for features, generative adversarial networks for making
# images and for augmentation, U-Net for segmentation, vision transformers for
# global features, and hybrids. It names four modalities: X-ray, ultrasound, CT
# and MRI. And it names what holds the field back: too little data, networks
# that nobody can interpret, overfitting, computation; trust, privacy, ethics.
#
# The abstract does **not** say that one family is better than another, and it
# gives no numbers. We have read the abstract and the first section, not the
# rest. So the questions in this course are ours: a sentence of the review
# raises them, and the answer is about our small experiment.
#
# ## The images
#
# One real image of each modality. The hippocampus is a small part of the brain.

# %%
import pydicom
from pydicom.data import get_testdata_file

ct = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
hounsfield = torch.tensor(ct.pixel_array * 1.0) + ct.RescaleIntercept


def window(values, low, high):
    """Hounsfield units -> grey: black below low, white above high."""
    grey = (values - low) / (high - low) * 255
    return grey.clamp(0, 255).to(torch.uint8)

# %%
ultrasound, brain = mt.load("breastmnist"), mt.load("hippocampus")
figures.images(
    [
        xray.train.images[1], ultrasound.train.images[0],
        brain.train.images[24],
        window(hounsfield, -1000, 1000), window(hounsfield, -160, 240),
    ],
    ["X-ray", "ultrasound", "MRI", "CT, all of it", "CT, soft tissue"],
    "An X-ray of a chest, an ultrasound image of a breast, an MRI slice "
    "around the hippocampus, and a CT slice of a vertebra and the muscles of "
    "the back, in two windows.",
    phantom=any(each.is_phantom for each in (xray, ultrasound, brain)),
)

# %% [markdown]
# | modality | a pixel is | pitfall, and where you meet it |
# |---|---|---|
# | X-ray | the shadow of all that lies behind each other | children of one hospital; validation looks better than test (01) |
# | ultrasound | the strength of an echo | a third of the test images are near-copies of training images (01) |
# | MRI | a signal without a fixed scale | a crop: the hippocampus is always in the middle, so its place alone says much (02) |
# | CT | how much X-ray a small cube absorbs, in Hounsfield units: air -1000, water 0 | the same slice looks different in each **window** of grey, as above; organs have a side, so mirroring changes the label |
#
# Two more sets, AdrenalMNIST3D and VesselMNIST3D, hold shapes only: every
# voxel is black or white.
#
# The gallery has every data set that the package knows. Where a set is not on
# your disk, a drawn **phantom** may stand in, and says so; otherwise you see
# its card (what it is, its source, its license) and the command that gets it.
# `medtutor data fetch organamnist` brings 58,830 CT slices of organs. Choose a
# set, a split and a class. What makes two classes different? And what do all
# images of a set have in common? A network will find both.

# %%
explorers.gallery()

# %% [markdown]
# ## Phantoms
#
# A phantom is an image that medtutor draws. No patient is behind it, and for
# that very reason it is useful: only where the truth is known can an
# explanation or an outline be checked against it.

# %%
phantom = mt.load("pneumoniamnist", source="phantom")
ill = phantom.test.labels == 1
image = phantom.test.images[ill][0, 0]
evidence = phantom.test.evidence[ill][0].float()
figures.images(
    [image, evidence], ["phantom", "what makes it ill"],
    "A phantom of a chest X-ray, and the pixels that make it ill, in red.",
    phantom=True,
)

# %% [markdown]
# Results on phantoms never stand beside published ones, and say nothing about
# patients.
#
# ## Where results come from
#
# - **A run** is one training: model, **hyperparameters** (we call them the
#   recipe), **seed** (the number that the random choices begin with). Its results
#   come with an interval over the test images. Another seed gives other results.
# - **Published results** are shown beside a run on the same images at the same
#   size, each with its source.
# - **A claim** is a question of ours that a sentence of the review raises. Its
#   rule is written down before the evidence, and one of five answers follows
#   from both by code: supported, contradicted, no difference larger than the
#   margin, inconclusive, not testable here. The margin is the smallest
#   difference that counts. A negative result is a result; "we could not tell" is
#   not one.
#
# `medtutor trial list`, in a terminal, shows all claims with their answers.
#
# ## Quiz
#
# Each answer has feedback, wrong ones above all.

# %%
Quiz("00_start_here")

# %% [markdown]
# ## How to cite
#
# Cite the review (below), the data sets that you used (each card names its
# source), and the course: *The medtutor contributors, medtutor: run the
# review*, version 0.1.0; `CITATION.cff` in its repository has all three.
#
# ## Key points
#
# - Read an accuracy beside the share of the commonest class.
# - Nothing is chosen on the test split.
# - The abstract names seven families in nine uses, and ranks none of them.
# - Each modality, and each data set, has pitfalls of its own: read the card.
# - Phantoms say that they are phantoms.
#
# ## References
#
# - Antonelli M. et al., *The Medical Segmentation Decathlon*, Nature
#   Communications 13:4128 (2022).
#   [doi:10.1038/s41467-022-30695-9](https://doi.org/10.1038/s41467-022-30695-9)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025).
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
#
# ## Glossary
#
# The field's terms as this course uses them. In the lessons a term in bold
# links here.

# %%
glossary()
