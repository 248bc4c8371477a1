# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Interpretability: why did the model say that?
#
# A heat map on an X-ray convinces almost everybody. This lesson asks what it
# takes for a map to deserve that: you put the truth into the images yourself,
# and see which methods find it, and which would have found it in a network
# that has learned nothing.
#
# **You will be able to**
# 1. compute saliency and integrated gradients yourself, and say what each of
#    eleven methods computes;
# 2. test a method on images whose truth is known, against an untrained
#    network, and not be fooled by a perfect hit rate;
# 3. do the two randomisation tests;
# 4. find a shortcut, with a clean model as control, and know why a map alone
#    does not;
# 5. say what explanations cannot show.
#
# About 60 minutes, of which the processor needs two to three.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray, 28 x 28 pixels, CC BY 4.0) with spots and markers planted by medtutor: **phantoms** |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |

# %%
import torch

import medtutor as mt
from medtutor import figures
from medtutor.course import Prediction, Quiz, check
from medtutor.data.planting import plant_marker, plant_spots
from medtutor.explanation import METHODS, agreement, cascade, methods_for
from medtutor.explanation import explain_batch, trust_table
from medtutor.explanation.trust import as_text
from medtutor.metrics import measure

# %% [markdown]
# ## Put the truth in
#
# On a real X-ray nobody knows which pixels *ought* to decide. So plant them:
# half of the images get a small bright spot at a random place, and the spot
# is the label.

# %%
xray = mt.load("pneumoniamnist")
spots = plant_spots(xray, "bright")
figures.gallery(spots, columns=6)

# %%
recipe = mt.default_recipe(
    spots.card, epochs=4, shift_at_test=0, optimiser="adamw"
)
run = mt.fit(mt.build("cnn", spots), spots, recipe)
run.test

# %% [markdown]
# The network tells spot from no spot. Whatever it goes by must be the spot:
# nothing else differs between the two classes.
#
# ## From the gradient up
#
# How much would the score change if a pixel changed a little? That is the
# gradient of the score with respect to the image. **Saliency** is its size.
# Explain the *logit* of the target class, not the probability.

# %%
def saliency(model, image, target):
    """model: (1, C, H, W) -> logits (1, K); image (C, H, W) -> same"""
    ### BEGIN SOLUTION
    image = image.clone().requires_grad_()
    model(image[None])[0, target].backward()
    return image.grad.abs()
    ### END SOLUTION

# %%
check.saliency(saliency)

# %% [markdown]
# A gradient looks at one point only. Where a score is saturated it is zero,
# although the pixel matters. **Integrated gradients** walks from a baseline (a
# black image, say) to the image, averages the gradient in the middle of each
# step, and multiplies by how far each pixel went.

# %%
def integrated_gradients(model, image, baseline, target, steps):
    """image, baseline (C, H, W) -> (C, H, W)"""
    ### BEGIN SOLUTION
    total = torch.zeros_like(image)
    for k in range(steps):
        way = (k + 0.5) / steps
        point = (baseline + way * (image - baseline)).requires_grad_()
        score = model(point[None])[0, target]
        total += torch.autograd.grad(score, point)[0]
    return total / steps * (image - baseline)
    ### END SOLUTION

# %%
check.integrated_gradients(integrated_gradients)

# %% [markdown]
# The values of integrated gradients add up to the change of the score from
# baseline to image: **completeness**. With few steps, only roughly.

# %%
ill = (spots.test.labels == 1).nonzero()[:32, 0]
images, evidence = spots.test.images[ill], spots.test.evidence[ill]
for steps in (8, 32, 256):
    one = mt.explain(run, images[0], "integrated_gradients", steps=steps)
    print(f"{steps:3} steps: sum {one.map.sum():.2f}, change of the score "
          f"{one.expected_sum:.2f}, {one.completeness_error:.1%} off")

# %% [markdown]
# ## Eleven methods, one image
#
# One call, one kind of answer, whichever method.

