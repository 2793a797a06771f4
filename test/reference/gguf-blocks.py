"""
Made gguf-blocks.json: blocks of random bytes of each storage that a GGUF file may have, with random finite scales, and the
numbers that the package `gguf` makes of them. To make it again (gguf 0.19.0, numpy):

    VENV/bin/python test/reference/gguf-blocks.py [BLOCKS] > test/reference/gguf-blocks.json
"""

import base64
import json
import sys

import gguf
import numpy as np

KINDS = gguf.GGMLQuantizationType
# Where a block has its halves.
SCALES = {
    KINDS.Q4_0: [0],
    KINDS.Q4_1: [0, 2],
    KINDS.Q5_0: [0],
    KINDS.Q5_1: [0, 2],
    KINDS.Q8_0: [0],
    KINDS.IQ4_NL: [0],
    KINDS.IQ4_XS: [0],
    KINDS.Q2_K: [80, 82],
    KINDS.Q3_K: [108],
    KINDS.Q4_K: [0, 2],
    KINDS.Q5_K: [0, 2],
    KINDS.Q6_K: [208],
}
BLOCKS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
drawn = np.random.default_rng(20260101)


def finite_halves(count):
    halves = drawn.integers(0, 2**16, 4 * count, dtype=np.uint16)
    return halves[(halves & 0x7C00) != 0x7C00][:count]


def packed(array):
    return base64.b64encode(array.tobytes()).decode()


rows = []
for kind, places in SCALES.items():
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = drawn.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for place in places:
        blocks[:, place : place + 2] = finite_halves(BLOCKS).astype("<u2").view(np.uint8).reshape(BLOCKS, 2)
    numbers = gguf.dequantize(blocks, kind).astype("<f4")
    rows.append((kind, blocks, numbers))
halves = finite_halves(8).astype("<u2")
rows.append((KINDS.F16, halves, halves.view("<f2").astype("<f4")))
rows.append((KINDS.BF16, halves, gguf.dequantize(halves.view(np.uint8), KINDS.BF16).astype("<f4")))
lines = [
    json.dumps({"name": kind.name, "type": int(kind), "blocks": packed(blocks), "numbers": packed(numbers)})
    for kind, blocks, numbers in rows
]
print("[\n" + ",\n".join(lines) + "\n]")
