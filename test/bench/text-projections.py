"""
`ranpac` once more, in torch: what other draws of its projection give, which are one and the same in the product.
Labels arrive one after another as in text-stream.mjs; sums do not depend on the order within.

    python text-projections.py <data> <minilm folder> <cache folder> validation|test <dataset>:<layers>:<features>:<draw> …

Prints for each of these the accuracy at the end in %, and on the test set the forgetting. Embeddings are computed once and kept in the
cache folder. Validation: that of clinc150, a fifth of each label of banking77's training texts.
"""
import gzip
import json
import os
import sys

import numpy as np
import torch

TASK = {"banking77": 11, "clinc150": 10}
RIDGE, MAX_TOKENS, BATCH = 3, 64, 128
# Uppermost first.
LAYERS = ["m6", "m5", "m4", "m3", "m2", "m1", "m0"]

data, model, cache, stage, *jobs = sys.argv[1:]
torch.set_num_threads(1)


def rows_of(dataset, part):
    with gzip.open(f"{data}/{dataset}/{part}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def means_of(dataset, part, texts):
    """The mean over real tokens of each layer's output, at unit length."""
    path = f"{cache}/{dataset}-{part}.npz"
    if not os.path.exists(path):
        np.savez(path, **encoded(texts))
    with np.load(path) as kept:
        return {name: kept[name] / np.linalg.norm(kept[name], axis=1, keepdims=True) for name in LAYERS}


def encoded(texts):
    from transformers import AutoModel, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(model)(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    network = AutoModel.from_pretrained(model).eval()
    order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
    means = {name: np.zeros((len(ids), network.config.hidden_size), np.float32) for name in LAYERS}
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH):
            some = order[begin : begin + BATCH]
            longest = max(len(ids[at]) for at in some)
            batch = torch.tensor([ids[at] + [0] * (longest - len(ids[at])) for at in some])
            mask = torch.tensor([[1] * len(ids[at]) + [0] * (longest - len(ids[at])) for at in some])
            outputs = network(input_ids=batch, attention_mask=mask, output_hidden_states=True)
            real = mask[:, :, None].float()
            for layer, hidden in enumerate(outputs.hidden_states):
                means[f"m{layer}"][some] = ((hidden * real).sum(1) / real.sum(1)).numpy()
    return means


def split_of(dataset):
    """Taught and tested: layers' means and labels of each; and the number of labels."""
    rows = rows_of(dataset, "train")
    names = sorted({row["label"] for row in rows})
    labels = np.array([names.index(row["label"]) for row in rows])
    means = means_of(dataset, "train", [row["text"] for row in rows])
    if stage == "validation" and dataset == "banking77":
        chance, held = np.random.default_rng(1), np.zeros(len(rows), bool)
        for label in range(len(names)):
            own = np.where(labels == label)[0]
            chance.shuffle(own)
            held[own[: round(len(own) / 5)]] = True
        part = lambda which: ({name: all[which] for name, all in means.items()}, labels[which])
        return part(~held), part(held), len(names)
    part = "val" if stage == "validation" else "test"
    tested = rows_of(dataset, part)
    wanted = np.array([names.index(row["label"]) for row in tested])
    return (means, labels), (means_of(dataset, part, [row["text"] for row in tested]), wanted), len(names)


def trial(dataset, layers, features, draw):
    (taught, labels), (tested, wanted), classes = split_of(dataset)
    embeddings = [
        torch.from_numpy(np.concatenate([means[name] for name in LAYERS[:layers]], 1)) for means in (taught, tested)
    ]
    projection = torch.randn(embeddings[0].shape[1], features, generator=torch.Generator().manual_seed(draw))
    x, z = [(one @ projection).relu() for one in embeddings]
    gram = torch.zeros(features, features, dtype=torch.float64)
    sums = torch.zeros(classes, features, dtype=torch.float64)
    size = TASK[dataset]
    tasks = [list(range(begin, min(classes, begin + size))) for begin in range(0, classes, size)]
    curves = [[] for _ in tasks]
    for at, task in enumerate(tasks):
        own = np.isin(labels, task)
        for part in x[own].split(2048):
            gram += (part.T @ part).double()
        sums.index_add_(0, torch.from_numpy(labels[own]), x[own].double())
        if stage == "validation" and task is not tasks[-1]:
            continue
        seen = task[-1] + 1
        regular = gram.clone()
        regular.diagonal().add_(RIDGE * gram.diagonal().mean() / int((labels < seen).sum()))
        weights = torch.cholesky_solve(sums[:seen].T, torch.linalg.cholesky(regular))
        known = wanted < seen
        right = (z[known].double() @ weights).argmax(1).numpy() == wanted[known]
        for earlier in range(at + 1):
            curves[earlier].append(100 * right[np.isin(wanted[known], tasks[earlier])].mean())
    result = {"dataset": dataset, "layers": layers, "features": features, "draw": draw}
    result["accuracy"] = round(100 * right.mean(), 2)
    if stage == "test":
        result["forgetting"] = round(np.mean([max(curve) - curve[-1] for curve in curves[:-1]]), 2)
    print(json.dumps(result), flush=True)


for job in jobs:
    dataset, *numbers = job.split(":")
    trial(dataset, *map(int, numbers))
