# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Fairness, ethics and law: who is missed?
#
# A model that is right for nine patients of ten may be wrong for all of the tenth
# kind. This lesson asks how one would notice, why one would often not, what can be
# done, and who pays for it.
#
# **You will be able to**
# 1. measure a model group by group, with intervals, and say what chance alone does;
# 2. tell four meanings of "fair" apart, and prove that they cannot all hold at once;
# 3. find a biased label and a shortcut of one group, and say which audit misses them;
# 4. set a threshold for each group, reweigh training cases, and name the price;
# 5. write a model card, and hold a report against a checklist.
#
# About 80 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) and
# [lesson 09](09_interpretability.ipynb) come first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children, 28 x 28 pixels, CC BY 4.0), with groups of patients planted by medtutor: **phantoms** |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |

# %%
import torch

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data.groups import GROUPS, as_group, plant_groups, redrawn
from medtutor.data.planting import plant_marker
from medtutor.data.subsets import labelled
from medtutor.explanation import agreement, explain_batch
from medtutor.metrics import measure
from medtutor.metrics.gaps import gaps
from medtutor.metrics.groups import measure_groups
from medtutor.reports import Table, model_card
from medtutor.reports.checklist import answered, checklist_table

# %% [markdown]
# ## Whose images?
#
# Before a model can be fair to a group, somebody must know who is in it.

# %%
xray = mt.load("pneumoniamnist")
print(xray)

# %% [markdown]
# Children of one hospital. Of a single child the file says neither sex nor age nor
# origin, and not even whether bacteria or viruses made it ill. No audit by group is
# possible, and none will find a gap: that is common, and not the same as "no gap".
#
# So **groups are planted**, openly: by lot, three in ten children are of group B, and
# their films look as if another detector had made them. Real networks tell groups
# apart, too: even a patient's self-reported race, in films where no expert sees it
# (Gichoya et al. 2022).

# %%
some = labelled(xray, 0.3, seed=0)  # a part of the training images will do
plain = plant_groups(some)
film = xray.val.images[:3]
figures.images(
    [each[0] for group in GROUPS for each in as_group(film, group)],
    [f"child {i + 1} as {group}" for group in GROUPS for i in range(3)],
    "Three X-rays as the detector of group A gives them, and the same as "
    "that of group B does: less contrast, less sharp.", phantom=True,
)

# %%
recipe = mt.default_recipe(
    plain.dataset.card, epochs=4, shift_at_test=0, optimiser="adamw"
)


def train(dataset):
    return mt.fit(mt.build("cnn", dataset), dataset, recipe)


fair = train(plain.dataset)

# %% [markdown]
# ## Small groups fool you
#
# Here is what this network does on validation, group by group. The brackets are 95 %
# intervals over cases: of rates Wilson's, which hold also for few cases, of
# miscalibration and AUC the bootstrap's. One training: another would give other rates.

# %%
def by_group(run, planted, split="val", labels="true", limits=0.5):
    cases, group = getattr(planted.dataset, split), planted.groups[split]
    truth = planted.truth[split] if labels == "true" else cases.labels
    return truth, run.predict(cases.images)[:, 1], group, limits

# %%
def group_table(case, caption):
    rows = [
        [each.group, each.n, each.positives, each.called, each.sensitivity,
         each.false_alarm, each.precision, each.miscalibration, each.auc]
        for each in measure_groups(*case, names=GROUPS)
    ]
    head = ["group", "cases", "ill", "called ill", "sensitivity",
            "false alarms", "precision", "miscalibration", "AUC"]
    return Table(head, rows, caption, phantom=True)


group_table(by_group(fair, plain), "labels correct, validation")

# %% [markdown]
# *Miscalibration* is the mean score minus the share of the ill: 0 where scores mean
# what they say. Now forget the groups, and divide the same children **at random** into
# a small group and the rest. Whatever gap there is then is chance.

# %%
by_chance = Prediction(
    "13/chance",
    "A random group of 20 children against the rest: which gap in "
    "sensitivity does one such division in twenty exceed?",
    low=0.0, high=0.5, step=0.01,
)
by_chance

# %%
truth, scores, *_ = by_group(fair, plain)
exceeded = {}
for size in (10, 20, 50, 100, 200):
    small = (torch.arange(len(truth)) < size).long()
    exceeded[size] = gaps(truth, scores, small)["sensitivity"].by_chance
Table(["size of the group", "gap that 1 in 20 divisions exceeds"],
      list(exceeded.items()), phantom=True)

