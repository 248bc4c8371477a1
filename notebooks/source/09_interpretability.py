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
# 1. say what twelve methods compute, and write three of them yourself;
# 2. test a method on images whose truth is known, beside an untrained network
#    and with the best score that it can reach;
# 3. do the two randomisation tests;
# 4. find a shortcut, with a fair control, and know why a map alone does not;
# 5. say what explanations cannot show.
#
# About 70 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first; for attention rollout
# [lesson 07](07_vision_transformers.ipynb), too.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children, 28 x 28 pixels, CC BY 4.0) with spots and markers planted by medtutor: **phantoms** |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |

# %%
import torch
import torch.nn.functional as F

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data.planting import plant_marker, plant_spots
from medtutor.data.subsets import labelled
from medtutor.explanation import METHODS, agreement, cascade, methods_for
from medtutor.explanation import explain_batch, pointing_game, trust_table
from medtutor.metrics import measure
from medtutor.reports import Table, methods_table

# %% [markdown]
# ## Put the truth in
#
# On a real X-ray nobody knows which pixels *ought* to decide. So plant them:
# half of the images get a small bright spot at a random place, and the spot
# is the label. Its place is the **ground truth**.

# %%
xray = mt.load("pneumoniamnist")
spots = plant_spots(xray, "bright")
figures.gallery(spots, columns=6)

# %%
recipe = mt.default_recipe(
    spots.card, epochs=4, shift_at_test=0, optimiser="adamw"
)
run = mt.fit(mt.build("cnn", spots), spots, recipe)
print(f"PHANTOM, test AUC {run.test.auc:.3f}")

# %% [markdown]
# Whatever the network uses must be the spot: nothing else differs between the two
# classes. One image and its spot will be explained by every method. An explanation of
# this kind is an **attribution**: a number for each pixel $x_i$, about one score $f$.
# Explain the **logit** of the class, not its probability, which also falls when
# another class rises.

# %%
ill = (spots.val.labels == 1).nonzero()[:32, 0]
images, evidence = spots.val.images[ill], spots.val.evidence[ill]


def show(method, run=run, image=images[0], truth=evidence[0]):
    found = mt.explain(run, image, method, target=1)
    return figures.images(
        [image[0], truth.float(), found.map], ["image", "truth", method],
        f"An X-ray with a planted spot, the spot, and the map of "
        f"{found.title}: red speaks for 'spot', blue against.", phantom=True,
    )

# %% [markdown]
# ## From the gradient up
#
# ### Saliency
#
# How much would the score change if a pixel changed a little? That is the gradient
# of the score with respect to the image. **Saliency** is its size (Simonyan et al.
# 2013), so it has no sign. Where a score is saturated it is near zero, although the
# pixel matters.
#
# $$S_i = \left|\frac{\partial f}{\partial x_i}(x)\right|$$

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

# %%
show("saliency")

# %% [markdown]
# ### Input x gradient
#
# How much did the pixel itself add, if the network were linear (Shrikumar et al.
# 2016)? It has a sign. The network sees pixels from -1 (black) to 1 (white), so what
# is mid-grey gets nothing, whatever the network makes of it.
#
# $$A_i = x_i\,\frac{\partial f}{\partial x_i}(x)$$

# %%
show("input_x_gradient")

# %% [markdown]
# ### Integrated gradients
#
# Walk from a **baseline** $b$ (a black image, say) to the image, average the gradient
# on the way, and multiply by how far each pixel went (Sundararajan et al. 2017). The
# values add up to $f(x) - f(b)$: **completeness**. The baseline decides: from
# black, a dark pixel has gone no way and gets nothing.
#
# $$A_i = (x_i - b_i) \int_0^1 \frac{\partial f}{\partial x_i}\bigl(b + t\,(x - b)\bigr)\,dt$$
#
# Write it as a mean over steps, with the gradient in the middle of each.

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

# %%
for steps in (8, 32, 256):
    one = mt.explain(run, images[0], "integrated_gradients", steps=steps)
    print(f"{steps:3} steps: sum {one.map.sum():.2f}, change of the score "
          f"{one.expected_sum:.2f}, {one.completeness_error:.1%} off")
show("integrated_gradients")

