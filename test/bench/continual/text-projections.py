"""
`ranpac` once more, in torch: what other draws of its projection give, which are one and the same in the product; and beside it, on the same
embeddings, KLDA (Momeni, Mazumder & Liu 2024, arXiv 2412.15571: a discriminant on random Fourier features) and AnaCP as the product has it.
Labels arrive one after another as in text-stream.mjs; sums do not depend on the order within.

    python text-projections.py <data> <minilm folder> <cache folder> validation|test|folds|few <job> …

A job is <dataset>:<layers>:<features>:<draw>[:gaussian|orthogonal|kernel<gamma>[:<ridge>[:<balance>[:ridge|lda|anacp]]]]. Kernel: features whose
products estimate exp(−gamma·|x − y|²) on embeddings of length 1. Prints for each the accuracy at the end in %, and
on the test set the forgetting. Embeddings are computed once and kept in the cache folder. Validation: that of clinc150, a fifth of each label of
banking77's training texts. Folds: five-fold cross-validation over the training texts (clinc150: with the validation set), all labels at once. Few: on one of these
folds, ten labels, three times drawn, have only so many training texts; the accuracy on their texts, and on those of the others.
"""
import gzip
import json
import os
import sys

import numpy as np
import torch

TASK = {"banking77": 11, "clinc150": 10}
MAX_TOKENS, BATCH = 64, 128
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
    if stage in ("folds", "few") and dataset == "banking77":
        return (means, labels), (means, labels), len(names)
    part = "test" if stage == "test" else "val"
    tested = rows_of(dataset, part)
    wanted = np.array([names.index(row["label"]) for row in tested])
    return (means, labels), (means_of(dataset, part, [row["text"] for row in tested]), wanted), len(names)