# %%
by_chance.reconcile(
    exceeded[20],
    "Of 20 children about 15 are ill: one missed child is a gap of 7 points. "
    "Who looks at ten groups finds one of this kind in 40 % of the cases.",
)

# %% [markdown]
# So give every rate its interval and every gap what chance would do. The reverse holds,
# too: a small group that looks well served may not be.
#
# ## Fair in which sense?
#
# | name | equal in all groups | asks |
# |---|---|---|
# | **demographic parity** | share called ill | who is called? |
# | **equal opportunity** | sensitivity | who of the ill is found? |
# | **equalised odds** | sensitivity and false alarms | who is misjudged? |
# | **predictive parity** | precision | what is an alarm worth? |
#
# How far a model is from equalised odds (Hardt et al. 2016) is told by the larger of its
# two gaps, as in Fairlearn. Write it; any code that gives the right number passes.

# %%
def equalised_odds(labels, called, groups):
    """0 or 1, (N,) each -> the larger gap between groups 0 and 1"""
    ### BEGIN SOLUTION
    gaps = []
    for label in (1, 0):
        of = [called[(labels == label) & (groups == group)].float().mean()
              for group in (0, 1)]
        gaps.append(abs(of[0] - of[1]))
    return max(gaps)
    ### END SOLUTION

# %%
check.equalised_odds(equalised_odds)

# %% [markdown]
# A trap: what if a group has no ill patient? It has no sensitivity. Fairlearn counts a
# missing one as 0, and calls a *perfect* predictor unfair. Here it is left out:

# %%
nobody_ill = gaps([1, 0, 1, 0, 0, 0], [1.0, 0, 1, 0, 0, 0],
                  [0, 0, 0, 0, 1, 1], names=GROUPS)
print(nobody_ill["sensitivity"])

# %% [markdown]
# ## A label that is wrong for one group
#
# Seyyed-Kalantari et al. (2021) found chest X-ray models that miss disease more often
# in under-served patients. One possible reason: their disease was *recorded* less
# often. So plant that: 40 % of the pneumonias of group B are recorded as normal, in
# training, validation and test alike.

# %%
missed = plant_groups(some, missed=0.4)
print(missed)
biased = train(missed.dataset)

# %%
silent = Prediction(
    "13/silent",
    "You audit on the recorded labels: you have no others. What do they say "
    "of the network's scores in group B?",
    choices=["too high", "about right", "too low"],
)
silent

# %%
audits = {}
for labels in ("as recorded", "true"):
    case = by_group(biased, missed, labels=labels)
    audits[labels] = measure_groups(*case, names=GROUPS)
rates = ("called", "sensitivity", "false_alarm", "precision",
         "miscalibration")
rows = [[labels, each.group, *(getattr(each, rate) for rate in rates)]
        for labels, audit in audits.items() for each in audit]
Table(["labels", "group", *rates], rows, phantom=True)

# %%
by_record, by_truth = (audits[labels][1].miscalibration.value
                       for labels in ("as recorded", "true"))
silent.reconcile(
    "about right" if abs(by_record) < 0.05
    else "too high" if by_record > 0 else "too low",
    "Findings are missing in the record, so that a score that is right looks "
    f"too high there. By the truth the mean score is off by {by_truth:+.2f}.",
)

# %% [markdown]
# Compare the two halves of the table. By recorded labels a *correct* alarm in group B
# counts as false, and precision blames the network for what the record has missed.
# Whoever corrects scores by these labels repeats the record. The sensitivity tells more,
# but only since findings were lost by lot: were it the mild cases that nobody records,
# it could look well, too. **No audit is better than its labels**: ask who made them, and
# have a sample read anew.
#
# ## Closing the gap, and who pays
#
# **A threshold for each group** gives each the same sensitivity. Who is called, if each
# group has the highest threshold that finds at least a given share of its ill?

# %%
def called_in_each(labels, scores, groups, sensitivity):
    """(N,) each, and a share -> True or False, (N,)"""
    ### BEGIN SOLUTION
    called = torch.zeros(len(labels), dtype=torch.bool)
    for group in groups.unique():
        own = groups == group
        ill = scores[own & (labels == 1)].sort(descending=True).values
        needed = int(torch.tensor(sensitivity * len(ill)).ceil())
        called[own] = scores[own] >= ill[needed - 1]
    return called
    ### END SOLUTION

# %%
check.called_in_each(called_in_each)

