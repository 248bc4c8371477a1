# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What the review names, what we asked, what we found
#
# A review says which techniques there are. This course has asked small questions
# of them, each with a rule that was written before the evidence. Here they stand
# together: what was found, what was not, and what none of it can say. It begins
# with how a review is made, and ends with a question of yours.
#
# **You will be able to**
# 1. read a PRISMA flow, screen titles, and say what a model saves and a stopping
#    rule misses;
# 2. judge an interval by a margin, in five answers;
# 3. say what a correction for many questions leaves;
# 4. measure a claim again, and compare it with its file;
# 5. say what a small trial cannot show, and lock a question of your own.
#
# About 80 minutes, of which the processor needs three.
# [Lesson 01](01_cnn_classification.ipynb) comes first; the more lessons, the better.
#
# | | |
# |---|---|
# | Records | Jeyaraman_2020 of SYNERGY, titles and abstracts of a review of treatments of the knee, with its reviewers' decisions (CC0 1.0; metadata of OpenAlex, CC0) |
# | Images | PneumoniaMNIST (chest X-rays of children, CC BY 4.0) |
# | Source | De Bruin et al., *SYNERGY* (2023); Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files, drawn titles and **phantom** images take their place, and say so.

# %%
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import medtutor as mt
from medtutor import explorers, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data.subsets import few_of
from medtutor.errors import InputError
from medtutor.metrics.intervals import share_interval
from medtutor.reports import Table
from medtutor.reports.checklist import answered
from medtutor.review.cases import PerCase

# %% [markdown]
# ## How a review is made
#
# A **systematic review** says beforehand what it looks for, and counts what it leaves
# out, and why. **PRISMA** 2020 (Page et al. 2021) lists 27 items that it must report, and
# draws the flow from records found to studies included. The review that this course
# accompanies names PRISMA, and PubMed, Google Scholar and Scopus; we could read
# none of its counts, so here is a published flow of another one. Of that, too, only
# both ends were seen.

# %%
review.draw_flow(review.flows()["ali-2023"])

# %% [markdown]
# ### Screening
#
# Most of the work is **screening**: reading title and abstract of each record
# against criteria. Here are real records with the decisions of their reviewers,
# first without duplicates.

# %%
records = review.load_collection("Jeyaraman_2020")
kept, removed = review.without_duplicates(records.records)
print(f"{'PHANTOM: ' * records.phantom}{records.name}: {records.about}")
print(f"{len(records.records)} records, {len(removed)} of them duplicates, "
      f"{sum(record.included for record in kept)} included")
print("for example:", removed[0] if removed else "none")

# %% [markdown]
# Screen some of 30 titles. The buttons can be reached with Tab; each decision is
# saved, and the flow grows. Then ask for the reviewers' decisions.

# %%
explorers.screening(records.sample(30), "my_screening.json")

# %% [markdown]
# Two screeners are compared by **Cohen's kappa**, the agreement beyond chance that
# you wrote in [lesson 10](10_small_data.ipynb). Here the second screener is a rule:
# include each title that holds one word.

# %%
word = "chest" if records.phantom else "cartilage"
agreed = Prediction(
    "16/kappa",
    f"A rule includes each title with the word '{word}'. What is its kappa "
    "with the reviewers' decisions?",
    low=-0.2, high=1.0, step=0.01,
)
agreed

# %%
by_word = {record.key: word in record.title.lower() for record in kept}
found = review.agreement(by_word, kept)
print(found)
n = found.records
same = (found.both + found.neither) / n
rule = (found.both + found.own) / n
people = (found.both + found.others) / n
chance = rule * people + (1 - rule) * (1 - people)
agreed.reconcile(
    found.kappa, f"They agree on {same:.0%} of the records; two who include "
    f"as often as they do, by lot, would agree on {chance:.0%}.",
)

# %% [markdown]
# ### A model that ranks
#
# **Active learning**: a model learns from the decisions so far, and you read next what
# it finds most likely. How much work is that worth? **Work saved over sampling**
# (Cohen et al. 2006): of $N$ records, $n$ must be read until a share $R$ of the
# relevant ones is found. Whoever reads in no order and stops early would save $1 - R$:
#
# $$\mathrm{WSS}_R = \Bigl(1 - \frac{n}{N}\Bigr) - (1 - R)$$

# %%
def work_saved(relevant, recall):
    """relevant bool (N,), in the order of reading -> a number"""
    ### BEGIN SOLUTION
    found = np.cumsum(relevant)
    screened = np.argmax(found >= recall * found[-1]) + 1
    return recall - screened / len(found)
    ### END SOLUTION

# %%
check.work_saved(work_saved)

# %%
read = Prediction(
    "16/screened",
    "TF-IDF and a logistic regression, trained after every ten records. What "
    "share of all records must be read to find 95 % of the relevant ones?",
    low=0.0, high=1.0, step=0.01,
)
read

