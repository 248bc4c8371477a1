# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Trust: does a probability mean what it says?
#
# A network says "pneumonia, 98 %". Of a hundred such answers, are 98 right? Where
# they are, one can act on the number, set a threshold, hand over the doubtful cases.
# This lesson measures it, tries the textbook's remedies, and finds out what they
# need to keep their promise: where it is missing, no error message says so.
#
# **You will be able to**
# 1. draw a reliability diagram and say how much of a calibration error is chance;
# 2. write expected calibration error, temperature scaling and conformal prediction;
# 3. say what each of them assumes, and test whether it holds;
# 4. let a model abstain, and test a detector of unknown images against one line of
#    statistics;
# 5. say what prevalence does to precision, and read a decision curve.
#
# About 80 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children, 28 x 28 pixels, CC BY 4.0), BreastMNIST (ultrasound, CC BY 4.0) as what does not belong, and **phantom** X-rays of hands |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |

# %%
import numpy as np
import torch

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.metrics import calibration as cal
from medtutor.metrics import conformal, measure, selective
from medtutor.metrics import out_of_distribution as ood
from medtutor.metrics.intervals import bootstrap, share_interval
from medtutor.reports import Table
from medtutor.training import uncertainty

# %% [markdown]
# ## A network, and how sure it is
#
# A small CNN with **dropout** before its last layer, trained without label smoothing,
# augmentation or averages: each of them would change how sure it is.

# %%
xray = mt.load("pneumoniamnist")
PHANTOM = xray.is_phantom


def trained(seed):
    cnn = mt.build("cnn", xray, seed=seed, widths=(16, 32, 64))
    recipe = mt.default_recipe(
        xray.card, "cnn", **uncertainty.AS_IT_IS, seed=seed
    )
    return mt.fit(uncertainty.with_dropout(cnn), xray, recipe)


run = trained(seed=0)
val, y_val = run.predictions["val"].numpy(), xray.val.labels.numpy()
print(f"{xray.title}\nval: {run.val}")

# %% [markdown]
# **Confidence** is the highest probability of an answer. Where does the network put
# its confidence, and what does it look like when it is not sure?

# %%
sure = val.max(1)
order = np.argsort(sure)[[0, 1, 2, -3, -2, -1]]
figures.images(
    list(xray.val.images[order, 0]), [f"{c:.3f}" for c in sure[order]],
    "The three X-rays of val of which the network is least sure, and the "
    "three of which it is most sure, with its confidence.", phantom=PHANTOM,
)

# %% [markdown]
# ## Is it calibrated?
#
# A model is **calibrated** on a kind of image where of all answers given with
# confidence $p$ a share $p$ is right. Put the answers into bins $B$ by their confidence
# and compare: a **reliability diagram**. Its summary is the **expected calibration
# error** (ECE), the mean distance, each bin weighted by its cases:
#
# $$\mathrm{ECE} = \sum_B \frac{|B|}{n}\,\bigl|\,\mathrm{confidence}(B) - \mathrm{accuracy}(B)\,\bigr|$$
#
# Bins of one width from 0 to 1, each without its lower and with its upper end.

# %%
def expected_error(confidence, right, bins):
    """confidence (N,), right bool (N,), bins -> a number"""
    ### BEGIN SOLUTION
    place = (confidence * bins).ceil().long()
    error = 0.0
    for number in place.unique():
        here = place == number
        said, true = confidence[here].mean(), right[here].float().mean()
        error += here.float().mean() * (said - true).abs()
    return error
    ### END SOLUTION

# %%
check.expected_error(expected_error)

# %%
said, true = cal.said_and_true(val, y_val)
figures.reliability(
    {"val": cal.reliability(said, true, bins=15)}, phantom=PHANTOM
)

# %% [markdown]
# **How large would it be by chance?** Shares of few cases scatter, and ECE counts each
# distance: it is hardly ever 0. Draw what comes true with the very probabilities that were
# said, and see what a *perfectly* calibrated model would show:

# %%
mean, high = cal.error_if_calibrated(said)
print(f"ECE on val {cal.calibration_error(val, y_val):.3f}; "
      f"if calibrated {mean:.3f}, in 97.5 % of draws below {high:.3f}")