# %%
names = methods_for(run)  # a twelfth one needs attention: lesson 07
for name in names:
    print(f"{name}\n    {METHODS[name].computes}")

# %%
def draw(names, image, truth):
    maps = [mt.explain(run, image, name, target=1).map for name in names]
    return figures.images(
        [image[0], truth.float(), *maps], ["image", "truth", *names],
        "One image with a planted spot, the spot, and the maps of "
        f"{', '.join(names)}; red speaks for 'spot', blue against.",
        phantom=True,
    )


draw(names[:4], images[0], evidence[0])

# %%
draw(names[4:8], images[0], evidence[0])

# %%
draw(names[8:], images[0], evidence[0])

# %% [markdown]
# What to know of each before you trust it:
#
# ### Saliency
#
# The size of the gradient, so it has no sign. Where a score is saturated it is
# near zero, although the pixel matters.
#
# ### Input x gradient
#
# What is mid-grey gets nothing, whatever the network makes of it.
#
# ### Integrated gradients
#
# The baseline decides: from black, a dark pixel has gone no way and gets
# nothing. Look at the completeness; where it is poor, take more steps.
#
# ### SmoothGrad
#
# Saliency over noisy copies. How much noise is a choice: try another.
#
# ### GradientSHAP
#
# As integrated gradients, from random points: another seed, another map.
#
# ### DeepLIFT
#
# It compares with a baseline, as integrated gradients do, and shares their
# blindness. It needs layers that it has rules for, and refuses attention.
#
# ### Layer-wise relevance propagation
#
# The rule of each kind of layer is a choice: with others, another map.
#
# ### Grad-CAM
#
# As coarse as the feature maps of its layer, blown up to the image: what is
# smaller than one of their places has no place of its own.
#
# ### Guided backpropagation
#
# Crisp, and almost blind to what was learned: see the random weights below.
#
# ### Occlusion
#
# It asks the network itself, without gradients. The window decides what can be
# found, and what it is filled with may look like something, too.
#
# ### Kernel SHAP
#
# Patches, not pixels, and drawn at random: few samples make a noisy map.
#
# ### Attention rollout
#
# Of transformers only, and the same for every class: lesson 07.

# %% [markdown]
# ## Which of them found it?
#
# The **pointing game** asks whether the highest value of a map lies on the
# evidence. Guided backpropagation gives the crispest maps of all. Now take
# the same network with *random weights*: it cannot know what a spot is.

# %%
untrained = Prediction(
    "09/guided",
    "In what share of the images does guided backpropagation point to the "
    "spot when the network is untrained? (Chance is about 0.02.)",
    low=0.0, high=1.0, step=0.01,
)
untrained

# %%
table = trust_table(run, images, [1] * len(images), evidence, curves=4)
print(as_text(table))

# %%
untrained.reconcile(
    table["guided_backprop"]["hit untrained"],
    "Edges and bright pixels draw every gradient, learned or not. Only what "
    "the trained network hits beyond that is worth anything.",
)

# %% [markdown]
# Read the table by pairs: `hit` against `hit untrained`. The row of edges is a
# picture filter without any network. `deletion` (low is good) and `insertion`
# (high is good) ask the network itself: what happens when the pixels that the
# map calls important are taken away, or given back? They can be had on real
# images too, where no truth is known.
#
# That was one seed and bright spots, the easy case. Five seeds, and spots that
# are dark or differ in texture only, trained minus untrained:

# %%
from medtutor import review
from medtutor.review import pivot

found = review.read_evidence("explanations-find-planted-evidence")
kinds = [f"hit on {kind} spots" for kind in ("bright", "dark", "texture")]
print(pivot(found, kinds + ["mass"]))

