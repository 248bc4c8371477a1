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
# The VAE of lesson 05 drew blurred chests: the squared error is smallest for the
# mean of all possible images. What if nobody writes the loss, and a second network
# *learns* to see what is wrong?
#
# **You will be able to**
# 1. write the two losses of a **GAN** (generative adversarial network), and say
#    what happens when one player is too strong;
# 2. build generator and discriminator, and draw X-rays of a chosen class;
# 3. draw the same with a **diffusion model**, and say what it does otherwise;
# 4. judge drawn images with numbers, each beside what real images get, and say
#    which number is blind to what;
# 5. look for patients in a generator, and for patients that it left out;
# 6. test whether drawn images help a classifier that has few real ones.
#
# About 88 minutes; *bonus* parts are not counted.
# [Lesson 05](05_autoencoders.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of small children, one hospital) and BreastMNIST (ultrasound), 28 x 28 pixels, CC BY 4.0; in a bonus part **phantoms**, heads in two contrasts |
# | Source | Yang et al., *MedMNIST v2* (2023) |
# | Use | for teaching and research; **not for clinical use**. Drawn images show nobody, and must never be mistaken for a patient's |
#
# Without the files and without a network, **phantoms** take the images' place. Every
# picture then says so, and what the text says of real images does not hold.

# %%
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.data import as_uint8, normalise
from medtutor.metrics import generative
from medtutor.models.gan import Discriminator, Generator
from medtutor.training import gan as adversarial

# %% [markdown]
# ## The game, in one dimension
#
# A **generator** $G$ turns noise $z$ into something. A **discriminator** $D$ sees
# real and drawn things, and gives each a probability of being real (Goodfellow et
# al. 2014). Both play for the same number, one upwards, one downwards:
#
# $$\min_G \max_D \; \mathbb{E}_{x}\,[\log D(x)] +
# \mathbb{E}_{z}\,[\log (1 - D(G(z)))]$$
#
# Against a fixed $G$, whose things have density $q$ where real ones have $p$, the
# best discriminator is $D(x) = p(x) / (p(x) + q(x))$. So in the **equilibrium**,
# where neither gains by moving alone, $q = p$ and $D = 1/2$ everywhere. Nothing
# says that training gets there. Let the things be single numbers first; real ones
# lie on two hills, near -2 and near 2.

# %%
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
# The discriminator is a classifier that gives a **logit**, and its loss is the
# **cross-entropy** of lesson 01. With $D = \sigma(\text{logit})$: the mean of
# $-\log D$ over the real ones, plus the mean of $-\log(1 - D)$ over the drawn
# ones. Write it from the logits; PyTorch has a function for that. Stay in PyTorch:
# the check compares the gradient, too.

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
# The generator wants $\log(1 - D)$ small for what it draws. At the beginning all
# of it is found out: the logits $l$ are far below 0, and there this loss is flat.
# Minimising $-\log D$ asks for the same, and is steep there:
#
# $$\frac{d}{dl} \log(1 - \sigma(l)) = -\sigma(l), \qquad
# \frac{d}{dl} (-\log \sigma(l)) = \sigma(l) - 1$$
#
# At $l = -8$ the slopes are -0.0003 and -0.9997. So the generator's loss is the
# mean of $-\log D$, the **non-saturating** loss. Write it, and stay in PyTorch.

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
# The players move in turns, by medtutor's own two losses. `detach` cuts the graph:
# while the discriminator learns, no gradient reaches the generator. Steps this short
# do not pay on two threads, so the game runs on one.

# %%
from medtutor.training.processes import one_thread


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

# %%
@one_thread()
def drawn_numbers(rounds):
    """{turn: 2000 numbers that the generator draws then}"""
    torch.manual_seed(0)
    drawer, judge = small(), small()
    game = play(drawer, judge, hills, lambda n: torch.randn(n, 1),
                rounds, turns=600, batch=256)
    return {turn: drawer(torch.randn(2000, 1)).detach() for turn in game}

# %%
def histogram(film, turns):
    edges = torch.linspace(-6, 6, 49)
    sets = {"real": hills(2000)}
    sets |= {f"after {turn}": film[turn] for turn in turns}
    shares = {name: torch.histogram(numbers, edges)[0] * 100 / 2000
              for name, numbers in sets.items()}
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    return figures.curves(middles, shares, "number", "of 100 in each bin")


