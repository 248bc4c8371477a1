# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Autoencoders and features: what can be learned without labels?
#
# Images are many, labels are few, because a person has to give them. An
# autoencoder learns from the images alone. This lesson asks what such a
# network is good for, each time beside the cheapest **baseline** that does the same
# job. Several times the baseline wins.
#
# **You will be able to**
# 1. compress images to a few numbers, with a network and with PCA, and say
#    which is better when;
# 2. train a denoiser and compare it fairly with classical filters;
# 3. test whether learned features help where labels are few;
# 4. derive a VAE's loss from the likelihood, draw new images, and recognise a
#    code that has collapsed;
# 5. say which anomalies a reconstruction error finds, and which it cannot.
#
# About 90 minutes without the bonus parts, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children of one hospital, 28 x 28 pixels, CC BY 4.0); in a bonus part **phantoms**, heads drawn in two contrasts |
# | Source | Yang et al., *MedMNIST v2* (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the X-rays' place.
# Every picture then says so, and what the text says of real images does not hold.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check, same_network
from medtutor.data import normalise
from medtutor.data.augmentation import corrupt
from medtutor.models import autoencoder
from medtutor.reports import Table
from medtutor.training.reconstruction import fit_reconstruction

# %%
xray = mt.load("pneumoniamnist")
train, val, test = (
    normalise(split.images) for split in (xray.train, xray.val, xray.test)
)
figures.gallery(xray)

# %% [markdown]
# ## Through a few numbers, without a network
#
# An image of 784 pixels holds far less than 784 independent numbers: neighbours are
# nearly equal. **Principal component analysis** (PCA) subtracts the mean image,
# finds the directions in which images differ most, and keeps the coordinates along the
# first few. These coordinates are the **code**. Of all linear codes of that size it
# reconstructs the training images best.

# %%
def pca_reconstruction(train, images, components):
    """train (N, D), images (M, D) -> (M, D), the images rebuilt"""
    ### BEGIN SOLUTION
    mean = train.mean(0)
    # The rows of Vh are the directions, the one of most spread first.
    axes = torch.linalg.svd(train - mean, full_matrices=False).Vh
    codes = (images - mean) @ axes[:components].T  # (M, components)
    return codes @ axes[:components] + mean
    ### END SOLUTION

# %%
check.pca_reconstruction(pca_reconstruction)

# %% [markdown]
# From here on, scikit-learn does it. Pixels go from -1 (black) to 1 (white).

# %%
from sklearn.decomposition import PCA

pca = PCA(64, svd_solver="full").fit(train.flatten(1))


def through_pca(images, components, pca=pca):
    """Images rebuilt from their first components."""
    codes = pca.transform(images.flatten(1))
    codes[:, components:] = 0
    return torch.tensor(pca.inverse_transform(codes)).view_as(images)


@torch.no_grad()
def redraw(model, images):
    return model(images)

# %% [markdown]
# ## An autoencoder
#
# An **autoencoder** (Hinton & Salakhutdinov 2006) does the same, but not linearly. An
# **encoder** makes the code from the image, a **decoder** the image from the code. Both
# are networks, trained together to give back what went in. The numbers of the code are
# its **latent variables**, or latents.

# %%
def encoder(outputs):
    """(B, 1, 28, 28) -> (B, outputs)"""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(),  # 32 x 14 x 14
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),  # 64 x 7 x 7
        nn.Flatten(), nn.Linear(64 * 7 * 7, outputs))

def decoder(latents):
    """(B, latents) -> (B, 1, 28, 28)"""
    up = dict(kernel_size=3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(
        nn.Linear(latents, 64 * 7 * 7), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, **up), nn.ReLU(),  # 32 x 14 x 14
        nn.ConvTranspose2d(32, 1, **up))  # 1 x 28 x 28

# %%
class Autoencoder(nn.Module):
    def __init__(self, latents=32):
        super().__init__()
        self.encoder, self.decoder = encoder(latents), decoder(latents)

    def forward(self, x):
        return self.decoder(self.encoder(x))


same_network(Autoencoder(), autoencoder.Autoencoder(), val[:8])

# %%
autoencoders, rows = {}, []
average = F.mse_loss(train.mean(0).expand_as(val), val)
for latents in (4, 16, 32, 64):
    torch.manual_seed(0)  # of the first weights
    model = autoencoder.Autoencoder(latents=latents)
    autoencoders[latents] = fit_reconstruction(model, train)
    errors = [F.mse_loss(drawn, val) for drawn in
              (through_pca(val, latents), redraw(model, val))]
    rows.append([latents, *(f"{error:.4f}" for error in errors)])