# %% [markdown]
# **Reweighing** (Kamiran & Calders 2012) acts before training. A case of group $g$ and
# label $y$ weighs
#
# $$w = \frac{P(g)\,P(y)}{P(g, y)}$$
#
# what its kind would be, were label and group independent, over what it is.

# %%
def reweigh(labels, groups):
    """0 or 1, (N,) each -> weights (N,) that add up to N"""
    ### BEGIN SOLUTION
    weights = torch.zeros(len(labels))
    for g in (0, 1):
        for y in (0, 1):
            of_g, of_y = groups == g, labels == y
            expected = of_g.float().mean() * of_y.float().mean()
            kind = of_g & of_y
            weights[kind] = expected / kind.float().mean()
    return weights
    ### END SOLUTION

# %%
check.reweigh(reweigh)

# %% [markdown]
# Training cases are drawn in proportion to these weights. The thresholds are chosen on
# validation and on *recorded* labels, for a sensitivity of .95 there. What becomes of
# the children is then read on the test split, by the truth, once.

# %%
from medtutor.metrics.groups import balancing_weights, group_thresholds

records = missed.dataset.train.labels
weights = balancing_weights(records, missed.groups["train"])
reweighed = train(redrawn(missed.dataset, weights))

# %%
recorded = by_group(biased, missed, labels="as recorded")[:3]
own = group_thresholds(*recorded, 0.95, names=GROUPS)
ways = {
    "as trained": (biased, 0.5), "own threshold": (biased, own),
    "reweighed": (reweighed, 0.5),
}
rows = []
for way, (run, limits) in ways.items():
    case = by_group(run, missed, "test", limits=limits)
    for each in measure_groups(*case, names=GROUPS):
        rows.append([way, each.group, f"{each.threshold:.2f}",
                     each.sensitivity, each.false_alarm, each.precision])
Table(["way", "group", "threshold", "sensitivity", "false alarms",
       "precision"], rows, "test split, true labels", phantom=True)

# %% [markdown]
# Compare the columns of sensitivity and false alarms: what did it cost to find more of
# group B? A threshold moves a group along its own ROC curve and cannot make the network
# *better* at it. Reweighing trains another network; where both columns have risen, it
# takes an AUC of each group to say whether it is better at it. A threshold by group
# also needs the group of each patient, at the moment of use, and treats two patients
# with the same film differently: in many places that is a question for lawyers before it
# is one for engineers.
#
# ## A shortcut of one group
#
# Now every second child is of group B, and there a white marker stands in every film
# with the disease and in no other. In group A it stands in half of the films of either
# class, and says nothing. Later, in group B, it is turned round.

# %%
marked = plant_groups(some, share=0.5, marker=1.0)
keeping = recipe.but(shift=1.0, rotation=0.0, scale=0.0)  # the marker stays
shortcut = mt.fit(mt.build("cnn", marked.dataset), marked.dataset, keeping)
shown = {"none": xray.val, "turned round": plant_marker(xray, 0.0).val}


def auc_as(group, cases):
    chances = shortcut.predict(as_group(cases.images, group))
    return measure(cases.labels, chances, "binary", resamples=0).auc


# %%
as_seen = measure_groups(*by_group(shortcut, marked), names=GROUPS)
rows = [[group, each.auc, each.sensitivity, each.false_alarm,
         *(auc_as(group, cases) for cases in shown.values())]
        for group, each in zip(GROUPS, as_seen)]
Table(["group", "AUC as in training", "sensitivity", "false alarms",
       *(f"AUC, marker {how}" for how in shown)], rows, phantom=True)

# %% [markdown]
# Would an audit on data like those of training, the first columns, find group B
# neglected? Now compare the groups in the last column. The last two show every child as
# of either group, without a marker, and with one the wrong way round: the *same*
# children, so that nothing but the group differs. Such a swap needs no more than a
# forward pass. It also needs somebody who suspects the marker.
#
# ## What a saliency map does not show
#
# Do maps show who is wronged? Take ill children of group B, and explain them in the
# network that learned correct labels and in the one that learned to miss them.

# %%
sick = (plain.truth["val"] == 1) & (plain.groups["val"] == 1)
films = plain.dataset.val.images[sick][:16]
maps = [explain_batch(run, films, "integrated_gradients", target=1)
        for run in (fair, biased)]
said = [run.predict(films)[:, 1] for run in (fair, biased)]
alike = [float(agreement([a, b])[0, 1]) for a, b in zip(*maps)]
print(f"mean score {said[0].mean():.2f} and {said[1].mean():.2f}; maps alike "
      f"(rank correlation): {sum(alike) / len(alike):.2f} on average")

