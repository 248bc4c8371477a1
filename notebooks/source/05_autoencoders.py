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
# network is good for, each time beside the cheapest thing that does the same
# job, and several times the cheap thing wins.
#
# **You will be able to**
# 1. squeeze images through a few numbers, with a network and with PCA, and say
#    which is better when;
# 2. train a denoiser, and give the old filters a fair chance against it;
# 3. test whether learned features help where labels are few;
# 4. write the two formulas of a VAE, draw new images, and recognise a code
#    that has collapsed;
# 5. say which anomalies a reconstruction error finds, and which it cannot;
# 6. translate one contrast into another, and say what is invented on the way.
#
# About 70 minutes, of which the processor needs two to three.
# [Lesson 01](01_cnn_classification.ipynb) comes first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-ray, 28 x 28 pixels, CC BY 4.0); for the translation **phantoms**, heads drawn in two contrasts |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files and without a network, drawn **phantoms** take the X-rays'
# place. Every picture then says so, and what the text says of the real images
# does not hold.

# %%
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data import normalise
from medtutor.data.augmentation import corrupt
from medtutor.models.autoencoder import VAE, Autoencoder, Translator, kl
from medtutor.training.reconstruction import fit_reconstruction

# %%
xray = mt.load("pneumoniamnist")
xray

# %%
figures.gallery(xray)

# %% [markdown]
# ## Through a few numbers, without a network
#
# An image of 784 pixels holds far less than 784 independent numbers: two
# neighbours are nearly equal. **Principal component analysis** (PCA) takes
# off the mean image, finds the directions in which images differ most, and
# keeps the distances along the first few. Those few numbers are the **code**.
# Of all linear codes of that size it rebuilds the training images best.

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

train, val, test = (
    normalise(split.images) for split in (xray.train, xray.val, xray.test)
)
pca = PCA(64, svd_solver="full").fit(train.flatten(1))


def through_pca(images, components, pca=pca):
    """Images rebuilt from their first components."""
    codes = pca.transform(images.flatten(1))
    codes[:, components:] = 0
    return torch.tensor(pca.inverse_transform(codes)).view_as(images)

# %% [markdown]
# ## An autoencoder
#
# An **autoencoder** (Hinton & Salakhutdinov 2006) is the same idea with a
# curve in it: an encoder makes the code from the image, a decoder the image
# from the code, both are networks, and both are trained at once to give back
# what went in. For 32 numbers:
#
# | | shapes |
# |---|---|
# | encoder | 1 x 28 x 28 → 32 x 14 x 14 → 64 x 7 x 7 → 32 |
# | decoder | 32 → 64 x 7 x 7 → 32 x 14 x 14 → 1 x 28 x 28 |
#
# It can bend where PCA is straight. And it has to be trained.

# %%
bottleneck = Prediction(
    "05/bottleneck",
    "Codes of 4, 16, 32 and 64 numbers. For how many of these four sizes does "
    "the autoencoder rebuild test images better than PCA?",
    choices=["none", "one or two", "three", "all four"],
)
bottleneck

# %%
autoencoders = {}
for latents in (4, 16, 32, 64):
    torch.manual_seed(0)  # of the first weights
    model = Autoencoder(latents=latents)
    autoencoders[latents] = fit_reconstruction(model, train)

# %%
@torch.no_grad()
def redraw(model, images):
    return model(images)

# %%
print("mean squared error on test images")
print(f"{'numbers':>8}{'PCA':>9}{'autoencoder':>13}")
average = F.mse_loss(train.mean(0).expand_as(test), test)
print(f"{0:8}{average:9.4f}{'':13} (the mean image)")
better = 0
for latents, model in autoencoders.items():
    linear = F.mse_loss(through_pca(test, latents), test)
    curved = F.mse_loss(redraw(model, test), test)
    better += int(curved < linear)
    print(f"{latents:8}{linear:9.4f}{curved:13.4f}")

# %%
bottleneck.reconcile(
    ["none", "one or two", "one or two", "three", "all four"][better],
    "Where few numbers must do much, a curve fits better. Where there are "
    "many, PCA is the best that a straight line can do, exactly and in a "
    "second, and the network is what a few epochs make of it.",
)

