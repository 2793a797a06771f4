"""
The side of torch and PEFT in `lm train`: python lm-train.py <rows.json> <model folder> <adapter folder> <threads> <way>; then a
number of steps a line, answered with their losses and times.

The same work as ours: LoRA r 8 on every map of the top layers from the same initial weights, the loss of the answer's tokens
(mean of each row, then of the rows), clipping to norm 1, Adam. `way`:

    usual     logits of every position, as a labelled forward pass of transformers computes them
    answers   hidden states of the whole network, logits only behind the answers
    kept      the same from hidden states at the cut that are computed once
"""

import json
import os
import sys
import time

rows_file, model_folder, adapter_folder, threads, way = sys.argv[1:6]
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import peft
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM

torch.set_num_threads(int(threads))
torch.set_num_interop_threads(1)
plan = json.load(open(rows_file))
base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, adapter_folder, is_trainable=True).train()
for module in model.modules():
    if isinstance(module, torch.nn.Dropout):
        module.p = 0.0
decoder = model.base_model.model
inner = decoder.model
learning = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(learning, lr=plan["learning_rate"])
batches = [
    (torch.tensor([row["ids"] for row in batch]), [row["answerFrom"] for row in batch])
    for batch in plan["batches"]
]
kept = {}


def hidden_at_cut(at):
    """[rows, positions - 1, width] below the top layers, and what those layers need of the positions."""
    if at not in kept:
        ids = batches[at][0][:, :-1]
        with torch.no_grad():
            x = inner.embed_tokens(ids)
            places = torch.arange(ids.shape[1])[None]
            around = inner.rotary_emb(x, position_ids=places)
            for layer in inner.layers[: plan["cut"]]:
                x = forward(layer, x, places, around)
        kept[at] = (x, places, around)
    return kept[at]


def forward(layer, x, places, around):
    x = layer(x, attention_mask=None, position_ids=places, position_embeddings=around)
    return x[0] if isinstance(x, tuple) else x


def hidden_of(at):
    if way != "kept":
        return inner(input_ids=batches[at][0][:, :-1]).last_hidden_state
    x, places, around = hidden_at_cut(at)
    for layer in inner.layers[plan["cut"] :]:
        x = forward(layer, x, places, around)
    return inner.norm(x)


def loss_of(at):
    ids, starts = batches[at]
    if way == "usual":
        logits = decoder(input_ids=ids[:, :-1]).logits
        parts = [(logits[row, start - 1 :], ids[row, start:]) for row, start in enumerate(starts)]
    else:
        hidden = hidden_of(at)
        parts = [(decoder.lm_head(hidden[row, start - 1 :]), ids[row, start:]) for row, start in enumerate(starts)]
    return torch.stack([torch.nn.functional.cross_entropy(*part) for part in parts]).mean()


taken = 0


def step():
    global taken
    loss = loss_of(taken % len(batches))
    taken += 1
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learning, 1.0)
    optimizer.step()
    return loss.item()


def say(facts):
    print(json.dumps(facts), flush=True)


if way == "kept":
    for at in range(len(batches)):
        hidden_at_cut(at)
say({
    "torch": torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__,
    "threads": torch.get_num_threads(), "learning": sum(p.numel() for p in learning),
})
for line in sys.stdin:
    began, cpu = time.perf_counter(), time.process_time()
    losses = [step() for _ in range(int(line))]
    say({"cpuMs": 1e3 * (time.process_time() - cpu), "wallMs": 1e3 * (time.perf_counter() - began), "losses": losses})
