# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Privacy: what a model remembers, and what it costs to forget
#
# Hospitals may seldom send X-rays around as they are, so they remove the names, or send
# a model instead. This lesson asks what is left in a table without names, in a gradient, in a
# model and in a generator, by attacking each of them; then what helps, and its price.
#
# **You will be able to**
# 1. say why a table without names is not anonymous;
# 2. attack a gradient, and say how much of an image is in it;
# 3. measure a membership attack where it matters, and write the strongest simple one;
# 4. train with differential privacy, write its core, and account for epsilon twice;
# 5. write federated averaging, and say what it protects and what it does not.
#
# About 85 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) comes first; for generators
# [lesson 06](06_gan.ipynb), too. Private training needs
# `pip install 'medtutor[privacy]'`.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children of one to five years, 28 x 28 pixels, CC BY 4.0); a table of people whom medtutor draws |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023) |
# | Use | for teaching and research; **not for clinical use** |

# %%
import copy

import numpy as np
import torch

import medtutor as mt
from medtutor import figures, review
from medtutor.course import Prediction, Quiz, check
from medtutor.data import normalise
from medtutor.metrics import generative, measure, membership
from medtutor.models.cnn import MLP, LeNet
from medtutor.models.group_norm import GroupNormCNN
from medtutor.models.randomness import seeded
from medtutor.reports import Table
from medtutor.training import federated, inversion, private

# %%
xray = mt.load("pneumoniamnist")
images, labels = normalise(xray.train.images), xray.train.labels
unseen = normalise(xray.val.images)
figures.gallery(xray, columns=8)


def auc(model, images=unseen, split=xray.val):
    """The AUC on validation images; test is left alone here."""
    with torch.no_grad():
        scores = model(images).softmax(1)
    return measure(split.labels, scores, "binary", resamples=0).auc

# %% [markdown]
# ## Without names
#
# A hospital publishes a table of 2,000 children: day of birth, sex, town, finding. No
# names. A club's list of members has names, days of birth, sexes and towns. **All of it
# is drawn here; nobody in it exists.** Whoever is alone with one combination of day, sex
# and town can be named by laying one table beside the other: **re-identification** by
# linking (Sweeney 2002).

