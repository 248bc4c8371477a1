"""Federated averaging (McMahan et al. 2017, arXiv:1602.05629): images stay where they are, weights travel.

In each round the server sends its weights to all clients, each trains on its own images, and the server takes the mean
of what comes back, weighed by the number of images. What a client cannot do, the round does without, and says so.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from .. import checks
from ..errors import InputError, MedtutorError, shown
from . import given
from .processes import one_thread
from .reconstruction import check_normalised

State = dict[str, torch.Tensor]
FRACTION = 2**24  # masked weights are whole numbers: of so many parts


@dataclass(frozen=True, eq=False)
class Client:
    """One hospital: its name, and images that do not leave it.

    images  float (N, C, H, W) in -1…1, of N from 1
    labels  int64 (N,)

    >>> Client("A", torch.zeros(3, 1, 8, 8), torch.tensor([0, 0, 1])).counts
    {0: 2, 1: 1}
    """

    name: str
    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        checks.text("name", self.name)
        check_normalised(f"images of {self.name}", self.images)
        if len(self.images) == 0:
            raise InputError(f"client {self.name} has no images; leave it out")
        if self.labels.dtype != torch.int64 or self.labels.shape != (len(self.images),):
            raise InputError(f"client {self.name}: give one label for each image, as an int64 tensor")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[int, int]:
        """How many images of each class."""
        classes, found = self.labels.unique(return_counts=True)
        return dict(zip(classes.tolist(), found.tolist()))


@dataclass(frozen=True)
class Settings:
    """How the clients train: by AdamW, begun anew in each round.

    epochs         over a client's images in each round
    batch_size     of a client; all of its images where it has fewer
    learning_rate  constant
    seed           of batch orders and masks

    >>> Settings(epochs=2).batch_size
    32
    """

    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 5e-3
    seed: int = 0

    def __post_init__(self) -> None:
        given.count("epochs", self.epochs)
        given.count("batch_size", self.batch_size)
        given.learning_rate(self.learning_rate)
        checks.seed(self.seed)


@dataclass(frozen=True, eq=False)
class Federation:
    """What federated training came to.

    model       in eval mode
    rounds      finished
    sent_bytes  by server and clients in all, at four bytes a weight, eight a masked one
    notes       a sentence for each client that a round went without, and for those of one class
    history     what `watch` said after each round

    >>> Federation(nn.Linear(1, 2), 3, 96, ()).rounds
    3
    """

    model: nn.Module
    rounds: int
    sent_bytes: int
    notes: tuple[str, ...]
    history: tuple[float, ...] = field(default=())


@one_thread()
def federate(
    model: nn.Module,
    clients: Sequence[Client],
    rounds: int = 10,
    settings: Settings | None = None,
    *,
    secure: bool = False,
    train: Callable[[nn.Module, Client, Settings, int], State] | None = None,
    watch: Callable[[nn.Module], float] | None = None,
) -> Federation:
    """Train a model by federated averaging, in place.

    clients  two or more, of different names
    secure   the server sees the sum of all weights and those of no client (`masked`)
    train    a function (model, client, settings, round) -> weights, in place of `local_training`: it may fail, as
             clients do
    watch    a function of the model after each round; validation, for example

    A client that fails in the middle of a round, or sends what is no number, is left out of that round. Where `secure`
    hides who sent it, the round is not counted. A client with one class takes part, and is named. Raises `InputError`
    for clients and numbers that do not fit; `MedtutorError` where no client is left in a round: the model then has the
    weights of the round before.

    >>> clients = [Client(name, torch.rand(8, 1, 4, 4), torch.arange(8) % 2) for name in "AB"]
    >>> found = federate(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), clients, rounds=2)
    >>> found.rounds, found.sent_bytes  # 34 weights, there and back, of two clients
    (2, 1088)
    """
    settings = Settings() if settings is None else settings
    _check(model, clients)
    rounds, train = given.count("rounds", rounds), train or local_training
    notes = [
        f"{each.name} has images of one class only, {next(iter(each.counts))}: its weights are pulled towards it"
        for each in clients
        if len(each.counts) == 1
    ]
    history, sent, done = [], 0, 0
    for number in range(rounds):
        before = {name: value.detach().clone() for name, value in model.state_dict().items()}
        returned: list[tuple[Client, State]] = []
        for client in clients:
            sent += size(before)
            try:
                state = train(copy.deepcopy(model), client, settings, number)
            except Exception as error:  # whatever happens to a client is no end of the round
                notes.append(f"round {number + 1}: {client.name} failed ({shown(str(error))}); the round goes on")
                continue
            sent += size(state) * (2 if secure else 1)
            wrong = _wrong(state, before)
            if wrong and not (secure and wrong == "no finite numbers"):  # masks hide what is in a message
                notes.append(f"round {number + 1}: {client.name} sent {wrong}; it is left out of this round")
                continue
            returned.append((client, state))
        if not returned:
            model.load_state_dict(before)
            model.eval()
            raise MedtutorError(
                f"no client came through round {number + 1}; the model has the weights of round {done}. {notes[-1]}"
            )
        counts, states = [len(client) for client, _ in returned], [state for _, state in returned]
        if secure:
            try:
                states = [unmasked(masked(states, counts, settings.seed + number), sum(counts))]
                counts = [1]
            except InputError as error:
                notes.append(f"round {number + 1} is not counted: {error}")
                continue
        model.load_state_dict(average(states, counts))
        done += 1
        if watch is not None:
            history.append(watch(model.eval()))
    model.eval()
    return Federation(model, done, sent, tuple(notes), tuple(history))


def local_training(model: nn.Module, client: Client, settings: Settings, number: int) -> State:
    """What a client does in a round: train the server's model on its own images, give its weights back.

    number  of the round: with the client's name and the seed it decides the order of the batches

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    >>> client = Client("A", torch.rand(8, 1, 4, 4), torch.arange(8) % 2)
    >>> sorted(local_training(net, client, Settings(), 0))
    ['1.bias', '1.weight']
    """
    order = torch.Generator().manual_seed(settings.seed * 100_003 + number * 1009 + sum(client.name.encode()))
    optimiser = torch.optim.AdamW(model.parameters(), settings.learning_rate)
    model.train()
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(client), generator=order).split(settings.batch_size):
            optimiser.zero_grad()
            F.cross_entropy(model(client.images[rows]), client.labels[rows]).backward()
            optimiser.step()
    return {name: value.detach() for name, value in model.state_dict().items()}


def average(states: Sequence[Mapping[str, torch.Tensor]], counts: Sequence[int]) -> State:
    """The mean of weights, each weighed by how many images it has seen.

    states  weights by name, of one model
    counts  images of each

    A counter, such as the number of batches of a batch normalisation, has no mean: the largest is kept. Raises
    `InputError` for weights of different models, and for counts below 1.

    >>> average([{"w": torch.tensor([0.0])}, {"w": torch.tensor([4.0])}], [3, 1])
    {'w': tensor([1.])}
    """
    if not states or len(states) != len(counts):
        raise InputError(f"there are {len(states)} sets of weights and {len(counts)} counts; give one count for each")
    counts = [checks.whole("each of counts", each, 1) for each in counts]
    like = [(name, value.shape) for name, value in states[0].items()]
    if any([(name, value.shape) for name, value in each.items()] != like for each in states):
        raise InputError("the weights are not of one model; give those of copies of the same model")
    total, found = sum(counts), {}
    for name, first in states[0].items():
        if first.is_floating_point():
            parts = (state[name] * (count / total) for state, count in zip(states, counts))
            found[name] = sum(parts, torch.zeros(()))
        else:
            found[name] = torch.stack([state[name] for state in states]).amax(0)
    return found


def masked(states: Sequence[Mapping[str, torch.Tensor]], counts: Sequence[int], seed: int) -> list[State]:
    """What clients send so that only the sum can be read: weights times count, and masks that cancel.

    Each pair of clients shares a mask, as random as numbers can be; one adds it, the other takes it away (Bonawitz et
    al. 2017). All is whole numbers of 64 bits, which go round at the end: what is masked looks like noise, whatever it
    was. In the published protocol the masks come of a key exchange, and shares of the keys bring back what a client has
    sent that dies afterwards; here one seed makes them all, so this shows the arithmetic and protects nobody.

    >>> sent = masked([{"w": torch.tensor([1.0])}, {"w": torch.tensor([2.0])}], [1, 1], seed=0)
    >>> unmasked(sent, 2)
    {'w': tensor([1.5000])}
    """
    generator, sent = torch.Generator().manual_seed(seed), []
    for state, count in zip(states, counts):
        sent.append({name: _whole(value * count) for name, value in state.items()})
    for i, one in enumerate(sent):
        for other in sent[i + 1 :]:
            for name, value in one.items():
                mask = torch.randint(-(2**62), 2**62, value.shape, generator=generator)
                one[name], other[name] = one[name] + mask, other[name] - mask
    return sent


def unmasked(sent: Sequence[Mapping[str, torch.Tensor]], total: int) -> State:
    """The mean weights, from what all clients of a `masked` round have sent.

    total  images of all clients together

    Where one client is missing its masks stay in the sum. Raises `InputError` where the sum is too large to be one of
    weights: one is missing, or has sent what is no number.

    >>> sent = masked([{"w": torch.ones(1)}, {"w": torch.ones(1)}, {"w": torch.ones(1)}], [1, 1, 1], seed=0)
    >>> unmasked(sent[:2], 2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    medtutor.errors.InputError: the masks do not cancel: a client is missing, or has sent what is no number; repeat ...
    """
    sums = {name: torch.stack([each[name] for each in sent]).sum(0) for name in sent[0]}
    if any((value.abs() > 2**52).any() for value in sums.values()):
        raise InputError(
            "the masks do not cancel: a client is missing, or has sent what is no number; repeat the round without it"
        )
    return {name: (value.double() / FRACTION / total).float() for name, value in sums.items()}


def size(state: Mapping[str, torch.Tensor]) -> int:
    """Bytes of weights as they are sent.

    >>> size({"w": torch.zeros(3)})
    12
    """
    return sum(value.numel() * value.element_size() for value in state.values())


def shared_out(
    labels: torch.Tensor, count: int, alpha: float = 0.5, seed: int = 0, least: int = 20
) -> list[torch.Tensor]:
    """The rows of each of `count` clients, whose shares of each class are drawn (Hsu et al. 2019, arXiv:1909.06335).

    labels  int64 (N,)
    alpha   of the Dirichlet distribution: 100 is nearly alike, 0.1 gives most clients hardly more than one class
    least   images that a client has at least; drawn again until it has

    Raises `InputError` where so many images cannot be shared out.

    >>> [len(rows) for rows in shared_out(torch.arange(400) % 2, 3, alpha=100)]
    [139, 129, 132]
    """
    count, alpha = checks.whole("count", count, 2), checks.number("alpha", alpha, above=0)
    least, generator = checks.whole("least", least, 1), torch.Generator().manual_seed(checks.seed(seed))
    if count * least > len(labels):
        raise InputError(f"{len(labels)} images are too few for {count} clients of {least}; take fewer clients")
    for _ in range(1000):
        parts: list[list[torch.Tensor]] = [[] for _ in range(count)]
        for each in labels.unique().tolist():
            rows = (labels == each).nonzero()[:, 0]
            rows = rows[torch.randperm(len(rows), generator=generator)]
            shares = _dirichlet(count, alpha, generator).cumsum(0)[:-1]
            for part, mine in zip(parts, rows.tensor_split((shares * len(rows)).round().long().tolist())):
                part.append(mine)
        whole = [torch.cat(part) for part in parts]
        if min(map(len, whole)) >= least:
            return whole
    raise InputError(f"no client of {least} images or more came of alpha {alpha:g}; give a larger alpha")


def scanned(images: torch.Tensor, scanner: int, seed: int = 0) -> torch.Tensor:
    """Images as another scanner would have them: float (N, C, H, W) in -1…1.

    scanner  0: as they are; 1: darker, with less contrast; 2: blurred; 3: noisy and bright. Simulated

    >>> scanned(torch.ones(1, 1, 8, 8), 1).max()
    tensor(0.3000)
    """
    check_normalised("images", images)
    checks.whole("scanner", scanner, 0, 3)
    if scanner == 1:
        return 0.6 * images - 0.3
    if scanner == 2:
        return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    if scanner == 3:
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
        return (0.8 * images + 0.2 + 0.2 * noise).clamp(-1, 1)
    return images


def _dirichlet(count, alpha, generator):
    """Shares that add up to 1, by gamma variables (Marsaglia & Tsang 2000) of a generator of our own."""
    d = alpha + 1 - 1 / 3  # for alpha + 1, and a power brings it down to alpha
    c = 1 / math.sqrt(9 * d)
    drawn = []
    while len(drawn) < count:
        normal = torch.randn((), generator=generator)
        uniform, power = torch.rand(2, generator=generator)
        v = (1 + c * normal) ** 3
        if v > 0 and torch.log(uniform) < normal**2 / 2 + d - d * v + d * torch.log(v):
            drawn.append(d * v * power ** (1 / alpha))
    shares = torch.stack(drawn).double()
    return shares / shares.sum()


def _whole(value):
    return torch.nan_to_num(value.double() * FRACTION, nan=2.0**62, posinf=2.0**62, neginf=-(2.0**62)).round().long()


def _wrong(state, before):
    """What is wrong with the weights that a client sent, in three words, or ""."""
    if {name: value.shape for name, value in state.items()} != {name: value.shape for name, value in before.items()}:
        return "weights of another model"
    return "" if all(value.isfinite().all() for value in state.values()) else "no finite numbers"


def _check(model, clients):
    given.check_trainable(model)
    if len(clients) < 2 or not all(isinstance(each, Client) for each in clients):
        raise InputError(f"clients is {shown(clients)}; give two or more Clients")
    names = [each.name for each in clients]
    if len(set(names)) < len(names):
        raise InputError(f"two clients have one name, {max(names, key=names.count)}; name each once")
    for each in clients:
        with given.asking(model, f"the model does not take the images of {each.name}", "build it for their size"):
            model(each.images[:1])