# %% [markdown]
# **Which ECE?** The number depends on bins and on what is binned. "Confidence" is of the
# class that was named; "positive" is the probability of pneumonia, whichever class was
# named. Libraries differ: say which.

# %%
rows = [
    [of, how, *(cal.calibration_error(val, y_val, bins, how, of)
                for bins in (5, 15, 50))]
    for of in ("confidence", "positive") for how in cal.BINNINGS
]
Table(["what is binned", "bins of", "5 bins", "15", "50"], rows,
      "ECE on val", PHANTOM)

# %% [markdown]
# Two measures need no bins. The **Brier score** is the mean squared distance of
# probabilities and truth, here over both classes, from 0 to 2. **Overconfidence** is mean confidence minus accuracy, and, as a mean over
# cases, has an interval.
#
# ## Does it hold?
#
# The published test images come from another part of the same collection. So far the
# network has been looked at on val alone; now on test, by which nothing of it is chosen.

# %%
holds = Prediction(
    "11/holds",
    "On val, mean confidence minus accuracy is "
    f"{cal.overconfidence(val, y_val):+.3f}. And on test?",
    low=-0.1, high=0.3, step=0.01,
)
holds

# %%
test, y_test = run.predictions["test"].numpy(), xray.test.labels.numpy()


def over(p, y):
    """Overconfidence, and its 95 % interval over the cases"""
    gap = np.subtract(*map(np.float64, cal.said_and_true(p, y)))
    low, high = bootstrap(lambda each: each.mean(axis=-1), gap)
    return f"{gap.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def row(name, p, y):
    said, true = cal.said_and_true(p, y)
    return [name, true.mean(), cal.calibration_error(p, y),
            cal.error_if_calibrated(said)[1], over(p, y),
            cal.brier_score(p, y)]


# %%
HEAD = ["", "accuracy", "ECE", "chance up to", "overconfidence", "Brier"]
Table(HEAD, [row("val", val, y_val), row("test", test, y_test)],
      phantom=PHANTOM)

# %%
figures.reliability(
    {name: cal.reliability(*cal.said_and_true(p, y), 10, "equal mass")
     for name, p, y in (("val", val, y_val), ("test", test, y_test))},
    phantom=PHANTOM,
)

# %%
print("test:", run.test)
holds.reconcile(
    cal.overconfidence(test, y_test),
    "Compare the AUC of val and test, too: it tells of the order of the "
    "scores, and nothing of what the numbers mean.",
)

# %% [markdown]
# ## Mend it, as the textbook says
#
# **Temperature scaling** (Guo et al. 2017) divides all logits by one number $T$, chosen by
# cross-entropy on images that were not trained on. Above 1 the model becomes less sure; the order of
# the classes stays, and with it accuracy and AUC.
#
# $$p = \mathrm{softmax}(z / T)$$

# %%
import torch.nn.functional as F


def best_temperature(logits, labels, candidates):
    """logits (N, K), labels (N,), candidates (T,) -> one of them"""
    ### BEGIN SOLUTION
    losses = [F.cross_entropy(logits / t, labels) for t in candidates]
    return candidates[torch.stack(losses).argmin()]
    ### END SOLUTION

# %%
check.best_temperature(best_temperature)

# %% [markdown]
# More remedies: **isotonic regression**, a map that never falls and bends as the data
# want; **MC dropout**, the mean of passes with dropout left on (Gal & Ghahramani
# 2016); a **deep ensemble**, the mean of networks with other seeds
# (Lakshminarayanan et al. 2017).

# %%
mends = Prediction(
    "11/mends",
    "Temperature and isotonic map are fitted on val. Which remedy lowers "
    "overconfidence on test most, and at least by half?",
    choices=["temperature", "isotonic", "MC dropout", "ensemble", "none"],
)
mends

# %%
others = [trained(seed) for seed in (1, 2)]
passes = uncertainty.dropout_passes(run, xray.test.images, passes=10)
committee = [each.predictions["test"] for each in (run, *others)]
z_val, z_test = np.log(val + 1e-12), np.log(test + 1e-12)
T = cal.fit_temperature(z_val, y_val)
remedies = {
    "as trained": test,
    "temperature": cal.at_temperature(z_test, T),
    "isotonic": cal.fit_isotonic(val, y_val)(test),
    "MC dropout": passes.mean(0).numpy(),
    "ensemble": torch.stack(committee).mean(0).numpy(),
}