# %% [markdown]
# Here 32 steps are enough.
#
# ### SmoothGrad
#
# Gradients of a network are noisy from pixel to pixel. So average them over copies
# of the image with noise $\varepsilon_k$ (Smilkov et al. 2017). How much noise is a
# choice: with another, another map.
#
# $$A_i = \left|\frac1n \sum_{k=1}^n \frac{\partial f}{\partial x_i}(x + \varepsilon_k)\right|, \qquad \varepsilon_k \sim \mathcal N(0, \sigma^2)$$

# %%
show("smoothgrad")

# %% [markdown]
# ### Guided backpropagation
#
# A gradient whose negative part is cut off at each ReLU on the way back, where $g$ is
# what arrives and $a$ the ReLU's input (Springenberg et al. 2014). Its maps are the
# crispest of all. It is no gradient of the score any more, and you will see the price.
#
# $$g_{\text{below}} = [a > 0]\,\max(g, 0)$$

# %%
show("guided_backprop")

# %% [markdown]
# ## Against a baseline
#
# ### GradientSHAP
#
# Integrated gradients from random points: a random place $t$ on the way from the
# baseline to a noisy copy of the image (Lundberg & Lee 2017). On average it is near
# **Shapley values**, if pixels are independent and the network is nearly linear.
# Another seed gives another map.
#
# $$A_i = \mathbb E_{t,\varepsilon}\left[(x_i + \varepsilon_i - b_i)\,\frac{\partial f}{\partial x_i}\bigl(b + t\,(x + \varepsilon - b)\bigr)\right]$$

# %%
show("gradient_shap")

# %% [markdown]
# ### DeepLIFT
#
# Backpropagation with differences for derivatives: at each non-linearity, how far its
# output $y$ moved from that on the baseline, over how far its input moved (Shrikumar
# et al. 2017, the rescale rule). Two passes in place of many, and complete, too. Like
# integrated gradients, it gives nothing to what equals the baseline; and it refuses
# layers that it has no rule for, such as attention.
#
# $$m = \frac{y(x) - y(b)}{x - b} \ \text{ in place of } \ \frac{dy}{dx}$$

# %%
show("deep_lift")

# %% [markdown]
# ### Kernel SHAP
#
# What does a patch add, on average over all orders in which the patches may appear?
# That is its **Shapley value** $\phi_i$, where $S$ runs over the sets of other patches
# and $f(S)$ is the score with all but $S$ covered (Lundberg & Lee 2017). Of the $2^n$
# sets of $n = 49$ patches, 200 are drawn and $\phi$ is fitted: patches, not pixels,
# and a noisy map.
#
# $$\phi_i = \sum_{S \not\ni i} \frac{|S|!\,(n - |S| - 1)!}{n!}\,\bigl(f(S \cup \{i\}) - f(S)\bigr)$$

# %%
show("kernel_shap")

# %% [markdown]
# ### Occlusion
#
# Cover a window $w$ and see how far the score falls (Zeiler & Fergus 2014); a pixel
# gets the mean over all windows that hold it. No gradients: it asks the network
# itself. The size of the window decides what can be found, and what it is filled with
# may look like something, too.
#
# $$A_i = \operatorname*{mean}_{w \ni i}\ \bigl(f(x) - f(x \text{ with } w \text{ covered})\bigr)$$

# %%
show("occlusion")

# %% [markdown]
# ## Inside the network
#
# ### Layer-wise relevance propagation
#
# The score is shared out backwards, layer by layer: each unit $j$ divides its
# relevance $R_j$ among its inputs, by what they added to it, $z_{ij} = x_i w_{ij}$ (Bach
# et al. 2015). The rule is a choice for each kind of layer. With the first rule,
# epsilon, biases and $\epsilon$ keep a share, and the map does *not* add up to the
# score. Here most layers have the z-plus rule, biases get nothing, and it does
# (Kohlbrenner et al. 2019).
#
# $$\text{epsilon: } R_i = \sum_j \frac{z_{ij}}{\sum_k z_{kj} + b_j \pm \epsilon} R_j \qquad \text{z-plus: } R_i = \sum_j \frac{\max(z_{ij}, 0)}{\sum_k \max(z_{kj}, 0)} R_j$$

# %%
show("lrp")