# %% [markdown]
# Look along the rows. No method is best everywhere, and several of the most
# used ones are **blind to dark spots**: integrated gradients, GradientSHAP and
# DeepLIFT start here from a black image, and a pixel that is dark already has
# gone no way, so it gets nothing, whatever the network makes of it. (Lung
# disease is often white; a pneumothorax is dark.) Saliency, on texture, points
# to the spot less often than an untrained network does.
#
# A network trained anew is a new draw: wide intervals say that a method works
# on one of the five and fails on the next. The untrained network was one and
# the same in all five.
#
# The other scores, on the spots and on the plain X-rays. Deletion and insertion
# are differences from a random map:

# %%
others = ["deletion", "insertion", "similar all", "similar head"]
print(pivot(found, others))
print()
print("On the plain images:")
print(pivot(found, others, where=" on the plain images"))

# %% [markdown]
# ## Does the map hang on what was learned?
#
# Randomise the network, layer by layer from the last one down (Adebayo et al.
# 2018). A map that stays the same never showed what the upper layers learned.

# %%
chosen = ("saliency", "integrated_gradients", "guided_backprop")
falls = {
    name: [
        stage.similarity
        for stage in cascade(run, images[:8], name, target=1)
    ]
    for name in chosen
}

# %%
figures.curves(
    range(len(falls["saliency"])), falls,
    "layers randomised, from the head down", "similarity to the trained map",
    "Rank correlation with the trained network's map: " + "; ".join(
        f"{name} falls from 1 to {fall[1]:.2f} with the head random and "
        f"{fall[-1]:.2f} with all layers" for name, fall in falls.items()
    ),
    phantom=True,
)

# %% [markdown]
# Look at the first step, where only the head has become random: guided
# backpropagation hardly notices that what the network learned last is gone. Two
# tests are needed: all weights, and the head alone.
#
# ## A shortcut
#
# A hospital marks the films of its intensive care unit. Here, 95 % of the
# training images with pneumonia get a small white marker in the corner, and 5 %
# of the others. A second network, trained without markers, is the control.

# %%
marked = plant_marker(xray, 0.95)
plain = plant_marker(xray, None)
figures.gallery(marked, columns=6)

# %%
careful = recipe.but(shift=1.0, rotation=0.0, scale=0.0)
shortcut = mt.fit(mt.build("cnn", marked), marked, careful)
clean = mt.fit(mt.build("cnn", plain), plain, careful)

# %% [markdown]
# First the test that needs no explanation: change the marker, not the patient.

# %%
def auc_with(run, share):
    test = plant_marker(xray, share).test
    scores = run.predict(test.images)
    return measure(test.labels, scores, "binary", resamples=0).auc


shares = {"as in training": 0.95, "none": None, "turned round": 0.05}
for name, share in shares.items():
    print(f"marker {name:15} shortcut {auc_with(shortcut, share):.3f}"
          f"   clean {auc_with(clean, share):.3f}")

# %% [markdown]
# On images marked as in training, the shortcut looks like progress. Without
# the marker it still knows something of the disease: "it only saw the marker"
# would be wrong, too. And the clean network is not left in peace either: it has
# never seen a marker, and what it makes of one moves its scores.

# %%
reveal = Prediction(
    "09/reveal",
    "Grad-CAM is the method that papers show most. Does it point to the "
    "marker in most images of the shortcut network?",
    choices=["yes", "no"],
)
reveal

# %%
everywhere = plant_marker(xray, 1.0).test
ill = (everywhere.labels == 1).nonzero()[:32, 0]
images, corner = everywhere.images[ill], everywhere.evidence[ill]
fast = [name for name in names if METHODS[name].live]
tables = {
    name: trust_table(
        each, images, [1] * len(ill), corner, methods=fast, curves=1
    )
    for name, each in (("shortcut", shortcut), ("clean", clean))
}

# %%
print(f"{'points to the marker':22}{'shortcut':>9}{'clean':>7}")
for name in fast:
    hits = [tables[each][name]["hit"] for each in ("shortcut", "clean")]
    print(f"{name:22}{hits[0]:9.2f}{hits[1]:7.2f}")