# %%
print(f"temperature fitted on val: {T:.2f}")
Table(HEAD, [row(name, p, y_test) for name, p in remedies.items()],
      "Test, mended on val", PHANTOM)

# %%
gaps = {n: abs(cal.overconfidence(p, y_test)) for n, p in remedies.items()}
best = min(list(gaps)[1:], key=gaps.get)
mends.reconcile(
    best if gaps[best] <= gaps["as trained"] / 2 else "none",
    "A remedy that is fitted on val makes the model right about val. If it "
    "was right there already, there is nothing to learn from it.",
)

# %% [markdown]
# ## The shift is the lesson
#
# What is fitted assumes that the images to come are **exchangeable** with those it
# was fitted on: as if drawn from one pot. (MC dropout and the ensemble are not fitted on
# val, and know no more of test.) Val is a random part of the training
# source; test is not. That is a **distribution shift**. Now make the assumption true: fit
# on a random half of test, measure on the other half.

# %%
half = np.random.default_rng(0).permutation(len(y_test)) % 2 == 0
fit, rest = half, ~half
T_here = cal.fit_temperature(z_test[fit], y_test[fit])
here = {
    "as trained": test[rest],
    "temperature of val": cal.at_temperature(z_test[rest], T),
    "temperature of the other half": cal.at_temperature(z_test[rest], T_here),
    "isotonic of the other half":
        cal.fit_isotonic(test[fit], y_test[fit])(test[rest]),
}
print(f"temperature fitted on the other half: {T_here:.2f}")
Table(HEAD, [row(name, p, y_test[rest]) for name, p in here.items()],
      "One half of test", PHANTOM)

# %% [markdown]
# The same formula, the same network: what differs is where the labels come from. **What
# has shifted?** If only how many are ill, then Bayes' rule mends it, and of each class as
# many are right on test as on val:

# %%
ill = {"val": y_val.mean(), "test": y_test.mean()}
moved = selective.at_prevalence(test[:, 1], ill["val"], ill["test"])
moved = np.stack([1 - moved, moved], 1)
rows = [[name, ill[name], *((p.argmax(1) == y)[y == c].mean()
                            for c in (0, 1))]
        for name, p, y in (("val", val, y_val), ("test", test, y_test))]
print("overconfidence, corrected for prevalence:", over(moved, y_test))
Table(["", "share ill", "normals right", "ill right"], rows,
      phantom=PHANTOM)

# %% [markdown]
# ## Sets that hold the truth as often as promised
#
# **Conformal prediction** (an introduction: Angelopoulos & Bates 2021; this score and one
# threshold by class: Sadinle et al. 2019) answers with a *set* of classes. On $n$ calibration cases
# it asks how strange the true class looked, $s_i = 1 - p_i(y_i)$, and takes the
# $\lceil (n + 1)(1 - \alpha) \rceil$-th smallest as the threshold: each class that is
# no stranger is in the set. For exchangeable cases the set holds the truth with
# probability at least $1 - \alpha$, whatever the model is worth.

# %%
import math


def conformal_sets(probabilities, labels, new, coverage):
    """(n, K), (n,), (m, K), 1 - alpha -> bool (m, K)"""
    ### BEGIN SOLUTION
    rows = torch.arange(len(labels))
    scores = (1 - probabilities[rows, labels]).sort().values
    rank = math.ceil((len(labels) + 1) * coverage)
    return 1 - new <= scores[rank - 1]
    ### END SOLUTION

# %%
check.conformal_sets(conformal_sets)

# %%
covers = Prediction(
    "11/covers",
    "Sets calibrated on val, 90 % promised: what share of test sets will "
    "hold the true class?",
    low=0.5, high=1.0, step=0.01,
)
covers

# %%
ASKED = 0.9
makers = {
    f"{where}{how}": conformal.SplitConformal.fit(p, y, ASKED, by_class)
    for where, p, y in (("val", val, y_val),
                        ("other half", test[fit], y_test[fit]))
    for how, by_class in (("", False), (", by class", True))
}
found = {name: conformal.coverage(each.sets(test[rest]), y_test[rest])
         for name, each in makers.items()}
rows = [[name, f"{c.share:.3f} [{c.interval[0]:.3f}, {c.interval[1]:.3f}]",
         *c.by_class, c.mean_size, c.empty] for name, c in found.items()]
