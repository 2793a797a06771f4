"""
torch and PEFT on pictures: python pictures-peers.py <folder> <model.safetensors of efficientnet-lite0>
The folder has latents.f32, float32 [rows, 49, 192] after block 14, and rows.json: {"phases": [[{"at", "label"}]], "asked": [{"at"}],
"method": "lora" | "full", "rate", "seed"}.
Two passes over each 64 rows, 16 rows and 16 replayed ones a step from a reservoir of 2,000, Adam, averaged weights answer; block 15, the
features over it and a linear head learn, the head at ten times the rate and at most .01. Norms keep their statistics.
Writes answers.json: after each phase, of each asked row, label to probability. Prints {"cpu_seconds"}.
"""
import copy
import json
import pathlib
import random
import sys
import time

import numpy
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

UPDATE, BATCH, PASSES, CAPACITY, KEPT = 64, 16, 2, 2000, 0.9
folder = pathlib.Path(sys.argv[1])
given = json.loads((folder / "rows.json").read_text())
latents = torch.from_numpy(numpy.fromfile(folder / "latents.f32", dtype=numpy.float32)).reshape(-1, 7, 7, 192)
latents = latents.permute(0, 3, 1, 2).contiguous()
labels = sorted({row["label"] for phase in given["phases"] for row in phase})
torch.set_num_threads(1)
torch.manual_seed(given["seed"])
draw = random.Random(given["seed"])


class Features(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self._expand_conv = torch.nn.Conv2d(192, 1152, 1, bias=False)
        self._bn0 = torch.nn.BatchNorm2d(1152, eps=1e-3)
        self._depthwise_conv = torch.nn.Conv2d(1152, 1152, 3, padding=1, groups=1152, bias=False)
        self._bn1 = torch.nn.BatchNorm2d(1152, eps=1e-3)
        self._project_conv = torch.nn.Conv2d(1152, 320, 1, bias=False)
        self._bn2 = torch.nn.BatchNorm2d(320, eps=1e-3)
        self._conv_head = torch.nn.Conv2d(320, 1280, 1, bias=False)
        self._head_bn = torch.nn.BatchNorm2d(1280, eps=1e-3)
        weights = load_file(sys.argv[2])
        block = {name[len("_blocks.15.") :]: value for name, value in weights.items() if name.startswith("_blocks.15.")}
        block["_conv_head.weight"] = weights["_conv_head.weight"]
        block |= {name.replace("_bn1", "_head_bn"): value for name, value in weights.items() if name.startswith("_bn1.")}
        self.load_state_dict(block, strict=False)
        assert all(name in block or name.endswith("num_batches_tracked") for name in self.state_dict())

    def forward(self, rows):
        rows = self._bn0(self._expand_conv(rows)).clamp(0, 6)
        rows = self._bn1(self._depthwise_conv(rows)).clamp(0, 6)
        rows = self._bn2(self._project_conv(rows))
        return self._head_bn(self._conv_head(rows)).clamp(0, 6).mean((2, 3))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = Features()
        if given["method"] == "lora":
            maps = ["_expand_conv", "_project_conv", "_conv_head"]
            self.features = get_peft_model(self.features, LoraConfig(r=8, lora_alpha=16, target_modules=maps))
        self.head = torch.nn.Linear(1280, len(labels))
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, rows):
        return self.head(self.features(rows))


model = Model().eval()
slow = copy.deepcopy(model)
learned = [value for value in model.features.parameters() if value.requires_grad]
optimizer = torch.optim.Adam(
    [
        {"params": learned, "lr": given["rate"]},
        {"params": model.head.parameters(), "lr": min(0.01, 10 * given["rate"])},
    ]
)
kept, seen = [], 0


def step(rows):
    replayed = draw.sample(kept, min(BATCH, len(kept)))
    both = rows + replayed
    outputs = model(latents[[row["at"] for row in both]])
    right = torch.tensor([labels.index(row["label"]) for row in both])
    loss = torch.nn.functional.cross_entropy(outputs, right)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([value for group in optimizer.param_groups for value in group["params"]], 1)
    optimizer.step()
    with torch.no_grad():
        for mean, value in zip(slow.parameters(), model.parameters()):
            mean.lerp_(value, 1 - KEPT) if value.requires_grad else None


def remember(row):
    global seen
    seen += 1
    if len(kept) < CAPACITY:
        kept.append(row)
    elif (place := draw.randrange(seen)) < CAPACITY:
        kept[place] = row


@torch.no_grad()
def answers():
    every = []
    for at in range(0, len(given["asked"]), 64):
        rows = given["asked"][at : at + 64]
        odds = torch.softmax(slow(latents[[row["at"] for row in rows]]).double(), 1)
        every += [dict(zip(labels, row)) for row in odds.tolist()]
    return every


spent, after = 0.0, []
for phase in given["phases"]:
    started = time.process_time()
    for at in range(0, len(phase), UPDATE):
        update = phase[at : at + UPDATE]
        for _ in range(PASSES):
            shuffled = draw.sample(update, len(update))
            for start in range(0, len(update), BATCH):
                step(shuffled[start : start + BATCH])
        for row in update:
            remember(row)
    spent += time.process_time() - started
    after.append(answers())
(folder / "answers.json").write_text(json.dumps(after))
print(json.dumps({"cpu_seconds": round(spent, 1)}))