# %%
orders = [review.simulate(records, start) for start in range(3)]
needed = [order.screened_for(0.95) / len(order.relevant) for order in orders]
saved = [order.work_saved(0.95) for order in orders]
read.reconcile(np.mean(needed), f"Work saved {min(saved):.2f} to "
               f"{max(saved):.2f}, from three pairs of first records.")
review.recall_curve(orders)

# %% [markdown]
# The curve was drawn by those who had read everything. You have not, and must
# decide when to stop. A usual rule: after so many irrelevant records in a row.

# %%
rows = []
for run_of in (25, 50, 100):
    for order in orders:
        stop = order.stop(run_of)
        rows.append([run_of, order.seed, stop.screened, stop.found,
                     len(stop.missed), f"{stop.recall:.2f}"])
Table(["in a row", "start", "read", "found", "missed", "recall"], rows,
      f"Stopping rules on {records.name}", records.phantom)

# %%
titles = {record.key: record.title for record in records.records}
missed = orders[0].stop(25).missed
print(f"{len(missed)} relevant records that the first rule would have missed:")
for key in missed[:4]:
    print(" ", titles[key][:74])

# %% [markdown]
# No rule of this kind knows what lies behind it. A sample of the rest, read after
# stopping, at least bounds it.
#
# ## How an answer follows
#
# Each claim of the course has one **primary contrast**, the difference of two arms,
# and a **margin**, the smallest difference that would count. The answer follows from the
# interval by code, where more than the margin is claimed. In the order of
# `review.ANSWERS`, 0 to 4:
#
# | | |
# |---|---|
# | 0 supported | the interval lies wholly above the margin |
# | 1 contradicted | wholly below minus the margin |
# | 2 no difference larger than the margin | wholly between the two |
# | 3 inconclusive | none of these |
# | 4 not testable here | an arm has not learned its task |

# %%
def judged(low, high, margin, learned):
    """-> the number of the answer; to touch a margin is not to pass it"""
    ### BEGIN SOLUTION
    if not learned:
        return 4
    if low > margin:
        return 0
    if high < -margin:
        return 1
    return 2 if -margin < low and high < margin else 3
    ### END SOLUTION

# %%
check.judged(judged)

# %% [markdown]
# ## What the review says and what we measured
#
# The questions are ours; the review did not ask them. A claim may carry marks:
# *phantom images*, on which nothing is said about patients; *by construction*, where
# the images were made such that the answer could hardly be another; *amended*, where rule or
# protocol was changed after there was evidence, which its card tells.

# %%
all_of_them = review.standings()
asked = [each for each in all_of_them if not each.claim.by_construction]
supported = Prediction(
    "16/supported",
    "Of the claims that are not true by construction, what share is "
    "supported?",
    low=0.0, high=1.0, step=0.01,
)
supported

# %%
share = np.mean([each.found.word == "supported" for each in asked])
supported.reconcile(
    share, f"{len(asked)} of {len(all_of_them)} claims are not true by "
    "construction. The rest of them is no failure: to know that nothing can "
    "be told is worth knowing before one buys.",
)

# %%
review.forest(all_of_them)

# %% [markdown]
# Units of the margin make AUC, Dice and decibels comparable in one respect only: how
# clearly each passes *its* bar. A long bar is a trial that was too small for its
# question. Which family was asked what, and what came of it?

# %%
review.answer_map(all_of_them)

# %% [markdown]
# Look closer: filter, choose a claim, read its card with protocol, amendments and
# evidence. The slider asks what another margin would have said. Whoever chooses the
# margin after the evidence can have nearly any answer.

# %%
explorers.claims()

# %% [markdown]
# ## What many questions do
#
# Each answer is wrong in about one of twenty repetitions. Ask forty questions, and
# some answers are wrong, and nobody knows which. **Holm's correction** (Scand. J.
# Stat. 6:65, 1979) holds the chance of even *one* false answer at 5 %: the smallest
# of $m$ p values is multiplied by $m$, the next by $m - 1$, and so on; none may
# come out smaller than one before it, none above 1.

# %%
def holm(p_values):
    """p values (N,) -> corrected ones, in the order given (N,)"""
    ### BEGIN SOLUTION
    order = np.argsort(p_values)
    steps = np.arange(len(p_values), 0, -1) * p_values[order]
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(steps).clip(None, 1)
    return corrected
    ### END SOLUTION

# %%
check.holm(holm)

# %% [markdown]
# A second doubt: an interval over seeds only takes the test cases as the only ones
# there are. Where evidence has kept what each network said of each case, our intervals
# are over seeds *and* cases; the others are over seeds only, and say so.