Table(["calibrated on", "coverage", *xray.card.classes, "mean size",
       "empty"], rows, f"Asked {ASKED}; one half of test", PHANTOM)

# %%
covers.reconcile(
    found["val"].share,
    "Where the share is far from the promise, the theorem is not wrong: what "
    "it assumes is. And look at the classes: a promise over all cases may be "
    "kept by one class at the other's cost. A threshold for each class keeps "
    "it in both, on images like those on which it was calibrated.",
)

# %% [markdown]
# **Is the guarantee true?** Split test at random 200 times: coverage is a draw, from a
# distribution that is known exactly (beta-binomial), and scatters around what was asked.

# %%
def covered(seed):
    half = np.random.default_rng(seed).permutation(len(y_test)) % 2 == 0
    made = conformal.SplitConformal.fit(test[half], y_test[half], ASKED)
    return conformal.coverage(made.sets(test[~half]), y_test[~half]).share


draws = np.array([covered(seed) for seed in range(200)])
low, high = conformal.coverage_expected(fit.sum(), rest.sum(), ASKED)
within = int(((draws >= low) & (draws <= high)).sum())
print(f"mean coverage {draws.mean():.3f}; {within} of 200 within "
      f"{low:.3f} to {high:.3f}, where 95 % belong")
print(f"calibrated on val: {found['val'].share:.3f}")

# %% [markdown]
# ## Abstain
#
# **Selective prediction** (Geifman & El-Yaniv 2017) answers the surest cases and hands
# over the rest. The **risk-coverage curve** shows the share of errors among those answered.

# %%
shares = [0.2, 0.4, 0.6, 0.8, 1.0]
lines = {}
for name, p, y in (("val", val, y_val), ("test", test, y_test),
                   ("test, ensemble", remedies["ensemble"], y_test)):
    share, risk = selective.risk_coverage(*cal.said_and_true(p, y))
    lines[name] = list(np.interp(shares, share, risk))
figures.curves(shares, lines, "share answered", "share wrong",
               phantom=PHANTOM)

# %% [markdown]
# Where a line falls towards the left, the order of the confidences is of use, whatever
# their level. "Of what I answer with 95 % confidence, 95 % is right" needs calibration; "I
# answer the surer half" does not.
#
# ## Is it a chest X-ray at all?
#
# A network has no answer "neither". **Out-of-distribution detection** gives each image a
# score. Four detectors (confidence, Hendrycks & Gimpel 2017; energy of the logits, Liu et
# al. 2020; distance to the nearest training images in feature space, Sun et al. 2022;
# Mahalanobis distance, Lee et al. 2018) against one line: how unusual are mean, spread and
# sharpness of the *pixels*?

# %%
from medtutor.data.corruptions import CORRUPTIONS, corrupted
from medtutor.data.phantoms.hand import hands

some = xray.test.images[::4]
breast = mt.load("breastmnist").test.images
strange = {
    "another scanner": torch.tensor(corrupted(some, "another scanner", 3)),
    "breast ultrasound": breast,
    "hands (phantom)": torch.tensor(hands(100)),
}

# %%
figures.images(
    [each[i, 0] for each in (some, *strange.values()) for i in (0, 1)],
    [name for name in ("test", *strange) for _ in (0, 1)],
    "Two test X-rays, two as of another scanner, two ultrasound images of a "
    "breast and two phantom X-rays of hands.", phantom=PHANTOM,
)

# %%
finds = Prediction(
    "11/finds",
    "Which score tells hands from chests best?",
    choices=["1 - confidence", "energy", "nearest", "Mahalanobis",
             "image statistics"],
)
finds

# %%
from medtutor.explanation.familiar import features_of
from medtutor.explanation.subject import Subject

net, known = Subject.of(run), xray.train.images[::4]
feats, y_known = features_of(net, known, "classifier"), xray.train.labels[::4]


# %%
def scores(images):
    of = features_of(net, images, "classifier")
    logits = run.model.classifier(of).detach()
    return {
        "1 - confidence": ood.not_confident(logits.softmax(1)),
        "energy": ood.energy(logits),
        "nearest": ood.nearest_distance(of, feats),
        "Mahalanobis": ood.mahalanobis(of, feats, y_known),
        "image statistics": ood.image_statistics(images, known),
    }


