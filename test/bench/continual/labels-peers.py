"""
Peers on texts with any number of labels: python labels-peers.py <peer> <rows.json> <model folder> <seed>
The rows are {"labels": […], "taught", "validation", "tests": [{"text", "labels"}], "rate", "head", "falls"}.
lora: one pass in order, 16 new texts a step, at the rate of the adapter and that of the head, which may fall to zero until the end. ridge: one against the rest, in closed form, on the frozen embedding.
Both get the thresholds, and the ridge its penalty, with the best F1 on the validation rows.
Prints {"scores": micro and macro F1 on the tests in %, "cpu_seconds"}.
"""
import json
import sys
import time

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer

BLOCK, MAX_TOKENS = 16, 64

peer, path, folder, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
torch.set_num_threads(1)
torch.manual_seed(seed)
with open(path) as file:
    given = json.load(file)
tokenizer = AutoTokenizer.from_pretrained(folder)
encoder = AutoModel.from_pretrained(folder)
places = {label: at for at, label in enumerate(given["labels"])}


def embedded(texts):
    batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    mask = batch["attention_mask"].unsqueeze(-1).float()
    return (encoder(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)


def codes(rows):
    found = numpy.zeros((len(rows), len(places)), dtype=numpy.float32)
    for at, row in enumerate(rows):
        for label in row["labels"]:
            found[at, places[label]] = 1
    return found


def blocks(rows, size):
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def outputs(rows, of):
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]["text"]))
    with torch.no_grad():
        found = [of([rows[at]["text"] for at in some]).numpy() for some in blocks(order, 64)]
    return numpy.concatenate(found)[numpy.argsort(order)]


def cuts(scores, right):
    """For each label the score with the best F1."""
    found = []
    for label in range(right.shape[1]):
        order = numpy.argsort(-scores[:, label])
        hits = numpy.cumsum(right[order, label])
        f1 = 2 * hits / (numpy.arange(1, len(order) + 1) + max(1, right[:, label].sum()))
        found.append(scores[order[int(f1.argmax())], label])
    return numpy.array(found)


def f1s(said, right):
    both, sums = (said * right).sum(0), said.sum(0) + right.sum(0)
    seen = right.sum(0) > 0
    macro = numpy.mean(2 * both[seen] / numpy.maximum(1, sums[seen]))
    return 100 * 2 * both.sum() / max(1, sums.sum()), 100 * macro


def lora():
    global encoder
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"])
    encoder = get_peft_model(encoder, config)
    encoder.eval()
    head = torch.nn.Linear(384, len(places))
    learning = [p for p in encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([
        {"params": learning, "lr": given["rate"]},
        {"params": head.parameters(), "lr": given["head"]},
    ])
    steps = blocks(given["taught"], BLOCK)
    left = lambda step: 1 - step / len(steps) if given["falls"] else 1
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, left)
    for rows in steps:
        logits = head(embedded([row["text"] for row in rows]))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(codes(rows)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return [outputs(given[part], lambda texts: head(embedded(texts))) for part in ("validation", "tests")]


def ridge():
    encoder.eval()
    x, held, asked = [
        numpy.concatenate([found, numpy.ones((len(found), 1), dtype=numpy.float32)], axis=1)
        for found in (outputs(given[part], embedded) for part in ("taught", "validation", "tests"))
    ]
    gram, cross = x.T @ x, x.T @ codes(given["taught"])
    right, best = codes(given["validation"]), None
    for penalty in (0.01, 0.1, 1, 10, 100):
        weight = numpy.linalg.solve(gram + penalty * numpy.eye(len(gram)), cross)
        scores = held @ weight
        micro, _ = f1s(scores >= cuts(scores, right), right)
        if best is None or micro > best[0]:
            best = (micro, weight)
    return held @ best[1], asked @ best[1]


started = time.process_time()
held, asked = {"lora": lora, "ridge": ridge}[peer]()
spent = time.process_time() - started
micro, macro = f1s(asked >= cuts(held, codes(given["validation"])), codes(given["tests"]))
print(json.dumps({"micro": micro, "macro": macro, "cpu_seconds": round(spent, 1)}))
