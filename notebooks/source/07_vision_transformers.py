# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Vision transformers: what is it worth to see everything at once?
#
# A convolution looks at a few neighbouring pixels. A **vision transformer** (ViT)
# cuts the image into patches and lets each of them look at all others. The review
# names it as the technique that captures **global features**. What does that mean,
# and when does it pay?
#
# **You will be able to**
# 1. cut an image into tokens, write attention, and say why its scores are
#    scaled;
# 2. write a ViT from its parts, and compare it fairly with a CNN;
# 3. show what a ViT without positions can no longer see;
# 4. keep apart what a network can see, how it combines that, and what it takes
#    to learn it;
# 5. say what smaller patches cost, and what windows save.
#
# About 79 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children, 28 x 28 pixels, CC BY 4.0), and **phantoms**: drawn marks, and X-rays with planted spots |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Where phantoms take the X-rays' place, every picture says so, and what the text
# says of real images does not hold.

# %%
from dataclasses import replace
from statistics import mean

import torch
import torch.nn.functional as F
from torch import nn

import medtutor as mt
from medtutor import explorers, figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.data import normalise
from medtutor.metrics import measure
from medtutor.models import parameter_count
from medtutor.reports import Table
from medtutor.reports.cost import forward_flops, measure_cost

# %% [markdown]
# ## An image as a list of patches

# %%
xray = mt.load("pneumoniamnist")
figures.gallery(xray)

# %% [markdown]
# Transformers were made for language, where a sentence is a list of **tokens**. An
# image is not a list of tokens. So a ViT (Dosovitskiy et al. 2020) first cuts it
# into squares, in reading order.

# %%
def with_gaps(image, patch):
    """(H, W) uint8, with white lines between the patches"""
    tiles = image.unfold(0, patch, patch).unfold(1, patch, patch)
    tiles = F.pad(tiles, (0, 1, 0, 1), value=255)  # (R, C, p + 1, p + 1)
    return tiles.transpose(1, 2).flatten(2).flatten(0, 1)


one = xray.val.images[3, 0]
figures.images(
    [one, *(with_gaps(one, patch) for patch in (14, 7, 4, 2))],
    ["28 x 28 pixels", "4 patches of 14", "16 of 7", "49 of 4", "196 of 2"],
    "An X-ray, and the same cut into 4, 16, 49 and 196 square patches.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# Cut images yourself: each patch becomes one row of numbers, channel after channel,
# each read row by row.

# %%
def patchify(images, patch):
    """(B, C, H, W) -> (B, N, C * patch * patch), in reading order"""
    ### BEGIN SOLUTION
    B, C, H, W = images.shape
    grid = images.reshape(B, C, H // patch, patch, W // patch, patch)
    grid = grid.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, p, p)
    return grid.flatten(3).flatten(1, 2)
    ### END SOLUTION

# %%
check.patchify(patchify)

# %% [markdown]
# One linear layer then turns the 16 grey levels of each 4 x 4 patch into a token of
# 64 numbers: the **patch embedding**. Cutting and layer together are a convolution
# whose stride is as large as its kernel.
#
# ## Attention
#
# Three linear layers make three vectors of each token: a **query** (what it looks
# for), a **key** (what it can be found by) and a **value** (what it hands on). The
# *score* of a query and a key is their scalar product. A **softmax** turns the scores
# of one query into weights that add up to 1, and the query gathers the weighted mean
# of all values (Vaswani et al. 2017):
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d}\right) V$$
#
# The weights of a convolution are fixed after training, and reach as far as its
# kernel. These depend on what is in the image, and reach everywhere.
#
# What is the root of $d$ for, the number of numbers in a query?

# %%
scaling = Prediction(
    "07/scaling",
    "A query meets 49 keys, all of 64 random numbers (standard normal). "
    "Without the root: which share of the weight does the best key get, on "
    "average? (An equal share is 0.02.)",
    low=0.0, high=1.0, step=0.01,
)
scaling

# %%
drawn = torch.Generator().manual_seed(0)
queries, keys = torch.randn(2, 500, 49, 64, generator=drawn)
best, rows = {}, []
for divisor in (1, 8, 64):
    scores = queries @ keys.transpose(-2, -1) / divisor  # (500, 49, 49)
    weights = scores.softmax(-1).sort(descending=True).values
    held = (weights.cumsum(-1) < 0.9).sum(-1) + 1.0
    best[divisor] = weights[..., 0].mean().item()
    rows.append([divisor, f"{best[divisor]:.2f}", f"{held.mean():.1f}"])