# %%
left = Prediction(
    "16/left",
    "Of the answers other than inconclusive and not testable, what share is "
    "left after Holm's correction for all primary contrasts?",
    low=0.0, high=1.0, step=0.01,
)
left

# %%
open_ = ("inconclusive", "not testable here")
after = review.corrected(asked)
told = [each for each in asked if each.found.word not in open_]
same = np.mean([after[each.claim.id] == each.found.word for each in told])
of_both = sum(each.found.over == "seeds and cases" for each in asked)
left.reconcile(same, f"{of_both} of {len(asked)} claims are judged over seeds "
               "and cases, the others over seeds only.")

# %%
review.survivors(all_of_them)

# %% [markdown]
# The correction is strict here: the claims are not one family of tests from which the
# best is chosen, and each stands with its own lesson. But a reader who picks "those
# that were supported" does choose, and should look at the last column.
#
# ## One claim again
#
# Evidence is a file. Here one seed of one claim is measured again, on this machine,
# and held against what the file says of that seed. One seed has no spread, so the rule
# gives no answer; the number is what is compared.

# %%
from medtutor.review.trials import run_trial

chosen = review.claim("reconstruction-error-finds-disease")
stored = review.read_evidence(chosen.id)
fresh = run_trial(chosen, seeds=chosen.seeds[:1], progress=False)
rows = []
for now in fresh.contrasts:
    then = stored.contrast(now.name).values[0]
    rows.append([now.name, f"{then:+.4f}", f"{now.values[0]:+.4f}"])
Table(["contrast, seed 0", "in the file", "now"], rows, chosen.metric,
      fresh.on_phantoms)

# %%
print("file:", stored.versions, stored.device, "threads", stored.threads)
print("now: ", fresh.versions, fresh.device, "threads", fresh.threads)
if fresh.on_phantoms:
    print("PHANTOM images now: the two columns are of different images.")
print(review.verdict(chosen, fresh))

# %% [markdown]
# Same code, seed, versions and processor should give the same digits. Other versions or
# processors add in another order or with other precision (both lines above name theirs),
# and training makes small differences larger.
#
# ## Families side by side
#
# What each family reached, and what it costs. Times are left out here; they are
# measured by `review.side_by_side()`.

# %%
review.side_by_side(timed=False)

# %% [markdown]
# A row is a network at 28 x 28 pixels with one recipe. Larger images, pre-training or
# a longer search may turn the order round; the table does not exclude it.
#
# ## What a small trial can say
#
# Suppose a network misses none of the ill in a test. How many may it miss elsewhere,
# even if patients are of the same kind?

# %%
rows = [[ill, f"{share_interval(0, ill)[1]:.1%}"]
        for ill in (20, 50, 100, 400, 3000)]
Table(["ill, all found", "missed may be up to (95 %)"], rows)

# %% [markdown]
# | A small trial can say | It cannot say |
# |---|---|
# | that a difference on these images is larger than chance and than a margin | that it matters to a patient |
# | that a claim of a *large* effect does not hold here | that there is no effect anywhere |
# | that a method fails: one counter-example is enough | that it is safe: rare failures need many cases |
# | how much seeds and test cases scatter | how much hospitals, scanners and years do |
# | what to ask next | whether to use it: for that, external data and trials of its use |
#
# ## How this course would fare
#
# **CLAIM** (Tejani et al. 2024) lists what a paper on AI in imaging should report;
# **PROBAST** (Wolff et al. 2019) asks how likely a study of a prediction model is biased,
# and whether it is about the patients in question. Some of their items, and of two
# other lists, in our own words, not theirs:

# %%
claim_2024 = {
    "C1": ("partly", "the sets are named; who was left out, they hardly say"),
    "C2": ("no", "labels are taken as the publishers give them"),
    "C3": ("partly", "published splits; X-rays do not say whose they are"),
    "C4": ("no", "done by the publishers before us"),
    "C5": ("yes", "each network stands in its lesson; versions in evidence"),
    "C6": ("yes", "recipes; chosen on val"),
    "C7": ("yes", "AUC, Dice; seeds and cases, where predictions are kept"),
    "C8": ("no", "no second hospital"),
    "C9": ("no", "the files say neither age nor sex"),
    "C10": ("partly", "mistakes are shown in some lessons"),
    "C11": ("yes", "Where it fails, at the end of each lesson"),
}

# %%
others = {
    "T2": ("partly", "margin and power beforehand; sizes are given"),
    "T6": ("yes", "code, rules, evidence and its hashes"),
    "T7": ("no", "nobody was asked"),
    "D3": ("no", "no clinician has used any of it"),
}
answered("this course", claim_2024 | others)