# %% [markdown]
# ### Grad-CAM
#
# The feature maps $A^k$ of the last convolution, each weighted by its mean gradient,
# and the negative part cut off (Selvaraju et al. 2017). The map is as coarse as that
# layer, here 7 x 7 places, and then upsampled: what is smaller than a place has no
# place of its own.
#
# $$M = \max\Bigl(\sum_k \alpha_k A^k,\ 0\Bigr), \qquad \alpha_k = \operatorname*{mean}_{u,v} \frac{\partial f}{\partial A^k_{uv}}$$

# %%
show("grad_cam")

# %% [markdown]
# ### Attention rollout
#
# For transformers only (Abnar & Zuidema 2020). An attention weight says *from where*
# numbers were taken. But from the second block on, a token is no longer its own patch:
# it holds what it has gathered. So multiply the blocks. A block *adds* what it gathers
# to what was there: take one half of its weights $\bar A_l$, the mean over heads, and
# one half of "stays where it is", the identity $I$. Row $i$ of the product says how
# much of each patch has reached token $i$.
#
# $$R = \tilde A_L \cdots \tilde A_2\,\tilde A_1, \qquad \tilde A_l = \tfrac12\,(\bar A_l + I)$$

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
# Rollout never looks at the classifier: it draws the same map for every class. A ViT
# learns spots late (lesson 07), so this one learns pneumonia first:

# %%
quick = mt.default_recipe(xray.card, "vit", epochs=4, shift_at_test=0)
first = mt.fit(mt.build("vit", xray), xray, quick)

# %%
vit = mt.fit(first.model, spots, quick)
print(f"PHANTOM, test AUC {vit.test.auc:.3f}")
show("attention_rollout", vit)

# %% [markdown]
# ## Which of them found it?
#
# The **pointing game** (Zhang et al. 2016) asks whether the highest value of a map
# lies on the evidence, a *hit*; where $k$ pixels are equally high, each counts $1/k$.
# `mass` is the share of the positive attribution that lies there. Now take the same
# network with *random weights*: it cannot know what a spot is.

# %%
untrained = Prediction(
    "09/guided",
    "In what share of the images does guided backpropagation point to the "
    "spot when the network is untrained? (Chance is about 0.02.)",
    low=0.0, high=1.0, step=0.01,
)
untrained

# %%
others = [name for name in methods_for(run) if name != "rise"]  # a bonus
table = trust_table(run, images, [1] * len(images), evidence,
                    methods=others, curves=4)
methods_table(table, "32 images with a bright spot", phantom=True)

# %%
untrained.reconcile(
    table["guided_backprop"]["hit untrained"],
    "Edges and bright pixels attract the gradient of any network, learned or "
    "not. Only what the trained network hits beyond that can be learned.",
)

# %% [markdown]
# Read the table by pairs: `hit` against `hit untrained`. The row of edges is a
# picture filter without any network. **Deletion** (low is good) and **insertion**
# (high is good; Petsiuk et al. 2018) ask the network itself: how does its answer change
# when the pixels that the map calls important are taken away, or given back? They
# work on real images, too, where no truth is known.
#
# That was one seed and bright spots, the easy case. Five seeds, with spots that are
# dark or differ in texture only; the share of hits, trained minus untrained:

# %%
found = review.read_evidence("explanations-find-planted-evidence")
kinds = [f"hit on {kind} spots" for kind in ("bright", "dark", "texture")]
review.pivot(found, kinds + ["mass"])

# %% [markdown]
# Look along the rows: no method is best everywhere. Those that start from a black
# image, integrated gradients, GradientSHAP and DeepLIFT, are **blind to dark spots**.
# A pixel that is dark already has gone no way. Guided backpropagation misses them,
# too. (Lung disease is often white; a pneumothorax is dark.) A wide interval says that
# a method works on one training and fails on the next.
#
# ## Does the map hang on what was learned?
#
# Randomise the network, layer by layer from the last one down (Adebayo et al.
# 2018). A map that stays the same never showed what those layers had learned.

# %%
chosen = ("saliency", "integrated_gradients", "guided_backprop")
falls = {
    name: [stage.similarity
           for stage in cascade(run, images[:8], name, target=1)]
    for name in chosen
}
figures.curves(
    range(len(falls["saliency"])), falls,
    "layers randomised, from the head down", "similarity to the trained map",
    "Rank correlation with the trained network's map.", phantom=True,
)

