"""
Peers with few labels: python few-labels-peers.py <peer> <rows.json> <model folder> <seed> [<SetFit's iterations>]
The rows are {"taught": [{"text", "label"}], "tested": […]}. Each is used as its documentation shows it, on one thread.
Prints {"accuracy" in %, "cpu_seconds", "seconds"}: learning alone.
"""
import json
import random
import sys
import time

import torch

MAX_TOKENS = 64

peer, path, folder, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
iterations = int(sys.argv[5]) if len(sys.argv) > 5 else 20
torch.set_num_threads(1)
torch.manual_seed(seed)
with open(path) as file:
    rows = json.load(file)


def pairs(part):
    return [row["text"] for row in part], [int(row["label"] == "positive") for row in part]


def setfit(texts, labels):
    """SetFit 1.2.0: one epoch over pairs, 20 iterations a text as in the paper or as many as are asked for, then logistic regression."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(folder)
    model.model_body.max_seq_length = MAX_TOKENS
    arguments = TrainingArguments(
        batch_size=16, num_epochs=1, num_iterations=iterations, seed=seed, report_to="none", save_strategy="no", use_amp=False
    )
    data = Dataset.from_dict({"text": texts, "label": labels})
    Trainer(model=model, args=arguments, train_dataset=data).train()
    return lambda some: model.predict(some).tolist()


class Encoder:
    def __init__(self):
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.encoder = AutoModel.from_pretrained(folder)

    def pooled(self, texts):
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return (hidden * mask).sum(1) / mask.sum(1)

    def all(self, texts):
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        found = torch.zeros(len(texts), 384)
        with torch.no_grad():
            for at in range(0, len(order), 32):
                found[order[at : at + 32]] = self.pooled([texts[row] for row in order[at : at + 32]])
        return found


def logistic(texts, labels):
    from sklearn.linear_model import LogisticRegression

    frozen = Encoder()
    frozen.encoder.eval()
    fitted = LogisticRegression(max_iter=1000).fit(frozen.all(texts).numpy(), labels)
    return lambda some: fitted.predict(frozen.all(some).numpy()).tolist()


def lora(texts, labels):
    """LoRA r = 8 on query and value at full depth, AdamW 1e-3, five epochs in batches of 16."""
    from peft import LoraConfig, get_peft_model

    model = Encoder()
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"])
    model.encoder = get_peft_model(model.encoder, config)
    # No dropout: so few steps are only blurred by it.
    model.encoder.eval()
    head = torch.nn.Linear(384, 2)
    learning = [p for p in model.encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([*learning, *head.parameters()], lr=1e-3)
    chance = random.Random(seed)
    for _ in range(5):
        order = chance.sample(range(len(texts)), len(texts))
        for at in range(0, len(order), 16):
            some = order[at : at + 16]
            logits = head(model.pooled([texts[row] for row in some]))
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor([labels[row] for row in some]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda some: head(model.all(some)).argmax(-1).tolist()


texts, labels = pairs(rows["taught"])
cpu, started = time.process_time(), time.time()
answer = {"setfit": setfit, "logistic": logistic, "lora": lora}[peer](texts, labels)
cpu, seconds = time.process_time() - cpu, time.time() - started
asked, right = pairs(rows["tested"])
hits = sum(int(said) == truth for said, truth in zip(answer(asked), right))
print(json.dumps({"accuracy": 100 * hits / len(right), "cpu_seconds": round(cpu, 1), "seconds": round(seconds, 1)}))