Table(["latents", "PCA", "autoencoder"], rows,
      f"Squared error, validation images; of the mean image {average:.4f}",
      phantom=xray.is_phantom)

# %% [markdown]
# Where few numbers must do much, a non-linear map fits better. Where there are many, PCA
# is the best that a linear map can do, exactly and in a second, and the network is what a
# few epochs make of it.
#
# Five seeds on test images, in decibels of **peak signal-to-noise ratio** (PSNR; 10 dB
# more is a tenth of the squared error), network minus PCA:

# %%
drawn_again = review.read_evidence("autoencoder-beats-pca")
print(review.pivot(drawn_again, [f"{n} numbers" for n in (4, 16, 32, 64)]))

# %%
def as_picture(images):
    """-1…1, some values beyond it, to grey levels."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


one, shown = val[[3]], {"the image": val[[3]]}
for latents in (4, 64):
    shown[f"PCA, {latents}"] = through_pca(one, latents)
    shown[f"network, {latents}"] = redraw(autoencoders[latents], one)
figures.images(
    [as_picture(image[0, 0]) for image in shown.values()], list(shown),
    "An image, and what PCA and an autoencoder rebuild from 4 and from 64 "
    "latents: brightness and large shapes come first, ribs last.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# Whatever is small, or differs from image to image, is lost first: the ribs.
# Everything that goes wrong below begins here.
#
# ## Denoising, and the classical filters
#
# A **denoising autoencoder** (Vincent et al. 2008) sees a corrupted image and
# is trained to give back the clean one. So it has to know what X-rays look like.
# What does a filter do that knows nothing of the kind? **Non-local means** (Buades
# et al. 2005) averages pixels whose neighbourhoods look alike. Each filter gets its best
# strength for this noise, chosen on validation images. PCA takes part too: noise hardly
# fits through its code.

# %%
from functools import partial

from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from medtutor.metrics.generative import psnr


def one_by_one(function, images, strength):
    each = [function(image, strength) for image in images[:, 0].numpy()]
    return torch.tensor(np.stack(each))[:, None].float()


def non_local(image, strength):
    return denoise_nl_means(image, 5, 6, h=strength)

# %%
filters = {  # and the strengths to choose from
    "Gaussian": (partial(one_by_one, gaussian_filter), (0.5, 0.8, 1, 1.4, 2)),
    "median": (partial(one_by_one, median_filter), (2, 3, 5)),
    "total variation": (partial(one_by_one, denoise_tv_chambolle),
                        (0.05, 0.1, 0.2, 0.5, 0.8, 1.2)),
    "non-local means": (partial(one_by_one, non_local),
                        (0.05, 0.07, 0.09, 0.12, 0.25, 0.35, 0.45, 0.6)),
    "PCA": (through_pca, (4, 8, 16, 32, 64)),
}

# %%
clean, others = val[:150], val[150:]  # to choose on, to compare on


def filtered(noise):
    """Other noisy images, and what each filter makes of them."""
    generator = torch.Generator().manual_seed(1)
    noisy = corrupt(clean, noise, 0, generator)
    drawn = {"as it is": corrupt(others, noise, 0, generator)}
    for name, (method, strengths) in filters.items():
        found = [psnr(method(noisy, each), clean) for each in strengths]
        best = strengths[int(np.argmax(found))]
        drawn[name] = method(drawn["as it is"], best)
    return drawn

# %%
noises = Prediction(
    "05/noises",
    "Noise of standard deviation 0.1 or 0.5, of a range of 2; a network of 32 "
    "latents is trained for each. Where does it beat every filter?",
    choices=["at 0.1 only", "at 0.5 only", "at both", "at neither"],
)
noises

# %%
results = {}
for noise in (0.1, 0.5):
    torch.manual_seed(0)
    denoiser = fit_reconstruction(
        autoencoder.Autoencoder(), train,
        corrupt=partial(corrupt, noise=noise, hole=0))
    drawn = results[noise] = filtered(noise)
    drawn["network"] = redraw(denoiser, drawn["as it is"])
scores = {noise: {name: psnr(images, others) for name, images in drawn.items()}
          for noise, drawn in results.items()}
Table(["", "noise 0.1", "noise 0.5"],
      [[name, *(f"{scores[noise][name]:.1f}" for noise in scores)]
       for name in drawn],
      "PSNR in dB, other validation images", phantom=xray.is_phantom)

# %%
won = [noise for noise, found in scores.items()
       if max(found, key=found.get) == "network"]
ceiling = psnr(redraw(autoencoders[32], others), others)
noises.reconcile(
    "at both" if len(won) == 2 else f"at {won[0]} only" if won
    else "at neither",
    "All that the network draws has come through 32 latents. From clean "
    f"images it gets {ceiling:.1f} dB, and even noise-free input cannot "
    "exceed that.",
)

# %%
drawn = {"clean": others, **results[0.5]}
names = ["clean", "as it is", "total variation", "PCA", "network"]
figures.images(
    [as_picture(drawn[name][1, 0]) for name in names], names,
    "One image, clean, with noise 0.5, and after two filters and the "
    "network.", phantom=xray.is_phantom,
)

# %% [markdown]
# At strong noise the two that know X-rays, PCA and the network, draw the most
# legible images. Are they *this patient's*? Now remove a square of 9 x 9
# pixels as well.

# %%
torch.manual_seed(0)
filler = fit_reconstruction(
    autoencoder.Autoencoder(), train,
    corrupt=partial(corrupt, noise=0.25, hole=9),
)
holed = corrupt(val, 0.25, 9, torch.Generator().manual_seed(2))
row = [images[3, 0] for images in (val, holed, redraw(filler, holed))]
figures.images(
    [*map(as_picture, row), row[2] - row[0]],
    ["clean", "corrupted", "network", "network - clean"],
    "An image, corrupted with noise and a hole, redrawn, and the difference; "
    "the hole is filled with what lungs usually look like.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# In the third picture nobody can see where the hole was. What stands there
# is what usually stands there. A nodule under the hole would be gone, and the image
# would look all the better for it.
#
# ## Do the features help where labels are few?
#
# The review names feature extraction as what autoencoders are used for. The
# promise: learn a code from 4708 images without labels (**self-supervised learning**:
# the image itself is the target), then a few labels will do. The test is a **linear
# probe**: a logistic regression on the features, with 10 or with 100 labels a class, a
# mean over ten draws of them, scored on validation images.
#
# Today's form of the idea hides most of the image: a **masked autoencoder** (He et al.
# 2022) removes 75 % of the patches of a large transformer's input and learns to draw
# them. The other large line, **contrastive learning** (SimCLR, Chen et al. 2020), makes
# two augmented views of one image similar and those of different images dissimilar.
# **Foundation models** are pre-trained in such ways on very many images, also medical ones
# (MedMAE, Gupta et al. 2025). We hide patches, too, from the same small CNN.

# %%
def hide_patches(images, generator=None):
    """Three of four patches of 4 x 4 pixels, at random places, become 0."""
    there = torch.rand(len(images), 1, 7, 7, generator=generator) < 0.25
    return images * F.interpolate(there.float(), size=images.shape[-2:])


torch.manual_seed(0)
masked = fit_reconstruction(autoencoder.Autoencoder(), train,
                            corrupt=hide_patches)
torch.manual_seed(7)
networks = {"random weights": autoencoder.Autoencoder(),
            "autoencoder": autoencoders[32], "denoising": filler,
            "masked": masked}

# %% [markdown]
# Besides the code there is the encoder's last **feature map**, 64 channels of 7 x 7,
# averaged over places. The promise has to beat the pixels themselves, PCA, and the same
# network with *random* weights.

# %%
@torch.no_grad()
def both(function):
    """Features of training and validation images."""
    return [np.concatenate([function(some) for some in images.split(256)])
            for images in (train, val)]


features = {"pixels": both(lambda x: x.flatten(1)),
            "PCA-32": both(lambda x: pca.transform(x.flatten(1))[:, :32])}
for name, network in networks.items():
    maps = network.encoder.features
    features[f"{name}, code"] = both(network.encode)
    features[f"{name}, map"] = both(lambda x: maps(x).mean((2, 3)))

# %% [markdown]
# How strongly the regression is regularised (the hyperparameter `C`, small is strong) is
# set once: more strongly for the pixels, which are many.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from medtutor.data.subsets import rows_of_each_class

def probe(seen, unseen, per_class, scaled, C):
    """(10,) validation AUC, for ten draws of the labels"""
    steps = [StandardScaler()] * scaled + [LogisticRegression(C=C)]
    classifier, scores = make_pipeline(*steps), []
    for draw in range(10):
        rows = rows_of_each_class(xray, per_class, draw)
        classifier.fit(seen[rows], xray.train.labels[rows])
        answers = classifier.decision_function(unseen)
        scores.append(roc_auc_score(xray.val.labels, answers))
    return np.array(scores)

# %%
gain = Prediction(
    "05/gain",
    "Ten labels a class. How much higher is the AUC on the code of the "
    "denoising network than on the pixels themselves (standardised)?",
    low=-0.3, high=0.3, step=0.01,
)
gain

# %%
kinds = {name: (True, 0.01 if name == "pixels" else 0.1) for name in features}
aucs = {name: [probe(*features[name], n, *kind) for n in (10, 100)]
        for name, kind in kinds.items()}
for name, C in (("pixels", 0.01), ("PCA-32", 1)):
    aucs[f"{name}, not standardised"] = [
        probe(*features[name], n, False, C) for n in (10, 100)
    ]
Table(["features", "10 a class", "100 a class"],
      [[name, *(f"{each.mean():.3f} ± {each.std():.3f}" for each in pair)]
       for name, pair in aucs.items()],
      "AUC on validation images; ±: the draw of the labels",
      phantom=xray.is_phantom)

# %%
learned, pixels = aucs["denoising, code"][0], aucs["pixels"][0]
gain.reconcile(
    round(learned.mean() - pixels.mean(), 3) or 0.0,  # no "-0"
    f"Another draw of the labels moves each AUC by {learned.std():.3f} and "
    f"{pixels.std():.3f}. In X-rays that are all aligned, a pixel is a "
    "feature already: the same place in every chest.",
)

# %% [markdown]
# Five seeds on the test images, and a CNN that sees *only* the labelled images. The
# columns say by how much the AUC on the code is above the baseline's (DAE: denoising
# autoencoder; VAE: next section):

# %%
evidence = review.read_evidence("features-help-when-labels-are-few")
print(review.pivot(evidence, [f"{n} labels" for n in (10, 20, 50, 100)]))

# %% [markdown]
# On the real images, read the tables three times.
#
# - Beside random weights, with ten labels, the denoising code is better on average:
#   something was learned. A paper could stop here.
# - Beside PCA it depends on a line of code. Standardised, PCA looks hopeless
#   with ten labels; left as it is, it does not: standardising inflates
#   those components that hold next to nothing. A weak baseline makes any method look
#   good.
# - Beside the plain pixels, the promise is not kept: no code, no map and no masking is
#   better by more than the draw of the labels moves it. The CNN on 100 labels a class
#   beats them all.
#
# Learned features may help elsewhere, where places are not aligned. **The baselines
# decide what a result says.**
#
# ## Drawing new images: the VAE
#
# Can the decoder draw a patient who never was? Take random codes, each latent with
# the mean and the spread that real codes have:

# %%
@torch.no_grad()
def new_images(model, count=5):
    codes = torch.cat([model.encode(some) for some in train.split(256)])
    fixed = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 32, generator=fixed)
    return model.decode(codes.mean(0) + codes.std(0) * noise)


figures.images(
    [as_picture(image[0]) for image in new_images(autoencoders[32])],
    ["random codes"] + [""] * 4,
    "Five images that the autoencoder's decoder drew from random codes; on "
    "the real images, chests with lungs that are bent, torn or missing.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# The codes of real images fill only a small part of that space, and nobody told
# the decoder what to do with the rest. A **variational autoencoder** (VAE;
# Kingma & Welling 2013) starts from a story of how images arise: a code $z$ is drawn
# from the **prior** $p(z)$, a standard normal distribution; the image is the decoder's
# $\hat x(z)$ plus noise of variance $s^2$ in each of $D$ pixels. The encoder answers the
# reverse question with the **posterior** $q(z|x)$: for each latent a mean $\mu$ and a
# variance $\sigma^2$.

# %%
figures.diagram("vae")

# %% [markdown]
# To train it, a code is drawn from $q$ and decoded. Drawing stops the gradient, unless
# standard normal noise is drawn on the side and then scaled and shifted. Write that
# **reparameterisation**. (The encoder gives the *logarithm* of the variance, which may be
# any number.) Stay in PyTorch: the check compares the gradient, too.

# %%
def reparameterise(mean, log_variance, noise):
    """all (B, latents), noise standard normal -> codes (B, latents)"""
    ### BEGIN SOLUTION
    deviation = (log_variance / 2).exp()
    return mean + deviation * noise
    ### END SOLUTION

# %%
check.reparameterise(reparameterise)

# %% [markdown]
# What can be maximised is not the likelihood $\ln p(x)$ itself but a lower bound of it,
# the **ELBO** (evidence lower bound): how well drawn codes explain the image, minus how
# far the posterior is from the prior, the **Kullback-Leibler divergence** (KL).
#
# $$\ln p(x) \ge \underbrace{\mathbb E_{q}\left[\ln p(x|z)\right]}_{
# -\frac{1}{2s^2}\lVert x-\hat x(z)\rVert^2-\frac D2\ln 2\pi s^2}
# - \underbrace{\mathrm{KL}\left(q(z|x)\,\Vert\,p(z)\right)}_{
# \sum\frac12\left(\mu^2+\sigma^2-1-\ln\sigma^2\right)}$$
#
# Write each latent's term of the last sum. Stay in PyTorch.

# %%
def divergence(mean, log_variance):
    """(B, latents) each -> the divergence of each number, (B, latents)"""
    ### BEGIN SOLUTION
    variance = log_variance.exp()
    return (mean**2 + variance - 1 - log_variance) / 2
    ### END SOLUTION

# %%
check.kl(divergence)

# %% [markdown]
# The whole network is the autoencoder with twice as many outputs of the encoder:

# %%
class VAE(nn.Module):
    def __init__(self, latents=32):
        super().__init__()
        self.encoder, self.decoder = encoder(2 * latents), decoder(latents)

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        noise = torch.randn_like(mean) * self.training  # later none
        z = autoencoder.reparameterise(mean, log_variance, noise)
        return self.decoder(z), mean, log_variance


same_network(VAE(), autoencoder.VAE(), val[:8])

# %% [markdown]
# Multiply the negative ELBO by $2s^2$ and leave out what does not depend on the network:
#
# $$\text{loss} = \lVert x-\hat x\rVert^2 + \beta\,\mathrm{KL},\qquad \beta = 2s^2$$
#
# This is our loss. (So our $\beta=1$ grants the pixels a variance of one half. Where a loss
# is written with $\frac12\lVert x-\hat x\rVert^2$, a variance of 1, the same network has
# a $\beta$ of 0.5, half of ours; Higgins et al. 2017 made the weight a choice.) Beta is
# the price of information. A latent whose KL is 0 has the prior as posterior for every
# image, and says nothing: **posterior collapse**.

# %%
collapse = Prediction(
    "05/collapse",
    "Of 32 latents, how many still say something (a KL above 0.1 nats) when "
    "beta is 10?",
    low=0, high=32, step=1,
)
collapse

# %%
def elbo(vae, images):
    """(ELBO in nats at the best variance, squared error, KL, latents)"""
    noise = torch.randn(len(images), 32,
                        generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        rebuilt, mean, log_variance = vae(images, noise)
    each = autoencoder.kl(mean, log_variance).mean(0)  # (32,)
    error = F.mse_loss(rebuilt, images).item()  # the best s² there is
    likelihood = -784 / 2 * (np.log(2 * np.pi * error) + 1)
    said = int((each > 0.1).sum())
    return likelihood - each.sum().item(), error, each.sum().item(), said


# %%
vaes = {}
for beta in (0.1, 1, 10):
    torch.manual_seed(0)
    vaes[beta] = fit_reconstruction(
        autoencoder.VAE(), train, beta=beta, learning_rate=3e-3
    )
found = {beta: elbo(vae, val) for beta, vae in vaes.items()}
Table(["beta", "ELBO (nats)", "squared error", "KL (nats)",
       "latents above 0.1"],
      [[b, f"{e:.0f}", f"{s:.4f}", f"{k:.1f}", n]
       for b, (e, s, k, n) in found.items()],
      "Validation images, one seed", phantom=xray.is_phantom)

# %%
collapse.reconcile(
    found[10][3],
    "At that price a latent must save more squared error than its "
    "information costs. Only the commonest differences between images do.",
)

# %% [markdown]
# The ELBO is stated at the variance $s^2$ that suits each network best, its own mean squared
# error. It prefers the lowest beta: larger ones assume more noise in the pixels than there
# is, and collapse follows from that (Lucas et al. 2019 show the same for linear VAEs).

# %%
with torch.no_grad():
    codes = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    drawn = {beta: vae.decode(codes) for beta, vae in vaes.items()}
for beta, images in drawn.items():
    display(figures.images(
        [as_picture(image[0]) for image in images],
        [f"beta {beta}"] + [""] * 4,
        f"Five images drawn by the VAE of beta {beta} from random codes.",
        phantom=xray.is_phantom,
    ))

# %% [markdown]
# On the real images: with a low beta the images differ from each other, and
# many are no chest. With a high one all are chests, and nearly the same chest.
# In between they are plausible and **blurred**: where the code does not say, the
# squared error is smallest for the mean of all that might be. No choice of beta
# makes them sharp. [Lesson 06](06_gan.ipynb) draws images in two other ways, with a GAN
# and with a **diffusion model**.
#
# ## Explore
#
# Move along the axes of the code, walk from one patient to another, and see
# whom the drawn image resembles most. Is there an axis for "ill"? Nobody asked for one.

# %%
from medtutor.explorers.latent import latent

latent(vaes[1], xray)

# %% [markdown]
# ## Does the error find disease?
#
# A tempting idea, **anomaly detection** by reconstruction: train on healthy images only.
# What the network has never seen it cannot rebuild, so a large error means ill, and no
# label of a disease was needed.

# %%
normals = train[xray.train.labels == 0]
torch.manual_seed(0)
guard = fit_reconstruction(
    autoencoder.Autoencoder(latents=16), normals, epochs=12)

def squared_error(images):
    return (redraw(guard, images) - images).square().mean((1, 2, 3))

def roughness(images):
    """How much pixels side by side differ, mean of each image, (N,)"""
    return images.diff(dim=-1).abs().mean((1, 2, 3))


print(len(normals), "healthy images to learn from")

# %%
disease = Prediction(
    "05/disease",
    "How well does its squared error tell pneumonia from normal on test? "
    "(AUC; 0.5 is chance)",
    low=0.0, high=1.0, step=0.01,
)
disease

# %%
sets = {"train": (train, xray.train), "test": (test, xray.test)}
rows = [[name, *(roc_auc_score(split.labels, score) for score in
                 (squared_error(images), -roughness(images)))]
        for name, (images, split) in sets.items()]
display(Table(["images", "squared error", "minus roughness"], rows,
              "AUC, pneumonia against normal", xray.is_phantom))
rough = torch.stack([roughness(test), squared_error(test)])
pairs = [rough[:, xray.test.labels == label] for label in (0, 1)]
Table(["test images", "roughness", "squared error", "correlation"],
      [[name, *(f"{mean:.4f}" for mean in pair.mean(1)),
        f"{torch.corrcoef(pair)[0, 1]:.2f}"]
       for name, pair in zip(xray.card.classes, pairs)],
      phantom=xray.is_phantom)

# %%
disease.reconcile(
    rows[1][1],
    "The error does not say how ill an image is. It says how complicated it "
    "is, and in this set the images called pneumonia are simpler.",
)

# %% [markdown]
# On the real images those called pneumonia are *smoother*, and in either class
# smoother images are rebuilt better, also by a network that has never seen an ill one.
# What is strange about pneumonia makes its error larger, its smoothness makes it
# smaller, and what is left is close to chance. (In the row of the training images it
# is not so: the network was trained on those healthy ones.) The sentence "what it has
# not seen it cannot rebuild" is wrong: it rebuilds whatever is simple.
#
# And one line of statistics does far better. Two warnings about it. Its sign, smooth
# means ill, was learned from the labels of the training images. And it is a
# fact about this data set, not about the disease. Fluid in the lungs may smooth an image;
# but so may the exposure, the crop, or the size of the film before it was reduced to 28 x
# 28 pixels, and these may differ between the two classes. From the set alone this
# **confounding** cannot be resolved.
#
# ## Where it fails
#
# Twice the network drew something clean where it knew nothing: under the hole and in
# strong noise. Nothing in the image tells which part was seen and which was guessed,
# and the mean PSNR hardly notices: lesions are few pixels. Before anybody reads a
# translated or denoised image,
#
# - measure **by structure**, and the diseased ones apart;
# - ask whether the source *can* show what is to be drawn;
# - keep the original beside it.
#
# ## What the review says and what we measured
#
# The review names autoencoders for extracting features. We asked whether the features
# help where labels are few, and three more questions.

# %%
display(review.claim("features-help-when-labels-are-few"))
display(review.claim("autoencoder-beats-pca"))
display(review.claim("denoising-beats-filters"))
display(review.claim("reconstruction-error-finds-disease"))

# %% [markdown]
# The third card compares with three filters and without non-local means. At noise 0.5,
# where the rule decides, that filter is weaker than total variation in the table above.
#
# ## Exercises without a check
#
# 1. Train the autoencoder of 64 latents for 20 epochs. Does it pass PCA?
# 2. Change `C` in the probe by a factor of ten both ways. Which rows of the
#    table move, and does the conclusion?
# 3. Hide half of the patches, or nine of ten. What becomes of the probe?
# 4. Train a VAE with a beta of 0.01. What becomes of the ELBO, and of the images that it
#    draws? Why is the better likelihood not the better picture?
#
# ## Quiz

# %%
Quiz("05_autoencoders")

# %% [markdown]
# ## Key points
#
# - An autoencoder keeps what images have in common and loses what is rare. With
#   few latents it beats PCA on the real images, with many it does not.
# - A denoiser wins where there is little to be seen, by knowing what is usual.
#   Filters win where the image is nearly good.
# - Features learned without labels beat random weights here, and did not beat
#   the plain pixels. The baselines decide what a result says.
# - A VAE maximises a lower bound of the likelihood. Beta is twice the variance that the
#   pixels are granted. Too high, and the posterior collapses to the prior.
# - The error of a reconstruction measures how complicated an image is, not how
#   ill the patient is.
# - What the input does not show is drawn as usual.
#
# ## Bonus: An anomaly that is found
#
# Put small bright spots into half of the *healthy* images: something that
# adds detail, in one place. The mean error over the image will not do, a spot is
# too small. What is asked is where the residual is large *together*.

# %%
def anomaly_score(image, rebuilt):
    """Two images (H, W). Take the absolute difference, its mean over each
    3 x 3 places that fit into the image, and of those the largest."""
    ### BEGIN SOLUTION
    residual = (image - rebuilt).abs()
    windows = residual.unfold(0, 3, 1).unfold(1, 3, 1)  # (H-2, W-2, 3, 3)
    return windows.mean((2, 3)).max()
    ### END SOLUTION

# %%
check.anomaly_score(anomaly_score)

# %%
from dataclasses import replace

from medtutor.data.planting import plant_spots


def healthy(split):
    kept = split.labels == 0
    return replace(split, images=split.images[kept], labels=split.labels[kept])


alone = {name: healthy(getattr(xray, name))
         for name in ("train", "val", "test")}
spots = plant_spots(replace(xray, **alone), "bright", seed=1).test
spotted, inner = normalise(spots.images), spots.evidence[:, 1:-1, 1:-1]
normal_pca = PCA(64, svd_solver="full").fit(normals.flatten(1))

# %%
def finds(rebuilt):
    """(AUC of the mean error, AUC of the largest residual, hits)"""
    residual = (spotted - rebuilt).abs()
    maps = F.avg_pool2d(residual, 3, stride=1).flatten(1)  # (N, 26 * 26)
    largest, place = maps.max(1)
    hit = inner.flatten(1)[torch.arange(len(place)), place]
    scores = (residual.square().mean((1, 2, 3)), largest)
    aucs = [roc_auc_score(spots.labels, score) for score in scores]
    return *aucs, hit[spots.labels == 1].double().mean().item()

# %%
baselines = {
    "mean image": normals.mean(0).expand_as(spotted),
    "PCA-16": through_pca(spotted, 16, normal_pca),
    "PCA-32": through_pca(spotted, 32, normal_pca),
    "autoencoder-16": redraw(guard, spotted),
}
Table(["rebuilt by", "mean error", "largest residual", "hits"],
      [[name, *finds(images)] for name, images in baselines.items()],
      "AUC, spot against no spot; hits by chance: about 0.02", phantom=True)

# %% [markdown]
# A hit: the place of the largest residual lies on the spot.

# %%
pictures, titles = [], []
for number in (spots.labels == 1).nonzero()[:2, 0]:
    image, drawn = spotted[number, 0], baselines["autoencoder-16"][number, 0]
    pictures += [as_picture(image), drawn - image]
    titles += ["with a spot", "rebuilt - image"]
figures.images(
    pictures, titles,
    "Two healthy X-rays with a planted bright spot, each beside the "
    "residual, where it is blue.", phantom=True,
)

# %% [markdown]
# So the idea works where the anomaly *adds* what the code cannot hold, and where
# the score looks at places. On the real images PCA, fitted in a second, is not far
# behind even then, and with 32 components it is ahead in AUC.
#
# ## Bonus: From one contrast into another
#
# Encoder and decoder need not give back the same image. A work that the review
# cites (Magnetic Resonance Imaging 114:110237, 2024) generates diffusion tensor
# images of lumbar nerves with a CNN. Here: **phantom** heads, drawn in two
# contrasts, with known tissues. No curve of brightness turns the one into the
# other: bone and fluid are both dark in A, and only fluid is bright in B. With *skips*,
# each finer map of the encoder is passed to the decoder, as in the U-Net of lesson 03;
# pix2pix (Isola et al. 2017) adds a discriminator that keeps the images sharp.

# %%
from medtutor.data.phantoms import contrasts

pairs = contrasts.draw()
a, b = (normalise(images) for images in (pairs.train.a, pairs.train.b))
translators = {}
for skips in (True, False):
    torch.manual_seed(0)
    translators[skips] = fit_reconstruction(
        autoencoder.Translator(skips=skips), a, b, epochs=8,
        learning_rate=1e-2,
    )

# %%
source, wanted = normalise(pairs.test.a), normalise(pairs.test.b)
line = np.polyfit(a.flatten(), b.flatten(), 1)
translated = {
    "A itself": source,
    "a straight line": line[0] * source + line[1],
    "the mean of B": b.mean(0).expand_as(wanted),
    "network": redraw(translators[True], source),
    "without skips": redraw(translators[False], source),
}
rows = []
for name, images in translated.items():
    error = (images - wanted)[:, 0].square()
    means = [error[pairs.test.tissues == i].mean() for i in range(6)]
    rows.append([name, *(f"{10 * torch.log10(4 / m):.1f}" for m in means)])
Table(["", *contrasts.TISSUES[:-1]], rows, "PSNR in dB", phantom=True)

# %% [markdown]
# A fine result: better than every baseline, by several decibels in each of the six
# tissues. There is a seventh. Half of the heads have a **lesion**, always bright
# in B. In half of *those*, A shows nothing of it.

# %%
invisible = Prediction(
    "05/invisible",
    "A lesion that A does not show: what does the network draw in its place?",
    choices=["the lesion", "something in between",
             "healthy white matter"],
)
invisible

# %%
def level(images, where):
    """Mean brightness, 0 black to 1 white, of those pixels."""
    return ((images[:, 0][where].mean() + 1) / 2).item()


lesion = pairs.test.tissues == contrasts.LESION
white = level(wanted, pairs.test.tissues == contrasts.WHITE)
drawings = (wanted, translated["network"], translated["without skips"])
levels = {}
for kind in (contrasts.IN_BOTH, contrasts.IN_B_ONLY):
    where = lesion & (pairs.test.kinds == kind)[:, None, None]
    levels[contrasts.KINDS[kind]] = [level(each, where) for each in drawings]
Table(["lesion", "true", "network", "without skips"],
      [[kind, *each] for kind, each in levels.items()],
      f"Brightness; healthy white matter has {white:.2f}", phantom=True)

# %%
true, drawn, _ = levels[contrasts.KINDS[contrasts.IN_B_ONLY]]
share = (drawn - white) / (true - white)
invisible.reconcile(
    "the lesion" if share > 2 / 3 else "healthy white matter"
    if share < 1 / 3 else "something in between",
    "What the source does not show, no network can translate. It draws what "
    "such a place usually looks like.",
)

# %%
for kind in (contrasts.IN_BOTH, contrasts.IN_B_ONLY):
    number = int((pairs.test.kinds == kind).nonzero()[0])
    images = [images[number, 0] for images in (source, *drawings)]
    missed = drawings[1][number, 0] - wanted[number, 0]
    display(figures.images(
        [*map(as_picture, images), missed],
        ["A", "B", "network", "without skips", "network - B"],
        f"A head with a lesion {contrasts.KINDS[kind]}: A, the true B, what "
        "two networks draw, and what the first one missed.",
        phantom=True,
    ))

# %% [markdown]
# ## References
#
# - Buades A., Coll B., Morel J.-M., *A non-local algorithm for image denoising*, CVPR
#   (2005): [doi:10.1109/CVPR.2005.38](https://doi.org/10.1109/CVPR.2005.38)
# - Chen T. et al., *A simple framework for contrastive learning of visual
#   representations*, ICML (2020): [arXiv:2002.05709](https://arxiv.org/abs/2002.05709)
# - Gupta A. et al., *MedMAE: a self-supervised backbone for medical imaging tasks*,
#   Computation 13(4):88 (2025):
#   [doi:10.3390/computation13040088](https://doi.org/10.3390/computation13040088)
# - He K. et al., *Masked autoencoders are scalable vision learners*, CVPR (2022):
#   [arXiv:2111.06377](https://arxiv.org/abs/2111.06377)
# - Higgins I. et al., *beta-VAE*, ICLR (2017):
#   [openreview.net](https://openreview.net/forum?id=Sy2fzU9gl)
# - Hinton G. E., Salakhutdinov R. R., *Reducing the dimensionality of data with
#   neural networks*, Science 313:504 (2006):
#   [doi:10.1126/science.1127647](https://doi.org/10.1126/science.1127647)
# - Isola P. et al., *Image-to-image translation with conditional adversarial networks*
#   (2017): [arXiv:1611.07004](https://arxiv.org/abs/1611.07004)
# - Kingma D. P., Welling M., *Auto-encoding variational Bayes* (2013):
#   [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Lucas J. et al., *Don't blame the ELBO! A linear VAE perspective on posterior
#   collapse*, NeurIPS (2019): [arXiv:1911.02469](https://arxiv.org/abs/1911.02469)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025), the review that this course accompanies:
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Tatekawa H. et al., *Deep learning-based diffusion tensor image generation model*,
#   Scientific Reports 14:2911 (2024), on the brain; of the work on lumbar nerves that
#   the review cites only the subject was seen:
#   [doi:10.1038/s41598-024-53278-8](https://doi.org/10.1038/s41598-024-53278-8)
# - Vincent P. et al., *Extracting and composing robust features with denoising
#   autoencoders*, ICML (2008):
#   [doi:10.1145/1390156.1390294](https://doi.org/10.1145/1390156.1390294)
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023):
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