Table(["divided by", "share of the best key", "keys that hold 90 %"], rows)

# %%
scaling.reconcile(
    best[1],
    "A score is a sum of 64 products, with a standard deviation of 8. The "
    "softmax of such numbers is nearly all or nothing: the key that is ahead "
    "by chance gets most of the weight, before anything has been learned. "
    "Divided by 8, the standard deviation is 1; by 64, all keys look alike.",
)

# %% [markdown]
# Write attention. Before the last two axes there may be others, such as images and
# heads.

# %%
def attend(queries, keys, values):
    """(..., N, d) each -> (..., N, d): what each query gathers"""
    ### BEGIN SOLUTION
    d = queries.shape[-1]
    scores = queries @ keys.transpose(-2, -1) / d**0.5  # (..., N, N)
    return scores.softmax(dim=-1) @ values
    ### END SOLUTION

# %%
check.attend(attend)

# %% [markdown]
# ## The model, part by part

# %%
figures.diagram("vit_block")

# %% [markdown]
# **Self-attention with several heads.** The 64 numbers of a token are split among
# four **heads** of 16: a token can look at four things at once. What they gather is
# put side by side, and one more linear layer mixes it: the **output projection**.

# %%
class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)  # the output projection

    def forward(self, x):  # (B, N, D)
        B, N, D = x.shape
        qkv = self.to_qkv(x).reshape(B, N, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, N, d) each
        scores = q @ k.transpose(-2, -1) / (D // self.heads) ** 0.5
        gathered = scores.softmax(dim=-1) @ v  # (B, heads, N, d)
        return self.project(gathered.transpose(1, 2).reshape(B, N, D))

# %% [markdown]
# **The block** is attention, and then a small MLP for each token alone. What they
# find is *added* to what was there, and both see normalised tokens (Xiong et al.
# 2020):
#
# $$x' = x + \mathrm{Attention}(\mathrm{LN}(x)), \qquad y = x' + \mathrm{MLP}(\mathrm{LN}(x'))$$
#
# **Layer normalisation** (LN; Ba et al. 2016) brings the 64 numbers of *one token*
# to mean 0 and standard deviation 1, and then to a learned scale $\gamma$ and shift
# $\beta$: $\mathrm{LN}(x) = \gamma\,(x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$. **GELU** in the
# MLP is a smooth ReLU: $x$ times the share of a standard normal distribution below
# $x$ (Hendrycks & Gimpel 2016).

# %%
class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, x):  # (B, N, D) -> (B, N, D)
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))

# %% [markdown]
# **Positions.** Attention does not use *where* a token stands. So each of the 49
# places has 64 learned numbers, its **positional embedding**, added to its token.

# %%
class Positions(nn.Module):
    def __init__(self, tokens, width):
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(1, tokens, width))

    def forward(self, x):  # (B, N, D) -> (B, N, D)
        return x + self.table

# %%
class SmallViT(nn.Module):
    def __init__(self, patch=4, tokens=49, width=64, depth=5, heads=4):
        super().__init__()
        self.embed = nn.Conv2d(1, width, patch, stride=patch)
        self.positions = Positions(tokens, width)
        blocks = [Block(width, heads) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, 2)

    def forward(self, images):  # (B, 1, 28, 28)
        x = self.embed(images).flatten(2).transpose(1, 2)  # (B, 49, 64)
        x = self.norm(self.blocks(self.positions(x)))  # (B, 49, 64)
        return self.classifier(x.mean(dim=1))  # logits (B, 2)

# %%
vit = mt.build("vit", xray)
same_network(SmallViT(), vit, normalise(xray.val.images[:4]))

# %% [markdown]
# **No class token.** The first ViT reads its answer from one more token, which stands
# for no place: the **class token**. The model here has none and takes the mean of all
# tokens, which Beyer et al. (2022) found no worse.
# `mt.build("vit", xray, readout="class")` has one.
#
# What does the model cost, beside a CNN and a *hybrid*, convolutions first and
# attention after them?