fair = drawn_numbers(rounds=1)
histogram(fair, [100, 600])

# %% [markdown]
# The generator has never seen a real number: all it knows is the slope of the
# verdict. Now let one player be too fast.

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
rights = [float((x > 0).float().mean()) for x in greedy.values()]
display(histogram(greedy, [100, 200, 500, 600]))
collapse.reconcile(
    "both hills" if 0.2 < rights[-1] < 0.8
    else "one hill, and later the other one"
    if max(rights) > 0.8 and min(rights) < 0.2 else "always the same hill",
    "The generator goes where the verdict is best at this moment, with all it "
    "has. Once the discriminator suspects the place, all of it moves on.",
)

# %% [markdown]
# This is **mode collapse**: each number may be perfect, and together they are a bad
# picture of the real ones. Nobody in the game is asked for variety.
#
# ## From numbers to images: DCGAN
#
# Both players become convolutional (DCGAN; Radford et al. 2015), and both are told
# the class (**conditional** GAN; Mirza & Osindero 2014): the generator beside its
# random numbers; of the discriminator's logits, one a class, that class's counts.

# %%
xray = mt.load("pneumoniamnist")
breast = mt.load("breastmnist")
display(figures.gallery(xray), figures.gallery(breast))

# %%
figures.diagram("gan")

# %% [markdown]
# The generator's steps are *transposed* convolutions: each value of a map paints a
# patch of 4 x 4 of the map that is twice as large.

# %%
class MyGenerator(nn.Module):
    def __init__(self, latents=64, classes=2):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latents + classes, 96 * 7 * 7, bias=False),
            nn.Unflatten(1, (96, 7, 7)), nn.BatchNorm2d(96), nn.ReLU(),
            nn.ConvTranspose2d(96, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 1, 3, padding=1), nn.Tanh())

    def forward(self, z, labels):
        return self.layers(torch.cat([z, F.one_hot(labels, 2)], 1))

# %% [markdown]
# The discriminator has two safeguards. **Spectral normalisation** divides each
# layer's weights by their largest singular value, so that no layer stretches its
# input much and the verdict stays smooth (Miyato et al. 2018). And one more map holds
# the **standard deviation over the batch**: who always draws the same image is
# found out (Karras et al. 2018).

# %%
class MyDiscriminator(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.features = nn.Sequential(*(
            layer for a, b in pairwise((1, 32, 64, 128)) for layer in
            (spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2))))
        self.score = spectral_norm(nn.Linear(129 * 3 * 3, classes))

    def forward(self, x, labels):
        x = self.features(x)  # (B, 128, 3, 3)
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
        x = torch.cat([x, spread.expand(len(x), 1, 3, 3)], 1)
        logits = self.score(x.flatten(1))  # (B, classes)
        return logits.gather(1, labels[:, None])[:, 0]

# %%
codes, kinds = torch.randn(4, 64), torch.tensor([0, 1, 0, 1])
shape = dict(channels=1, shape=(28, 28), classes=2)
display(same_network(MyGenerator(), Generator(**shape), codes, kinds))
same_network(MyDiscriminator(), Discriminator(**shape),
             normalise(xray.train.images[:4]), kinds)

# %% [markdown]
# A third safeguard stands in `medtutor/training/gan.py`: the discriminator sees real
# and drawn images moved and lit at random, so that it cannot learn the real ones by
# heart (Zhao et al. 2020).

# %%
def tiled(images):
    """16 images (16, 1, H, W) as one of 4 x 4"""
    rows = [torch.cat([*four[:, 0]], dim=1) for four in images.split(4)]
    return torch.cat(rows)


def film(tiles):
    return figures.images(
        list(tiles.values()), list(tiles),
        f"The same 16 codes, drawn at {len(tiles)} moments of the training: "
        "grey at first, then two dark fields, then more and more an X-ray.",
        phantom=xray.is_phantom,
    )

# %%
images, labels = normalise(xray.train.images), xray.train.labels
tiles, shown = {}, display(display_id=True)


