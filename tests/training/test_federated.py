"""Federated averaging: rounds go on where clients fail, and masks cancel."""

import copy

import pytest
import torch
from torch import nn

from medtutor.errors import InputError, MedtutorError
from medtutor.models.randomness import seeded
from medtutor.training.federated import (
    Client,
    Settings,
    average,
    federate,
    local_training,
    masked,
    scanned,
    shared_out,
    size,
    unmasked,
)

HOW = Settings(batch_size=4, learning_rate=0.01)


def net():
    with seeded(0):
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))


def client(name, count, seed=0):
    images = torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Client(name, images, torch.arange(count) % 2)


CLIENTS = [client("A", 12, 1), client("B", 5, 2), client("C", 8, 3)]


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def failing(name, number, how):
    """Local training, but for one client in one round."""

    def train(model, client, settings, at):
        state = local_training(model, client, settings, at)
        return how(state) if (client.name, at) == (name, number) else state

    return train


def dies(state):
    raise ConnectionError("the line is dead")


def not_a_number(state):
    return {name: value * float("nan") for name, value in state.items()}


def test_a_round_is_the_weighted_mean_of_what_the_clients_return():
    start = net()
    returned = [local_training(copy.deepcopy(start), each, HOW, 0) for each in CLIENTS]
    wanted = {name: sum(len(c) / 25 * state[name] for c, state in zip(CLIENTS, returned)) for name in returned[0]}
    found = federate(start, CLIENTS, 1, HOW)
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(value, wanted[name])
    assert found.sent_bytes == 6 * size(wanted) and found.notes == ()


@pytest.mark.parametrize("how, words", [(dies, "B failed"), (not_a_number, "B sent no finite numbers")])
def test_a_client_that_fails_is_left_out_of_its_round_and_of_no_other(how, words):
    found = federate(net(), CLIENTS, 3, HOW, train=failing("B", 1, how))
    assert found.rounds == 3 and len(found.notes) == 1 and words in found.notes[0] and "round 2" in found.notes[0]
    by_hand = federate(net(), CLIENTS, 1, HOW).model
    states = [local_training(copy.deepcopy(by_hand), each, HOW, 1) for each in (CLIENTS[0], CLIENTS[2])]
    by_hand.load_state_dict(average(states, [12, 8]))
    states = [local_training(copy.deepcopy(by_hand), each, HOW, 2) for each in CLIENTS]
    assert same(found.model.state_dict(), average(states, [12, 5, 8]))


def test_where_nobody_is_left_it_stops_with_the_last_good_weights():
    model = net()

    def train(own, client, settings, number):
        if number == 1:
            raise ConnectionError("the power is out")
        return local_training(own, client, settings, number)

    with pytest.raises(MedtutorError, match="no client came through round 2; the model has the weights of round 1"):
        federate(model, CLIENTS, 3, HOW, train=train)
    assert same(model.state_dict(), federate(net(), CLIENTS, 1, HOW).model.state_dict())


def test_a_client_of_one_class_takes_part_and_is_named():
    alone = Client("D", CLIENTS[0].images, torch.ones(12, dtype=torch.int64))
    found = federate(net(), [*CLIENTS, alone], 1, HOW)
    assert found.rounds == 1 and found.notes == (
        "D has images of one class only, 1: its weights are pulled towards it",
    )


def test_weights_of_another_model_are_left_out():
    found = federate(net(), CLIENTS, 1, HOW, train=failing("A", 0, lambda state: {"w": torch.zeros(1)}))
    assert "A sent weights of another model" in found.notes[0]


def test_secure_aggregation_gives_the_same_mean():
    plain, secure = (federate(net(), CLIENTS, 2, HOW, secure=each).model.state_dict() for each in (False, True))
    for name, value in plain.items():
        torch.testing.assert_close(secure[name], value, rtol=1e-4, atol=1e-5)


def test_under_masks_a_client_that_dies_is_known_and_nan_spoils_the_round():
    found = federate(net(), CLIENTS, 2, HOW, secure=True, train=failing("B", 0, dies))
    assert found.rounds == 2 and "B failed" in found.notes[0]
    found = federate(net(), CLIENTS, 2, HOW, secure=True, train=failing("B", 0, not_a_number))
    assert found.rounds == 1 and "round 1 is not counted" in found.notes[0]
    assert all(value.isfinite().all() for value in found.model.state_dict().values())


def test_a_masked_message_looks_like_any_other():
    zeros, ones = ({"w": torch.full((4000,), value)} for value in (0.0, 1.0))
    for state in (zeros, ones):
        message = masked([state, state], [1, 1], seed=0)[0]["w"].double() / 2**62
        assert abs(message.mean()) < 0.05 and message.std() > 0.5


def test_one_missing_message_leaves_the_masks():
    sent = masked([{"w": torch.ones(3)}] * 3, [1, 1, 1], seed=0)
    assert unmasked(sent, 3)["w"].tolist() == [1, 1, 1]
    with pytest.raises(InputError, match="masks do not cancel"):
        unmasked(sent[1:], 2)


def test_counters_have_no_mean():
    norm = nn.BatchNorm2d(2)
    states = [{**norm.state_dict(), "num_batches_tracked": torch.tensor(count)} for count in (10, 12)]
    assert average(states, [1, 3])["num_batches_tracked"] == 12


def test_every_image_is_shared_out_once_and_alpha_decides_how():
    labels = torch.arange(1000) % 2
    alike, unlike = (shared_out(labels, 4, alpha, seed=1, least=5) for alpha in (1000, 0.3))
    for parts in (alike, unlike):
        assert torch.cat(parts).sort().values.tolist() == list(range(1000)) and min(map(len, parts)) >= 5
    spread = [max(abs(labels[rows].float().mean() - 0.5) for rows in parts) for parts in (alike, unlike)]
    assert spread[0] < 0.06 < spread[1]


def test_shares_are_those_of_a_dirichlet_distribution():
    from medtutor.training.federated import _dirichlet

    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([_dirichlet(3, 0.5, generator) for _ in range(2000)])
    torch.testing.assert_close(drawn.mean(0), torch.full((3,), 1 / 3, dtype=torch.float64), rtol=0.06, atol=0)
    assert drawn[:, 0].var() == pytest.approx((1 / 3) * (2 / 3) / (1.5 + 1), rel=0.08)


def test_scanners_differ_and_stay_in_range():
    images = CLIENTS[0].images
    seen = [scanned(images, number) for number in range(4)]
    assert torch.equal(seen[0], images)
    assert all(not torch.equal(each, images) and each.abs().max() <= 1 for each in seen[1:])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: federate(net(), CLIENTS[:1]), "two or more"),
        (lambda: federate(net(), [CLIENTS[0], CLIENTS[0]]), "two clients have one name, A"),
        (lambda: federate(net(), CLIENTS, 0), "rounds is 0"),
        (lambda: federate(nn.Linear(3, 2), CLIENTS), "does not take the images of A"),
        (lambda: Client("A", torch.zeros(0, 1, 4, 4), torch.zeros(0, dtype=torch.int64)), "has no images"),
        (lambda: Client("A", torch.zeros(2, 1, 4, 4), torch.zeros(1, dtype=torch.int64)), "one label for each"),
        (lambda: average([{"w": torch.ones(1)}], [0]), "from 1"),
        (lambda: average([{"w": torch.ones(1)}, {"v": torch.ones(1)}], [1, 1]), "not of one model"),
        (lambda: shared_out(torch.zeros(10), 3), "too few"),
        (lambda: scanned(torch.zeros(1, 1, 4, 4), 4), "scanner"),
    ],
)
def test_what_cannot_be_is_a_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