# %%
mflop, rows = {}, []
for name in ("cnn", "vit", "hybrid"):
    model = mt.build(name, xray)
    mflop[name] = forward_flops(model, xray.card) / 1e6
    rows.append([name, f"{parameter_count(model):,}", f"{mflop[name]:.1f}"])
longer = mflop["cnn"] / mflop["vit"]
Table(
    ["network", "parameters", "million operations an image"], rows,
    f"For equal work the ViT may be trained {longer:.2f} times as long",
)

# %% [markdown]
# The ViT works on 49 places, the CNN first on 784. So a fair comparison gives the ViT
# more epochs. **As many parameters, equal work** is the rule of this lesson. If you
# count epochs, or seconds on a graphics card, other networks win.

# %%
recipe = mt.default_recipe(xray.card, "vit", epochs=4, shift_at_test=0)
run = mt.fit(vit, xray, recipe)
print(f"AUC on validation {run.val.auc:.3f}, on test {run.test.auc:.3f}")

# %% [markdown]
# ## Without positions, a bag of patches
#
# Change the order of the tokens, and what they gather changes its order with
# them. MLP and mean do not know any place either.

# %%
def shuffled(images, seed=0, patch=4):
    """The patches in another order, the same one for all the images"""
    tiles = F.unfold(images.float(), patch, stride=patch)  # (N, 16, 49)
    drawn = torch.Generator().manual_seed(seed)
    tiles = tiles[..., torch.randperm(tiles.shape[-1], generator=drawn)]
    return F.fold(tiles, 28, patch, stride=patch).to(torch.uint8)


first = xray.val.images[[3]]
figures.images(
    [first[0], *(shuffled(first, seed)[0] for seed in (0, 1, 2))],
    ["the image", "shuffled", "shuffled", "shuffled"],
    "An X-ray, and its 49 patches in three random orders: no chest is left.",
    phantom=xray.is_phantom,
)

# %%
bag = Prediction(
    "07/bag",
    "A ViT without positions is shown an X-ray, and then its patches "
    "shuffled. By how much does its answer change?",
    choices=["not at all", "less than from patient to patient",
             "more than from patient to patient"],
)
bag

# %%
def changes(model):
    """Of the logits: by shuffling an image, and by taking another one"""
    images = xray.val.images[:32]
    with torch.no_grad():
        here, moved = (model.eval()(normalise(some))
                       for some in (images, shuffled(images)))
    return [(here - other).abs().mean().item()
            for other in (moved, here.roll(1, dims=0))]


bare = mt.build("vit", xray, positions=False)
told = changes(bare)
rows = [["no positions", *told], ["positions, trained", *changes(run.model)]]
Table(["mean change of a logit by", "shuffling", "another patient"], rows)

# %%
bag.reconcile(
    "not at all" if told[0] < 1e-4
    else "less than from patient to patient" if told[0] < told[1]
    else "more than from patient to patient",
    "The sum over tokens is the same in any order, up to the last digit that "
    "the computer keeps. An image without order is a bag of patches.",
)

# %% [markdown]
# With positions the answers do change. Now all validation images are shuffled, in
# the same way.

# %%
order = Prediction(
    "07/order",
    f"As they are, the trained ViT ranks the validation images with an AUC of "
    f"{run.val.auc:.2f}. And when their patches are shuffled?",
    low=0.0, high=1.0, step=0.01,
)
order

# %%
without_order = []
for seed in range(3):
    scores = run.predict(shuffled(xray.val.images, seed))
    found = measure(xray.val.labels, scores, "binary", resamples=0)
    without_order.append(found.auc)
Table(["shuffled", "AUC on validation"], [*enumerate(without_order)])

# %%
order.reconcile(
    mean(without_order),
    "What is left of the AUC is what the patches say one by one, and how "
    "they are lit; what is lost is what the network made of their places.",
)

# %% [markdown]
# On the real images little is lost. In this set, images with pneumonia are smoother
# and greyer, patch by patch (lesson 05); whether the disease makes them so, or the
# way they were taken, the set cannot say. A high AUC does not mean that a network
# sees the whole.
#
# Now trained *and* tested with positions, and with none. An AUC begins at 0.5, which
# is guessing:

# %%
def arms_of(evidence, where):
    """{network: test AUC of each seed} on one kind of images"""
    found = {}
    for each in evidence.where(column=where) if evidence else ():
        found |= dict(zip(each.arms, (each.first, each.second)))
    return found