# %%
def tells(usual, unusual):
    """AUC of the scores, and its 95 % interval over the images"""
    label = np.repeat([0, 1], [len(usual), len(unusual)])
    score = np.concatenate([usual, unusual])
    p = np.argsort(np.argsort(score)) / len(score)
    p = np.stack([1 - p, p], 1)
    return measure(label, p, "binary")


# %%
usual = scores(some)
told = {name: {d: tells(usual[d], s) for d, s in scores(images).items()}
        for name, images in strange.items()}
rows = [[d, *("{:.3f} [{:.3f}, {:.3f}]".format(of[d].auc,
                                               *of[d].auc_interval)
              for of in told.values())] for d in usual]
Table(["detector", *told], rows, "AUC against test X-rays", PHANTOM)

# %%
of = told["hands (phantom)"]
finds.reconcile(
    max(of, key=lambda name: of[name].auc),
    "What looks different to the eye is often different in a line of "
    "statistics; a detector has to be tested on what a line does not find.",
)

# %% [markdown]
# What does the network say of hands?

# %%
answer = run.predict(strange["hands (phantom)"])
print(f"PHANTOM hands: {(answer.argmax(1) == 1).float().mean():.0%} called "
      f"pneumonia, mean confidence {answer.max(1).values.mean():.3f}")

# %% [markdown]
# ## Corrupted
#
# MedMNIST-C (Di Salvo et al. 2024) lists what happens to each kind of image, in five
# severities. Does confidence fall where accuracy falls?

# %%
y_some, rows = y_test[::4], []
for kind in CORRUPTIONS:
    for severity in (1, 5):
        p = run.predict(torch.tensor(corrupted(some, kind, severity)))
        said, true = cal.said_and_true(p.numpy(), y_some)
        low, high = share_interval(true.sum(), len(true))
        rows.append([kind, severity, f"{true.mean():.3f} [{low:.3f}, "
                     f"{high:.3f}]", said.mean(), said.mean() - true.mean()])
rows.sort(key=lambda row: -row[-1])
Table(["corruption", "severity", "accuracy", "confidence", "too sure by"],
      rows[:8], f"The worst eight of {len(rows)}", PHANTOM)

# %% [markdown]
# ## From a probability to a decision
#
# **Prevalence.** Sensitivity and specificity are of the two classes; *precision* is of
# those called ill, and so hangs on how many are ill at all.

# %%
from medtutor.metrics.decisions import counted, outcomes

counts = counted(outcomes(y_test == 1, test[:, 1], 0.5))
rows = [[f"{share:.0%}", counts.precision_at(share),
         round(1000 * counts.precision_at(share))]
        for share in (0.62, 0.3, 0.1, 0.02)]
print(f"sensitivity {counts.sensitivity:.3f}, "
      f"specificity {counts.specificity:.3f}")
Table(["prevalence", "precision", "truly ill of 1000 alarms"], rows,
      "If only the prevalence changed", PHANTOM)

# %% [markdown]
# **Decision curve** (Vickers & Elkin 2006). Whoever treats from a probability $t$ on says
# that a needless treatment weighs $t / (1 - t)$ of a missed one. The **net benefit**
# counts both at that price; a model must beat "treat all" and "treat nobody" (0). It
# uses probabilities as they are, so it punishes those that lie.

# %%
at, share = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5], 0.3
p = here["temperature of the other half"][:, 1]
ways = {
    "as trained": here["as trained"][:, 1],
    "temperature of the other half": p,
    "and at this prevalence":
        selective.at_prevalence(p, y_test[fit].mean(), share),
}
lines = {name: list(selective.net_benefit(y_test[rest] == 1, p, at, share))
         for name, p in ways.items()}
lines["treat all"] = list(selective.treat_all(share, at))
figures.curves(at, lines, "threshold", "net benefit",
               f"At a prevalence of {share:.0%}.", phantom=PHANTOM)

# %% [markdown]
# A calibrated probability carries the prevalence of the place where it was calibrated.
# Where nothing but the prevalence changes (a **label shift**), Bayes' rule corrects it.
# A temperature alone need not help a decision elsewhere. Such a curve has no interval
# here: small distances between lines may be chance.
#
# ## Explore
#
# Calibrate on val, then on the other half. Ask for more coverage, add a
# corruption, change the prevalence; what remains true?