def transformed(x, odd):
    """The orthonormal transform of the product, of each row: Hadamard's on `odd` segments, a cosine transform across them."""
    size = x.shape[1]
    x = x.reshape(-1, size // odd)
    half = 1
    while half < size // odd:
        pairs = x.reshape(len(x), -1, 2, half)
        x = torch.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], 2).reshape(len(x), -1)
        half *= 2
    at = torch.arange(odd, dtype=torch.float64)
    cosines = torch.cos(torch.pi * (at[None] + 0.5) * at[:, None] / odd) * (2 / odd) ** 0.5
    cosines[0] /= 2**0.5
    across = torch.einsum("kj,xjl->xkl", cosines, x.reshape(-1, odd, size // odd))
    return across.reshape(-1, size) / (size // odd) ** 0.5


def projection_of(width, features, draw, kind):
    chance = torch.Generator().manual_seed(draw)
    if kind == "gaussian":
        return torch.randn(width, features, generator=chance)
    odd = width // (width & -width)
    assert odd <= 15, "a width that the product fills up"
    blocks = []
    for _ in range(-(-features // width)):
        x = torch.eye(width, dtype=torch.float64)
        for _ in range(3):
            x = transformed(x * (torch.randint(0, 2, (width,), generator=chance) * 2 - 1), odd)
        blocks.append(x * width**0.5)
    return torch.cat(blocks, 1)[:, :features].float().contiguous()


def solved(gram, sums, counts, ridge, balance, head="ridge"):
    """The weights [features, classes] and biases of the head."""
    counts = torch.from_numpy(counts).double()
    means, total = sums / counts[:, None], counts.sum()
    # A discriminant leaves the means' own scatter out.
    regular = gram - (means.T * counts) @ means if head == "lda" else gram.clone()
    regular.diagonal().add_(ridge * gram.diagonal().mean() / total)
    wanted = total * means if head == "lda" else sums
    weights = torch.cholesky_solve(wanted.T, torch.linalg.cholesky(regular))
    if head == "lda":
        return weights, -0.5 * (weights * means.T).sum(0) + counts.log()
    if head == "anacp":
        return towards_prototypes(weights, means)
    return weights / counts**balance, torch.zeros(len(counts)).double()


def towards_prototypes(weights, means):
    """As src/adapters/closed-form/anacp.ts."""
    projected = means @ weights
    middle = projected.mean(0)
    projected, means = projected - middle, means - means.mean(0)
    like = means @ means.T
    contrast = like / like.diagonal().mean() + torch.eye(len(like)).double() - 1 / len(like)
    pulled = projected @ contrast
    directions = pulled / (projected * pulled).sum(1, keepdim=True).sqrt()
    return weights @ directions.T, -(directions @ middle)


def features_of(embeddings, features, draw, kind):
    width = embeddings[0].shape[1]
    if not kind.startswith("kernel"):
        projection = projection_of(width, features, draw, kind)
        return [(one @ projection).relu() for one in embeddings]
    chance = torch.Generator().manual_seed(draw)
    waves = torch.randn(width, features, generator=chance) * (2 * float(kind[6:])) ** 0.5
    phases = torch.rand(features, generator=chance) * 2 * torch.pi
    return [(one / one.norm(dim=1, keepdim=True) @ waves + phases).cos() for one in embeddings]


def trial(dataset, layers, features, draw, kind="gaussian", ridge=3.0, balance=0.0, head="ridge"):
    (taught, labels), (tested, wanted), classes = split_of(dataset)
    embeddings = [
        torch.from_numpy(np.concatenate([means[name] for name in LAYERS[:layers]], 1)) for means in (taught, tested)
    ]
    x, z = features_of(embeddings, features, draw, kind)
    result = {"dataset": dataset, "layers": layers, "features": features, "draw": draw}
    result |= {"kind": kind, "ridge": ridge, "balance": balance, "head": head}
    if stage in ("folds", "few"):
        if dataset == "clinc150":
            x, labels = torch.cat([x, z]), np.concatenate([labels, wanted])
        by = folds if stage == "folds" else few
        found = by(x, labels, classes, ridge, balance, head)
    else:
        found = one_after_another(dataset, (x, labels), (z, wanted), classes, ridge, balance, head)
    print(json.dumps(result | found), flush=True)


def folds_of(labels, classes):
    chance, fold = np.random.default_rng(7), np.zeros(len(labels), int)
    for label in range(classes):
        own = np.where(labels == label)[0]
        chance.shuffle(own)
        fold[own] = (np.arange(len(own)) + chance.integers(5)) % 5
    return fold


def sums_of(x, labels, classes):
    gram = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64)
    for part in x.split(2048):
        gram += (part.T @ part).double()
    sums = torch.zeros(classes, x.shape[1], dtype=torch.float64)
    return gram, sums.index_add_(0, torch.from_numpy(labels), x.double())


def folds(x, labels, classes, ridge, balance, head):
    fold, right = folds_of(labels, classes), np.zeros(len(labels), bool)
    each = [sums_of(x[fold == at], labels[fold == at], classes) for at in range(5)]
    for at in range(5):
        own, others = fold == at, [each[other] for other in range(5) if other != at]
        gram, sums = [sum(parts) for parts in zip(*others)]
        counts = np.bincount(labels[~own], minlength=classes)
        weights, bias = solved(gram, sums, counts, ridge, balance, head)
        right[own] = (x[own].double() @ weights + bias).argmax(1).numpy() == labels[own]
    of_labels = [right[labels == label].mean() for label in range(classes)]
    return {"accuracy": round(100 * right.mean(), 2), "meanOfLabels": round(100 * np.mean(of_labels), 2)}


def few(x, labels, classes, ridge, balance, head):
    held, found = folds_of(labels, classes) == 0, {}
    for count in (1, 2, 5, 10, 20):
        new, old = [], []
        for repeat in range(3):
            chance, kept = np.random.default_rng(repeat), ~held
            rare = chance.choice(classes, 10, replace=False)
            for label in rare:
                own = np.where((labels == label) & ~held)[0]
                chance.shuffle(own)
                kept[own[count:]] = False
            counts = np.bincount(labels[kept], minlength=classes)
            weights, bias = solved(*sums_of(x[kept], labels[kept], classes), counts, ridge, balance, head)
            right = (x[held].double() @ weights + bias).argmax(1).numpy() == labels[held]
            is_rare = np.isin(labels[held], rare)
            new.append(right[is_rare].mean())
            old.append(right[~is_rare].mean())
        found[count] = [round(100 * np.mean(new), 1), round(100 * np.mean(old), 1)]
    return {"few": found}


def one_after_another(dataset, taught, tested, classes, ridge, balance, head):
    (x, labels), (z, wanted) = taught, tested
    features = x.shape[1]
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
        counts = np.bincount(labels, minlength=classes)[:seen]
        weights, bias = solved(gram, sums[:seen], counts, ridge, balance, head)
        known = wanted < seen
        right = (z[known].double() @ weights + bias).argmax(1).numpy() == wanted[known]
        for earlier in range(at + 1):
            curves[earlier].append(100 * right[np.isin(wanted[known], tasks[earlier])].mean())
    found = {"accuracy": round(100 * right.mean(), 2)}
    if stage == "test":
        found["forgetting"] = round(np.mean([max(curve) - curve[-1] for curve in curves[:-1]]), 2)
    return found


for job in jobs:
    dataset, layers, features, draw, *asked = job.split(":")
    kind, ridge, balance, head = [*asked, *["gaussian", "3", "0", "ridge"][len(asked) :]]
    trial(dataset, int(layers), int(features), int(draw), kind, float(ridge), float(balance), head)