hunger = review.read_evidence("vits-need-more-data")
rows = [[name, mean(aucs), min(aucs), max(aucs), f"{mean(aucs) - 0.5:.3f}"]
        for name, aucs in arms_of(hunger, "pneumoniamnist").items()]
head = ["positions", "mean test AUC", "lowest", "highest", "above guessing"]
Table(head, rows, "Five seeds")

# %% [markdown]
# Positions are worth 0.02 of AUC, with every seed. A bag of patches has nearly all
# that lies above guessing: here it matters more *what* is there than *where*.
#
# ## What is "global"?
#
# Three things hide in that word.
#
# - The **receptive field**: how far a single place can see. In the last feature map
#   of the CNN here it is 25 x 25 pixels; each token of a ViT sees all.
# - **Aggregation**: how the places are combined. The maximum of a feature over the
#   image has looked at the whole image as well.
# - **Learning**: how many images and how much training it takes to *find* the
#   rule, beyond being able to represent it.
#
# To tell them apart we need labels that lie only in the relation of two distant
# places. **Phantoms**: two marks in opposite corners, each a cross or a hollow
# square. The label says whether they are the same.

# %%
marks = mt.load("marks_shapes")
figures.gallery(marks, columns=6)

# %% [markdown]
# | | a place sees | places are combined by |
# |---|---|---|
# | `bag` | 13 x 13 pixels | the mean of their answers |
# | `together` | the same features | their maximum, then an MLP |
# | `cnn` | 25 x 25 pixels | their maximum |
# | `vit` | all 28 x 28, in 16 patches of 7 | attention, then the mean |
#
# The bag (after BagNet, Brendel & Bethge 2019) adds up what each place says for
# itself; `together` differs in the last step only. All get as much work as the CNN
# needs to see 2500 images four times.

# %%
from medtutor.reports.cost import MATCHED, equal_work
from medtutor.data.subsets import some_of

some = some_of(marks, 2500)  # the first 2500 of 20,000


def train_on_marks(arm, epochs=4):
    """A `Run`, with the work of so many epochs of the CNN"""
    name, options = MATCHED[arm]
    longer = equal_work(name, some, options, than=MATCHED["cnn"])
    recipe = mt.default_recipe(some.card, name,
                               epochs=round(epochs * longer))
    return mt.fit(mt.build(name, some, **options), some, recipe)

# %%
SETS = {
    "the bag alone": {"bag"}, "bag and together": {"bag", "together"},
    "bag, together and CNN": {"bag", "together", "cnn"},
    "bag and ViT": {"bag", "vit"}, "none": set(),
}
chance = Prediction(
    "07/chance",
    "Which networks stay near chance (AUC on validation below 0.6)?",
    choices=[*SETS, "others"],
)
chance

# %%
arms = ("bag", "together", "cnn", "vit")
learned = {arm: train_on_marks(arm) for arm in arms}
rows = []
for arm, each in learned.items():
    done = [epoch["val_auc"] > 0.9 for epoch in each.history]
    when = (done.index(True) + 1) / len(done) if any(done) else None
    rows.append([arm, len(done), each.history[-1]["loss"], each.val.auc,
                 "never" if when is None else f"{when:.0%}"])
head = ["network", "epochs", "last loss", "AUC on validation",
        "above 0.9 after this share of its training"]
Table(head, rows, phantom=True)

# %%
low = {arm for arm, each in learned.items() if each.val.auc < 0.6}
chance.reconcile(
    next((name for name, arms in SETS.items() if arms == low), "others"),
    "The bag cannot: a sum of what each place says alone holds no relation, "
    "however long it is trained. The other three can represent the rule; "
    "whether they find it is a matter of learning.",
)

# %% [markdown]
# For `together` and the CNN a small detector and a maximum are enough: "is there a
# cross anywhere, is there a square anywhere?" The step that makes it global has no
# weight to be learned. The ViT sees both marks from its first block on. Follow its
# loss:

# %%
history = learned["vit"].history
figures.curves(
    [epoch["epoch"] for epoch in history],
    {"loss in training": [epoch["loss"] for epoch in history],
     "AUC on validation": [epoch["val_auc"] for epoch in history]},
    "epoch", "loss, AUC", "The ViT on two marks.", phantom=True,
)