# %%
from medtutor.explorers import confidence

confidence(run, xray, "test")

# %% [markdown]
# ## Where it fails
#
# - **Whoever calibrates on the spot needs labels from there**, and again when something
#   changes: a new scanner is a new pot.
# - Calibration is a promise about *groups*. "98 %" says nothing of this child, and a
#   model that says the base rate to everybody is calibrated and useless.
# - Coverage says nothing within a subgroup that was not calibrated on its own.
# - A detector of strange images knows the kinds of strangeness it was tested on.
# - Trust is also a matter of people: a confident number is believed. The explorer of
#   [lesson 09](09_interpretability.ipynb) asks *why*; this lesson, *how often*.
#
# ## What the review says and what we measured
#
# The review counts trust in models among the concerns. One question, with a rule
# written down before the evidence; five trainings, all test images:

# %%
review.claim("trustworthy-where-calibrated")

# %% [markdown]
# ## Bonus: Exercises without a check
#
# 1. How many labelled images of the new place are enough? Fit the temperature on 10, 30,
#    100 of one half of test and draw overconfidence on the other.
# 2. Train with label smoothing of 0.1. What becomes of the temperature of val?
# 3. Use 1 - entropy in place of confidence in the risk-coverage curve. Why does nothing
#    change with two classes?
# 4. In the explorer, find a corruption that breaks coverage calibrated on the other half.
#
# ## Quiz

# %%
Quiz("11_trust")

# %% [markdown]
# ## Key points
#
# - Calibration belongs to a model *and* a kind of image. On another kind it has to be
#   measured again.
# - Say which ECE, with how many bins, and how large it would be by chance.
# - Temperature, isotonic map and conformal sets keep their promise where calibration
#   and use are exchangeable; nothing fitted on val knows of a shift.
# - A coverage over all cases can hide a class; calibrate each on its own.
# - A detector of the unknown is worth what it adds to a line of statistics.
#
# ## References
#
# - Angelopoulos A. N., Bates S., *A gentle introduction to conformal prediction and
#   distribution-free uncertainty quantification* (2021).
#   [arXiv:2107.07511](https://arxiv.org/abs/2107.07511)
# - Di Salvo F., Doerrich S., Ledig C., *MedMNIST-C: comprehensive benchmark and improved
#   classifier robustness by simulating realistic image corruptions* (2024).
#   [arXiv:2406.17536](https://arxiv.org/abs/2406.17536)
# - Gal Y., Ghahramani Z., *Dropout as a Bayesian approximation* (2016).
#   [arXiv:1506.02142](https://arxiv.org/abs/1506.02142)
# - Geifman Y., El-Yaniv R., *Selective classification for deep neural networks* (2017).
#   [arXiv:1705.08500](https://arxiv.org/abs/1705.08500)
# - Guo C. et al., *On calibration of modern neural networks* (2017).
#   [arXiv:1706.04599](https://arxiv.org/abs/1706.04599)
# - Hendrycks D., Gimpel K., *A baseline for detecting misclassified and
#   out-of-distribution examples in neural networks* (2017).
#   [arXiv:1610.02136](https://arxiv.org/abs/1610.02136)
# - Lakshminarayanan B. et al., *Simple and scalable predictive uncertainty estimation
#   using deep ensembles* (2017). [arXiv:1612.01474](https://arxiv.org/abs/1612.01474)
# - Lee K. et al., *A simple unified framework for detecting out-of-distribution samples
#   and adversarial attacks* (2018). [arXiv:1807.03888](https://arxiv.org/abs/1807.03888)
# - Liu W. et al., *Energy-based out-of-distribution detection* (2020).
#   [arXiv:2010.03759](https://arxiv.org/abs/2010.03759)
# - Sadinle M. et al., *Least ambiguous set-valued classifiers with bounded error levels*
#   (2019). [arXiv:1609.00451](https://arxiv.org/abs/1609.00451)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Sun Y. et al., *Out-of-distribution detection with deep nearest neighbors* (2022).
#   [arXiv:2204.06507](https://arxiv.org/abs/2204.06507)
# - Vickers A. J., Elkin E. B., *Decision curve analysis*, Medical Decision Making
#   26:565-574 (2006).
#   [doi:10.1177/0272989X06295361](https://doi.org/10.1177/0272989X06295361)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
