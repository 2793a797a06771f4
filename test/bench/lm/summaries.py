"""
The side of torch and PEFT in `lm summaries`: python lm-summaries.py <folder> <model folder>; then one line, answered with the losses of
all steps, the loss of a token on the test rows, and the token ids of their likeliest answers.

The same work as ours: hidden states at the cut are computed once a row, the loss of a step is the mean over the tokens of its
rows; clipping to norm 1, Adam.
"""

import json
import os
import sys
from pathlib import Path

folder, model_folder = Path(sys.argv[1]), sys.argv[2]

import peft
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM

torch.set_num_threads(2)
plan = json.loads((folder / "plan.json").read_text())
base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True).train()
decoder = model.base_model.model
inner = decoder.model
learning = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(learning, lr=plan["learning_rate"])


def run(layers, x):
    """One row, so nothing is padded."""
    places = torch.arange(x.shape[1])[None]
    around = inner.rotary_emb(x, position_ids=places)
    for layer in layers:
        x = layer(x, attention_mask=None, position_ids=places, position_embeddings=around)
        x = x[0] if isinstance(x, tuple) else x
    return x


def at_cut(row):
    if "hidden" not in row:
        with torch.no_grad():
            ids = torch.tensor([row["prompt"] + row["answer"]])
            row["hidden"] = run(inner.layers[: plan["cut"]], inner.embed_tokens(ids[:, :-1]))
    return row["hidden"]


def loss_of(row):
    hidden = inner.norm(run(inner.layers[plan["cut"] :], at_cut(row)))
    logits = decoder.lm_head(hidden[0, len(row["prompt"]) - 1 :])
    return torch.nn.functional.cross_entropy(logits, torch.tensor(row["answer"]))


def step(rows):
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    tokens = sum(len(row["answer"]) for row in rows)
    for row in rows:
        loss = loss_of(row) * len(row["answer"]) / tokens
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(learning, 1.0)
    optimizer.step()
    return round(total, 4)


def answer(row):
    ids = torch.tensor([row["prompt"]])
    made = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=plan["tokens"], do_sample=False,
        eos_token_id=plan["ends"], pad_token_id=plan["ends"][0],
    )[0, ids.shape[1] :].tolist()
    return [token for token in made if token not in plan["ends"]]


def say(facts):
    print(json.dumps(facts), flush=True)


say({"torch": torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__})
for line in sys.stdin:
    train, size = plan["train"], plan["size"]
    whole = len(train) // size
    losses = [step(train[at % whole * size : (at % whole + 1) * size]) for at in range(int(line))]
    for row in train:
        row.pop("hidden", None)
    model.eval()
    with torch.no_grad():
        test = [loss_of(row).item() for row in plan["test"]]
        answers = [answer(row) for row in plan["test"]]
    say({"losses": losses, "loss": sum(test) / len(test), "answers": answers})
