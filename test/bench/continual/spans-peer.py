"""
Token classification as transformers and PEFT do it: python spans-peer.py <rows.json> <model folder>
The file has {"taught": [{"text", "spans"}], "tested", "passes", "rate", "head", "maps", "batch", "max_tokens", "seed"}: LoRA r = 8 on the
`maps` of all layers, AdamW with linear decay, `head` times the rate for the classifier, BIOES tags, and the best path that spans can have.
In the order of the file, so that a pass is a stream. Prints {"f1", "precision", "recall" in %, "steps", "cpuSeconds"}.
"""
import json
import sys
import time

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForTokenClassification, AutoTokenizer

path, folder = sys.argv[1:]
with open(path) as file:
    given = json.load(file)
torch.set_num_threads(1)
torch.manual_seed(given["seed"])
taught, tested = given["taught"], given["tested"]
labels = sorted({span["label"] for row in taught for span in row["spans"]})
tags = ["O"] + [f"{tag}-{label}" for label in labels for tag in "BIES"]
ids = {tag: at for at, tag in enumerate(tags)}
tokenizer = AutoTokenizer.from_pretrained(folder)


def encoded(rows):
    batch = tokenizer(
        [row["text"] for row in rows],
        padding=True,
        truncation=True,
        max_length=given["max_tokens"],
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    return batch, batch.pop("offset_mapping").tolist()


def tagged(row, offsets):
    names = ["O" if end > start else None for start, end in offsets]
    for span in row["spans"]:
        inside = [at for at, (start, end) in enumerate(offsets) if end > start and start < span["end"] and end > span["start"]]
        if not inside:
            continue
        for at in inside:
            names[at] = f"I-{span['label']}"
        names[inside[0]], names[inside[-1]] = f"B-{span['label']}", f"E-{span['label']}"
        if len(inside) == 1:
            names[inside[0]] = f"S-{span['label']}"
    return [-100 if name is None else ids[name] for name in names]


def follows(one, other):
    if one[0] in "BI":
        return other[0] in "IE" and other[1:] == one[1:]
    return other[0] in "OBS"


allowed = torch.tensor([[0.0 if follows(one, other) else -1e9 for other in tags] for one in tags])
first = torch.tensor([0.0 if tag[0] in "OBS" else -1e9 for tag in tags])
last = torch.tensor([0.0 if tag[0] in "OES" else -1e9 for tag in tags])


def best(logits):
    score, back = first + logits[0], []
    for row in logits[1:]:
        score, at = (score[:, None] + allowed).max(0)
        score = score + row
        back.append(at)
    path = [int((score + last).argmax())]
    for at in reversed(back):
        path.append(int(at[path[-1]]))
    return [tags[at] for at in reversed(path)]


def spans_of(names, offsets):
    found, start = set(), 0
    for name, (begin, end) in zip(names, offsets):
        if name[0] in "BS":
            start = begin
        if name[0] in "ES":
            found.add((start, end, name[2:]))
    return found


model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=len(tags))
model = get_peft_model(
    model, LoraConfig(task_type=TaskType.TOKEN_CLS, r=8, lora_alpha=16, target_modules=given["maps"])
)
# Dropout only blurs so few steps.
model.eval()
head = [p for name, p in model.named_parameters() if p.requires_grad and "classifier" in name]
other = [p for name, p in model.named_parameters() if p.requires_grad and "classifier" not in name]
rate = given["rate"]
optimizer = torch.optim.AdamW([{"params": other, "lr": rate}, {"params": head, "lr": rate * given["head"]}], weight_decay=0.0)
blocks = [taught[at : at + given["batch"]] for at in range(0, len(taught), given["batch"])] * given["passes"]
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / len(blocks)))
used = time.process_time()
for block in blocks:
    batch, offsets = encoded(block)
    truth = torch.tensor([tagged(row, places) for row, places in zip(block, offsets)])
    loss = model(**batch, labels=truth).loss
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([*other, *head], 1.0)
    optimizer.step()
    schedule.step()
used = time.process_time() - used
right = answered = said = 0
with torch.no_grad():
    for at in range(0, len(tested), 64):
        some = tested[at : at + 64]
        batch, offsets = encoded(some)
        for row, logits, places, mask in zip(some, model(**batch).logits, offsets, batch["attention_mask"]):
            real = [k for k in range(int(mask.sum())) if places[k][1] > places[k][0]]
            found = spans_of(best(logits[real]), [places[k] for k in real])
            truth = {(span["start"], span["end"], span["label"]) for span in row["spans"]}
            right += len(found & truth)
            answered += len(found)
            said += len(truth)
share = lambda part, whole: round(100 * part / whole, 2) if whole else 0.0
print(
    json.dumps(
        {
            "f1": share(2 * right, answered + said),
            "precision": share(right, answered),
            "recall": share(right, said),
            "steps": len(blocks),
            "cpuSeconds": round(used, 1),
        }
    )
)
