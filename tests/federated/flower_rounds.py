"""Federated averaging by Flower's strategy `FedAvg`, each hospital a process of its own on this machine.

    make test-federated                                # Flower beside the course's packages, and the tests
    PYTHONPATH=.venv/flower .venv/bin/python tests/federated/flower_rounds.py     # what lesson 12 tells

Flower's own simulation needs Ray. Its strategies need no more than a `Grid`, which takes messages to clients and brings
replies; this one starts processes, whose images never leave them.
"""

import copy
import multiprocessing
import os

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"  # before the import: nothing is told to anybody

import numpy as np
import torch
from flwr.app import ArrayRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from flwr.supercore.task_identity import TaskIdentity  # what a ServerApp is told by the engine that starts it

from medtutor.training.federated import Client, Settings, local_training


class Processes(Grid):
    """Hospitals as processes; the id of a node is the place of its client, from 1.

    clients  of which each process gets one
    kill     (the client's place from 1, round): that process ends in the middle of that round
    """

    def __init__(self, model, clients, settings, kill=None):
        TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 0
        context, self.kill = multiprocessing.get_context("spawn"), kill
        self.hospitals = {}
        for number, client in enumerate(clients, 1):
            here, there = context.Pipe()
            told = client.name, client.images.numpy(), client.labels.numpy()
            process = context.Process(target=hospital, args=(there, model, told, settings), daemon=True)
            process.start()
            there.close()
            self.hospitals[number] = process, here

    def send_and_receive(self, messages, *, timeout=None):
        """Replies in the order of the nodes, so that sums repeat to the last digit; an error of those that died."""
        messages = sorted(messages, key=lambda each: each.metadata.dst_node_id)
        for message in messages:  # all of them work at the same time
            node, number = message.metadata.dst_node_id, int(message.content["config"]["server-round"])
            arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
            dies = self.kill == (node, number)
            try:
                self.hospitals[node][1].send((arrays, number - 1, dies))
            except OSError:
                pass  # it died in an earlier round: the reply says so
        return [self._reply(message) for message in messages]

    def _reply(self, message):
        _, pipe = self.hospitals[message.metadata.dst_node_id]
        try:
            arrays, count = pipe.recv()
        except (EOFError, OSError):
            return Message(Error(code=0, reason="the process has ended"), reply_to=message)
        state = ArrayRecord({name: torch.from_numpy(each) for name, each in arrays.items()})
        return Message(
            RecordDict({"arrays": state, "metrics": MetricRecord({"num-examples": count})}), reply_to=message
        )

    def get_node_ids(self):
        return list(self.hospitals)

    def close(self):
        for process, pipe in self.hospitals.values():
            pipe.close()  # which ends the process
            process.join(timeout=30)

    run = property(lambda self: None)

    def set_run(self, run):
        """There is one."""

    def create_message(self, content, message_type, dst_node_id, group_id, ttl=None):
        raise NotImplementedError("the strategy makes its messages itself")

    def push_messages(self, messages):
        raise NotImplementedError("the strategy sends and receives in one")

    pull_messages = push_messages


def hospital(pipe, model, told, settings):
    """What runs in each process: it waits for weights, trains, sends weights back."""
    torch.set_num_threads(1)
    model = copy.deepcopy(model)  # torch hands weights to a process as shared memory: all would train one model
    name, images, labels = told
    client = Client(name, torch.from_numpy(images), torch.from_numpy(labels))
    while True:
        try:
            arrays, number, dies = pipe.recv()
        except EOFError:
            return
        if dies:
            os._exit(1)
        model.load_state_dict({key: torch.from_numpy(each.copy()) for key, each in arrays.items()})
        state = local_training(model, client, settings, number)
        pipe.send(({key: np.asarray(value) for key, value in state.items()}, len(client)))


def rounds_by_flower(model, clients, rounds, settings, kill=None):
    """The weights after so many rounds; `model` is left as it was."""
    grid = Processes(model, clients, settings, kill)
    try:
        result = FedAvg(fraction_evaluate=0.0).start(
            grid=grid, initial_arrays=ArrayRecord(model.state_dict()), num_rounds=rounds, timeout=300
        )
    finally:
        grid.close()
    return result.arrays.to_torch_state_dict()


if __name__ == "__main__":
    import medtutor as mt
    from medtutor.data import normalise
    from medtutor.models.cnn import LeNet
    from medtutor.models.randomness import seeded
    from medtutor.training.federated import federate, shared_out

    xray = mt.load("pneumoniamnist")
    images, labels = normalise(xray.train.images), xray.train.labels
    parts = shared_out(labels, 4, alpha=1.0, seed=0)
    clients = [Client(name, images[rows], labels[rows]) for name, rows in zip("ABCD", parts)]
    how = Settings(epochs=1, batch_size=32, learning_rate=3e-3)
    with seeded(0):
        start = LeNet()
    ours = federate(copy.deepcopy(start), clients, 5, how).model.state_dict()
    theirs = rounds_by_flower(copy.deepcopy(start), clients, 5, how)
    apart = max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
    start.load_state_dict(theirs)
    with torch.no_grad():
        scores = start.eval()(normalise(xray.val.images)).softmax(1)
    auc = mt.metrics.measure(xray.val.labels, scores, "binary", resamples=0).auc
    print(f"Flower, four processes, five rounds: validation AUC {auc:.3f}, weights at most {apart:g} from the loop's")