# %%
rows = [line.split(" | ") for line in """
participants | those whom it is for? | high | chosen by others, few places
predictors | measured alike for all? | unclear | the sets hardly say
outcome | found without the predictors? | unclear | often read from images
analysis | enough cases with the outcome? | high | few in the small sets
analysis | optimism handled? | low | chosen on val, test read once
analysis | calibration looked at? | unclear | in lesson 11 alone
applicability | its patients, its use? | high | made for teaching
""".strip().splitlines()]
Table(["PROBAST", "asked", "risk of bias", "why"], rows)

# %% [markdown]
# A study with one "high" is at high risk of bias as a whole. So is this course, as a
# study of patients: it is none.
#
# ## Your own question
#
# Write a question, a rule and a function that measures; **lock** them before you
# measure. The lock is a file with a hash of all three. Ours: do 40 labelled X-rays of each
# class do better than 10, by more than 0.05 AUC, with a logistic regression on pixels?

# %%
xray = mt.load("pneumoniamnist")
test = xray.test.images.flatten(1) / 255


def more_labels(seed):
    reached = []
    for count in (40, 10):
        few = few_of(xray, count, seed)
        model = LogisticRegression(C=0.01, max_iter=500)
        model.fit(few.images.flatten(1) / 255, few.labels)
        scores = model.decision_function(test)
        reached.append(PerCase.of("AUC", scores, xray.test.labels))
    return reached

# %%
place = Path(tempfile.mkdtemp()) / "my_question.json"
rule = review.Rule("above", "AUC", 0.05, "40 labels against 10")
mine = {"measure": more_labels, "arms": ("40 labels", "10 labels"),
        "asked": "Do 40 labels of each class do better than 10?"}
lock = review.lock_claim(place, rule=rule, seeds=(0, 1, 2, 3, 4), **mine)
print(lock)

# %%
own = Prediction("16/own", "The answer?", choices=list(review.ANSWERS[:4]))
own

# %%
answer = review.run_claim(place, more_labels, progress=False)
own.reconcile(answer.word, f"{'PHANTOM: ' * xray.is_phantom}{answer.reason}")

# %% [markdown]
# Is the margin too strict, now that you know? The lock does not move. Neither does
# the function, nor can it be run until it fits:

# %%
softer = review.Rule("above", "AUC", 0.02, "40 labels against 10")
tries = {
    "another margin": lambda: review.lock_claim(
        place, rule=softer, seeds=(0, 1, 2, 3, 4), **mine),
    "once more": lambda: review.run_claim(place, more_labels),
}
for what, attempt in tries.items():
    try:
        attempt()
    except InputError as error:
        print(f"{what}:", str(error).replace(f"{place.parent}/", ""))

# %% [markdown]
# A lock on your own disk proves nothing to others: you could delete it. Publish its
# hash, or commit the file, before you measure. Now ask something of your own.
#
# ## Where it fails
#
# - We chose which questions to ask, and mostly those that two cores can answer.
# - Our margins are judgements. Another reader may need another one.
# - Amended rules were changed by people who had seen evidence, in the open.
# - Twenty-eight pixels a side decide much of what was found.
# - The decisions of reviewers are taken as true; they err, too.
#
# ## Quiz

# %%
Quiz("16_what_we_found")

# %% [markdown]
# ## Key points
#
# - What was not reported stays empty. Count what you leave out, and why.
# - A model that ranks saves reading; when to stop it does not know.
# - Margin and interval give five answers. "Inconclusive" is not "no difference".
# - Many questions need stronger evidence for each.
# - Lock question, rule and code before you measure.
# - A narrow interval is about more of the same images, not about patients elsewhere.
#
# ## References
#
# - Cohen A. M. et al., *Reducing workload in systematic review preparation using
#   automated citation classification*, Journal of the American Medical Informatics
#   Association 13:206 (2006).
#   [doi:10.1197/jamia.M1929](https://doi.org/10.1197/jamia.M1929)
# - De Bruin J. et al., *SYNERGY: open machine learning dataset on study selection in
#   systematic reviews* (2023).
#   [doi:10.34894/HE6NAQ](https://doi.org/10.34894/HE6NAQ)
# - Page M. J. et al., *The PRISMA 2020 statement*, BMJ 372:n71 (2021).
#   [doi:10.1136/bmj.n71](https://doi.org/10.1136/bmj.n71)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Tejani A. S. et al., *Checklist for artificial intelligence in medical imaging
#   (CLAIM): 2024 update*, Radiology: Artificial Intelligence 6:e240300 (2024).
#   [doi:10.1148/ryai.240300](https://doi.org/10.1148/ryai.240300)
# - Wolff R. F. et al., *PROBAST: a tool to assess the risk of bias and applicability
#   of prediction model studies*, Annals of Internal Medicine 170:51 (2019).
#   [doi:10.7326/M18-1376](https://doi.org/10.7326/M18-1376)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