# %%
reveal.reconcile(
    "yes" if tables["shortcut"]["grad_cam"]["hit"] > 0.5 else "no",
    "Its map has 7 x 7 places here, blown up to 28 x 28 pixels, and the "
    "marker covers less than one of them. A method that points to the marker "
    "in the clean network too would have raised a false alarm.",
)

# %% [markdown]
# ## Explore
#
# Choose an image, a method, its parameters; compare two methods; randomise the
# weights and see what stays; cover a region and watch the probability.

# %%
mt.explore(shortcut, marked)

# %% [markdown]
# ## Where it fails: real images
#
# On the plain X-rays no truth is known. What is left is to ask the methods
# whether they agree. Mean rank correlation over eight images:

# %%
eight = xray.test.images[ill[:8]]
maps = [explain_batch(clean, eight, name, target=1) for name in fast]
matrices = [agreement([m[i] for m in maps]) for i in range(len(eight))]
agreed = torch.stack(matrices).mean(0)
figures.matrix(
    agreed.tolist(), fast,
    "Agreement of the methods on real X-rays; the two that agree least "
    f"correlate by {agreed.min():.2f}.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# Explanations of the same answer of the same network, and many of them hardly
# agree. What explanations cannot show:
#
# - that the model is **right**: a crisp map on a wrong answer is as crisp;
# - that it uses **nothing else**: a map shows where, not what; a shortcut in
#   the texture of the whole image has no place to point to;
# - what it **would do** elsewhere: only other images show that.
#
# **Reporting.** CLAIM 2024 (44 items, for AI in imaging) and TRIPOD+AI (27
# items, for prediction models) are the checklists to follow when a model is
# published. For explanations, name the method, its baseline or layer and its
# parameters, the images and how they were chosen, a control (an untrained and
# a clean network), and what would have made you doubt the map.
#
# ## What the review says and what we measured
#
# The review counts interpretability among the challenges, and explainability
# among the directions to go. Three sentences were made testable, each with a
# rule written down before the evidence; five seeds each.

# %%
review.claim("explanations-find-planted-evidence")

# %%
review.claim("explanations-change-when-randomised")

# %%
review.claim("explanations-reveal-a-shortcut")

# %% [markdown]
# The last answer is the one to remember. With one seed, further up, some of
# the methods seem to reveal the shortcut beyond doubt; which ones, another seed
# or another machine decides anew. With five seeds, the clean network's maps point
# to the marker so often, in some of them, that nobody can tell: inconclusive. And
# two methods could hardly have passed: the card says which, and why.
#
# ## Exercises without a check
#
# 1. Plant dark spots, train, and draw the maps again. Which methods turn
#    blue, and why?
# 2. Let integrated gradients start from a blurred image (`baseline="blurred"`).
#    What becomes of the hits, and of the completeness?
# 3. In the explorer, cover the marker with a grey square. By how much does the
#    probability fall, in the shortcut network and in the clean one?
#
# ## Quiz

# %%
Quiz("09_interpretability")

# %% [markdown]
# ## Key points
#
# - A method is tested where the truth is known, and always beside the same
#   network untrained: a perfect hit rate alone proves nothing.
# - Randomise all weights, and the head alone; do both.
# - A shortcut is found by changing it. A map needs a clean network as control.
# - No explanation shows that a model is right.
#
# ## References
#
# - Adebayo J. et al., *Sanity checks for saliency maps*, arXiv:1810.03292
#   (2018).
# - Collins G. S. et al., *TRIPOD+AI*, BMJ 385:e078378 (2024).
# - Selvaraju R. R. et al., *Grad-CAM*, ICCV 2017, 618-626.
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
# - Simonyan K. et al., *Deep inside convolutional networks*, arXiv:1312.6034
#   (2013).
# - Sundararajan M. et al., *Axiomatic attribution for deep networks*,
#   arXiv:1703.01365 (2017).
# - Tejani A. S. et al., *Checklist for Artificial Intelligence in Medical
#   Imaging (CLAIM): 2024 update*, Radiology: Artificial Intelligence
#   6(4):e240300 (2024).
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
