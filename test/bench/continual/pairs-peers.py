"""
torch and PEFT on pairs of texts: python pairs-peers.py <rows.json> <model folder> <class|number> <seeds>
The rows are {"taught", "validation", "tests": [{"text", "text_pair", "label", "value"}]}.
One sequence of both texts, LoRA on queries and values of all layers and a linear head, one pass in order, 16 pairs a step; the rate with
the best validation score of seed 1.
Prints {"rate", "scores": one of each seed on the tests in %, "cpu_seconds": of each seed}.
"""
import json
import sys
import time

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer

BLOCK, MAX_TOKENS, RATES = 16, 128, (1e-3, 3e-3)
path, folder, goal, seeds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
torch.set_num_threads(1)
with open(path) as file:
    given = json.load(file)
tokenizer = AutoTokenizer.from_pretrained(folder)
labels = sorted({row["label"] for row in given["taught"]})
values = numpy.array([row["value"] for row in given["taught"]])
middle, spread = values.mean(), values.std()


def blocks(rows, size):
    return [rows[at : at + size] for at in range(0, len(rows), size)]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        config = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"])
        self.encoder = get_peft_model(AutoModel.from_pretrained(folder), config).eval()
        self.head = torch.nn.Linear(384, len(labels) if goal == "class" else 1)

    def forward(self, rows):
        texts = [[row[key] for row in rows] for key in ("text", "text_pair")]
        batch = tokenizer(*texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return self.head((self.encoder(**batch).last_hidden_state * mask).sum(1) / mask.sum(1))


def taught(rate, seed):
    torch.manual_seed(seed)
    model = Model()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    for rows in blocks(given["taught"], BLOCK):
        outputs = model(rows)
        if goal == "class":
            right = torch.tensor([labels.index(row["label"]) for row in rows])
            loss = torch.nn.functional.cross_entropy(outputs, right)
        else:
            right = torch.tensor([(row["value"] - middle) / spread for row in rows], dtype=torch.float32)
            loss = torch.nn.functional.mse_loss(outputs[:, 0], right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def score(model, rows):
    outputs = numpy.concatenate([model(some).numpy() for some in blocks(rows, 64)])
    if goal == "class":
        said = [labels[at] for at in outputs.argmax(1)]
        return 100 * float(numpy.mean([one == row["label"] for one, row in zip(said, rows)]))
    return 100 * float(numpy.corrcoef(outputs[:, 0], [row["value"] for row in rows])[0, 1])


tried = {}
for rate in RATES:
    model = taught(rate, 1)
    tried[rate] = score(model, given["validation"])
best = max(tried, key=tried.get)
scores, spent = [], []
for seed in range(1, seeds + 1):
    started = time.process_time()
    model = taught(best, seed)
    spent.append(round(time.process_time() - started, 1))
    scores.append(score(model, given["tests"]))
print(json.dumps({"rate": best, "scores": scores, "cpu_seconds": spent}))