# %% [markdown]
# A loss of 0.693, the logarithm of 2, is that of a network which says "one half"
# to every image: on this **plateau** it has found nothing in them. A convolution knows
# from the start that a cross is the same thing wherever it lies. A ViT has to find
# that out.
#
# Now five seeds, more images, fainter marks that jitter more (`noisy`), and
# `patterns`: two random patterns that have to be compared. The mean, in brackets the
# lowest:

# %%
trial = review.read_evidence("vits-see-globally")
arms = ("bag", "together", "cnn", "vit", "hybrid")
rows = []
for where in dict.fromkeys(each.keys["column"] for each in trial.contrasts):
    aucs = arms_of(trial, where)
    rows.append([where, *(f"{mean(aucs[arm]):.2f} ({min(aucs[arm]):.2f})"
                          for arm in arms)])
Table(["marks", *arms], rows, "Test AUC", phantom=True)

# %% [markdown]
# - **Aggregation** is the whole way from chance to 1.00: `bag` against `together`.
# - **Receptive field** decides nothing here: `together` does as well as the CNN.
# - **Learning**: with enough work the ViT, too, finds the rule of plain shapes. With
#   fainter marks it seldom does. To compare two patterns looks as if made for
#   attention, and the ViT does not learn it in this time; a CNN does, to 0.94.
#
# So nothing here speaks for "a ViT sees globally where a CNN does not", and little
# against it: on shapes the CNN leaves no room to be better, and on patterns the ViT
# has not learned its task. Not shown: larger images, larger networks, pre-training.
#
# ## Few images
#
# Back to X-rays. 5 % of the labelled images are left, 236. By equal work: 14 epochs
# for the CNN, 30 for the ViT. Nothing is selected: both are tested once.

# %%
from medtutor.data.subsets import labelled

few = labelled(xray, 0.05, seed=0)
glance = {"images": few.val.images[:50], "labels": few.val.labels[:50]}
few = replace(few, val=replace(few.val, **glance))  # after each epoch
lead = Prediction(
    "07/lead",
    f"{len(few.train)} X-rays to learn from. By how much is the CNN's test "
    "AUC above the ViT's? (Below 0: the ViT is ahead.)",
    low=-0.2, high=0.2, step=0.005,
)
lead

# %%
hungry, rows = {}, []
for name, epochs in {"cnn": 14, "vit": round(14 * longer)}.items():
    recipe = mt.default_recipe(
        few.card, name, epochs=epochs, batch_size=32, shift_at_test=0,
        optimiser="adamw",  # one optimiser for both
    )
    hungry[name] = mt.fit(mt.build(name, few), few, recipe)
    rows.append([name, epochs, hungry[name].test.auc])
Table(["network", "epochs", "test AUC"], rows)

# %%
lead.reconcile(
    hungry["cnn"].test.auc - hungry["vit"].test.auc,
    f"One seed, one draw of {len(few.train)} images. The sign of such a "
    "difference may change with the next draw; hence five seeds.",
)

# %% [markdown]
# Five seeds, more work, and more labels, too. The mean, in brackets lowest and
# highest:

# %%
rows = []
for share in ("5%", "25%", "100%"):
    aucs = arms_of(hunger, f"pneumoniamnist, {share} of labels")
    rows.append([share, *(
        f"{mean(arm):.3f} ({min(arm):.3f}, {max(arm):.3f})"
        for arm in (aucs[name] for name in ("cnn", "vit", "hybrid"))
    )])
Table(["labels", "cnn", "vit", "hybrid"], rows, "Test AUC")

# %% [markdown]
# In the mean the CNN is ahead with each share of the labels, and the lead shrinks
# as labels are added. The spread over seeds is about as large; what the rule makes of
# it stands on the card below.
#
# Where may such a lead come from? A convolution knows before any training that near
# pixels belong together and that a finding may be anywhere: its **inductive bias**. A
# ViT has to learn that from examples. With enough of them that need not be a loss.
#
# ## What small patches cost
#
# A small finding shares its token with all that lies in its patch. Smaller patches
# see finer. The price is in $Q K^\top$: N tokens make N x N scores.

# %%
price = Prediction(
    "07/price",
    "Patches of 2 pixels in place of 4: four times as many tokens. How many "
    "times as many floating-point operations?",
    low=1, high=20, step=0.1,
)
price

