"""Peers of the serving benchmark: `torch <folder>`, `onnxruntime <folder>`, and `export <folder> <file>`.

One request a line on stdin, one answer a line on stdout: {batch, tokens, times} -> {ms, cpuMs}, {embed: tokens} -> {embedding}.
"""

import json
import os
import sys
import time


def ids_of(batch, tokens):
    return [[200 + (at * 104729 + place * 7919) % 7000 for place in range(tokens)] for at in range(batch)]


def torch_model(folder):
    import torch
    from transformers import AutoModel

    torch.set_num_threads(1)
    model = AutoModel.from_pretrained(folder).eval()

    def run(batch, tokens):
        ids = torch.tensor(ids_of(batch, tokens))
        mask = torch.ones_like(ids)

        def once():
            with torch.inference_mode():
                return model(input_ids=ids, attention_mask=mask).last_hidden_state

        return once

    return torch.__version__, run, lambda hidden: hidden.mean(1)[0].tolist()


def onnxruntime_model(folder):
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        os.path.join(folder, "onnx", "model.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def run(batch, tokens):
        ids = numpy.array(ids_of(batch, tokens), dtype=numpy.int64)
        feeds = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        return lambda: session.run(["last_hidden_state"], feeds)[0]

    return onnxruntime.__version__, run, lambda hidden: hidden.mean(1)[0].tolist()


def export(folder, file):
    import torch
    from torch.onnx._internal.torchscript_exporter import onnx_proto_utils
    from transformers import AutoModel

    # It would only add functions in onnxscript, which this model has none of, and needs the package onnx for that.
    onnx_proto_utils._add_onnxscript_fn = lambda model_bytes, custom_opsets: model_bytes

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()

        def forward(self, ids, mask, types):
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    ids = torch.ones(2, 8, dtype=torch.int64)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        Encoder().eval(),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        file,
        dynamo=False,
        opset_version=17,
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "batch", 1: "positions"} for name in [*names, "last_hidden_state"]},
    )


def serve(version, run, embedding):
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "embed" in request:
            mean = embedding(run(1, request["embed"])())
            length = sum(value * value for value in mean) ** 0.5
            print(json.dumps({"embedding": [value / length for value in mean]}), flush=True)
            continue
        once = run(request["batch"], request["tokens"])
        ms = []
        worked = time.process_time()
        for _ in range(request["times"]):
            began = time.perf_counter()
            once()
            ms.append((time.perf_counter() - began) * 1000)
        cpu_ms = (time.process_time() - worked) * 1000 / request["times"]
        print(json.dumps({"ms": ms, "cpuMs": cpu_ms}), flush=True)


kind, *rest = sys.argv[1:]
if kind == "export":
    export(*rest)
else:
    serve(*(torch_model if kind == "torch" else onnxruntime_model)(*rest))