# %%
lost = int((said[0] - said[1]).argmax())
figures.images(
    [films[lost][0], maps[0][lost].map, maps[1][lost].map],
    ["film", f"correct labels: {said[0][lost]:.2f}",
     f"biased labels: {said[1][lost]:.2f}"],
    "An X-ray of an ill child of group B, and the maps of two networks of "
    "the score for pneumonia: one finds the child, the other does not.",
    phantom=True,
)

# %% [markdown]
# Would you know, without their titles, which of these two maps is of the unfair network?
# That maps differ says that the networks do. A map is of *one* patient. That a
# group is missed more often is a difference *between* patients: it has no place in the
# image. Only rates show it.
#
# ## All at once is impossible
#
# Let a group have the prevalence $p$, sensitivity $s$ and false alarms $f$. Of all its
# patients $s\,p$ are ill and called, $f\,(1-p)$ are healthy and called. So the precision
# is
#
# $$\text{precision} = \frac{s\,p}{s\,p + f\,(1-p)} \quad\Longleftrightarrow\quad
# \frac{\text{precision}}{1-\text{precision}} = \frac{s}{f}\cdot\frac{p}{1-p}$$
#
# Where $s$ and $f$ are equal in two groups and $p$ is not, precision is not equal,
# either. The only ways out are $f = 0$, $s = 0$, and equal prevalences (Chouldechova
# 2017; for calibrated scores Kleinberg et al. 2016). No training changes that: one has
# to choose.

# %%
def worth_of_an_alarm(sensitivity, false_alarm, prevalence):
    """numbers from 0 to 1 -> the precision"""
    ### BEGIN SOLUTION
    true = sensitivity * prevalence
    return true / (true + false_alarm * (1 - prevalence))
    ### END SOLUTION

# %%
check.worth_of_an_alarm(worth_of_an_alarm)

# %% [markdown]
# ## Explore
#
# Let group B be like A in sensitivity, then in precision, and see what parts. Give the
# groups different prevalences, and try to make error rates and precision equal. Who
# pays more, if a missed case costs as much as five false alarms, or fifty?

# %%
explorers.fairness(biased, missed)

# %% [markdown]
# ## And whoever reads the answer
#
# A model does not act; somebody reads its hint. **Automation bias** is to follow a wrong
# hint where one would have been right alone (a review: Goddard et al. 2012). Try it on
# yourself: each film once without a hint, once with one. Eight of twenty hints are wrong,
# by lot; no network gives them.

# %%
explorers.reading(xray)

# %% [markdown]
# At 28 pixels nobody reads well, and twenty films are few: the point is what to count. A
# real study has many readers, many cases, and weeks between the two readings.
#
# ## Say it: the card of a model
#
# A **model card** (Mitchell et al. 2019) says what a model is for, whose images it has
# seen, how good it is for whom, and what it is not for; a **data sheet** (Gebru et al.
# 2021) says the same of the data. `medtutor card FOLDER` fills both from a saved run.

# %%
card = model_card(biased, groups=missed.groups["test"], names=GROUPS)
card

# %% [markdown]
# Its subgroups are judged by recorded labels: a card repeats what its labels say.
#
# **Reporting.** Hold a lesson of your choice against items of three checklists: CLAIM
# 2024, TRIPOD+AI, and DECIDE-AI for first use in the clinic. The items here are
# paraphrased, and not all.

# %%
checklist_table()

# %%
answered("09_interpretability", {
    "C1": ("yes", "table at the top: PneumoniaMNIST, planted spots"),
    "C8": ("no", "one data set"),
    "D4": ("not applicable", "never in use"),
})

# %% [markdown]
# ## Who answers for it? Ethics and law
#
# Chau (J. Med. Imaging Radiat. Sci. 55:101733, 2024), which the review lists, is a
# narrative review of law and ethics of AI in imaging in Australia (seen here through a
# summary): reforms at the
# regulator (TGA), black boxes, bias, and liability. It has no experiments. Its themes,
# met on this page: a black box cannot be asked whether it is fair, only tested; bias may
# sit in labels that nobody questions; and *who* answers for a wrong hint that was
# followed, its maker, the hospital or the reader, has to be settled before it is used.
#
# Dated, since law changes:
#
# - **EU.** The AI Act, Regulation (EU) 2024/1689, entered into force on 1 August 2024.
#   A medical device with AI that needs a notified body is high-risk (Article 6). Its
#   Article 10 asks to examine data for possible biases; Article 14, on human
#   oversight, names automation bias.
#   Text: [eur-lex.europa.eu](https://eur-lex.europa.eu/eli/reg/2024/1689/oj).
# - **USA.** FDA, Health Canada and the UK's MHRA published *Good Machine Learning
#   Practice for Medical Device Development: Guiding Principles* in October 2021; one
#   of the ten asks that participants and data sets represent the intended patients. In
#   December 2024 the FDA issued final guidance on *Predetermined Change Control Plans*
#   for AI-enabled device software.
#
# This is no legal advice.
#
# ## What the review says and what we measured
#
# The review counts ethics among its concerns. We asked whether a group that is a tenth
# of the training images is served as well as the others, when its labels are correct:

