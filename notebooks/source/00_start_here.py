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
# nine families of technique, and the challenges that hold them back. A review
# tells you what others found. This course lets you find it yourself: you train
# each family on real images in a few minutes, look inside, and see which of
# the claims hold at this scale.
#
# **You will be able to**
# 1. say which families there are, and where in this course each one is;
# 2. look at what the four kinds of images look like, and at what to beware of
#    in each data set;
# 3. use a lesson: predict, run, reconcile, check, quiz;
# 4. tell a real image from a phantom, and a result from a claim.
#
# About 15 minutes, nothing to train. You need Python, a little PyTorch, and no
# medicine.
#
# | | |
# |---|---|
# | Images | MedMNIST, CC BY 4.0 (DermaMNIST CC BY-NC 4.0), and phantoms drawn by medtutor |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |

# %%
import medtutor as mt
from medtutor import explorers, figures
from medtutor.course import Prediction, Quiz, check

# %% [markdown]
# ## The map
#
# The nine families of the review's abstract, and the questions that the
# lessons ask of them. Lessons without a link are still to be written.
#
# | family | what it is for | lesson |
# |---|---|---|
# | CNN, classification | which disease? | [01](01_cnn_classification.ipynb) |
# | CNN, segmentation | which pixels? | 02 |
# | U-Net | which pixels, sharply? | 03 |
# | RNN | what changes over time? | 04 |
# | autoencoder | what is in an image, without labels? | 05 |
# | GAN, synthesis | can new images be made? | 06 |
# | GAN, augmentation | do they help to train others? | 06 |
# | vision transformer | what belongs together across the image? | 07 |
# | hybrid | are two families better than one? | 08 |
#
# | challenge | question | lesson |
# |---|---|---|
# | interpretability | why did the model say that? | [09](09_interpretability.ipynb) |
# | few images, overfitting | what if there are only a hundred? | 10 |
# | trust, privacy, ethics | for whom does it work, and what does it give away? | 11 to 13 |
# | computation | how small, how fast? | 14 |
# | clinical integration | how does it get into a hospital? | 15 |
# | all of them | which claims hold? | 16 |
#
# ## The images
#
# The review names four kinds: X-ray, ultrasound, CT and MRI. Choose a set, a
# split and a class. Every set on your disk is there; where a set is not, a
# **phantom** may stand in, and says so.

# %%
explorers.gallery()

# %% [markdown]
# Look for what makes two classes different, and for what makes all images of a
# set alike: a network will find both.
#
# Each set has a **card**, and the cards are worth reading.

# %%
xray = mt.load("pneumoniamnist")
xray

# %% [markdown]
# ## Phantoms
#
# A phantom is an image that medtutor draws. No patient is behind it, and for
# that very reason it is an instrument: only where the truth is known can an
# explanation or an outline be checked against it.

# %%
phantom = mt.load("pneumoniamnist", source="phantom")
figures.gallery(phantom, columns=6)

# %%
ill = phantom.test.labels == 1
image = phantom.test.images[ill][0, 0]
evidence = phantom.test.evidence[ill][0].float()
figures.images(
    [image, evidence], ["phantom", "what makes it ill"],
    "A phantom of a chest X-ray, and the pixels that make it ill, in red.",
    phantom=True,
)

# %% [markdown]
# Results on phantoms never stand beside published ones, and nothing is
# learned from them about patients.
#
# ## How a lesson works
#
# **Predict.** Before a run you commit a guess. Nobody sees it; it is kept on
# your machine. Whoever has said a number aloud is surprised by the right one,
# and remembers it.

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
# function on random inputs. It tells you what is not right yet, but not the
# solution; any code that gives the right numbers passes: loops, NumPy, SciPy.
# (Where a lesson says "stay in PyTorch", the gradients are compared, too.) A
# cell that you leave as it is stops nothing. (Solutions are in the folder
# `solutions`.)

# %%
def accuracy_of_the_commonest(labels):
    """labels (N,) whole numbers -> accuracy of calling all the commonest"""
    ### BEGIN SOLUTION
    return labels.bincount().max() / len(labels)
    ### END SOLUTION

# %%
check.accuracy_of_the_commonest(accuracy_of_the_commonest)

# %% [markdown]
# **Run, and reconcile.** What came out, beside what you said, and why.

# %%
share = (xray.test.labels == 1).double().mean().item()
commonest.reconcile(
    share,
    "So many of the test images show pneumonia. An accuracy means nothing "
    "until you know this floor; the AUC of calling all alike is one half.",
)

# %% [markdown]
# **Explore.** Each lesson has a widget like the gallery above. All of them
# work by keyboard: Tab moves between controls, arrow keys move a slider.
#
# **Quiz.** Each answer has feedback, wrong ones above all.

# %%
Quiz("00_start_here")

# %% [markdown]
# ## Where results come from
#
# - **A run** is one training: model, recipe, seed. Its numbers come with an
#   interval over the test images. Another seed gives other numbers.
# - **Published results** are shown beside a run on the same images at the same
#   size, each with its source.
# - **A claim** is a question of ours that a sentence of the review raises. Its
#   rule is written down before the evidence, and one of five answers follows
#   from both by code: supported, contradicted, no difference larger than the
#   margin, inconclusive, not testable here. A negative result is a result;
#   "nobody can tell from this" is not one.
#
# `medtutor trial list`, in a terminal, shows all claims with their answers.
#
# ## Key points
#
# - The course runs the review: nine families, seven challenges, real images.
# - Predict, run, reconcile; checks and quizzes tell what was not understood.
# - Phantoms say that they are phantoms. Test images are read once.
#
# ## References
#
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025).
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
