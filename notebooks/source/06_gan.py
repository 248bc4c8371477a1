# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # GANs: can a network that judges teach another one to draw?
#
# The VAE of lesson 05 drew chests that were plausible and blurred. Its loss was
# to blame: where several images are possible, the squared error is smallest for
# their mean. What if nobody writes the loss, and a second network *learns* to
# see what is wrong?
#
# **You will be able to**
# 1. write the two losses of a generative adversarial network (GAN), and say what
#    happens when one player is too strong;
# 2. draw X-rays and ultrasound images of a chosen class;
# 3. judge drawn images with numbers, each beside what real images get, and say
#    which number is blind to what;
# 4. test whether drawn images help a classifier that has few real ones;
# 5. look for patients in a generator, and for patients that it left out;
# 6. translate one contrast into another without pairs, and say what may be lost.
#
# About 70 minutes, of which the processor needs two to three.
# [Lesson 05](05_autoencoders.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray) and BreastMNIST (ultrasound), 28 x 28 pixels, CC BY 4.0; for the translation **phantoms**, heads drawn in two contrasts |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use**. Images that a GAN drew are of nobody, and must never be mistaken for a patient's |
#
# Without the files and without a network, drawn **phantoms** take the real
# images' place. Every picture then says so, and what the text says of the real
# images does not hold: the generators that ship learned from real ones.

# %%
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data import normalise
from medtutor.metrics import generative
from medtutor.models.gan import Discriminator, Generator
from medtutor.training import gan as adversarial

# %% [markdown]
# ## The game, in one dimension
#
# A **generator** turns noise into something; a **discriminator** sees real and
# drawn things, and gives each a logit: above 0 says *real*, below 0 *drawn*
# (Goodfellow et al. 2014). Let the things be single numbers first. Real ones lie
# on two hills, near -2 and near 2.

# %%
torch.set_num_threads(1)  # steps this short are not worth sharing


def hills(count):
    """Real numbers, (count, 1)"""
    side = 4.0 * torch.randint(2, (count, 1)) - 2
    return side + 0.4 * torch.randn(count, 1)


def small():
    """A network from one number to one number."""
    return nn.Sequential(
        nn.Linear(1, 32), nn.LeakyReLU(0.2),
        nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1),
    )

# %% [markdown]
# The discriminator is a classifier, and its loss that of lesson 01, the
# cross-entropy. With $p = \sigma(\text{logit})$, the probability of being real:
# the mean of $-\log p$ over the real ones, plus the mean of $-\log(1 - p)$ over
# the drawn ones. Write it from the logits; PyTorch has a function for that. Stay
# in PyTorch: the check compares the gradient, too.

# %%
def judge_loss(real, fake):
    """logits (B,) of real and of drawn images -> one number"""
    ### BEGIN SOLUTION
    loss = F.binary_cross_entropy_with_logits
    return (loss(real, torch.ones_like(real))
            + loss(fake, torch.zeros_like(fake)))
    ### END SOLUTION

# %%
check.discriminator_loss(judge_loss)

# %% [markdown]
# The generator wants the opposite for what it draws: $\log(1 - p)$ small. At the
# beginning everything it draws is found out, and the logits are far below 0.
# There, $\log(1 - p)$ is flat, and $-\log p$, which wants the same, is steep.
# How steep, by logit:

# %%
logits = torch.linspace(-8, 4, 13, requires_grad=True)
losses = {"log(1 - p)": -F.softplus(logits), "-log p": F.softplus(-logits)}
slopes = {
    name: torch.autograd.grad(loss.sum(), logits)[0].abs()
    for name, loss in losses.items()
}
figures.curves(
    logits.detach(), slopes, "logit of a drawn image", "slope of the loss",
    "The slope of two losses of the generator over the logit: log(1 - p) is "
    "flat where the discriminator is sure that an image was drawn, -log p is "
    "steep there.",
)

# %% [markdown]
# So the generator's loss is the mean of $-\log p$. It is called
# *non-saturating*. Write it, and stay in PyTorch.

# %%
def drawer_loss(fake):
    """logits (B,) of drawn images -> one number"""
    ### BEGIN SOLUTION
    # -log(sigmoid(x)) = log(1 + exp(-x))
    return F.softplus(-fake).mean()
    ### END SOLUTION

# %%
check.generator_loss(drawer_loss)

# %% [markdown]
# From here on, medtutor's own two losses are used. The players move in turns:

# %%
def descend(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def adam(network):
    return torch.optim.Adam(network.parameters(), 2e-3, (0.5, 0.9))

# %%
def play(drawer, judge, real, noise, rounds, turns, batch):
    """The game, which pauses at six moments and names the turn. The
    generator moves `rounds` times a turn."""
    of_drawer, of_judge = adam(drawer), adam(judge)
    for turn in range(1, turns + 1):
        fake = drawer(noise(batch)).detach()
        verdicts = judge(real(batch)), judge(fake)
        descend(of_judge, adversarial.discriminator_loss(*verdicts))
        for _ in range(rounds):
            verdict = judge(drawer(noise(batch)))
            descend(of_drawer, adversarial.generator_loss(verdict))
        if turn % (turns // 6) == 0:
            yield turn

# %% [markdown]
# A *detached* number has forgotten how it was made: while the discriminator
# learns, the generator stays as it is.

# %%
def drawn_numbers(rounds):
    """{turn: 2000 numbers that the generator draws then}"""
    torch.manual_seed(0)
    drawer, judge = small(), small()
    noise = partial(torch.randn, 2000, 1)
    game = play(drawer, judge, hills, lambda n: torch.randn(n, 1),
                rounds, turns=600, batch=256)
    return {turn: drawer(noise()).detach() for turn in game}


fair = drawn_numbers(rounds=1)

# %%
def histogram(film, turns, words):
    """Of 100 numbers, how many lie in each bin."""
    edges = torch.linspace(-6, 6, 49)
    sets = {"real": hills(2000)}
    sets |= {f"after {turn}": film[turn] for turn in turns}
    return figures.curves(
        (edges[1:] + edges[:-1]) / 2,
        {name: torch.histogram(numbers, edges)[0] * 100 / len(numbers)
         for name, numbers in sets.items()},
        "number", "of 100 in each bin",
        f"Histograms of real numbers, two hills, and of drawn ones; {words}",
    )

# %%
histogram(fair, [100, 600], "drawn ones approach both hills.")

# %% [markdown]
# In most trainings the generator now draws both hills, and has never seen a real
# number: all it knows is where the verdict slopes. Now let one player be too
# fast.

# %%
collapse = Prediction(
    "06/collapse",
    "In each turn the generator learns ten times, the discriminator once. "
    "What does it draw?",
    choices=["both hills", "always the same hill",
             "one hill, and later the other one"],
)
collapse

# %%
greedy = drawn_numbers(rounds=10)
print("after  right of 0  standard deviation")
for turn, numbers in greedy.items():
    right, deviation = (numbers > 0).float().mean(), numbers.std()
    print(f"{turn:5}{right:12.0%}{deviation:20.2f}")

# %%
rights = [float((x > 0).float().mean()) for x in greedy.values()]
collapse.reconcile(
    "both hills" if 0.2 < rights[-1] < 0.8
    else "one hill, and later the other one"
    if max(rights) > 0.8 and min(rights) < 0.2 else "always the same hill",
    "The generator goes where the verdict is best at this moment, with all it "
    "has. Once the discriminator has learned that the place is suspicious, "
    "all of it goes elsewhere.",
)

# %%
histogram(greedy, [100, 200, 500, 600],
          "the drawn ones pile up in one place at a time.")

# %% [markdown]
# This is **mode collapse**: each single number may be perfect, and together they
# are a bad picture of the real ones. Nobody in the game is asked for variety.
#
# ## From numbers to images: DCGAN
#
# Both players become convolutional (DCGAN; Radford et al. 2015).

# %%
xray = mt.load("pneumoniamnist")
breast = mt.load("breastmnist")
for dataset in (xray, breast):
    display(dataset, figures.gallery(dataset))

# %% [markdown]
# | | shapes |
# |---|---|
# | generator | 64 random numbers, and the class → 96 x 7 x 7 → 64 x 14 x 14 → 32 x 28 x 28 → 1 x 28 x 28 |
# | discriminator | 1 x 28 x 28 → 32 x 14 x 14 → 64 x 7 x 7 → 128 x 3 x 3 → a logit for each class |
#
# The generator's steps are *transposed* convolutions: each value of the small map
# paints a patch of 4 x 4 of the map that is twice as large. Both are told the
# class (conditional GAN; Mirza & Osindero 2014): the generator beside the random
# numbers; of the discriminator's logits the one of that class counts.

# %%
torch.manual_seed(0)
shape = dict(channels=1, shape=(28, 28), classes=2)
drawer, judge = Generator(**shape), Discriminator(**shape)
x = torch.cat([drawer.prior(4), F.one_hot(torch.tensor([0, 1, 0, 1]))], 1)
print(f"{'4 codes and classes':20}{tuple(x.shape)}")
for layer in drawer.layers:
    x = layer(x)
    print(f"{type(layer).__name__:20}{tuple(x.shape)}")

# %% [markdown]
# Three habits keep the game in balance in `medtutor/training/gan.py`,
# which is worth reading: the discriminator's layers may not stretch what they get
# (spectral norm), it sees how much the images of a batch differ, and both real
# and drawn images are moved and lit at random before it sees them, so that it
# cannot learn the real ones by heart.

# %%
gan = adversarial.load_gan("pneumoniamnist")
start = Prediction(
    "06/start",
    f"The generator that ships was trained for {gan.steps} steps. What does "
    "a smaller one draw after its first 300?",
    choices=["noise", "something like two dark lungs", "convincing X-rays"],
)
start

# %%
def tiled(images):
    """16 images (16, 1, H, W) as one of 4 x 4"""
    rows = [torch.cat([*four[:, 0]], dim=1) for four in images.split(4)]
    return torch.cat(rows)


def film(tiles, words):
    return figures.images(
        list(tiles.values()), list(tiles),
        f"The same 16 codes, drawn at {len(tiles)} moments of the training; "
        + words, phantom=xray.is_phantom,
    )

# %%
images, labels = normalise(xray.train.images), xray.train.labels
tiles, shown = {}, display(display_id=True)


def watch(step, samples):
    tiles[f"step {step}"] = tiled(samples)
    shown.update(film(tiles, "grey at first, then two dark fields."))


torch.manual_seed(0)
first = adversarial.fit_gan(
    Generator(**shape, widths=(64, 32, 16)),
    Discriminator(**shape, widths=(16, 32, 64)), images, labels, steps=300,
    batch_size=32, learning_rate=2e-3, average=0.98, frames=7, report=watch,
)

# %% [markdown]
# The upper two rows were asked to be normal, the lower two to be ill. How far is
# it? Here the mean of what is drawn is compared with the mean X-ray, and then a
# classifier tries to tell the drawn from real ones that nobody has learned from;
# more about that below.

# %%
some = first.sample(len(xray.val))
means = [each.float().mean(0).flatten() for each in (some, xray.val.images)]
alike = torch.corrcoef(torch.stack(means))[0, 1].item()
found_out = generative.two_sample_accuracy(xray.val.images, some)
print(f"correlation of the mean images {alike:.2f}")
print(f"drawn told from real: {found_out:.0%} right")
start.reconcile(
    "noise" if alike < 0.7 else "convincing X-rays" if found_out < 0.75
    else "something like two dark lungs",
    "What is dark and where is learned first. What comes later is smaller, "
    "and takes nearly all of the time.",
)

# %% [markdown]
# So the long training was done in advance:

# %%
print(gan.command)
print(f"{gan.steps} steps, {gan.seconds / 60:.0f} minutes of a busy core")
moments = np.linspace(0, len(gan.film) - 1, 7).round().astype(int)
steps = [0, *(entry["step"] for entry in gan.history)]
film({f"step {steps[i]}": tiled(gan.film[i]) for i in moments},
     "grey at first, and each later moment nearer to an X-ray.")

# %%
figures.curves(
    steps[1:],
    {name: [entry[name] for entry in gan.history]
     for name in ("discriminator", "generator")},
    "step", "loss",
    "The losses of discriminator and generator over the steps of the long "
    "training.",
)

# %% [markdown]
# Compare the curves with the film. If the discriminator guessed at random its
# loss would be 2 ln 2 = 1.39, and the generator's 0.69. **The losses say who is
# winning, not how good the images are**: who meets a better opponent does not
# look any better.
#
# ## Of a chosen class
#
# The same codes, once with each class:

# %%
def of_class(source, label, count=7, seed=1):
    return source.sample(count, torch.full((count,), label), seed=seed)


for name, dataset in (("pneumoniamnist", xray), ("breastmnist", breast)):
    source = adversarial.load_gan(name)
    for label, title in enumerate(dataset.card.classes):
        display(figures.images(
            of_class(source, label), [f"drawn: {title}"] + [""] * 6,
            f"Seven images that the GAN of {name} drew for {title}.",
            phantom=dataset.is_phantom,
        ))

# %% [markdown]
# Ultrasound is harder: there are 546 images to learn from, and what is to be seen
# lies now here, now there.
#
# ## Explore
#
# Walk from one drawn patient to another, change the class and leave the rest, pull
# the codes towards the middle, and look whom an image resembles most.

# %%
from medtutor.explorers.generator import generator

generator(gan, xray)

# %% [markdown]
# ## How good are they?
#
# Looking is not enough: nobody can look at a distribution. These numbers are in
# use:
#
# | number | question | blind to |
# |---|---|---|
# | Fréchet distance (FID) | how far apart are the two clouds, in mean and spread? | whatever mean and spread do not show |
# | kernel distance (KID) | the same without that limit, fit for few images | what is wrong: quality or variety |
# | precision | how many drawn images lie among real ones? | what is never drawn |
# | recall | how many real images lie among drawn ones? | drawn images that look like nothing |
# | two-sample test | how often can a classifier tell which is which? | where the difference lies |
#
# All are computed on **features**, here 64 numbers from a small network that
# learned from X-rays and ultrasound images, spoilt copies among them. (The
# published FID takes a network of photographs; the two cannot be compared.)
#
# Precision and recall (Kynkäänniemi et al. 2019) come from one function: which
# share of one set's points lies in a ball around any point of the other set?

# %%
def covered(points, others, k):
    """Share of points (N, F) that lie in a ball around any of the others
    (M, F). A ball reaches to the k-th nearest among the others."""
    ### BEGIN SOLUTION
    among = torch.cdist(others, others).fill_diagonal_(torch.inf)
    radii = among.kthvalue(k, dim=1).values  # (M,)
    inside = torch.cdist(points, others) <= radii  # (N, M)
    return inside.any(dim=1).double().mean()
    ### END SOLUTION

# %%
check.covered(covered)

# %% [markdown]
# Precision is `covered(drawn, real, 3)`, recall `covered(real, drawn, 3)`.
#
# The judgement is on **held-out** images, those for validation: of the same kind
# as the training images, and no generator has seen them. And each number needs
# its **floor**: other real images in place of the drawn ones. Who competes:
#
# - the GAN that ships, and the live training from above;
# - a **collapsed** one: the greedy game from above, with images;
# - **one face**: the GAN that ships with all codes near 0, a collapse by hand;
# - a **VAE** whose decoder is about as large as the generator;
# - **copies** of training images.

# %%
class Alone(Discriminator):
    """Sees each image alone, and no other of the batch."""

    sees_batch = False


def real_images(count):
    return images[torch.randint(len(images), (count,))]

# %%
torch.manual_seed(0)
drawer, judge = Generator(widths=(64, 32, 16)), Alone(widths=(16, 32, 64))
codes, moments = drawer.prior(16), {}
for turn in play(drawer, judge, real_images, drawer.prior,
                 rounds=10, turns=42, batch=32):
    moments[f"turn {turn}"] = tiled(
        adversarial.draw(drawer.eval(), codes))
    drawer.train()
film(moments, "the more they collapse, the more alike all 16 become.")

# %% [markdown]
# Sixteen codes, and in most trainings nearly one picture, another one at each
# moment.

# %%
from medtutor.models.autoencoder import VAE
from medtutor.training.reconstruction import fit_reconstruction

torch.manual_seed(0)
vae = VAE(latents=64, widths=(64, 128))
fit_reconstruction(vae, images, beta=1.0, learning_rate=3e-3)
for name, network in (("generator", gan.generator), ("VAE", vae.decoder)):
    count = sum(weights.numel() for weights in network.parameters())
    print(f"{name}: {count / 1000:.0f} k parameters draw")

# %%
held_out = xray.val.images
rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
rows = rows[:len(held_out)]
asked = labels[rows]  # as many of each class as real ones have


def of_vae(count):
    codes = vae.prior(count, torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = vae.decode(codes).clamp(-1, 1)
    return ((drawn + 1) * 127.5).round().to(torch.uint8)

# %%
count = len(held_out)
drawn = {
    "GAN": gan.sample(count, asked),
    "live": first.sample(count, asked),
    "collapsed": adversarial.draw(drawer, drawer.prior(count)),
    "one face": gan.sample(count, asked, truncation=0.1),
    "VAE": of_vae(count),
    "copies": xray.train.images[rows],
}

# %%
told = Prediction(
    "06/told",
    "How often is a classifier right that tells this GAN's images from "
    "held-out real ones? (0.5: it can only guess; 1: always)",
    low=0.5, high=1.0, step=0.01,
)
told

# %%
scores = {
    name: generative.generative_scores(some, xray.train.images, held_out)
    for name, some in drawn.items()
}
columns = ("frechet", "kernel", "precision", "recall", "two_sample")
lines = [("a real set", scores["GAN"].floor), *scores.items()]
print(f"{'':11}" + "".join(f"{name:>11}" for name in columns))
for name, of in lines:
    print(f"{name:11}" + "".join(
        f"{getattr(of, column):z11.2f}" for column in columns))

# %%
told.reconcile(
    scores["GAN"].two_sample,
    "Two sets of real images are told apart in "
    f"{scores['GAN'].floor.two_sample:.2f}. Could you have done it by eye?",
)

# %% [markdown]
# Read it by column. What does precision say of *one face*, and what recall? And
# which line is the best? The copies: **none of these numbers asks whether an
# image is new.** One more, the spread, needs no network: the mean distance between
# two images, in grey levels.

# %%
print(f"{'real':11}{adversarial.spread(held_out):4.0f}")
for name, some in drawn.items():
    print(f"{name:11}{adversarial.spread(some):4.0f}")
for name in ("GAN", "one face", "VAE"):
    display(figures.images(
        [*drawn[name][:7]], [name] + [""] * 6,
        f"Seven images of: {name}.", phantom=xray.is_phantom,
    ))

# %% [markdown]
# The ultrasound images, in one line; few are held out, so the numbers are
# rough, as are the floors, in brackets. (Memorisation above 1: held-out real
# images lie nearer to training images than drawn ones do.)

# %%
others = torch.cat([breast.val.images, breast.test.images])
order = torch.randperm(len(breast.train.labels))[:len(others)]
some = adversarial.load_gan("breastmnist").sample(
    len(others), breast.train.labels[order])
print(generative.generative_scores(some, breast.train.images, others))

# %% [markdown]
# On the real X-rays those of the VAE are blurred, differ less from each other than
# real ones do, and lie far from everything. The last is also a property of *these*
# features: blurred copies were among what they learned to recognise. A distance is
# as good as the network that measures it.
#
# With five seeds, each against real images in the same place. A CNN that learns
# from 2000 drawn and 2000 real images is the second judge, and on the real images
# a blunter one than the features, which had been taught what spoilt images are;
# *labels right* is how often a classifier that learned from real images confirms
# the class asked for (above 0, drawn images are clearer cases than real ones), and
# *learned from* the AUC on real images of one that learned from drawn ones:

# %%
evidence = review.read_evidence("gan-images-can-be-told")
print(review.pivot(evidence, [
    "told by a CNN", "told by features", "KID", "precision", "recall"]))
print(review.pivot(evidence, ["labels right", "learned from"]))

# %% [markdown]
# ## Is anybody in there?
#
# A generator could hide patients: its images would be new to everyone but to the
# one who was X-rayed. So for each drawn image, look for the training image that
# is nearest, and compare how far it is with how far the nearest *held-out*
# image is. If the ratio is 1, the generator knows the ones as little as the others.
#
# The GAN that ships learned from all training images. Another one, with the same
# networks, has learned from very few.

# %%
memoriser = adversarial.load_gan("pneumoniamnist_memorised")
few = memoriser.settings["images"]
print(f"{few} images, {memoriser.steps} steps: {memoriser.command}")
seen = {  # the few are the first ones of each class
    gan: xray.train.images,
    memoriser: xray.train.images[torch.cat([
        torch.nonzero(labels == label).flatten()[:few // 2]
        for label in (0, 1)
    ])],
}

# %%
memory = Prediction(
    "06/memory",
    f"The ratio of the generator that learned from {few} images? (1: nobody "
    "is known by heart; 0: every image is a copy)",
    low=0.0, high=1.2, step=0.01,
)
memory

# %%
def ratio(some, among):
    return generative.memorisation_ratio(some, among, held_out)


ratios = {source: ratio(source.sample(500), seen[source]) for source in seen}
for source, found in ratios.items():
    print(f"learned from {len(seen[source])} images: {found}")
print(f"copies: {ratio(drawn['copies'], xray.train.images)}")

# %%
memory.reconcile(
    ratios[memoriser].value,
    f"The other one has {ratios[gan].value:.2f}, copies have 0. The intervals "
    "above are over the choice of images.",
)

# %%
for source, among in seen.items():
    some = source.sample(4, seed=3)
    _, found = generative.nearest(some, among)
    pairs = [each for pair in zip(some, among[found]) for each in pair]
    display(figures.images(
        pairs, ["drawn", f"nearest of {len(among)}"] * 4,
        "Four drawn images, each beside the one that is nearest to it of "
        f"{len(among)} training images.", phantom=xray.is_phantom,
    ))

# %% [markdown]
# A ratio near 1 rules out that the generator copies *as a rule*. It says nothing
# of a single image, and a copy that was shifted or lit differently is far away by
# pixels. What more can be learned from a model about those it was trained on, and
# how that is held back, is in lesson 11.
#
# ## Whom does it draw, and whom not?
#
# The discriminator punishes what looks wrong. It does not punish what is missing.
# First, three properties that a line of code can measure. Of 100 real images five
# are the lowest, 20 more low, 50 in the middle, 20 high, and five the highest. And
# of 100 drawn ones?

# %%
def properties(images):
    """{name: one number for each of the images (N, 1, H, W)}"""
    x = images.float()
    across, down = x.diff(dim=-1).abs(), x.diff(dim=-2).abs()
    return {
        "brightness": x.mean((1, 2, 3)),
        "contrast": x.flatten(1).std(1),
        "roughness": across.mean((1, 2, 3)) + down.mean((1, 2, 3)),
    }

# %%
order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
wanted = labels[order[:2000]]
samples = {
    "other real": held_out,
    "GAN": gan.sample(len(wanted), wanted),
    "truncated": gan.sample(len(wanted), wanted, truncation=0.6),
}

# %% [markdown]
# *Truncated*: the codes lie nearer to the middle, 0.6 times as far. It often makes
# cleaner images, and is popular for pictures in papers.

# %%
print(f"{'of 100':24}   low           middle           high")
for name, values in properties(xray.train.images).items():
    edges = values.quantile(torch.tensor([0.05, 0.25, 0.75, 0.95]))
    for source, some in samples.items():
        group = torch.bucketize(properties(some)[name], edges)
        share = 100 * torch.bincount(group, minlength=5) / len(group)
        print(f"{name:12}{source:12}"
              + "".join(f"{each:8.0f}" for each in share))

# %% [markdown]
# One property at a time may look fair and still hide who is missing. So let the
# features sort the real images into twelve groups of their own (k-means), and
# count in each: how often is it drawn, compared with how often it is real? 1 is
# fair; what *other real* images get shows what chance does.

# %%
from sklearn.cluster import KMeans

features = generative.domain_features(xray.train.images)
middle, scale = features.mean(0), features.std(0) + 1e-3
kinds = KMeans(12, n_init=3, random_state=0).fit((features - middle) / scale)


def shares(some):
    """Of each group, which share of the images belongs to it."""
    found = (generative.domain_features(some) - middle) / scale
    return np.bincount(kinds.predict(found), minlength=12) / len(some)

# %%
real = np.bincount(kinds.labels_) / len(labels)
ranked = np.argsort(shares(samples["GAN"]) / real)
print(f"{'group':12}" + "".join(f"{group:6}" for group in ranked))
print(f"{'of 100 real':12}" + "".join(f"{100 * real[i]:6.0f}" for i in ranked))
for source, some in samples.items():
    often = shares(some) / real
    print(f"{source:12}" + "".join(f"{often[i]:6.2f}" for i in ranked))

# %%
for words, group in (("least", ranked[0]), ("most", ranked[-1])):
    members = np.flatnonzero(kinds.labels_ == group)[:7]
    ill = labels[kinds.labels_ == group].float().mean()
    display(figures.images(
        [*xray.train.images[members]],
        [f"drawn {words} often"] + [""] * 6,
        f"Seven real images of the group that the GAN draws {words} often; "
        f"{ill:.0%} of the group have pneumonia.", phantom=xray.is_phantom,
    ))

# %% [markdown]
# These are real patients whom the generator draws too rarely, and too often. On the
# real images, those with sharp ribs are missing and hazy ones abound, though the
# roughness alone had looked nearly fair. Nothing in the game brings the missing ones
# back, truncation takes more of them, and a data set that is published in place of
# the real one hands the gap on.
#
# ## Do drawn images help where real ones are few?
#
# Of 57 studies that a scoping review found on GANs for images of lungs with
# COVID-19, 42 used them for augmentation; in two, clinicians had looked at the
# images (Ali & Shah 2022).
#
# A fair test has three rules. The GAN learns from **the same few images** as the
# classifier, for in a clinic there are no others. Every arm gets the **same
# number of image passes**. And drawing has to compete with what costs nothing:
# **classical augmentation**, images turned, moved, scaled and mirrored.
#
# | arm | a CNN sees 4 x 800 images |
# |---|---|
# | none | the few, again and again |
# | classical | the few, varied each time |
# | GAN | half of them the few, half drawn by a GAN that has seen those few |
# | both | the same, and all of it varied |

# %%
helps = Prediction(
    "06/helps",
    "50 labelled X-rays a class. Which arm has the highest test AUC, as a "
    "mean of five seeds?",
    choices=["none", "classical", "GAN", "both"],
)
helps

# %% [markdown]
# One draw of 50 a class, live, with a GAN of 500 steps in place of 1500:

# %%
from medtutor.data.subsets import few_of
from medtutor.training.few_shot import classifier_of, gan_of

small_set = few_of(xray, 50, seed=0)
own = gan_of(xray, small_set, seed=0, steps=500)
for label, name in enumerate(xray.card.classes):
    display(figures.images(
        of_class(own, label), [f"drawn: {name}"] + [""] * 6,
        f"Seven images for {name}, of a GAN that has seen 100 images.",
        phantom=xray.is_phantom,
    ))

# %%
for arm in ("none", "classical", "GAN", "both"):
    run = classifier_of(xray, small_set, arm, {"own": own}, seed=0)
    print(f"{arm:10} test AUC {run.test.auc:.3f}")

# %% [markdown]
# Another draw of the labels changes that order. So: five draws, each with its own
# GANs; differences of the test AUC.

# %%
evidence = review.read_evidence("gan-augmentation-helps")
print(review.pivot(evidence, [f"{n} labels" for n in (25, 50, 100)]))

# %%
means = {"none": 0.0}
for arm in ("classical", "GAN", "both"):
    means[arm] = evidence.contrast(f"{arm} against none: 50 labels").mean
helps.reconcile(
    max(means, key=means.get),
    "Compare the differences with their intervals: the arm with the highest "
    "mean need not be better than the next.",
)

# %% [markdown]
# *GAN of all images* is the GAN that ships. It has seen 4708 labelled images, so
# it is no fair arm: it shows what there is to gain from a generator as good as
# this. A GAN that has seen the few cannot know more about patients than they show;
# if it helps, it is by varying them in a useful way.
#
# ## From one contrast into another, without pairs
#
# Lesson 05 translated heads from contrast A into B with pairs: each head was there
# in both. Mostly it is not. Two archives, of other patients each, are enough for a
# **CycleGAN** (Zhu et al. 2017): two translators, A → B and B → A, and a
# discriminator in each contrast. What is translated must look like the other
# archive; and there and back again, it must be what it was.
#
# **Phantoms** again: archive A holds 400 heads, archive B 400 others.

# %%
from medtutor.data.phantoms import contrasts
from medtutor.models.autoencoder import Translator

pairs = contrasts.draw({"train": 400, "val": 2, "test": 120}, seed=0)
archive_a = normalise(pairs.train.a)
others = contrasts.draw({"train": 400, "val": 2, "test": 2}, seed=1).train
archives_b = {
    "all heads": normalise(others.b),
    "healthy heads": normalise(others.b[others.kinds == contrasts.NO_LESION]),
}

# %%
def pick(archive):
    return archive[torch.randint(len(archive), (16,))]


def judging(judge, real, fake):
    """What a discriminator wants small."""
    return adversarial.discriminator_loss(judge(real), judge(fake.detach()))


def drawing(judge, fake, back, origin):
    """To be taken for real, and to lead back to where it came from."""
    lost = F.l1_loss(back(fake), origin)
    return adversarial.generator_loss(judge(fake)) + 10 * lost

# %%
def learn_to_translate(archive_b, steps=300):
    torch.manual_seed(0)
    to_a, to_b = (Translator(widths=(8, 16, 32)) for _ in range(2))
    like_a, like_b = (Discriminator(widths=(16, 32, 64)) for _ in range(2))
    of_judges = adam(nn.ModuleList([like_a, like_b]))
    of_both = adam(nn.ModuleList([to_a, to_b]))
    for _ in tqdm(range(steps), unit="step"):
        a, b = pick(archive_a), pick(archive_b)
        as_a, as_b = to_a(b), to_b(a)
        descend(of_judges, judging(like_a, a, as_a)
                + judging(like_b, b, as_b))
        descend(of_both, drawing(like_a, as_a, to_b, b)
                + drawing(like_b, as_b, to_a, a))
    return to_b.eval()

# %% [markdown]
# Two networks learn, one from an archive B as it comes, one from its healthy heads
# alone. Such archives exist: healthy volunteers are scanned in every contrast.

# %%
source, wanted = normalise(pairs.test.a), normalise(pairs.test.b)
line = np.polyfit(normalise(pairs.train.a).flatten(),
                  normalise(pairs.train.b).flatten(), 1)
translated = {"a straight line": line[0] * source + line[1]}
for name, archive in archives_b.items():
    network = learn_to_translate(archive)
    with torch.no_grad():
        translated[name] = network(source)

# %%
tissues = contrasts.TISSUES[:-1]
print(f"{'PSNR in dB':16}" + "".join(f"{name:>13}" for name in tissues))
for name, some in translated.items():
    error = (some - wanted)[:, 0].square()
    means = [error[pairs.test.tissues == i].mean() for i in range(6)]
    print(f"{name:16}" + "".join(
        f"{10 * torch.log10(4 / mean):13.1f}" for mean in means))

# %% [markdown]
# No network has seen a single pair. Now the lesions, of those heads where A shows
# them.

# %%
lost = Prediction(
    "06/lost",
    "A lesion that A shows: how much of its brightness in B does the network "
    "draw that knows B from healthy heads? (1: all of it; 0: healthy tissue)",
    low=-0.5, high=1.5, step=0.05,
)
lost

# %%
def level(images, where):
    return images[:, 0][where].mean().item()


white = level(wanted, pairs.test.tissues == contrasts.WHITE)
drawn_shares = {}
for kind in (contrasts.IN_BOTH, contrasts.IN_B_ONLY):
    where = ((pairs.test.tissues == contrasts.LESION)
             & (pairs.test.kinds == kind)[:, None, None])
    for name in archives_b:
        share = ((level(translated[name], where) - white)
                 / (level(wanted, where) - white))
        drawn_shares[kind, name] = share
        print(f"lesion {contrasts.KINDS[kind]:15}B: {name:15}{share:5.2f}")

# %%
lost.reconcile(
    drawn_shares[contrasts.IN_BOTH, "healthy heads"],
    "With the archive of all heads it is "
    f"{drawn_shares[contrasts.IN_BOTH, 'all heads']:.2f}. Among healthy heads "
    "a bright spot gives an image away, and the way back to A needs only some "
    "trace of it.",
)

# %%
number = int((pairs.test.kinds == contrasts.IN_BOTH).nonzero()[0])
shown = {"A": source, "B": wanted, **translated}
figures.images(
    [(image[number, 0].clamp(-1, 1) * 127.5 + 127.5).to(torch.uint8)
     for image in shown.values()],
    ["A", "B", "a straight line", "B: all heads", "B: healthy heads"],
    "A head with a lesion that both contrasts show: A, the true B, and three "
    "translations. How bright the lesion is drawn depends on the archive.",
    phantom=True,
)

# %% [markdown]
# Nothing in the losses asks for *this* head's B. They ask for an image that passes
# among the others of an archive. What an archive lacks is taken away, what all of
# it has can be put in: Cohen et al. (2018) showed it with tumours, which came and
# went with the archive.
#
# ## Where it fails
#
# - A GAN may leave out whom it likes, and its losses do not tell.
# - Its numbers are made by a network, from a number of images, against a set of
#   real ones: change one of them, and they change.
# - The best score of all belongs to copies. Novelty has to be measured apart.
# - Drawn images are made from real ones. They hold no patients who were not there,
#   and may hold some who were.
# - Sharp and realistic is not true. In a translation the fault has no blur to give
#   it away.
#
# ## What the review says and what we measured
#
# The review names GANs for synthesis and augmentation. Are drawn images as good as
# real ones?

# %%
review.claim("gan-images-can-be-told")

# %% [markdown]
# And do they help where data are few, more than moving and turning do?

# %%
review.claim("gan-augmentation-helps")

# %%
review.claim("gan-augmentation-beats-classical")

# %% [markdown]
# ## Exercises without a check
#
# 1. Play in one dimension with *three* hills. How many turns does it take? What
#    if one of them holds only a tenth of the numbers?
# 2. Replace the generator's loss in `play` by log(1 - p). Does it still find the
#    hills?
# 3. Draw 500 images with truncation 0.4, 0.6, 0.8 and 1, and plot precision and
#    recall against each other. What is bought with what?
# 4. Train the small generator with a `Critic` (`medtutor.models.gan`) for 60 steps
#    of five rounds each. What does its loss tell that the other does not?
# 5. Give the translator an archive B of heads with a lesion only, and an A of
#    healthy ones. What does it put into healthy heads?
#
# ## Quiz

# %%
Quiz("06_gan")

# %% [markdown]
# ## Key points
#
# - A GAN learns its loss: the generator follows the slope of another network's
#   verdict. The losses say who is winning, not how good the images are.
# - A generator that is too fast collapses. Precision does not notice, recall and
#   the spread do.
# - Each number about drawn images is read beside its floor, real images against
#   real ones, and depends on the features.
# - Copies win every such comparison. The distance to the nearest training image,
#   beside that to held-out ones, is looked at as well.
# - The edges of a distribution are drawn less often, truncation takes more of them.
# - Whether drawn images help a classifier is tested at equal passes, with the same
#   few images for both, against classical augmentation.
# - Without pairs, a translation is made to look like an archive. What the archive
#   does not hold fades.
#
# ## References
#
# - Ali H., Shah Z., *Combating COVID-19 using generative adversarial networks and
#   artificial intelligence for medical images: scoping review*, JMIR Medical
#   Informatics e37365 (2022).
# - Bińkowski M. et al., *Demystifying MMD GANs*, arXiv:1801.01401 (2018).
# - Cohen J. P., Luck M., Honari S., *Distribution matching losses can hallucinate
#   features in medical image translation*, MICCAI (2018).
# - Goodfellow I. et al., *Generative adversarial nets*, NeurIPS (2014).
# - Heusel M. et al., *GANs trained by a two time-scale update rule converge to a
#   local Nash equilibrium*, arXiv:1706.08500 (2017).
# - Kynkäänniemi T. et al., *Improved precision and recall metric for assessing
#   generative models*, arXiv:1904.06991 (2019).
# - Lopez-Paz D., Oquab M., *Revisiting classifier two-sample tests*,
#   arXiv:1610.06545 (2016).
# - Mirza M., Osindero S., *Conditional generative adversarial nets*,
#   arXiv:1411.1784 (2014).
# - Radford A. et al., *Unsupervised representation learning with deep
#   convolutional generative adversarial networks*, arXiv:1511.06434 (2015).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
# - Zhao S. et al., *Differentiable augmentation for data-efficient GAN training*,
#   NeurIPS (2020).
# - Zhu J.-Y. et al., *Unpaired image-to-image translation using cycle-consistent
#   adversarial networks*, ICCV (2017).