# %% [markdown]
# That was one training of each network. Here are five seeds on the real images,
# in decibels by which the network's peak signal-to-noise ratio is higher (10 dB
# are a tenth of the squared error):

# %%
drawn_again = review.read_evidence("autoencoder-beats-pca")
print(review.pivot(drawn_again, [f"{n} numbers" for n in (4, 16, 32, 64)]))

# %% [markdown]
# What a few numbers keep:

# %%
def as_picture(images):
    """-1…1, some values beyond it, to grey levels."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)

# %%
one = test[[3]]
shown = {"the image": one}
for latents in (4, 16, 64):
    shown[f"PCA, {latents}"] = through_pca(one, latents)
    shown[f"network, {latents}"] = redraw(autoencoders[latents], one)
figures.images(
    [as_picture(image[0, 0]) for image in shown.values()], list(shown),
    "A test image, and what PCA and an autoencoder rebuild of it from 4, 16 "
    "and 64 numbers: brightness and the large shapes come first, ribs last.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# Whatever is small, or differs from image to image, goes first: the ribs. Keep
# that in mind; everything that goes wrong in this lesson begins here.
#
# ## Denoising, and the old filters
#
# A **denoising autoencoder** (Vincent et al. 2008) is shown a spoilt image and
# trained to give back the good one. So it has to know what X-rays look like.
# What would a filter do that knows nothing of the kind? Four of them, and each
# gets its best strength for this noise, chosen on validation images. PCA may
# play, too: noise hardly fits through its code.

# %%
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_tv_chambolle


def one_by_one(function, images, strength):
    each = [function(image, strength) for image in images[:, 0].numpy()]
    return torch.tensor(np.stack(each))[:, None].float()

# %%
filters = {  # and the strengths to choose from
    "Gaussian": (partial(one_by_one, gaussian_filter), (0.5, 0.8, 1, 1.4, 2)),
    "median": (partial(one_by_one, median_filter), (2, 3, 5)),
    "total variation": (partial(one_by_one, denoise_tv_chambolle),
                        (0.05, 0.1, 0.2, 0.5, 0.8, 1.2)),
    "PCA": (through_pca, (4, 8, 16, 32, 64)),
}

# %% [markdown]
# The measure is the peak signal-to-noise ratio in decibels: 10 dB more is a
# tenth of the squared error.

# %%
def psnr(drawn, images):
    """dB, mean over images (N, C, H, W) whose range is 2"""
    error = (drawn - images).square().flatten(1).mean(1)
    return (10 * torch.log10(4 / error)).mean().item()

# %%
def filtered(noise):
    """Noisy test images, and what each filter makes of them."""
    generator = torch.Generator().manual_seed(1)
    clean, noisy = val[:150], corrupt(val[:150], noise, 0, generator)
    drawn = {"as it is": corrupt(test, noise, 0, generator)}
    for name, (method, strengths) in filters.items():
        found = [psnr(method(noisy, each), clean) for each in strengths]
        best = strengths[int(np.argmax(found))]
        drawn[f"{name} {best}"] = method(drawn["as it is"], best)
    return drawn

# %%
noises = Prediction(
    "05/noises",
    "Noise of standard deviation 0.1 or 0.5, of a range of 2; a network of 32 "
    "numbers is trained for each. Where does it beat every filter?",
    choices=["at 0.1 only", "at 0.5 only", "at both", "at neither"],
)
noises

# %%
results = {}
for noise in (0.1, 0.5):
    torch.manual_seed(0)
    denoiser = fit_reconstruction(
        Autoencoder(), train, corrupt=partial(corrupt, noise=noise, hole=0)
    )
    drawn = filtered(noise)
    drawn["network"] = redraw(denoiser, drawn["as it is"])
    results[noise] = drawn

# %%
won = []
for noise, drawn in results.items():
    scores = {name: psnr(images, test) for name, images in drawn.items()}
    print(f"noise {noise}, PSNR on test images")
    for name, score in scores.items():
        print(f"    {name:20} {score:.1f} dB")
    if scores["network"] == max(scores.values()):
        won.append(noise)

# %%
ceiling = psnr(redraw(autoencoders[32], test), test)
noises.reconcile(
    "at both" if len(won) == 2 else f"at {won[0]} only" if won
    else "at neither",
    "All that the network draws has come through 32 numbers. From clean "
    f"images it gets {ceiling:.1f} dB, and no absence of noise can lift it.",
)

# %%
number = 3
for noise, drawn in results.items():
    display(figures.images(
        [as_picture(image[number, 0]) for image in (test, *drawn.values())],
        ["clean", *drawn],
        f"One test image, clean, with noise {noise}, and after each filter "
        "and the network.",
        phantom=xray.is_phantom,
    ))

# %% [markdown]
# With five seeds on the real images, decibels above each rival:

# %%
print(review.pivot(drawn_again, ["noise 0.1", "noise 0.5"]))

# %% [markdown]
# At strong noise the two that know X-rays, PCA and the network, draw the most
# legible images. Are they *this patient's*? Now take away a square of 9 x 9
# pixels as well.

# %%
torch.manual_seed(0)
filler = fit_reconstruction(
    Autoencoder(), train, corrupt=partial(corrupt, noise=0.25, hole=9)
)

# %%
holed = corrupt(test, 0.25, 9, torch.Generator().manual_seed(2))
filled = redraw(filler, holed)
for number in (3, 5):
    row = (test, holed, filled)
    difference = (filled - test)[number, 0]
    display(figures.images(
        [*(as_picture(image[number, 0]) for image in row), difference],
        ["clean", "spoilt", "network", "network - clean"],
        "A test image, spoilt with noise and a hole, redrawn, and the "
        "difference; the hole is filled with what lungs usually look like.",
        phantom=xray.is_phantom,
    ))

# %% [markdown]
# Nobody could see in the third picture where the hole was. What stands there
# is what usually stands there. Had there been a nodule under the hole, it
# would be gone, and the image would look all the better for it.
#
# ## Do the features help where labels are few?
#
# The review names feature extraction as what autoencoders are used for. The
# promise: learn a code from 4708 images without labels, then a few labels will
# do. The test is a **probe**: a logistic regression on the code, with 10 or
# with 100 labels a class, ten draws of them, and the AUC on the test images.
#
# Beside the code there is another place to look: the last map of the encoder,
# 64 channels of 7 x 7, averaged over places. And five things that the promise
# has to beat: the pixels themselves, standardised or not; PCA, standardised or
# not; and the same network with its *random* first weights.

# %%
torch.manual_seed(7)
networks = {"random weights": Autoencoder(), "autoencoder": autoencoders[32],
            "denoising": filler}


@torch.no_grad()
def both(function):
    """Features of the training and of the test images, as arrays."""
    return [np.concatenate([function(some) for some in images.split(256)])
            for images in (train, test)]

# %%
features = {"pixels": both(lambda x: x.flatten(1))}
features["PCA-32"] = both(lambda x: pca.transform(x.flatten(1))[:, :32])
for name, network in networks.items():
    features[f"{name}, code"] = both(network.encode)
    maps = network.encoder.features
    features[f"{name}, map"] = both(lambda x: maps(x).mean((2, 3)))

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

labels = xray.train.labels.numpy()


def few(per_class, draw):
    """Which training images have a label: per_class of each class."""
    generator = np.random.default_rng(draw)
    return np.concatenate([
        generator.choice(np.flatnonzero(labels == c), per_class, False)
        for c in (0, 1)
    ])

# %% [markdown]
# How strongly the regression is held back (`C`, small is strong) is one value
# for each kind of features: the pixels are many, so they are held back more.

# %%
def probe(seen, unseen, per_class, scaled, C):
    """(10,) test AUC, for ten draws of the labels"""
    classifier = LogisticRegression(C=C, max_iter=300)
    if scaled:
        classifier = make_pipeline(StandardScaler(), classifier)
    scores = []
    for draw in range(10):
        rows = few(per_class, draw)
        classifier.fit(seen[rows], labels[rows])
        answers = classifier.decision_function(unseen)
        scores.append(roc_auc_score(xray.test.labels, answers))
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
aucs = {}
for name, arrays in features.items():
    strength = 0.01 if name == "pixels" else 0.1
    aucs[name] = [probe(*arrays, n, True, strength) for n in (10, 100)]
for name, strength in (("pixels", 0.01), ("PCA-32", 1)):
    aucs[f"{name}, not standardised"] = [
        probe(*features[name], n, False, strength) for n in (10, 100)
    ]

# %%
print(f"{'test AUC, ± over draws':28}{'10 a class':>14}{'100 a class':>14}")
for name, (ten, hundred) in aucs.items():
    print(f"{name:28}{ten.mean():8.3f} ±{ten.std():.3f}"
          f"{hundred.mean():8.3f} ±{hundred.std():.3f}")

# %%
learned, pixels = aucs["denoising, code"][0], aucs["pixels"][0]
gain.reconcile(
    learned.mean() - pixels.mean(),
    f"Another draw of the labels moves each AUC by {learned.std():.3f} and "
    f"{pixels.std():.3f}. In X-rays that are all taken alike, a pixel is a "
    "feature already: the same place in every chest.",
)

# %% [markdown]
# On the real images, read the table three times.
#
# - Beside random weights, with ten labels, the learned codes are better:
#   something was learned. A paper could stop here.
# - Beside PCA it depends on a line of code. Standardised, PCA looks hopeless
#   with ten labels; left as it is, it does not: dividing by the spread blows up
#   those components that hold next to nothing. Who wants to look good
#   standardises the rival.
# - Beside the plain pixels, the promise is not kept: no code and no map is
#   better by more than the draw of the labels moves it.
#
# And a CNN that sees *only* the few labelled images, without any unlabelled
# ones? Shown a little moved and mirrored, as in lesson 01:

# %%
def of(split, rows):
    """The split with those cases alone."""
    return replace(split, images=split.images[rows],
                   labels=split.labels[rows])

# %%
def cnn_auc(per_class, draw):
    """Test AUC of a small CNN trained on those few images alone."""
    own = replace(xray, train=of(xray.train, few(per_class, draw)),
                  val=of(xray.val, slice(50)))  # a glance after each epoch
    recipe = mt.default_recipe(
        xray.card, batch_size=20, epochs=80 if per_class == 10 else 16,
        seed=draw, shift_at_test=0, optimiser="adamw",
    )
    model = mt.build("cnn", own, widths=(16, 32, 64), seed=draw)
    return mt.fit(model, own, recipe, progress=False).test.auc

# %%
for per_class in (10, 100):
    scores = [cnn_auc(per_class, draw) for draw in range(3)]
    print(f"{per_class:3} a class, three draws: "
          + ", ".join(f"{score:.3f}" for score in scores))

# %% [markdown]
# On the real images the CNN, with 100 labels a class, is ahead of every row of the
# table. With ten it depends on which ten. Now all four numbers of labels, with
# five seeds; the columns say what the probe on the code has more than its rival:

# %%
evidence = review.read_evidence("features-help-when-labels-are-few")
print(review.pivot(evidence, [f"{n} labels" for n in (10, 20, 50, 100)]))

# %% [markdown]
# Learned features may well help elsewhere: on larger images, with larger
# networks, where places are not aligned. What this shows is smaller and holds
# everywhere: **the rivals decide what a result says.** Random weights, plain
# pixels, PCA both ways and a network on the labels alone cost a minute.
#
# ## Drawing new images: the VAE
#
# Can the decoder draw a patient who never was? Take codes at random, each
# number with the mean and the spread that real codes have:

# %%
@torch.no_grad()
def new_images(model, count=7):
    codes = torch.cat([model.encode(some) for some in train.split(256)])
    noise = torch.randn(
        count, 32, generator=torch.Generator().manual_seed(0)
    )
    return model.decode(codes.mean(0) + codes.std(0) * noise)

# %%
figures.images(
    [as_picture(image[0]) for image in new_images(autoencoders[32])],
    ["drawn by chance"] + [""] * 6,
    "Seven images that the autoencoder's decoder drew from random codes; on "
    "the real images, chests with lungs that are bent, torn or missing.",
    phantom=xray.is_phantom,
)

# %% [markdown]
# The codes of real images fill only a small part of that space, and nobody told
# the decoder what to do with the rest. A **variational autoencoder** (VAE;
# Kingma & Welling 2013) encodes an image not as a point but as a small cloud:
# for each number a mean and a variance. A code is *drawn* from the cloud and
# decoded. And the clouds of all images together have to fill a standard normal
# distribution.
#
# Drawing stops the gradient. Unless the noise is drawn beside it, standard
# normal, and then stretched and moved. Write that step. (The encoder names the
# *logarithm* of the variance: it may be any number.) Stay in PyTorch: the check
# compares the gradient, too.

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
# What keeps the clouds near the standard normal distribution is the
# Kullback-Leibler divergence between the two. For one number with mean $\mu$
# and variance $\sigma^2$ it is
# $\tfrac12\,(\mu^2 + \sigma^2 - 1 - \ln\sigma^2)$. It becomes part of a loss: stay
# in PyTorch.

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
# The loss is the squared error, summed over the pixels, plus **beta** times the
# divergence, summed over the numbers. Beta is the price of information: a
# number whose divergence is 0 is the same cloud for every image, and says
# nothing. It has **collapsed**.

# %%
collapse = Prediction(
    "05/collapse",
    "Of 32 numbers, how many still say something (a divergence above 0.1 "
    "nats) when beta is 10?",
    low=0, high=32, step=1,
)
collapse

# %%
vaes = {}
for beta in (0.1, 1, 10):
    torch.manual_seed(0)
    vaes[beta] = fit_reconstruction(
        VAE(), train, beta=beta, learning_rate=3e-3
    )

# %%
print(" beta  squared error  divergence  numbers above 0.1 nats")
for beta, vae in vaes.items():
    with torch.no_grad():
        rebuilt, mean, log_variance = vae(test)
    each = kl(mean, log_variance).mean(0)  # (32,)
    saying = int((each > 0.1).sum())
    print(f"{beta:5}{F.mse_loss(rebuilt, test):15.4f}"
          f"{each.sum():7.1f} nats{saying:24}")

# %%
collapse.reconcile(
    saying,
    "At that price a number must save more squared error than its "
    "information costs. Only the commonest differences between images do.",
)

# %%
for beta, vae in vaes.items():
    with torch.no_grad():
        codes = vae.prior(7, torch.Generator().manual_seed(0))
        drawn = vae.decode(codes)
    display(figures.images(
        [as_picture(image[0]) for image in drawn],
        [f"beta {beta}"] + [""] * 6,
        f"Seven images drawn by the VAE of beta {beta} from random codes.",
        phantom=xray.is_phantom,
    ))

# %% [markdown]
# All three on five seeds, as differences to beta 1 (PSNR in dB, the divergence in
# nats, and the count of numbers that say something):

# %%
print(review.pivot(drawn_again, ["PSNR", "divergence", "numbers"]))

# %% [markdown]
# On the real images: with a low beta the images differ from each other, and
# many are no chest. With a high one all are chests, and nearly the same chest.
# In between they are plausible and **blurred**: where the code does not say, the
# squared error is smallest for the mean of all that might be. No choice of beta
# makes them sharp. Lesson 06 draws images in another way.
#
# ## Explore
#
# Move along the axes of the code, walk from one patient to another, and look
# whom the drawn image resembles most. Is there an axis for "ill"? Nobody asked
# for one.

# %%
from medtutor.explorers.latent import latent

latent(vaes[1], xray)

# %% [markdown]
# ## Does the error find disease?
#
# A tempting idea: train on healthy images only. What the network has never
# seen it cannot rebuild, so a large error means ill, and no label of a disease
# was needed.

# %%
normals = train[xray.train.labels == 0]
torch.manual_seed(0)
guard = fit_reconstruction(Autoencoder(latents=16), normals, epochs=12)
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
rebuilt = redraw(guard, test)
errors = (rebuilt - test).square().mean((1, 2, 3))
disease_auc = roc_auc_score(xray.test.labels, errors)
for label, name in enumerate(xray.card.classes):
    mean = errors[xray.test.labels == label].mean()
    print(f"{name:10} mean squared error {mean:.4f}")

# %%
disease.reconcile(
    disease_auc,
    "The error does not say how ill an image is. It also says how complicated "
    "it is, and illness makes these images simpler: see the next numbers.",
)

# %%
def roughness(images):
    """How much neighbouring pixels differ, (N,)"""
    across, down = images.diff(dim=-1), images.diff(dim=-2)
    return across.abs().mean((1, 2, 3)) + down.abs().mean((1, 2, 3))

# %%
rough = roughness(test)
for label, name in enumerate(xray.card.classes):
    pair = torch.stack([rough, errors])[:, xray.test.labels == label]
    print(f"{name:10} roughness {pair[0].mean():.3f}, its correlation "
          f"with the error {torch.corrcoef(pair)[0, 1]:.2f}")
for name, images, split in (("train", train, xray.train),
                            ("test", test, xray.test)):
    auc = roc_auc_score(split.labels, -roughness(images))
    print(f"smooth means ill, one line of code: {name} AUC {auc:.3f}")

# %%
for label, name in enumerate(xray.card.classes):
    number = int((xray.test.labels == label).nonzero()[2])
    image, drawn = test[number, 0], rebuilt[number, 0]
    display(figures.images(
        [as_picture(image), as_picture(drawn), drawn - image],
        [name, "rebuilt", "rebuilt - image"],
        f"A test image of class {name}, rebuilt by the network that has seen "
        "healthy images only, and the difference.",
        phantom=xray.is_phantom,
    ))

# %% [markdown]
# On the real images, pneumonia fills the lungs with grey: the image gets
# *smoother*, and in either class smoother images are rebuilt better, also by a
# network that has never seen an ill one. What is strange about pneumonia makes
# its error larger, its smoothness makes it smaller, and what is left is close to
# chance. The network did all that it was asked to. The sentence "what it has not seen it cannot rebuild" is
# wrong: it rebuilds whatever is simple. And one line of statistics, at hand
# before any training, does far better; with ten labels, no row of the probe's
# table reached as much.
#
# ## A case where it works
#
# Put small bright spots into half of the *healthy* test images: something that
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
from medtutor.data.planting import plant_spots


splits = {
    name: of(split, split.labels == 0)
    for name in ("train", "val", "test")
    for split in [getattr(xray, name)]
}
spots = plant_spots(replace(xray, **splits), "bright", seed=1).test
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
rivals = {
    "mean image": normals.mean(0).expand_as(spotted),
    "PCA-16": through_pca(spotted, 16, normal_pca),
    "PCA-32": through_pca(spotted, 32, normal_pca),
    "autoencoder-16": redraw(guard, spotted),
}
print(f"{'rebuilt by':16}{'mean error':>11}{'largest':>9}{'hit':>6}")
for name, images in rivals.items():
    print("{:16}{:11.2f}{:9.2f}{:6.2f}".format(name, *finds(images)))

# %% [markdown]
# `mean error` and `largest` are AUC of spot against no spot; `hit` says how
# often the place of the largest residual lies on the spot. (By chance, in about
# 2 of 100.)

# %%
shown = (spots.labels == 1).nonzero()[:3, 0]
pictures, titles = [], []
for number in shown:
    image, drawn = spotted[number, 0], rivals["autoencoder-16"][number, 0]
    pictures += [as_picture(image), drawn - image]
    titles += ["with a spot", "rebuilt - image"]
figures.images(
    pictures, titles,
    "Three healthy X-rays with a planted bright spot, each beside the "
    "residual, where it is blue. Of all spots, "
    f"{finds(rivals['autoencoder-16'])[2]:.0%} hold the largest residual.",
    phantom=True,
)

# %% [markdown]
# So the idea works where the anomaly *adds* what the code cannot hold, and where
# the score looks at places. On the real images PCA, fitted in a second, is not far
# behind even then, and with 32 numbers it is ahead in AUC.
#
# ## From one contrast into another
#
# Encoder and decoder need not give back the same image. A work that the review
# cites (Magnetic Resonance Imaging 114:110237, 2024) generates diffusion tensor
# images of lumbar nerves with a CNN. Here: **phantom** heads, drawn in two
# contrasts, with known tissues. No curve of brightness turns the one into the
# other: bone and fluid are both dark in A, and only fluid is bright in B.

# %%
from medtutor.data.phantoms import contrasts

pairs = contrasts.draw()
a, b = (normalise(images) for images in (pairs.train.a, pairs.train.b))
translators = {}
for skips in (True, False):
    torch.manual_seed(0)
    translators[skips] = fit_reconstruction(
        Translator(skips=skips), a, b, epochs=8, learning_rate=1e-2
    )

# %% [markdown]
# With *skips*, each finer map of the encoder is handed across to the decoder, as
# in the U-Net of lesson 03. Rivals: A itself, the best straight line from grey
# to grey, and the mean of all B.

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

# %%
tissues = contrasts.TISSUES[:-1]
print(f"{'PSNR in dB':16}" + "".join(f"{name:>13}" for name in tissues))
for name, images in translated.items():
    error = (images - wanted)[:, 0].square()
    means = [error[pairs.test.tissues == i].mean() for i in range(6)]
    print(f"{name:16}" + "".join(
        f"{10 * torch.log10(4 / mean):13.1f}" for mean in means))

# %% [markdown]
# A fine result: better than every rival, by several decibels in each of the six
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
print(f"healthy white matter in B: {white:.2f}")
print(f"{'lesion':16}{'true':>6}{'drawn':>7}{'without skips':>15}")
drawings = (wanted, translated["network"], translated["without skips"])
for kind in (contrasts.IN_BOTH, contrasts.IN_B_ONLY):
    where = lesion & (pairs.test.kinds == kind)[:, None, None]
    levels = [level(images, where) for images in drawings]
    print("{:16}{:6.2f}{:7.2f}{:15.2f}".format(
        contrasts.KINDS[kind], *levels))

# %%
share = (levels[1] - white) / (levels[0] - white)
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
# With five seeds: decibels above the straight line and above the network without
# skips by tissue, then which share of a lesion's brightness is drawn, minus all
# of it. -1 is nothing at all.

# %%
print("PHANTOM")
print(review.pivot(drawn_again, contrasts.TISSUES[:-1]))
print(review.pivot(drawn_again, [f"lesion {kind}" for kind in
                                 contrasts.KINDS[1:]]))

# %% [markdown]
# ## Where it fails
#
# Three times in this lesson the network drew something clean where it knew
# nothing: under the hole, in strong noise, and in the last row above, where a
# lesion became healthy tissue. Nothing in the image tells which part was seen
# and which was guessed, and the mean PSNR hardly notices: lesions are few
# pixels. Before a translated or denoised image is read by anybody,
#
# - measure **by structure**, and the diseased ones apart;
# - ask whether the source *can* show what is to be drawn;
# - keep the original beside it.
#
# ## What the review says and what we measured
#
# The review names autoencoders for extracting features. Whether the features
# help where labels are few:

# %%
review.claim("features-help-when-labels-are-few")

# %% [markdown]
# And three other hopes that are set on autoencoders:

# %%
review.claim("autoencoder-beats-pca")

# %%
review.claim("denoising-beats-filters")

# %%
review.claim("reconstruction-error-finds-disease")

# %% [markdown]
# ## Exercises without a check
#
# 1. Train the autoencoder of 64 numbers for 20 epochs. Does it pass PCA?
# 2. Change `C` in the probe by a factor of ten both ways. Which rows of the
#    table move, and does the conclusion?
# 3. Plant dark spots in place of bright ones. What does the mean image find
#    now, and what does the network?
# 4. Train a translator from B to A. Can it tell the two kinds of lesion apart?
#    What does it draw?
#
# ## Quiz

# %%
Quiz("05_autoencoders")

# %% [markdown]
# ## Key points
#
# - An autoencoder keeps what images have in common and loses what is rare. With
#   few numbers it beats PCA on the real images, with many it does not.
# - A denoiser wins where there is little to be seen, by knowing what is usual.
#   Filters win where the image is nearly good.
# - Features learned without labels beat random weights here, and did not beat
#   the plain pixels. The rivals decide what a result says.
# - Beta is the price of information in a VAE. Too high, and the code collapses.
# - The error of a reconstruction measures how complicated an image is, not how
#   ill the patient is.
# - What the input does not show is drawn as usual, which is as healthy.
#
# ## References
#
# - Higgins I. et al., *beta-VAE*, ICLR (2017).
# - Hinton G. E., Salakhutdinov R. R., *Reducing the dimensionality of data with
#   neural networks*, Science 313:504 (2006).
# - Kingma D. P., Welling M., *Auto-encoding variational Bayes*,
#   arXiv:1312.6114 (2013).
# - On lumbar-nerve diffusion tensor images generated by a CNN, *Magnetic
#   Resonance Imaging* 114:110237 (2024).
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
# - Vincent P. et al., *Extracting and composing robust features with denoising
#   autoencoders*, ICML (2008).
# - Yang J. et al., *MedMNIST v2: a large-scale lightweight benchmark for 2D
#   and 3D biomedical image classification*, Scientific Data 10:41 (2023).
