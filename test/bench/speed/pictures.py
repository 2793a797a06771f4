"""
The peer of speed-pictures: pictures.py export <model.safetensors> <file>, and pictures.py serve <file> <reference> <port>.

EfficientNet-Lite0 on torch, exported as one ONNX file, classifier of 1,000 labels included; ONNX Runtime runs it on one thread behind
FastAPI, and Pillow decodes the picture. The request is run on the event loop: for one client the shortest way.
"""

import base64
import io
import json
import os
import sys
import time

SIDE = 224
EPSILON = 1e-3
# Repeats, kernel, stride of the first, expansion, channels.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


def export(weights, file):
    import torch
    from safetensors.torch import load_file
    from torch.nn.functional import pad
    from torch.onnx._internal.torchscript_exporter import onnx_proto_utils

    # It would only add functions in onnxscript, which this model has none of, and needs the package onnx for that.
    onnx_proto_utils._add_onnxscript_fn = lambda model_bytes, custom_opsets: model_bytes
    stored = load_file(weights)

    class Convolution(torch.nn.Module):
        """A convolution without bias, padded as TensorFlow's SAME, and the norm after it."""

        def __init__(self, name, norm, stride, activates):
            super().__init__()
            weight = stored[f"{name}.weight"]
            out, inner, self.kernel, _ = weight.shape
            groups = out if inner == 1 else 1
            self.stride, self.activates = stride, activates
            self.convolution = torch.nn.Conv2d(inner * groups, out, self.kernel, stride, groups=groups, bias=False)
            self.convolution.weight.data = weight
            self.norm = torch.nn.BatchNorm2d(out, eps=EPSILON)
            for part in ("weight", "bias", "running_mean", "running_var"):
                getattr(self.norm, part).data = stored[f"{norm}.{part}"]

        def forward(self, x):
            size = x.shape[2]
            total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            before, after = total // 2, total - total // 2
            x = self.norm(self.convolution(pad(x, (before, after, before, after)) if total else x))
            return torch.nn.functional.relu6(x) if self.activates else x

    class Block(torch.nn.Module):
        def __init__(self, name, stride, expands, adds):
            super().__init__()
            self.adds = adds
            expand = [Convolution(f"{name}._expand_conv", f"{name}._bn0", 1, True)] if expands else []
            filtered = Convolution(f"{name}._depthwise_conv", f"{name}._bn1", stride, True)
            project = Convolution(f"{name}._project_conv", f"{name}._bn2", 1, False)
            self.steps = torch.nn.Sequential(*expand, filtered, project)

        def forward(self, x):
            return self.steps(x) + x if self.adds else self.steps(x)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            blocks = [
                (stride if turn == 0 else 1, expansion > 1, turn > 0)
                for repeats, _, stride, expansion, _ in STAGES
                for turn in range(repeats)
            ]
            self.features = torch.nn.Sequential(
                Convolution("_conv_stem", "_bn0", 2, True),
                *(Block(f"_blocks.{at}", *block) for at, block in enumerate(blocks)),
                Convolution("_conv_head", "_bn1", 1, True),
            )
            self.classifier = torch.nn.Linear(1280, 1000)
            self.classifier.weight.data, self.classifier.bias.data = stored["_fc.weight"], stored["_fc.bias"]

        def forward(self, x):
            pooled = self.features(x).mean((2, 3))
            return pooled, self.classifier(pooled)

    torch.onnx.export(
        Network().eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        file,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["pooled", "logits"],
    )


def serve(file, reference, port):
    import numpy
    import onnxruntime
    import PIL
    import uvicorn
    from fastapi import FastAPI, Request
    from PIL import Image, ImageOps

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    spent = {"decode": [], "network": []}

    def normalised(pixels):
        return ((numpy.asarray(pixels, dtype=numpy.float32) - 127) / 128).transpose(2, 0, 1)[None]

    def decoded(text):
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(base64.b64decode(text))))
        return normalised(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))

    def distance():
        """From what an independent implementation computes of the same made pictures."""
        y, x, c = numpy.meshgrid(numpy.arange(SIDE), numpy.arange(SIDE), numpy.arange(3), indexing="ij")
        most = 0.0
        with open(reference) as lines:
            for case in json.load(lines)["cases"]:
                turn = case["turn"]
                made = (x * (3 + turn) + y * 5 * (c + 1) + (x * y) // 7 + turn * 40) % 256
                (pooled,) = session.run(["pooled"], {"x": normalised(made)})
                most = max(most, float(numpy.abs(pooled[0] - numpy.array(case["pooled"])).max()))
        return most

    off = distance()
    app = FastAPI()

    @app.get("/facts")
    async def facts():
        medians = {name: float(numpy.median(ms)) for name, ms in spent.items() if ms}
        versions = {"onnxruntime": onnxruntime.__version__, "pillow": PIL.__version__}
        return {"off": off, "ms": medians, "versions": versions}

    @app.post("/v1/models/{name}/predict")
    async def predict(name: str, request: Request):
        body = await request.json()
        predictions = []
        for each in body["inputs"]:
            began = time.perf_counter()
            pixels = decoded(each["image"])
            read = time.perf_counter()
            (logits,) = session.run(["logits"], {"x": pixels})
            spent["decode"].append((read - began) * 1000)
            spent["network"].append((time.perf_counter() - read) * 1000)
            scores = numpy.exp(logits[0] - logits[0].max())
            label = int(scores.argmax())
            predictions.append({"label": label, "score": float(scores[label] / scores.sum())})
        return {"predictions": predictions}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False)


kind, *words = sys.argv[1:]
{"export": export, "serve": serve}[kind](*words)