# %%
draw = np.random.default_rng(0)
count = 2000
day, sex, town = (draw.integers(0, many, count) for many in (1826, 2, 20))
known = {
    "sex, town": (sex, town),
    "year of birth, sex, town": (day // 365, sex, town),
    "month of birth, sex, town": (day // 30, sex, town),
    "day of birth, sex, town": (day, sex, town),
}

# %%
alone = Prediction(
    "12/alone",
    "What share of the 2,000 children are alone with their day of birth (in "
    "five years), sex and town (of 20)?",
    low=0.0, high=1.0, step=0.01,
)
alone

# %%
rows = []
for what, columns in known.items():
    table = np.stack(columns, axis=1)
    _, sizes = np.unique(table, axis=0, return_counts=True)
    rows.append([what, f"{(sizes == 1).sum() / count:.1%}", sizes.min()])
Table(["known", "can be named", "smallest group"], rows,
      "2,000 drawn children", phantom=True)

# %%
alone.reconcile(
    (sizes == 1).sum() / count,
    "There are far more combinations than children. The smallest group is the "
    "table's k in k-anonymity; coarser columns make it larger.",
)

# %% [markdown]
# Coarse columns help until somebody knows one thing more. And an X-ray *is* such a
# column: two films of one person can be matched by a network (Packhäuser et al. 2022).
#
# ## What does a gradient show?
#
# In **federated learning** only weights or gradients leave the hospital. One step on one
# image: what does the server see? It has the model, the gradient $g$ and, here, the label.
# It looks for an image $x$ whose own gradient points the same way (Geiping et al. 2020):
#
# $$\min_x\ 1 - \frac{\langle \nabla_w \ell(x),\, g\rangle}{\|\nabla_w \ell(x)\|\,\|g\|} + \alpha\,\mathrm{TV}(x)$$
#
# TV, the total variation, is small where neighbouring pixels are alike. The network is an
# easy victim: small, without pooling, and not yet trained.

# %%
server_sees = Prediction(
    "12/inversion",
    "A small convolutional network, one step, one X-ray: is the X-ray that "
    "the server draws from the gradient recognisable?",
    choices=["no, noise", "a blurred shape", "yes, nearly pixel by pixel"],
)
server_sees

# %%
with seeded(0):
    net = inversion.SmallConvNet()
child, finding = unseen[5:6], xray.val.labels[5:6]
sent = inversion.gradient_of(net, child, finding)
found = {"from its gradient": sent}
several = inversion.gradient_of(net, unseen[5:13], xray.val.labels[5:13])
found["from that of 8 images"] = several
length = torch.sqrt(sum((each**2).sum() for each in sent))
with seeded(1):
    found["with noise"] = [
        each + 0.1 * length * torch.randn(each.shape) for each in sent]
drawn = {name: inversion.invert(net, each, int(finding), (1, 28, 28))
         for name, each in found.items()}

# %%
def alike(image):
    """Correlation with the image that was sent."""
    pair = torch.stack([image.flatten(), child.flatten()])
    return float(torch.corrcoef(pair)[0, 1])


figures.images(
    [((each[0] + 1) * 127.5).clamp(0, 255).to(torch.uint8)
     for each in (child[0], *drawn.values())],
    ["never sent", *drawn],
    "An X-ray, and what a server draws from its gradient, from the gradient "
    "of eight images, and from its gradient with noise. Correlations with the "
    "X-ray: " + ", ".join(f"{alike(each):.2f}" for each in drawn.values()),
    phantom=xray.is_phantom,
)

# %%
close = alike(drawn["from its gradient"])
server_sees.reconcile(
    "yes, nearly pixel by pixel" if close > 0.9
    else "a blurred shape" if close > 0.5 else "no, noise",
    f"Correlation {close:.3f}. A gradient is a function of the image, and "
    "this network has more weights than the image has pixels.",
)

# %% [markdown]
# Larger batches, many local steps, training and pooling make it harder; none of them is a
# guarantee. Noise can give one, if it is large enough; what "enough" is comes below.
#
# ## Was this child in the training?
#
# A **membership inference** attack asks whether an image was trained on. That a child is
# in the data of a cancer clinic is a secret by itself. The simplest attack: members have
# a lower loss. An overfitted MLP, 500 of 1,000 X-rays in each of 16 trainings:

# %%
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(7))
pool = order[:1000]
inside = np.zeros((16, len(pool)), dtype=bool)
for seed in range(len(inside)):
    chosen = np.random.default_rng(seed).permutation(len(pool))[:500]
    inside[seed, chosen] = True


def trained_on(rows, seed, **how):
    with seeded(seed):
        model = MLP()
    return private.fit_plain(model, images[rows], labels[rows], seed=seed,
                             learning_rate=3e-3, progress=False, **how)

# %% [markdown]
# Of each image keep $\phi = \log\frac{p}{1-p}$, where $p$ is the probability of its true
# class: nearly normal from training to training.

# %%
def phi(model, rows=pool):
    with torch.no_grad():
        chances = model(images[rows]).double().softmax(1)
    return membership.log_odds_of_label(chances, labels[rows])


scores = {}
for name, how in {"overfitted": dict(epochs=30, batch_size=32),
                  "stopped early": dict(epochs=2, batch_size=32)}.items():
    models = [trained_on(pool[mine], seed, **how)
              for seed, mine in enumerate(inside)]
    scores[name] = np.stack([phi(model) for model in models])
    print(f"{name}: validation AUC {np.mean([*map(auc, models)]):.3f}")

# %% [markdown]
# Which number? The AUC of an attack is an average over all images. Harm is done where
# an attacker is *sure*. So count the members that are found (true positive rate) while
# 1 in 100, or 1 in 1,000, of the others is accused (false positive rate). Chance finds as
# many as it accuses.

# %%
by_loss = Prediction(
    "12/loss",
    "The overfitted networks are right on nearly every member. How many % of "
    "the members does the loss find at 1 % false positives?",
    low=0.0, high=20.0, step=0.1,
)
by_loss

# %%
looked = scores["overfitted"]
for rate in membership.attack_rates(looked[inside], looked[~inside]):
    print(f"by the loss: {rate}")

# %%
by_loss.reconcile(
    100 * membership.attack_rates(
        looked[inside], looked[~inside], at=(0.01,))[0].found,
    "The images with the very lowest loss are easy ones, members or not. The "
    "loss says how easy an image is, and only a little who has seen it.",
)

# %% [markdown]
# ### The likelihood-ratio attack
#
# The **likelihood-ratio attack** asks: is $\phi$ high *for this image*? The attacker
# trains **shadow models**, some with the image and some without (here on images of the
# same pool, which a real attacker may not have). Two normal distributions follow, and the
# score is the log of the ratio of their densities at the target's $\phi$ (LiRA;
# Carlini et al. 2022):
#
# $$\Lambda = \log \mathcal N(\phi;\ \mu_{\text{in}}, \sigma_{\text{in}}^2) - \log \mathcal N(\phi;\ \mu_{\text{out}}, \sigma_{\text{out}}^2)$$

# %%
def likelihood_ratio(target, inside, outside):
    """target (N,); inside, outside (models, N) of shadow models -> (N,)

    Mean and standard deviation of each image, over the models.
    """
    ### BEGIN SOLUTION
    def log_density(shadows):
        mean, spread = shadows.mean(0), shadows.std(0)
        return -((target - mean) / spread) ** 2 / 2 - spread.log()

    return log_density(inside) - log_density(outside)
    ### END SOLUTION

# %%
check.likelihood_ratio(likelihood_ratio)

# %% [markdown]
# Each of the 16 models is attacked in turn, the other 15 are its shadows. With so few,
# one image's spread is a poor estimate, so the package takes each image's means and the
# spreads of all images together.

# %%
rows = []
for name, looked in scores.items():
    turns = membership.each_in_turn(looked, inside)
    attacks = {"loss": (looked[inside], looked[~inside]),
               "likelihood ratio": (turns.members, turns.others)}
    for attack, (members, others) in attacks.items():
        rates = membership.attack_rates(members, others, whose=turns.whose)
        rows.append([name, attack, *(
            "{:.1%} ({:.1%} to {:.1%})".format(rate.found, *rate.interval)
            for rate in rates)])
Table(["network", "attack", "found at 0.1 %", "found at 1 %"], rows,
      "Members found, with 95 % intervals over images",
      phantom=xray.is_phantom)

# %% [markdown]
# Is the attack honest? Against a network that has **never seen** any of these images it
# has to be chance, whomever we call a member. Compare with 1 %; the threshold hangs on a
# few of the others, which the intervals leave out, so they are somewhat too narrow:

# %%
stranger = phi(trained_on(order[1000:1500], 99, epochs=30, batch_size=32))
found = membership.likelihood_ratio(stranger, scores["overfitted"], inside)
for seed in range(3):
    called = inside[seed]
    print(*membership.attack_rates(found[called], found[~called], at=(0.01,)))

# %% [markdown]
# ### A generator
#
# A generator can be attacked, too. The attack supposes that an image near to a drawn one
# was trained on. Lesson 06 has a generator of all training images, and one of eight.

# %%
from medtutor.training.gan import load_gan

rows, others = [], xray.val.images
for name in ("pneumoniamnist", "pneumoniamnist_memorised"):
    gan = load_gan(name)
    few = gan.settings.get("images", len(labels))
    members = xray.train.images[:1000] if few > 8 else torch.cat([
        xray.train.images[labels == each][:few // 2] for each in (0, 1)])
    samples = gan.sample(1000, torch.arange(1000) % 2, seed=0)
    inside, outside = (-np.asarray(generative.nearest(some, samples)[0])
                       for some in (members, others))
    rate, = membership.attack_rates(inside, outside, at=(0.01,))
    rows.append([few, f"{rate.found:.1%}", "%.3f to %.3f" % rate.interval])
Table(["trained on", "members found at 1 %", "95 % interval (share)"], rows,
      phantom=xray.is_phantom)

# %% [markdown]
# ## Differential privacy
#
# Training is **differentially private** with $(\varepsilon, \delta)$ if the chance of any
# result changes by a factor of at most $e^\varepsilon$, plus $\delta$, when one image is
# added or taken away (Dwork et al. 2006; with $\delta$, Dwork et al. 2006b). So *no* attack
# on such an image finds more than
#
# $$\text{true positive rate} \le e^{\varepsilon} \cdot \text{false positive rate} + \delta .$$
#
# **DP-SGD** (Abadi et al. 2016) gets there in four moves: draw each image into the batch
# by lot, *clip* its gradient to length $C$, add up, add normal noise of standard
# deviation $\sigma C$.

# %%
def private_gradient(gradients, clip, noise, normal, batch_size):
    """gradients (N, P), a row an image; normal (P,), standard normal

    Clipped rows plus noise, over the expected batch size -> (P,)
    """
    ### BEGIN SOLUTION
    lengths = gradients.norm(dim=1, keepdim=True)
    clipped = gradients * (clip / lengths).clamp(max=1)
    return (clipped.sum(0) + noise * clip * normal) / batch_size
    ### END SOLUTION

# %%
check.private_gradient(private_gradient)

# %% [markdown]
# Clipping needs the gradient of *one* image. Under batch normalisation there is none:
# each image is in the mean of all. **Group normalisation** (Wu & He 2018) takes means within
# an image.
# Opacus finds the gradients of all images in one pass; a guard asks whether they are
# right, since with weights in `channels_last` order they silently are not.

# %%
models = {
    "our CNN, batch norm": mt.build("cnn", xray),
    "group norm": GroupNormCNN(),
    "group norm, channels_last":
        GroupNormCNN().to(memory_format=torch.channels_last),
}
for name, model in models.items():
    try:
        private.check_private(model, images[:4], labels[:4])
        print(f"{name}: may be trained privately")
    except mt.errors.InputError as error:
        print(f"{name}: {error}")

# %% [markdown]
# ### Two accountants
#
# How much do all steps spend together? Two libraries count by different methods (PRV: Gopi
# et al. 2021), with equal settings: noise 1.1, each image in a batch with a chance of 1 in
# 19, 95 steps. A third method (RDP: Mironov 2017) gives a looser bound, which is safe, too.

# %%
spent = {title: private.epsilon_of(1.1, 1 / 19, 95, 1e-5, name)
         for name, title in private.ACCOUNTANTS.items()}
Table(["accountant", "epsilon at delta 0.00001"], list(spent.items()))

# %%
with seeded(0):
    net = GroupNormCNN()
done = private.fit_private(
    net, images, labels, epsilon=3, epochs=5, batch_size=256,
    learning_rate=0.5, delta=1e-4,
)
print(f"epsilon {done.epsilon:.2f}, noise {done.noise:.2f}, "
      f"{done.steps} steps, validation AUC {auc(net):.3f}")

# %%
price = Prediction(
    "12/price",
    "All 4,708 X-rays, a tuned network without privacy against epsilon 1: how "
    "much test AUC is lost, on average over five seeds?",
    low=0.0, high=0.5, step=0.005,
)
price

# %%
evidence = review.read_evidence("privacy-costs-accuracy")
rows = [
    [each.keys["images"], each.keys["epsilon"], np.mean(each.second),
     f"{min(each.second):.3f} to {max(each.second):.3f}", each.mean]
    for each in evidence.contrasts
]
Table(["images", "epsilon", "test AUC", "of five seeds", "lost"], rows)

# %%
price.reconcile(
    evidence.contrast("free against epsilon 1").mean,
    "Noise has the size that hides one image, however many there are: with "
    "few images it drowns the sum.",
)

# %% [markdown]
# ## Federated averaging
#
# The images stay, the model travels: each hospital trains the server's model on its own
# images, and the server takes the mean (FedAvg; McMahan et al. 2017).
#
# $$w \leftarrow \sum_k \frac{n_k}{n}\, w_k$$

# %%
def federated_average(weights, counts):
    """weights [(P,), ...] of the hospitals, counts of images -> (P,)"""
    ### BEGIN SOLUTION
    return sum(n / sum(counts) * w for w, n in zip(weights, counts))
    ### END SOLUTION

# %%
check.federated_average(federated_average)

# %% [markdown]
# Four hospitals, unequal in size and in their share of pneumonia, by a Dirichlet
# distribution (Hsu et al. 2019). (**Simulated**: real ones differ in more.)

# %%
parts = federated.shared_out(labels, 4, alpha=1.0, seed=0)
clients = [federated.Client(name, images[rows], labels[rows])
           for name, rows in zip("ABCD", parts)]
Table(["hospital", "images", "with pneumonia"], [
    [each.name, len(each), f"{each.labels.float().mean():.0%}"]
    for each in clients], phantom=xray.is_phantom)

# %% [markdown]
# The whole method in one cell:

# %%
how = federated.Settings(epochs=1, batch_size=32, learning_rate=3e-3)
with seeded(0):
    start = LeNet()
server = copy.deepcopy(start)
for number in range(5):
    returned = []
    for client in clients:
        own = copy.deepcopy(server)  # travels to the hospital
        returned.append(federated.local_training(own, client, how, number))
    counts = [len(client) for client in clients]
    server.load_state_dict(federated.average(returned, counts))
    print(f"round {number + 1}: validation AUC {auc(server.eval()):.3f}")

# %% [markdown]
# The package does the same, bit for bit, and counts what is sent. Hospitals fail, too:
# in the second run D breaks down in the middle of round 2, and C sends numbers that are
# none in round 3.

# %%
def unlucky(model, client, how, number):
    if (client.name, number) == ("D", 1):
        raise ConnectionError("the line is dead")
    state = federated.local_training(model, client, how, number)
    if (client.name, number) == ("C", 2):
        state = {name: each * float("nan") for name, each in state.items()}
    return state

# %%
runs = {
    name: federated.federate(copy.deepcopy(start), clients, 5, how, train=who)
    for name, who in {"federate": None, "unlucky": unlucky}.items()}
same = all(torch.equal(a, b) for a, b in zip(
    server.parameters(), runs["federate"].model.parameters()))
print("equal to the cell above, bit for bit:", same)
print(*runs["unlucky"].notes, sep="\n")

# %%
rows = [[name, auc(run.model), f"{run.sent_bytes / 1e6:.1f} MB"]
        for name, run in runs.items()]
for name, rows_ in {"central": torch.cat(parts), "A alone": parts[0]}.items():
    model = private.fit_plain(
        copy.deepcopy(start), images[rows_], labels[rows_], epochs=5,
        learning_rate=3e-3, batch_size=32, progress=False)
    rows.append([name, auc(model), f"{len(rows_) * 784 / 1e6:.1f} MB"])
rows[-1][-1] = "nothing"
Table(["training", "validation AUC", "sent"], rows, phantom=xray.is_phantom)

# %% [markdown]
# Sending small images once would take less than sending weights there and back each
# round. It is not bytes that federated learning saves.
#
# ### Secure aggregation
#
# The server needs only the *sum*. In **secure aggregation** each pair of hospitals agrees on a random mask; one
# adds it, the other takes it away (Bonawitz et al. 2017). In whole numbers, which go round
# at the end, a masked message looks as random as its mask.

# %%
def masked(weights, generator):
    sent = [(each * 2**24).round().long() for each in weights]
    for i in range(len(sent)):
        for j in range(i + 1, len(sent)):
            mask = torch.randint(-2**62, 2**62, sent[i].shape,
                                 generator=generator)
            sent[i], sent[j] = sent[i] + mask, sent[j] - mask
    return sent

# %%
weights = [torch.tensor([0.5, -0.25]), torch.tensor([0.1, 0.2]),
           torch.tensor([-0.3, 0.3])]
sent = masked(weights, torch.Generator().manual_seed(0))
print("one message:", sent[0].tolist())
print("their sum:  ", (sum(sent) / 2**24).tolist(), "=", sum(weights).tolist())
print("one is dead:", (sum(sent[:2]) / 2**24).tolist())

# %% [markdown]
# Where one dies, the masks stay. The published protocol can rebuild them; the package's
# `secure=True` does not count a round whose masks do not cancel. Masks hide *who* said what. The sum itself still
# holds what all images did to it: only noise hides that.
#
# ## Bonus: A real engine
#
# [Flower](https://flower.ai) runs such rounds over a network, with clients on many
# machines. `tests/federated/flower_rounds.py` gives Flower's strategy a grid of our own,
# which starts each hospital as a process on this machine, its telemetry off:
#
# ```python
# grid = Processes(start, clients, how)
# result = FedAvg(fraction_evaluate=0.0).start(
#     grid=grid, initial_arrays=ArrayRecord(start.state_dict()), num_rounds=5)
# ```
#
# Flower does not fit beside the course's packages, so `make test-federated` puts it into a
# folder of its own and runs it. What `flower_rounds.py` printed, with the hospitals, the
# seed and the settings from above:
#
# ```text
# Flower, four processes, five rounds: validation AUC 0.983, weights at most 0 from the loop's
# ```
#
# Zero: with equal seeds and an equal order of clients it is the same arithmetic.
#
# ## Explore
#
# Noise, batch and epochs decide what is spent. Find settings with epsilon 1 that differ.
# When does the bound on attacks begin to say something?

# %%
from medtutor.explorers import privacy

privacy()

# %% [markdown]
# ## Where it fails
#
# - The bound holds for *one image*. A child with five X-rays needs it for all five.
# - Epsilon of what? Of one training. Trying ten learning rates on the same images spends
#   up to ten times as much. We tried some, too: what that spent is not counted.
# - An attack that finds nothing proves nothing: the next one may be better.
# - Averaging without noise is no privacy, as the first attack has shown.
# - A generator's images are as private as its training was.
# - Federated training may learn less where hospitals differ much, above all where scanner
#   and disease go together. How much less here, the last table below says.
#
# ## What the review says and what we measured
#
# The review names privacy among the concerns. Two questions of ours:

# %%
review.claim("privacy-costs-accuracy")

# %%
review.claim("federated-keeps-accuracy")

# %%
evidence = review.read_evidence("federated-keeps-accuracy")
rows = [[each.name, np.mean(each.first), np.mean(each.second), each.mean]
        for each in evidence.contrasts]
Table(["contrast", "first", "second", "difference in test AUC"], rows)

# %% [markdown]
# ## Bonus: Exercises without a check
#
# 1. Draw the image from the gradient of `GroupNormCNN`. What does pooling hide?
# 2. Give 10 % of the pool wrong labels. How many of *those* does the attack find?
# 3. Clip what each hospital sends, add noise to the mean, and account for it.
#
# ## Quiz

# %%
Quiz("12_privacy")

# %% [markdown]
# ## Key points
#
# - Removing names does not make a table anonymous: combinations name people.
# - A gradient can show the image, a model can show who was in its training.
# - Measure attacks at low false positive rates, and hold them against a model that has
#   never seen the images.
# - Differential privacy bounds every attack, for one image and one training; its noise
#   weighs the more, the fewer images there are.
# - Federated averaging keeps images where they are, and hides nothing by itself.
#
# ## References
#
# - Abadi M. et al., *Deep learning with differential privacy* (2016), DP-SGD.
#   [arXiv:1607.00133](https://arxiv.org/abs/1607.00133)
# - Bonawitz K. et al., *Practical secure aggregation for privacy-preserving machine
#   learning*, CCS 2017, 1175-1191.
#   [doi:10.1145/3133956.3133982](https://doi.org/10.1145/3133956.3133982)
# - Carlini N. et al., *Membership inference attacks from first principles* (2022).
#   [arXiv:2112.03570](https://arxiv.org/abs/2112.03570)
# - Dwork C. et al., *Calibrating noise to sensitivity in private data analysis*, TCC 2006,
#   265-284. [doi:10.1007/11681878_14](https://doi.org/10.1007/11681878_14)
# - Dwork C. et al., *Our data, ourselves: privacy via distributed noise generation*,
#   EUROCRYPT 2006, 486-503 (2006b).
#   [doi:10.1007/11761679_29](https://doi.org/10.1007/11761679_29)
# - Geiping J. et al., *Inverting gradients: how easy is it to break privacy in federated
#   learning?* (2020). [arXiv:2003.14053](https://arxiv.org/abs/2003.14053)
# - Gopi S., Lee Y. T., Wutschitz L., *Numerical composition of differential privacy*
#   (2021), the accountant PRV. [arXiv:2106.02848](https://arxiv.org/abs/2106.02848)
# - Hsu T.-M. H., Qi H., Brown M., *Measuring the effects of non-identical data distribution
#   for federated visual classification* (2019).
#   [arXiv:1909.06335](https://arxiv.org/abs/1909.06335)
# - McMahan H. B. et al., *Communication-efficient learning of deep networks from
#   decentralized data* (2017), FedAvg.
#   [arXiv:1602.05629](https://arxiv.org/abs/1602.05629)
# - Mironov I., *Rényi differential privacy* (2017).
#   [arXiv:1702.07476](https://arxiv.org/abs/1702.07476)
# - Packhäuser K. et al., *Deep learning-based patient re-identification is able to exploit
#   the biometric nature of medical chest X-ray data*, Scientific Reports 12:14851 (2022).
#   [doi:10.1038/s41598-022-19045-3](https://doi.org/10.1038/s41598-022-19045-3)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Sweeney L., *k-anonymity: a model for protecting privacy*, International Journal of
#   Uncertainty, Fuzziness and Knowledge-Based Systems 10:557-570 (2002).
#   [doi:10.1142/S0218488502001648](https://doi.org/10.1142/S0218488502001648)
# - Wu Y., He K., *Group normalization* (2018).
#   [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