def watch(step, samples):
    tiles[f"step {step}"] = tiled(samples)
    shown.update(film(tiles))


torch.manual_seed(0)
first = adversarial.fit_gan(
    Generator(**shape, widths=(64, 32, 16)),
    Discriminator(**shape, widths=(16, 32, 64)), images, labels, steps=300,
    batch_size=32, learning_rate=2e-3, average=0.98, frames=7, report=watch,
)

# %% [markdown]
# The upper two rows are to be normal, the lower two ill. What is dark and where is
# learned first; the rest takes most of the time. So that was done in advance:

# %%
gan = adversarial.load_gan("pneumoniamnist")
print(f"{gan.command}: {gan.steps} steps, {gan.seconds / 60:.0f} minutes")
moments = np.linspace(0, len(gan.film) - 1, 7).round().astype(int)
steps = [0, *(entry["step"] for entry in gan.history)]
display(film({f"step {steps[i]}": tiled(gan.film[i]) for i in moments}))
figures.curves(steps[1:], {
    name: [entry[name] for entry in gan.history]
    for name in ("discriminator", "generator")}, "step", "loss")

# %% [markdown]
# A discriminator that guesses has a loss of $2 \ln 2 = 1.39$, the generator then
# $\ln 2 = 0.69$: the equilibrium, or two equally bad players. **The losses say who is
# winning, not how good the images are.**
#
# ## Of a chosen class
#
# The same codes, once with each class. Ultrasound is harder: there are 546 images
# to learn from, and a lesion may lie anywhere.