# %%
review.claim("subgroups-served-alike")

# %% [markdown]
# Told beside it, and planted: a group that is half of the patients, which says how much
# of a gap is the detector's; and one whose findings were not recorded, as trained and
# with a threshold of its own. Each row is A minus B, and its word asks only whether A is
# *above* B by the margin. Of false alarms a minus is the disadvantage of B: read the
# numbers.
#
# ## Where it fails
#
# Groups were two, known, and of nobody. Real ones overlap; people belong to several, and
# the smallest crossing of them has the fewest cases. The reasons here were planted one at
# a time. And all criteria count errors: whether the question should be asked of these
# patients at all, no rate says.
#
# ## Quiz

# %%
Quiz("13_fairness")

# %% [markdown]
# ## Key points
#
# - No attribute, no audit: "no gap was found" may mean that nobody could look.
# - Rates with intervals, gaps beside what chance does; a missing rate is no zero.
# - An audit is as good as its labels; a shortcut of one group is found by a swap.
# - With unequal prevalences, equal error rates and equal precision exclude each other.
# - Each remedy moves errors. Say to whom.
#
# ## References
#
# - Chouldechova A., *Fair prediction with disparate impact* (2017).
#   [arXiv:1703.00056](https://arxiv.org/abs/1703.00056)
# - Collins G. S. et al., *TRIPOD+AI statement*, BMJ 385:e078378 (2024).
#   [doi:10.1136/bmj-2023-078378](https://doi.org/10.1136/bmj-2023-078378)
# - Gebru T. et al., *Datasheets for datasets*, Communications of the ACM 64(12) (2021).
#   [arXiv:1803.09010](https://arxiv.org/abs/1803.09010)
# - Gichoya J. W. et al., *AI recognition of patient race in medical imaging*, Lancet
#   Digital Health 4:e406 (2022). [arXiv:2107.10356](https://arxiv.org/abs/2107.10356)
# - Goddard K. et al., *Automation bias: a systematic review*, JAMIA 19:121 (2012).
#   [doi:10.1136/amiajnl-2011-000089](https://doi.org/10.1136/amiajnl-2011-000089)
# - Hardt M. et al., *Equality of opportunity in supervised learning* (2016).
#   [arXiv:1610.02413](https://arxiv.org/abs/1610.02413)
# - Kamiran F., Calders T., *Data preprocessing techniques for classification without
#   discrimination*, Knowl. Inf. Syst. 33:1 (2012).
#   [doi:10.1007/s10115-011-0463-8](https://doi.org/10.1007/s10115-011-0463-8)
# - Kleinberg J. et al., *Inherent trade-offs in the fair determination of risk scores*
#   (2016). [arXiv:1609.05807](https://arxiv.org/abs/1609.05807)
# - Mitchell M. et al., *Model cards for model reporting* (2019).
#   [arXiv:1810.03993](https://arxiv.org/abs/1810.03993)
# - Seyyed-Kalantari L. et al., *Underdiagnosis bias of AI algorithms applied to chest
#   radiographs in under-served patient populations*, Nature Medicine 27:2176 (2021).
#   [doi:10.1038/s41591-021-01595-0](https://doi.org/10.1038/s41591-021-01595-0)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Tejani A. S. et al., *Checklist for Artificial Intelligence in Medical Imaging
#   (CLAIM): 2024 update*, Radiology: Artificial Intelligence 6(4):e240300 (2024).
#   [doi:10.1148/ryai.240300](https://doi.org/10.1148/ryai.240300)
# - Vasey B. et al., *DECIDE-AI*, Nature Medicine 28:924 (2022).
#   [doi:10.1038/s41591-022-01772-9](https://doi.org/10.1038/s41591-022-01772-9)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