# %% [markdown]
# Look at the first step, where only the head has become random: the network no
# longer tells the classes apart, and the map of guided backpropagation changes least.
# Two tests are needed: all weights, and the head alone (`similar all`, `similar head`
# in the table).
#
# ## A shortcut
#
# A hospital marks the films of its intensive care unit. Here, 95 % of the training
# images with pneumonia get a small white marker in the corner, and 5 % of the others:
# a **confounder**. What is the control? A network that has *never* seen a marker would
# find it strange, and a map might point to it for that alone. So the control sees
# markers, too, in half of the images of each class: they say nothing.

# %%
half = labelled(xray, 0.5, seed=0)  # half of the training images will do
marked, mixed = plant_marker(half, 0.95), plant_marker(half, 0.5)
figures.gallery(marked, columns=6)

# %%
careful = recipe.but(shift=1.0, rotation=0.0, scale=0.0, epochs=6)
networks = {
    name: mt.fit(mt.build("cnn", seen), seen, careful)
    for name, seen in {"shortcut": marked, "control": mixed}.items()
}

# %% [markdown]
# First the test that needs no explanation: change the marker, not the patient.

# %%
def auc_with(run, share):
    val = plant_marker(xray, share).val
    scores = run.predict(val.images)
    return measure(val.labels, scores, "binary", resamples=0).auc


shares = {"as in training": 0.95, "none": None, "reversed": 0.05}
rows = [[marker, *(auc_with(each, share) for each in networks.values())]
        for marker, share in shares.items()]
Table(["marker", *networks], rows, "AUC on validation", phantom=True)

# %% [markdown]
# On images marked as in training, the shortcut looks like progress. Without the marker
# the network still knows the disease well: "it only saw the marker" would be wrong,
# too.

# %%
reveal = Prediction(
    "09/reveal",
    "Grad-CAM is the method that papers show most. Does it point to the "
    "marker in most images of the shortcut network?",
    choices=["yes", "no"],
)
reveal

# %%
everywhere = plant_marker(xray, 1.0).val
ill = (everywhere.labels == 1).nonzero()[:32, 0]
films, corner = everywhere.images[ill], everywhere.evidence[ill]
fast = [name for name in methods_for(run) if METHODS[name].live]


def hits(run, method):
    """The share of maps whose highest value lies on the marker"""
    maps = explain_batch(run, films, method, target=1)
    return sum(map(pointing_game, maps, corner)) / len(films)


pointed = {name: [hits(each, name) for each in networks.values()]
           for name in fast}

# %% [markdown]
# What could a method score at best? A map of 7 x 7 places that is upsampled has
# several highest pixels, and where the evidence holds only some of them, even a
# perfect map shares its hit. That **ceiling** is known before any training:

# %%
def ceiling(cells, mode):
    """The best score of a map that has one highest place"""
    grids = torch.eye(cells**2).view(-1, 1, cells, cells)
    maps = F.interpolate(grids, size=(28, 28), mode=mode)[:, 0]
    return max(pointing_game(each, corner[0]) for each in maps)


best = dict.fromkeys(fast, 1.0) | {"grad_cam": ceiling(7, "bilinear")}
rows = [[name, *(f"{share:.2f}" for share in (*pointed[name], best[name]))]
        for name in fast]
head = ["points to the marker", *networks, "at best"]
Table(head, rows, phantom=True)

# %%
reveal.reconcile(
    "yes" if pointed["grad_cam"][0] > 0.5 else "no",
    "Its map has 7 x 7 places, and it cannot score more than "
    f"{best['grad_cam']:.2f} here: a low score says little. A method that "
    "points to the marker in the control, too, raises a false alarm.",
)

# %% [markdown]
# ## Explore
#
# Compare two methods; randomise the weights and see what stays; cover a region
# and watch the probability.

# %%
mt.explore(networks["shortcut"], marked)

# %% [markdown]
# ## Where it fails: real images
#
# On plain X-rays no truth is known. What is left is to ask the methods whether they
# agree. Mean rank correlation over eight images, of the control network:

# %%
eight = xray.val.images[ill[:8]]
maps = [explain_batch(networks["control"], eight, name, target=1)
        for name in fast]