# %%
for name, dataset in (("pneumoniamnist", xray), ("breastmnist", breast)):
    source = adversarial.load_gan(name)
    both = [source.sample(4, label, seed=1) for label in (0, 1)]
    display(figures.images(
        torch.cat(both), [dataset.card.classes[i // 4] for i in range(8)],
        f"Eight images that the GAN of {name} drew, four for each class.",
        phantom=dataset.is_phantom,
    ))

# %% [markdown]
# ## Explore
#
# Walk from one drawn patient to another, change the class, and look whom an image
# resembles most.

# %%
from medtutor.explorers.generator import generator

generator(gan, xray)

# %% [markdown]
# ## Diffusion: noise taken out, again and again
#
# GANs led image synthesis until **diffusion models** came (Ho et al. 2020): lesson
# 05's denoising, at every strength of noise. At time $t$, 0 to 1, an image $x$ with
# noise $\varepsilon$ is
#
# $$x_t = a_t\,x + b_t\,\varepsilon, \qquad a_t = \cos\tfrac{\pi t}{2}, \quad
# b_t = \sin\tfrac{\pi t}{2}$$
#
# and a U-Net $D(x_t, t)$, which is told time and class, learns to minimise
# $\lVert D(x_t, t) - x \rVert^2 / b_t^2$ (`medtutor/models/diffusion.py`).
# Above a noisy validation image (near-duplicates of training images are left out),
# below what the network makes of it in one step:

# %%
from medtutor.data.subsets import near_duplicates
from medtutor.models.diffusion import levels, sample
from medtutor.training.diffusion import load_diffusion

diffusion = load_diffusion("pneumoniamnist")
copied = near_duplicates(xray.val.images, xray.train.images).near
held_out = xray.val.images[~copied]
times = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
a, b = levels(times)
noisy = a * normalise(held_out[:1]) + b * torch.randn(5, 1, 28, 28)

# %%
with torch.no_grad():
    guesses = diffusion.denoiser(
        noisy, times, xray.val.labels[~copied][:1].expand(5))
for row, words in ((noisy, "with more and more noise"),
                   (guesses, "as the network makes it of these")):
    display(figures.images(
        [*as_uint8(row.clamp(-1, 1))], [f"t = {t:.1f}" for t in times],
        f"An X-ray {words}.", phantom=xray.is_phantom))

# %%
one_step = Prediction(
    "06/one_step",
    "From pure noise, t = 1, in one single step: what does it draw?",
    choices=["noise", "nearly the same blurred chest each time",
             "a different sharp chest each time"],
)
one_step

# %% [markdown]
# Where all is noise, the squared error is smallest for the mean. So go in small steps:
# mix guess and noise again, with a little less noise (DDIM; Song et al. 2020).

# %%
@torch.no_grad()
def from_noise(x, kinds, steps):
    """Noise (B, 1, 28, 28) -> what it looked like at each time"""
    way = [x]
    for now, then in pairwise(torch.linspace(1, 0, steps + 1)):
        (a, b), (next_a, next_b) = levels(now), levels(then)
        image = diffusion.denoiser(x, now.expand(len(x)), kinds).clamp(-1, 1)
        x = next_a * image + next_b * (x - a * image) / b
        way.append(x)
    return way

# %%
noise = torch.randn(16, 1, 28, 28)
kinds = torch.arange(16) % 2
way = from_noise(noise, kinds, steps=50)
assert torch.equal(way[-1], sample(diffusion.denoiser, noise, kinds, 50))
single = as_uint8(from_noise(noise, kinds, 1)[-1])
spreads = [adversarial.spread(each) for each in (single, held_out)]
steps = as_uint8(torch.stack([x[0] for x in way[::10]]).clamp(-1, 1))
display(figures.images(
    [*steps, single[0]],
    [*(f"step {i}" for i in range(0, 51, 10)), "one step"],
    "Noise becomes an X-ray in 50 steps; last, the same noise in one step.",
    phantom=xray.is_phantom))

# %%
one_step.reconcile(
    "nearly the same blurred chest each time" if spreads[0] < spreads[1] / 2
    else "a different sharp chest each time",
    "Two such images differ by {:.0f} grey levels, two real ones by {:.0f}."
    .format(*spreads))

# %% [markdown]
# ## How good are they?
#
# Nobody can look at a distribution, so it is measured:
#
# | number | question | blind to |
# |---|---|---|
# | **Fréchet distance (FID)** | how far apart are the two clouds, in mean and spread? | whatever mean and spread do not show |
# | kernel distance (KID) | the same without that limit | what is wrong: quality or variety |
# | precision | how many drawn images lie among real ones? | what is never drawn |
# | recall | how many real images lie among drawn ones? | drawn images that look like nothing |
# | two-sample test | how often can a classifier tell them apart? | where the difference lies |
#
# All are computed on **features**, here 64 numbers of a small network that learned
# from X-rays, ultrasound and degraded copies. (The published FID takes a network of
# photographs; the two cannot be compared.)
#
# Precision and recall (Kynkäänniemi et al. 2019) come from one function: which share
# of one set lies in a ball around any point of the other?

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
# Precision is `covered(drawn, real, 3)`, recall `covered(real, drawn, 3)`. Each
# number needs its **floor**: other real images in place of drawn ones. Who competes:
# the GAN that ships, and the live one; *one face*, the shipped GAN with all codes
# near 0, a collapse by hand; the diffusion model; a VAE whose decoder is about as
# large as the generator; and *copies* of training images.

# %%
from medtutor.models.autoencoder import VAE
from medtutor.training.reconstruction import fit_reconstruction

torch.manual_seed(0)
vae = VAE(latents=64, widths=(64, 128))
fit_reconstruction(vae, images, beta=1.0, learning_rate=3e-3)


def of_vae(count):
    codes = vae.prior(count, torch.Generator().manual_seed(0))
    with torch.no_grad():
        return as_uint8(vae.decode(codes).clamp(-1, 1))

# %%
from medtutor.reports import Table

count = len(held_out)
rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
rows = rows[:count]
asked = labels[rows]  # as many of each class as real ones have
drawn = {
    "GAN": gan.sample(count, asked),
    "live": first.sample(count, asked),
    "one face": gan.sample(count, asked, truncation=0.1),
    "diffusion": diffusion.sample(count, asked),
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
lines = {"other real images": scores["GAN"].floor, **scores}
display(Table(["", *columns], [
    [name, *(getattr(of, column) for column in columns)]
    for name, of in lines.items()], phantom=xray.is_phantom))
told.reconcile(
    scores["GAN"].two_sample,
    "Two sets of real images are told apart with accuracy "
    f"{scores['GAN'].floor.two_sample:.2f}.")

# %%
for name in ("GAN", "diffusion", "one face", "VAE"):
    display(figures.images(
        [*drawn[name][:7]], [name] + [""] * 6,
        f"Seven images of: {name}.", phantom=xray.is_phantom,
    ))

# %% [markdown]
# What does precision say of *one face*, and what recall? And which line is the best?
# The copies: **none of these numbers asks whether an image is new.**
#
# On the real images our diffusion model reaches more of them than the GAN does (recall
# 0.7 against 0.6), and what it draws is worse (precision 0.7 against 0.9, FID twice as
# high). It had 1752 steps of training, the GAN 10 926: this is no race.
#
# Elsewhere, on eye, chest and tissue images, a latent diffusion model had a higher
# recall than GANs, 0.32 against 0.17 on chest X-rays, at equal or higher precision
# (Müller-Franzes et al. 2023). It is slower, since it asks its network in every step,
# and diffusion models of photographs gave away more of their training images (Carlini
# et al. 2023). A discriminator remains where one step must do, and as one loss among
# others: **pix2pix** (Isola et al. 2017) adds its verdict on pairs of images to the
# pixel error of a U-Net, so that a translation is sharp.

# %% [markdown]
# The GAN with five seeds, minus real images in its place. A CNN is a second judge;
# *labels right*: how often a classifier of real images confirms the class asked for;
# *learned from*: the AUC on real images of a classifier that learned from drawn ones.

# %%
evidence = review.read_evidence("gan-images-can-be-told")
display(review.pivot(evidence, [
    "told by a CNN", "told by features", "KID", "precision", "recall"]))
display(review.pivot(evidence, ["labels right", "learned from"]))

# %% [markdown]
# ## Is anybody in there?
#
# A generator could know patients by heart: **memorisation**. For each drawn image,
# divide the distance to the nearest training image by that to the nearest
# *held-out* one. A ratio of 1 says that the generator knows the ones as little as
# the others; copies have 0. One more generator has learned from eight images.

# %%
memoriser = adversarial.load_gan("pneumoniamnist_memorised")
few = memoriser.settings["images"]
of_few = torch.cat([  # the first ones of each class
    torch.nonzero(labels == label).flatten()[:few // 2] for label in (0, 1)])
learned_from = {"GAN": xray.train.images, "diffusion": xray.train.images,
                "copies": xray.train.images,
                f"{few} images": xray.train.images[of_few]}
drawn[f"{few} images"] = memoriser.sample(count)
ratios = {name: generative.memorisation_ratio(drawn[name], among, held_out)
          for name, among in learned_from.items()}
Table(["learned from", "ratio, with its interval over images"],
      ratios.items(), phantom=xray.is_phantom)

# %%
for name in ("GAN", "diffusion", f"{few} images"):
    some, among = drawn[name][2:6], learned_from[name]
    found = generative.nearest(some, among)[1]
    pairs = [each for pair in zip(some, among[found]) for each in pair]
    display(figures.images(
        pairs, [name, f"nearest of {len(among)}"] * 4,
        "Four drawn images, each beside the one that is nearest to it of "
        f"{len(among)} training images.", phantom=xray.is_phantom,
    ))

# %% [markdown]
# A ratio near 1 rules out that a generator copies *as a rule*. It says nothing of a
# single image, and a copy that was shifted is far away by pixels.
#
# ## Whom does it draw, and whom not?
#
# The discriminator punishes what looks wrong, not what is missing. Let the features
# sort the real images into twelve groups (k-means), and count in each: how often is
# it drawn, compared with how often it is real? 1 is fair; *other real* images show
# what chance does. *Truncated*: codes 0.6 times as far from the middle, popular for
# pictures in papers.

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
wanted = labels[torch.randperm(len(labels))[:2000]]
samples = {
    "other real": held_out,
    "GAN": gan.sample(len(wanted), wanted),
    "truncated": gan.sample(len(wanted), wanted, truncation=0.6),
    "diffusion": drawn["diffusion"],
}
real = np.bincount(kinds.labels_) / len(labels)
ranked = np.argsort(shares(samples["GAN"]) / real)
Table(["drawn / real", *(f"{real[i]:.0%}" for i in ranked)], [
    [name, *(f"{ratio:.2f}" for ratio in (shares(some) / real)[ranked])]
    for name, some in samples.items()
], "Twelve groups, with their share of the real images")

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
# These are real patients whom the GAN draws too rarely, and too often. Our diffusion
# model leaves out the same group. A published data set would hand the gap on.
#
# ## Do drawn images help where real ones are few?
#
# Of 57 studies on GANs for lung images of COVID-19, 42 used them for
# **augmentation**; in two, clinicians had looked at the images (Ali & Shah 2022).
#
# A fair test has three rules. The GAN learns from **the same few images** as the
# classifier. Every arm gets the **same number of image passes**, 4 x 800. And
# drawing has to compete with **classical** augmentation: images turned, moved, scaled
# and mirrored. In the arm *GAN* half of what the CNN sees is drawn.

# %%
helps = Prediction(
    "06/helps",
    "50 labelled X-rays a class. Which arm has the highest test AUC, as a "
    "mean of five seeds?",
    choices=["none", "classical", "GAN", "both"],
)
helps

# %%
evidence = review.read_evidence("gan-augmentation-helps")
display(review.pivot(evidence, [f"{n} labels" for n in (25, 50, 100)]))
means = {"none": 0.0}
for arm in ("classical", "GAN", "both"):
    means[arm] = evidence.contrast(f"{arm} against none: 50 labels").mean
helps.reconcile(
    max(means, key=means.get),
    "Compare the differences with their intervals: the arm with the highest "
    "mean need not be better than the next.",
)

# %% [markdown]
# *GAN of all images*, the shipped one, is no fair arm: it shows what there is to gain.
# A GAN that has seen the few cannot know more about patients than they show; if it
# helps, it is by varying them in a useful way.
#
# ## Where it fails
#
# - A GAN may leave people out, and its losses do not tell.
# - Its scores hang on the features, the number of images and the real ones.
# - Drawn images hold no patients who were not there, and may hold some who were.
# - Sharp and realistic is not true. In a translation no blur gives the fault away.
#
# ## What the review says and what we measured
#
# The review names GANs for synthesis and augmentation. We asked: are drawn images
# as good as real ones? Do they help where data are few, and more than moving and
# turning do?

# %%
display(review.claim("gan-images-can-be-told"))
display(review.claim("gan-augmentation-helps"))
review.claim("gan-augmentation-beats-classical")

# %% [markdown]
# Three times *inconclusive* by the rule; the features do tell (+0.14).
#
# ## Exercises without a check
#
# 1. Play in one dimension with a small third hill.
# 2. Replace the generator's loss in `play` by log(1 - D). Does it find the hills?
# 3. Sample the diffusion model in 5, 10, 20 and 50 steps, and plot the Fréchet
#    distance against the seconds.
# 4. Train the small generator with a `Critic` (`medtutor.models.gan`; WGAN-GP,
#    Gulrajani et al. 2017). What does its loss tell that the other does not?
#
# ## Quiz

# %%
Quiz("06_gan")

# %% [markdown]
# ## Bonus: Ultrasound, without near-duplicates
#
# BreastMNIST in one line; few are held out, so the numbers are rough, as are the
# floors, in brackets. Its val and test images hold many near-duplicates of training
# images, which its source set has, too (Pawłowska et al. 2023). They are left out:
# a GAN that copies would look as if it drew what it has never seen.

# %%
others = torch.cat([breast.val.images, breast.test.images])
alone = ~near_duplicates(others, breast.train.images).near
others = others[alone]
print(f"{len(others)} of {len(alone)} held-out images have no near-duplicate")
order = torch.randperm(len(breast.train.labels))[:len(others)]
some = adversarial.load_gan("breastmnist").sample(
    len(others), breast.train.labels[order])
print(generative.generative_scores(some, breast.train.images, others))

# %% [markdown]
# ## Bonus: Which properties are drawn?
#
# Three properties that a line of code can measure. Of 100 real images five are the
# lowest, 20 more low, 50 in the middle, 20 high, and five the highest. And of 100
# drawn ones?

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
rows = []
for name, values in properties(xray.train.images).items():
    edges = values.quantile(torch.tensor([0.05, 0.25, 0.75, 0.95]))
    for source, some in samples.items():
        group = torch.bucketize(properties(some)[name], edges)
        share = 100 * torch.bincount(group, minlength=5) / len(group)
        rows.append([name, source, *(f"{each:.0f}" for each in share)])
head = ["property", "of 100", "lowest", "low", "middle", "high", "highest"]
Table(head, rows, "5, 20, 50, 20, 5 is fair", phantom=xray.is_phantom)

# %% [markdown]
# One property at a time may look fair and still hide who is missing: compare with
# the twelve groups above.

# %% [markdown]
# ## Bonus: From one contrast into another, without pairs
#
# Lesson 05 translated heads from contrast A into B with pairs. Mostly there are
# none, but two archives, of other patients each. That is enough for a **CycleGAN**
# (Zhu et al. 2017): two translators, A → B and B → A, and a discriminator in each
# contrast. What is translated must look like the other archive; and there and back
# again, it must be what it was. **Phantoms**: archive A holds 400 heads, archive B
# 400 others.

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
@one_thread()
def learn_to_translate(archive_b, steps=300):
    torch.manual_seed(0)
    to_a, to_b = (Translator(widths=(8, 16, 32)) for _ in range(2))
    like_a, like_b = (Discriminator(widths=(16, 32, 64)) for _ in range(2))
    judges, both = nn.ModuleList([like_a, like_b]), nn.ModuleList([to_a, to_b])
    of_judges, of_both = adam(judges), adam(both)
    for _ in range(steps):
        a, b = pick(archive_a), pick(archive_b)
        as_a, as_b = to_a(b), to_b(a)
        descend(of_judges, judging(like_a, a, as_a) + judging(like_b, b, as_b))
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
rows = []
for name, some in translated.items():
    error = (some - wanted)[:, 0].square()
    means = [error[pairs.test.tissues == i].mean() for i in range(6)]
    rows.append([name, *(f"{10 * torch.log10(4 / mean):.1f}"
                         for mean in means)])
Table(["", *tissues], rows, "PSNR in dB", phantom=True)

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
        drawn_shares[contrasts.KINDS[kind], name] = (
            (level(translated[name], where) - white)
            / (level(wanted, where) - white))

# %%
kinds = [contrasts.KINDS[i] for i in (contrasts.IN_BOTH, contrasts.IN_B_ONLY)]
display(Table(
    ["lesion", *archives_b],
    [[kind, *(drawn_shares[kind, name] for name in archives_b)]
     for kind in kinds], "Share of its brightness in B", phantom=True))
lost.reconcile(
    drawn_shares[kinds[0], "healthy heads"],
    "With the archive of all heads it is "
    f"{drawn_shares[kinds[0], 'all heads']:.2f}. Among healthy heads "
    "a bright spot gives an image away, and the way back to A needs only some "
    "trace of it.",
)

# %%
number = int((pairs.test.kinds == contrasts.IN_BOTH).nonzero()[0])
shown = {"A": source, "B": wanted, **translated}
figures.images(
    [as_uint8(image[number].clamp(-1, 1)) for image in shown.values()],
    ["A", "B", "a straight line", "B: all heads", "B: healthy heads"],
    "A head with a lesion that both contrasts show: A, the true B, and three "
    "translations. How bright the lesion is drawn depends on the archive.",
    phantom=True,
)

# %% [markdown]
# Nothing in the losses asks for *this* head's B. They ask for an image that passes
# among the others of an archive. What an archive lacks is weakened, what all of
# it has can be put in: Cohen et al. (2018) showed it with tumours, which came and
# went with the archive.
#
# ## Key points
#
# - A GAN learns its loss: the generator follows the slope of another network's
#   verdict. The losses say who is winning, not how good the images are.
# - A generator that is too fast collapses. Precision does not notice, recall and
#   the spread do.
# - A diffusion model learns to denoise at every strength of noise, and draws in
#   many small steps. It plays against nobody, and each step costs time.
# - Each number about drawn images is read beside its floor, real images against
#   real ones, and depends on the features.
# - Copies win every such comparison. The distance to the nearest training image,
#   beside that to held-out ones, is looked at as well.
# - What is rare may be drawn less often, and truncation takes more of it.
# - Whether drawn images help a classifier is tested at equal passes, with the same
#   few images for both, against classical augmentation.
#
# ## References
#
# - Ali H., Shah Z., *Combating COVID-19 using generative adversarial networks and
#   artificial intelligence for medical images: scoping review*, JMIR Medical
#   Informatics 10(6):e37365 (2022),
#   [doi:10.2196/37365](https://doi.org/10.2196/37365).
# - Bińkowski M. et al., *Demystifying MMD GANs* (2018),
#   [arXiv:1801.01401](https://arxiv.org/abs/1801.01401).
# - Carlini N. et al., *Extracting training data from diffusion models* (2023),
#   [arXiv:2301.13188](https://arxiv.org/abs/2301.13188).
# - Cohen J. P., Luck M., Honari S., *Distribution matching losses can hallucinate
#   features in medical image translation*, MICCAI (2018),
#   [arXiv:1805.08841](https://arxiv.org/abs/1805.08841).
# - Goodfellow I. et al., *Generative adversarial networks* (2014),
#   [arXiv:1406.2661](https://arxiv.org/abs/1406.2661).
# - Gulrajani I. et al., *Improved training of Wasserstein GANs* (2017),
#   [arXiv:1704.00028](https://arxiv.org/abs/1704.00028).
# - Heusel M. et al., *GANs trained by a two time-scale update rule converge to a
#   local Nash equilibrium* (2017),
#   [arXiv:1706.08500](https://arxiv.org/abs/1706.08500).
# - Ho J., Jain A., Abbeel P., *Denoising diffusion probabilistic models* (2020),
#   [arXiv:2006.11239](https://arxiv.org/abs/2006.11239).
# - Isola P. et al., *Image-to-image translation with conditional adversarial
#   networks* (2017), [arXiv:1611.07004](https://arxiv.org/abs/1611.07004).
# - Karras T. et al., *Progressive growing of GANs for improved quality, stability,
#   and variation*, ICLR (2018),
#   [arXiv:1710.10196](https://arxiv.org/abs/1710.10196).
# - Kynkäänniemi T. et al., *Improved precision and recall metric for assessing
#   generative models* (2019),
#   [arXiv:1904.06991](https://arxiv.org/abs/1904.06991).
# - Lopez-Paz D., Oquab M., *Revisiting classifier two-sample tests* (2016),
#   [arXiv:1610.06545](https://arxiv.org/abs/1610.06545).
# - Mirza M., Osindero S., *Conditional generative adversarial nets* (2014),
#   [arXiv:1411.1784](https://arxiv.org/abs/1411.1784).
# - Miyato T. et al., *Spectral normalization for generative adversarial networks*
#   (2018), [arXiv:1802.05957](https://arxiv.org/abs/1802.05957).
# - Müller-Franzes G. et al., *A multimodal comparison of latent denoising diffusion
#   probabilistic models and generative adversarial networks for medical image
#   synthesis*, Scientific Reports 13:12098 (2023),
#   [doi:10.1038/s41598-023-39278-0](https://doi.org/10.1038/s41598-023-39278-0).
# - Pawłowska A., Karwat P., Żołek N., *Letter to the editor. Re: "Dataset of breast
#   ultrasound images"*, Data in Brief 48:109247 (2023),
#   [doi:10.1016/j.dib.2023.109247](https://doi.org/10.1016/j.dib.2023.109247).
# - Radford A. et al., *Unsupervised representation learning with deep
#   convolutional generative adversarial networks* (2015),
#   [arXiv:1511.06434](https://arxiv.org/abs/1511.06434).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies,
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072).
# - Song J., Meng C., Ermon S., *Denoising diffusion implicit models* (2020),
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502).
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023),
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8).
# - Zhao S. et al., *Differentiable augmentation for data-efficient GAN training*
#   (2020), [arXiv:2006.10738](https://arxiv.org/abs/2006.10738).
# - Zhu J.-Y. et al., *Unpaired image-to-image translation using cycle-consistent
#   adversarial networks* (2017),
#   [arXiv:1703.10593](https://arxiv.org/abs/1703.10593).