# %%
kinds = [("vit", 14), ("vit", 7), ("vit", 4), ("vit", 2), ("windowed_vit", 2)]
costs, rows = {}, []
for name, patch in kinds:
    model = mt.build(name, xray, patch=patch)
    cost = costs[name, patch] = measure_cost(model, xray.card, batch=8)
    tokens = (28 // patch) ** 2
    scores = tokens * (49 if name == "windowed_vit" else tokens)
    rows.append([name, patch, tokens, f"{scores:,}",
                 f"{cost.flops / 1e6:.1f}", f"{cost.train_ms:.1f}"])
head = ["network", "patch", "tokens", "scores", "million operations",
        "ms to train on an image"]
Table(head, rows)

# %%
price.reconcile(
    costs["vit", 2].flops / costs["vit", 4].flops,
    "Between 4 and 16. Linear layers and MLPs work on each token alone, and "
    "cost 4 times as much; only the scores and the weighted means cost 16 "
    "times as much. In this model the two halves are equal at 256 tokens.",
)

# %% [markdown]
# An image of 224 pixels in patches of 2 would have 12,544 tokens and 157 million
# scores, for each head and block. One way out is **windows** (Swin; Liu et al. 2021),
# the last row: a token looks at the 7 x 7 tokens of its window, and in the next block
# the windows lie elsewhere. The cost grows with N, not with its square. (Swin also
# merges tokens from stage to stage; the network here does not.)
#
# A block then sees 14 x 14 pixels. Is that a loss? Trained once, on a quarter of the
# labels, with as much work as the ViT above:

# %%
quarter = labelled(xray, 0.25, seed=0)
quarter = replace(quarter, val=few.val)
work = 12 * mflop["cnn"] * 1e6 / costs["windowed_vit", 2].flops
recipe = mt.default_recipe(
    quarter.card, "windowed_vit", epochs=round(work), batch_size=32,
    shift_at_test=0,
)
model = mt.build("windowed_vit", quarter, patch=2)
windows = mt.fit(model, quarter, recipe)
vits = arms_of(hunger, "pneumoniamnist, 25% of labels")["vit"]
print(f"windows, {round(work)} epochs: test AUC {windows.test.auc:.3f}; "
      f"the ViT: {min(vits):.3f} to {max(vits):.3f} over five seeds")

# %% [markdown]
# One seed, and no advantage of small patches: for equal work they see each image a
# quarter as often, and that may be why.
#
# ## Explore
#
# See where each head looks from a patch, block by block, and what the CNN's receptive
# field is at the same place.

# %%
explorers.attention(run, xray, cnn=hungry["cnn"])

# %% [markdown]
# ## What others found
#
# The transformer was made for translation. The ViT (2020) is one on patches and,
# pre-trained on very many photographs, reached 88.55 % on ImageNet; DeiT reached 83.1 %
# without other images (Touvron et al. 2021). Today a ViT is mostly pre-trained
# without labels, by filling in masked patches (MAE; He et al. 2022) or by giving two
# views of an image the same features (DINO; Caron et al. 2021), and then adapted: a
# **foundation model**, such as RAD-DINO for radiology (Pérez-García et al. 2024).
#
# Two reviews counted studies. In the 36 of Takahashi et al. (2024) the trend favours
# transformers, and pre-training is important. Ali et al. (2023) found 22, most of them
# of segmentation; Swin is used most. That no ViT is ahead here need not contradict
# them: a pre-trained ViT no longer has to learn from 236 X-rays what a neighbour is.
# But if you compare *that* ViT with a CNN from random weights, you compare the
# pre-training. And what did not work is published less often.
#
# ## Where it fails
#
# - **Little data and no pre-training.** A plateau of the training loss tells "has not
#   found the rule" from "has learned the images by heart".
# - **Fine detail** shares its token; smaller patches cost up to the square.
# - **Other sizes.** Positions belong to one grid.
# - **Maps of attention** always look as if they meant something.
#   [Lesson 09](09_interpretability.ipynb) tests whether they explain anything.
#
# ## What the review says and what we measured
#
# That ViTs *can* see everything is true by construction. What was made testable is
# whether it pays. The answers are *not testable here* and *inconclusive*.

# %%
review.claim("vits-see-globally")

# %%
review.claim("vits-need-more-data")

# %% [markdown]
# ## Bonus: Where it looks
#
# A ViT *may* look everywhere from the first block on. Does it? The **attention
# distance** is how far away, in pixels, the places lie from which a token gathers,
# weighted by how much it gathers (Dosovitskiy et al. 2020). It is a mean over 20
# images here, to be compared with a head that looks at all places alike.

# %%
from medtutor.explanation import attention_of, randomised, receptive_field

seen = xray.val.images[:20]


def distances(model):
    """Pixels, (blocks, heads)"""
    each = [attention_of(model, image).distances() for image in seen]
    return torch.stack(each).mean(dim=0)


even = attention_of(run, seen[0]).even_distance()
print(f"a head that looks at all places alike: {even:.1f} pixels")

# %%
reach = Prediction(
    "07/reach",
    "In the first block of the trained ViT, how far does the most "
    "near-sighted of the four heads look, in pixels?",
    low=0, high=20, step=0.1,
)
reach

# %%
far, untrained = distances(run), distances(randomised(run))
lines = {
    "trained, farthest head": far.amax(1), "trained, mean": far.mean(1),
    "trained, nearest head": far.amin(1), "untrained, mean": untrained.mean(1),
    "all places alike": torch.full((5,), even),
}
figures.curves(
    range(1, 6), lines, "block", "attention distance in pixels",
    "Attention distance by block.", phantom=xray.is_phantom,
)

# %%
reach.reconcile(
    far[0].min().item(),
    f"All places alike would be {even:.1f}, a 3 x 3 convolution of patches "
    "about 4. An untrained ViT looks at all places nearly alike: it begins "
    "global. What it has to learn is where not to look.",
)

# %% [markdown]
# On the real images it has learned hardly any of that: the heads stay close to the
# plain mean over the image. That fits the shuffled images. Larger ViTs, after more
# training, have heads in their first blocks that look at their neighbours
# (Dosovitskiy et al. 2020): they learn what a convolution is born with.
#
# So "global" is where a ViT *starts*. A CNN starts at the other end: its first
# layer sees 3 x 3 pixels and each layer adds some. How much a pixel can move what
# the middle of a map says (the square root, since at the border of its field a CNN
# feels next to nothing):

# %%
stages = ("stem", "blocks.0", "blocks.1", "blocks.2")
fields = [receptive_field(hungry["cnn"], layer=stage) for stage in stages]
fields.append(receptive_field(run, layer="as_maps"))
sides = [int((field > 0).any(dim=1).sum()) for field in fields]
names = ("stem", "block 1", "block 2", "block 3", "ViT")
figures.images(
    [field.sqrt() for field in fields],
    [f"{name}: {side} px" for name, side in zip(names, sides)],
    "Receptive fields of the middle place: of the CNN's stem and three "
    f"blocks {', '.join(map(str, sides[:4]))} pixels wide, of the ViT's last "
    f"block {sides[4]}; strong in the middle, faint towards their borders.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# ## Bonus: A head start
#
# **Transfer learning** begins with weights that were learned on something else. No
# millions of photographs are at hand here, but the ViT from above has learned
# pneumonia. Does that help with another task? Half of the X-rays get a small bright
# spot at a random place, and the spot is the label: **phantoms**.
#
# Mind what this is *not*: pre-training and test use the same X-rays, so nothing
# is said about other images. Only the task is new.

# %%
from copy import deepcopy

from medtutor.data.planting import plant_spots

spots = labelled(plant_spots(xray, "bright"), 0.5, seed=0)
figures.gallery(spots, columns=6)

# %%
head_start = Prediction(
    "07/head-start",
    "Four epochs on the spots, from random weights and from those that have "
    "learned pneumonia. By how much is the AUC on validation of the second "
    "higher?",
    low=-0.5, high=0.5, step=0.01,
)
head_start

# %%
starts = {"random weights": mt.build("vit", spots),
          "learned pneumonia": deepcopy(run.model)}
recipe = mt.default_recipe(spots.card, "vit", epochs=4, shift_at_test=0)
spotters = {
    name: mt.fit(model, spots, recipe) for name, model in starts.items()
}
figures.curves(
    [epoch["epoch"] for epoch in spotters["random weights"].history],
    {name: [epoch["val_auc"] for epoch in each.history]
     for name, each in spotters.items()},
    "epoch", "AUC on validation", "A ViT learns planted spots.",
    phantom=True,
)

# %%
head_start.reconcile(
    spotters["learned pneumonia"].val.auc
    - spotters["random weights"].val.auc,
    "Spots have little to do with pneumonia. What they share are the X-rays: "
    "which differences between patches are usual, and which are not. The "
    "work of the first training is not counted here, and it was one seed.",
)

# %% [markdown]
# Half of the images and four epochs are little: neither curve gets far from 0.5,
# which is guessing. Take all images (leave `labelled` out): does the gap grow?
#
# ## Bonus: Exercises without a check
#
# 1. Train a ViT of patches of 7 on the X-rays for as much work. Does it lose
#    anything? (`mt.build("vit", xray, patch=7)`)
# 2. Give the ViT on marks half of the work, and twice as much. When does its loss
#    leave 0.693?
# 3. Move the validation images by 1, 2 and 3 pixels (`torch.roll`). Which answers
#    change more, those of the ViT or those of the CNN, and why?
#
# ## Quiz

# %%
Quiz("07_vision_transformers")

# %% [markdown]
# ## Key points
#
# - Attention is a mean over all tokens, whose weights depend on what is there; scores
#   are divided by the root of $d$.
# - A block is attention and an MLP, each normalised and residual. Without positions a
#   ViT sees a bag of patches.
# - "Global" is three things: how far a place sees, how places are combined, and what
#   it takes to learn that. A CNN with a maximum over the image is global, too.
# - Compare at equal parameters and work; with pre-training on one side only, the
#   pre-training is compared.
# - The scores grow with the square of the number of tokens; windows take the square
#   away, and the long range of a block with it.
#
# ## References
#
# - Ali H., Qureshi R., Shah Z., *Artificial intelligence-based methods for
#   integrating local and global features for brain cancer imaging: scoping review*,
#   JMIR Medical Informatics 11:e47445 (2023).
#   [doi:10.2196/47445](https://doi.org/10.2196/47445)
# - Ba J. L., Kiros J. R., Hinton G. E., *Layer normalization* (2016).
#   [arXiv:1607.06450](https://arxiv.org/abs/1607.06450)
# - Beyer L., Zhai X., Kolesnikov A., *Better plain ViT baselines for ImageNet-1k*
#   (2022). [arXiv:2205.01580](https://arxiv.org/abs/2205.01580)
# - Brendel W., Bethge M., *Approximating CNNs with bag-of-local-features models
#   works surprisingly well on ImageNet* (2019).
#   [arXiv:1904.00760](https://arxiv.org/abs/1904.00760)
# - Caron M. et al., *Emerging properties in self-supervised vision transformers*
#   (2021). [arXiv:2104.14294](https://arxiv.org/abs/2104.14294)
# - Dosovitskiy A. et al., *An image is worth 16x16 words: transformers for image
#   recognition at scale* (2020).
#   [arXiv:2010.11929](https://arxiv.org/abs/2010.11929)
# - He K. et al., *Masked autoencoders are scalable vision learners* (2022).
#   [arXiv:2111.06377](https://arxiv.org/abs/2111.06377)
# - Hendrycks D., Gimpel K., *Gaussian error linear units (GELUs)* (2016).
#   [arXiv:1606.08415](https://arxiv.org/abs/1606.08415)
# - Liu Z. et al., *Swin transformer: hierarchical vision transformer using
#   shifted windows* (2021).
#   [arXiv:2103.14030](https://arxiv.org/abs/2103.14030)
# - Pérez-García F. et al., *Exploring scalable medical image encoders beyond text
#   supervision* (2024). [arXiv:2401.10815](https://arxiv.org/abs/2401.10815)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Takahashi S. et al., systematic review comparing vision transformers and
#   convolutional neural networks, Journal of Medical Systems 48:84 (2024).
#   [doi:10.1007/s10916-024-02105-8](https://doi.org/10.1007/s10916-024-02105-8)
# - Touvron H. et al., *Training data-efficient image transformers & distillation
#   through attention* (2021).
#   [arXiv:2012.12877](https://arxiv.org/abs/2012.12877)
# - Vaswani A. et al., *Attention is all you need* (2017).
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# - Xiong R. et al., *On layer normalization in the transformer architecture* (2020).
#   [arXiv:2002.04745](https://arxiv.org/abs/2002.04745)
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