matrices = [agreement([m[i] for m in maps]) for i in range(len(eight))]
agreed = torch.stack(matrices).mean(0)
figures.matrix(
    agreed.tolist(), fast, "Agreement of the methods on X-rays.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# All explain the same answer of the same network, and many hardly agree. What
# explanations cannot show:
#
# - that the model is **right**: a crisp map on a wrong answer is as crisp;
# - that it uses **nothing else**: a map shows where, not what; a shortcut in
#   the texture of the whole image has no place to point to;
# - what it **would do** elsewhere: only other images show that.
#
# **Reporting.** CLAIM 2024 (44 items, for AI in imaging) and TRIPOD+AI (27 items, for
# prediction models) are the checklists. Name the method, its baseline or layer
# and parameters, how the images were chosen, a control, and what would have made you
# doubt the map.
#
# ## Explanations that are not maps
#
# **Concepts.** TCAV (Kim et al. 2018) asks whether something that people have a word
# for matters to a class. From images with and without the concept, a linear
# classifier on the activations $a$ of one layer gives a direction $v$; the score is
# the share of images of the class whose logit rises along it,
# $\nabla_a f \cdot v > 0$. It needs examples of each concept, and random examples as a
# control.
#
# **Counterfactuals** ask what would have to be different for another answer: the
# smallest change $x'$ of the input, $\min_{x'}\ \lambda\,(f(x') - y')^2 + d(x, x')$ (Wachter et
# al. 2018). On pixels the smallest change is noise that nobody sees, so images are
# changed through a generative model (lessons 05, 06). What changes is then what *that*
# model has learned.
#
# ## What the review says and what we measured
#
# The review counts interpretability and trust among the challenges, and explainability
# among the future directions. Three questions, each with a rule and one method that
# decides:

# %%
review.claim("explanations-find-planted-evidence")

# %%
review.claim("explanations-change-when-randomised")

# %%
review.claim("explanations-reveal-a-shortcut")

# %% [markdown]
# The answers for the other methods decide nothing:

# %%
CLAIMS = ("find-planted-evidence", "change-when-randomised",
          "reveal-a-shortcut")
answers = {}
for name in CLAIMS:
    _, found = review.judge(review.claim(f"explanations-{name}"))
    for contrast, reading in found.readings.items():
        method, _, what = contrast.partition(": ")
        answers.setdefault(method, {})[what] = reading.answer
columns = dict.fromkeys(what for row in answers.values() for what in row)
rows = [[method, *(row.get(what, "") for what in columns)]
        for method, row in answers.items()]
Table(["method", *columns], rows, phantom=True)

# %% [markdown]
# How to read it:
#
# - **Inconclusive** is no verdict on a method. The interval reaches over the margin:
#   trainings differ too much to tell. One shows what *can* happen, and another one
#   may show the opposite.
# - **Not testable here** is no verdict either: even a perfect map would have failed, as
#   it is too coarse for the marker, or as the control points there, too.
# - **No difference larger than the margin** is a verdict: whatever gain there is, it
#   is smaller.
# - **Contradicted** under `similar head`: with a random head the map stays more
#   similar than the margin.
# - **Supported** holds for planted evidence, this network and these controls.
#   That a map changes with the weights does not make it right.
#
# ## Bonus: Does attention explain?
#
# Maps of attention look like reasons. A doubt is left that rollout does not address: a
# weight says from where numbers were taken, not what they said. The spots can tell.

# %%
methods = ["attention_rollout", "grad_cam", "saliency",
           "integrated_gradients"]
table = trust_table(vit, images, [1] * len(images), evidence,
                    methods=methods, curves=4)
methods_table(table, "32 images with a bright spot", phantom=True)

# %% [markdown]
# One training, one kind of spot. Five seeds learned pneumonia first, then bright, dark
# and texture spots, one kind after another, twelve epochs of each. Did they learn
# them? A network that has not learned the task cannot test an explanation method.

# %%
attention = review.read_evidence("attention-explains")
rows = [[each.keys["spots"], min(each.first), max(each.first)]
        for each in attention.where(score="AUC")]
Table(["spots", "lowest test AUC", "highest"], rows, phantom=True)

# %%
review.pivot(attention, ["hit", *kinds, "similar all", "similar head"])

# %%
review.claim("attention-explains")

# %% [markdown]
# `similar head` needs no experiment: rollout never looks at the head, so its map
# cannot change when the head becomes random. It explains the gathering, and neither
# class nor answer. And a spot is evidence in one place; of a *relation* between two
# places, such as that of the two marks of lesson 07, these numbers say nothing.
#
# ## Bonus: One more without a gradient
#
# ### RISE
#
# Occlusion covers one window at a time. **RISE** (Petsiuk et al. 2018) covers many places
# at once, at random, and asks what was *left* when the score was high:
#
# $$M_p = \frac{1}{N s} \sum_{n=1}^{N} \bigl(f(x_n) - \bar f\bigr)\, m_n(p)$$
#
# where $m_n$ are $N$ masks, smooth and between 0 and 1, of which a share $s$ is left, $x_n$
# is the image below mask $n$, and $\bar f$ the mean score. It takes any model that
# answers; its map is as noisy as its draws are few.

# %%
show("rise")

# %%
eight = trust_table(run, images[:8], [1] * 8, evidence[:8],
                    methods=["rise", "occlusion"], curves=4)
methods_table(eight, "8 images with a bright spot", phantom=True)

# %% [markdown]
# ## Bonus: First the organ, then the question
#
# Gupta et al. (2024) first segment the lungs in chest X-rays with an attention U-Net,
# then classify with transformers, then draw maps with LRP. What is the first step good
# for? One hope: what lies outside of the lungs, such as a marker, cannot mislead the
# second. PneumoniaMNIST has no masks, so a small U-Net learns from **phantom** X-rays.

# %%
from medtutor.training.organ import lung_segmenter

segmenter = lung_segmenter(epochs=6)
chosen = [0, 1, 2, 3, 4, 5]
lungs = segmenter.predict(films[chosen]).argmax(1)
figures.outlines(
    films[chosen], {"found": lungs}, segmenter.card.classes,
    "Six X-rays with pneumonia and a marker, and the outlines of what a U-Net "
    "that has learned from phantoms calls lungs.",
    sideways=True, phantom=True,
)

# %% [markdown]
# It looks right, and nobody here can say whether it is: where a lung is white with
# disease, the outline goes on as a phantom's lung would.
#
# **A map for a segmentation.** A U-Net answers for each pixel, so first choose *which*
# answer to explain: the mean logit of a class over a region (after Seg-Grad-CAM;
# Vinogradova et al. 2020). Here the region is all that it calls lungs.

# %%
mask = lungs[0] == 1
one = films[0]
maps = [mt.explain(segmenter, one, name, target="lungs").map
        for name in ("integrated_gradients", "grad_cam", "occlusion")]
figures.images(
    [one[0], mask.float(), *maps],
    ["image", "region", "integrated gradients", "grad_cam", "occlusion"],
    "An X-ray, the lungs that a U-Net finds, and three maps of why: red "
    "speaks for 'lungs'.", phantom=True,
)

# %% [markdown]
# Does it help to keep only the lungs? Five seeds on phantoms, whose lungs are known,
# and on the real X-rays. A ViT that sees the lungs alone is compared with one that
# sees the whole image:

# %%
review.claim("organ-first-helps")

# %% [markdown]
# A pipeline is as robust as its first step: what the segmenter makes of a marker it
# hands on, as pixels or as a changed outline. And a mask is a strong statement: it
# lets through a shortcut *inside*, such as a tube or a pacemaker, and cuts off a sign
# of disease outside.
#
# ## Bonus: Exercises without a check
#
# 1. Plant dark spots, train, and draw the maps again. Which methods turn
#    blue, and why?
# 2. Let integrated gradients start from a blurred image (`baseline="blurred"`).
#    What becomes of the hits, and of the completeness?
# 3. In the explorer, cover the marker with a grey square. By how much does the
#    probability fall, in the shortcut network and in the control?
# 4. Take the ViT of lesson 07 that has learned two marks, and let rollout, saliency and
#    integrated gradients point. Which of them hits a mark more often than with random
#    weights?
#
# ## Quiz

# %%
Quiz("09_interpretability")

# %% [markdown]
# ## Key points
#
# - A method is tested where the truth is known, beside the same network untrained, and
#   with its ceiling: neither a perfect hit rate nor a low one proves anything alone.
# - Randomise all weights, and the head alone; do both.
# - A shortcut is found by changing it. A map needs a control network that has seen the
#   marker and learned nothing from it.
# - No explanation shows that a model is right.
#
# ## References
#
# - Abnar S., Zuidema W., *Quantifying attention flow in transformers* (2020).
#   [arXiv:2005.00928](https://arxiv.org/abs/2005.00928)
# - Adebayo J. et al., *Sanity checks for saliency maps* (2018).
#   [arXiv:1810.03292](https://arxiv.org/abs/1810.03292)
# - Bach S. et al., *On pixel-wise explanations for non-linear classifier decisions by
#   layer-wise relevance propagation*, PLOS ONE 10:e0130140 (2015).
#   [doi:10.1371/journal.pone.0130140](https://doi.org/10.1371/journal.pone.0130140)
# - Collins G. S. et al., *TRIPOD+AI statement*, BMJ 385:e078378 (2024).
#   [doi:10.1136/bmj-2023-078378](https://doi.org/10.1136/bmj-2023-078378)
# - Gupta S. et al., *Four transformer-based deep learning classifiers embedded with an
#   attention U-Net-based lung segmenter and layer-wise relevance propagation-based
#   heatmaps for COVID-19 X-ray scans*, Diagnostics 14:1534 (2024).
#   [mdpi.com](https://www.mdpi.com/2075-4418/14/14/1534)
# - Kim B. et al., *Interpretability beyond feature attribution: quantitative testing
#   with concept activation vectors (TCAV)* (2018).
#   [arXiv:1711.11279](https://arxiv.org/abs/1711.11279)
# - Kohlbrenner M. et al., *Towards best practice in explaining neural network decisions
#   with LRP* (2019). [arXiv:1910.09840](https://arxiv.org/abs/1910.09840)
# - Lundberg S. M., Lee S.-I., *A unified approach to interpreting model predictions*
#   (2017). [arXiv:1705.07874](https://arxiv.org/abs/1705.07874)
# - Petsiuk V., Das A., Saenko K., *RISE: randomized input sampling for explanation of
#   black-box models* (2018). [arXiv:1806.07421](https://arxiv.org/abs/1806.07421)
# - Selvaraju R. R. et al., *Grad-CAM*, ICCV 2017, 618-626.
#   [arXiv:1610.02391](https://arxiv.org/abs/1610.02391)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Shrikumar A. et al., *Not just a black box* (2016), input x gradient.
#   [arXiv:1605.01713](https://arxiv.org/abs/1605.01713)
# - Shrikumar A., Greenside P., Kundaje A., *Learning important features through
#   propagating activation differences* (2017), DeepLIFT.
#   [arXiv:1704.02685](https://arxiv.org/abs/1704.02685)
# - Simonyan K. et al., *Deep inside convolutional networks* (2013).
#   [arXiv:1312.6034](https://arxiv.org/abs/1312.6034)
# - Smilkov D. et al., *SmoothGrad: removing noise by adding noise* (2017).
#   [arXiv:1706.03825](https://arxiv.org/abs/1706.03825)
# - Springenberg J. T. et al., *Striving for simplicity: the all convolutional net*
#   (2014). [arXiv:1412.6806](https://arxiv.org/abs/1412.6806)
# - Sundararajan M. et al., *Axiomatic attribution for deep networks* (2017).
#   [arXiv:1703.01365](https://arxiv.org/abs/1703.01365)
# - Tejani A. S. et al., *Checklist for Artificial Intelligence in Medical
#   Imaging (CLAIM): 2024 update*, Radiology: Artificial Intelligence 6(4):e240300
#   (2024). [doi:10.1148/ryai.240300](https://doi.org/10.1148/ryai.240300)
# - Vinogradova K. et al., *Towards interpretable semantic segmentation via
#   gradient-weighted class activation mapping* (2020).
#   [arXiv:2002.11434](https://arxiv.org/abs/2002.11434)
# - Wachter S., Mittelstadt B., Russell C., *Counterfactual explanations without opening
#   the black box* (2018). [arXiv:1711.00399](https://arxiv.org/abs/1711.00399)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
# - Zeiler M. D., Fergus R., *Visualizing and understanding convolutional networks*
#   (2014). [arXiv:1311.2901](https://arxiv.org/abs/1311.2901)
# - Zhang J. et al., *Top-down neural attention by excitation backprop* (2016).
#   [arXiv:1608.00507](https://arxiv.org/abs/1608.00507)
