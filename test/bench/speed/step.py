"""
The side of torch and PEFT in speed-step: python speed-step.py <shape> <threads>; then a number of steps a line.

The same work as ours: hidden states at the cut, the layers above it, the mean over tokens at unit length, a linear head on ten
times that, cross-entropy, backward, clipping to norm 1, Adam.
"""

import json
import os
import sys
import time

shape, threads = sys.argv[1], int(sys.argv[2])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)

import torch
import transformers
import peft
from peft import LoraConfig, get_peft_model
from transformers import BertModel

torch.set_num_threads(threads)
torch.set_num_interop_threads(1)
torch.manual_seed(1)
ROWS, TOKENS = 32, 32
MODEL = os.environ["MINILM"]

bert = BertModel.from_pretrained(MODEL, dtype=torch.float32, add_pooling_layer=False)
count = bert.config.num_hidden_layers
first = 0 if shape == "qv6" else count - 2
every = r".*(query|key|value|attention\.output\.dense|intermediate\.dense|output\.dense)"
if shape == "full2":
    model = bert
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(f"encoder.layer.{at}." in name for at in range(first, count))
else:
    targets = every if shape == "every2" else ["query", "value"]
    layers = dict(layers_to_transform=list(range(first, count)), layers_pattern="layer")
    if shape == "every2":
        targets = [
            f"encoder.layer.{at}.{path}"
            for at in range(first, count)
            for path in ("attention.self.query", "attention.self.key", "attention.self.value",
                         "attention.output.dense", "intermediate.dense", "output.dense")
        ]
        layers = {}
    model = get_peft_model(bert, LoraConfig(r=8, lora_alpha=16, target_modules=targets, **layers))
model.train()
for module in model.modules():
    if isinstance(module, torch.nn.Dropout):
        module.p = 0.0
encoder = (model if shape == "full2" else model.base_model.model).encoder
head = torch.nn.Linear(bert.config.hidden_size, 2)
learning = [p for p in [*model.parameters(), *head.parameters()] if p.requires_grad]
optimizer = torch.optim.Adam(learning, lr=1e-4)
hidden = torch.randn(ROWS, TOKENS, bert.config.hidden_size)
mask = torch.ones(ROWS, TOKENS)
extended = torch.zeros(ROWS, 1, 1, TOKENS)
targets = torch.arange(ROWS) % 2


def step():
    x = hidden
    for layer in encoder.layer[first:]:
        x = layer(x, extended)
        x = x[0] if isinstance(x, tuple) else x
    pooled = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    logits = head(10 * torch.nn.functional.normalize(pooled, dim=-1))
    loss = torch.nn.functional.cross_entropy(logits, targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learning, 1.0)
    optimizer.step()
    return loss.item()


def say(facts):
    print(json.dumps(facts), flush=True)


for _ in range(4):
    step()
say({
    "torch": torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__,
    "threads": torch.get_num_threads(), "learning": sum(p.numel() for p in learning),
})
for line in sys.stdin:
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(line)):
        step()
    say({"cpuMs": 1e3 * (time.process_time() - cpu), "wallMs": 1e3 * (time.perf_counter() - began)})
