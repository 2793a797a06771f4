"""
Peers on a stream of domains, answer then learn, in blocks of 16: python text-drift-peers.py <peer> <stream.json> <model folder> <seed>
The stream is {"stream": [[{"text", "label"}]], "tests": [[…]]}, a list for each domain.
Prints {"prequential", "held_out": after each domain its accuracies so far, "cpu_seconds"}.
"""
import json
import random
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer

BLOCK, REPLAY, RESERVOIR, MAX_TOKENS = 16, 16, 500, 64

peer, path, folder, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
torch.set_num_threads(1)
torch.manual_seed(seed)
chance = random.Random(seed)
with open(path) as file:
    parts = json.load(file)
tokenizer = AutoTokenizer.from_pretrained(folder)


class LoraReservoir:
    """LoRA r = 8 on query and value at full depth, AdamW 1e-3, 16 new and 16 of a reservoir of 500 a step."""

    def __init__(self):
        config = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"])
        self.encoder = get_peft_model(AutoModel.from_pretrained(folder), config)
        self.head = torch.nn.Linear(384, 2)
        learning = [p for p in self.encoder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW([*learning, *self.head.parameters()], lr=1e-3)
        self.kept, self.seen = [], 0

    def logits(self, texts):
        batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return self.head((hidden * mask).sum(1) / mask.sum(1))

    def answers(self, texts):
        with torch.no_grad():
            return self.logits(texts).argmax(-1).tolist()

    def learn(self, rows):
        batch = rows + chance.sample(self.kept, min(REPLAY, len(self.kept)))
        loss = torch.nn.functional.cross_entropy(
            self.logits([text for text, _ in batch]), torch.tensor([label for _, label in batch])
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        for row in rows:
            self.seen += 1
            if len(self.kept) < RESERVOIR:
                self.kept.append(row)
            elif (place := chance.randrange(self.seen)) < RESERVOIR:
                self.kept[place] = row


def pairs(rows):
    return [(row["text"], int(row["label"] == "positive")) for row in rows]


def right(model, rows):
    found = []
    # Sorted by length, so that little is padded.
    rows = sorted(rows, key=lambda row: len(row[0]))
    for at in range(0, len(rows), 32):
        some = rows[at : at + 32]
        answers = model.answers([text for text, _ in some])
        found += [answer == label for answer, (_, label) in zip(answers, some)]
    return sum(found)


model = {"lora": LoraReservoir}[peer]()
model_of = getattr(model, "encoder", None)
count, hits, cpu, held_out = 0, 0, 0.0, []
tests = [pairs(rows) for rows in parts["tests"]]
for domain, rows in enumerate(parts["stream"]):
    rows = pairs(rows)
    started = time.process_time()
    for at in range(0, len(rows), BLOCK):
        block = rows[at : at + BLOCK]
        # Dropout is off in both: the adapter has none, and the encoder's own would only blur so short a stream.
        if model_of is not None:
            model_of.eval()
        hits += right(model, block)
        count += len(block)
        model.learn(block)
    cpu += time.process_time() - started
    held_out.append([100 * right(model, some) / len(some) for some in tests[: domain + 1]])
print(json.dumps({"prequential": 100 * hits / count, "held_out": held_out, "cpu_seconds": round(cpu, 1)}))
