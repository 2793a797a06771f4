#!/usr/bin/env python3
"""Computes a version of a closed form again from its events, as deploy/verify.md describes them. Needs numpy.

    python verify.py EVENTS.jsonl [FOLDER OF THE VERSION]

Prints `equal VERSION DIGEST` and exits with 0, or `different …` and exits with 1. With the folder, the digest is that of
its manifest and the head is compared too; without it, the digest is the one that the file itself names.
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np

GREATEST = 4096
INPUT_UNIT = 2.0**-12
WEIGHT_UNITS = 1024
BLOCK = 256


def whole(text):
    return np.frombuffer(base64.b64decode(text), dtype="<i2").astype(np.float64)


def read(path):
    """The header, and the events."""
    with open(path, encoding="utf-8") as lines:
        header = json.loads(next(lines))
        if header["format"] != "antikythera-events-1":
            raise ValueError("another format")
        return header, [json.loads(line) for line in lines]


def features(header, rows):
    """Whole numbers that are summed, [rows, width]."""
    x = np.stack([whole(row["x"]) for row in rows])
    projection = header.get("projection")
    if projection is None:
        return x
    p = whole(projection["whole"]).reshape(projection["inputs"], header["width"])
    # Doubles hold these products and their sums exactly.
    products = np.maximum(x @ p, 0)
    scale = INPUT_UNIT * projection["unit"] / header["unit"]
    return np.minimum(np.floor(products * scale + 0.5), GREATEST)


def columns_of(row):
    """The columns of the sums that an event is added to."""
    if "label" in row:
        return [row["label"]]
    if "labels" in row:
        return ["whole", *(f"yes {label}" for label in row["labels"])]
    asked = [f"asked {label}" for label in row["yes"] + row["no"]]
    return ["part", *asked, *(f"yes {label}" for label in row["yes"])]


def sums_of(header, rows):
    """n [columns], s [columns, width] and G [width, width] in whole numbers, with the columns sorted by their UTF-8."""
    labels = sorted({name for row in rows for name in columns_of(row)}, key=lambda label: label.encode())
    width = header["width"]
    counts = np.zeros(len(labels), dtype=np.int64)
    sums = np.zeros((len(labels), width), dtype=np.int64)
    moments = np.zeros((width, width), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        q = features(header, block)
        for row, numbers in zip(block, q):
            weight = int(np.floor(row["weight"] * WEIGHT_UNITS + 0.5))
            for at in map(labels.index, columns_of(row)):
                counts[at] += weight
                sums[at] += weight * numbers.astype(np.int64)
            if header["moments"]:
                moments += weight * np.outer(numbers, numbers).astype(np.int64)
    seen = counts > 0
    return [label for label, some in zip(labels, seen) if some], counts[seen], sums[seen], moments


def digest_of(header, labels, counts, sums, moments):
    said = {
        "format": "antikythera-sums-1",
        "identity": header["identity"],
        "columns": labels,
        "moments": header["moments"],
        "width": header["width"],
    }
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    found = hashlib.sha256(f"{text}\n".encode())
    found.update(counts.astype("<i8").tobytes())
    found.update(sums.astype("<i8").tobytes())
    if header["moments"]:
        found.update(moments[np.tril_indices(header["width"])].astype("<i8").tobytes())
    return found.hexdigest()


def solve(header, n, s, g):
    """Weight [labels, width] and bias [labels] of the method, from sums in real numbers."""
    settings = header["adapter"]
    width = header["width"]
    means = s / n[:, None]
    if settings["method"] == "ncm":
        return means, -0.5 * (means * means).sum(1)
    if settings["method"] == "slda":
        shrinkage = settings.get("shrinkage", 1e-4)
        scatter = g - (n[:, None, None] * means[:, :, None] * means[:, None, :]).sum(0)
        covariance = (1 - shrinkage) / n.sum() * scatter
        covariance += np.diag(np.maximum(shrinkage, 1e-8 / n.sum() * np.diag(g)))
        weight = np.linalg.solve(covariance, means.T).T
        return weight, -0.5 * (weight * means).sum(1)
    ridge = (settings.get("ridge") or chosen_ridge(n, s, g)) * np.trace(g) / (width * n.sum())
    weight = np.linalg.solve(g + ridge * np.eye(width), s.T).T
    balance = settings.get("balance", 0)
    return weight * ((n.mean() / np.maximum(1, n)) ** balance)[:, None], np.zeros(len(n))


def chosen_ridge(n, s, g):
    """The weakest of the strengths that are nearly the best by generalised cross-validation on the first features."""
    size = min(len(g), 256)
    unit = np.trace(g[:size, :size]) / (size * n.sum())
    values, turn = np.linalg.eigh(g[:size, :size])
    turned = (s[:, :size] @ turn) ** 2
    strengths, errors = 10 ** (np.arange(17) / 4), []
    for strength in strengths:
        left = values + strength * unit
        explained = (turned * (1 / left + strength * unit / left**2)).sum()
        freedom = n.sum() - (values / left).sum()
        errors.append(max(0, n.sum() - explained) / freedom**2 if freedom > 1e-9 * n.sum() else np.inf)
    chosen = strengths[np.argmax(np.array(errors) <= 1.005 * min(errors))]
    return chosen * len(g) / size


def head_of(header, scale, n, s, g):
    """The logits of the seen labels, centred, with a mean margin of `scale` at the means of the labels."""
    weight, bias = solve(header, n, s, g)
    weight = weight - weight.mean(0)
    bias = bias - bias.mean()
    margin = ((weight * s).sum(1) / n + bias).mean()
    factor = scale / margin if margin > 0 else 0
    return factor / header["logit_scale"] * weight, factor * bias


def each_head_of(header, scale, columns, n, s, g, labels):
    """The same for independent labels, each against the rest."""
    width, settings = header["width"], header["adapter"]
    place = {name: at for at, name in enumerate(columns)}

    def of(name):
        return (n[place[name]], s[place[name]]) if name in place else (0.0, np.zeros(width))

    (n_whole, s_whole), (n_part, s_part) = of("whole"), of("part")
    total, middle = n_whole + n_part, s_whole + s_part
    scatter = g - np.outer(middle, middle) / total if header["moments"] else None
    if settings["method"] == "slda":
        shrinkage = settings.get("shrinkage", 1e-4)
        matrix = (1 - shrinkage) * scatter
        matrix += total * np.diag(np.maximum(shrinkage, 1e-8 / total * np.diag(g)))
    elif settings["method"] == "ranpac":
        matrix = scatter + settings.get("ridge", 3) * np.trace(g) / (width * total) * np.eye(width)
    weight, bias = np.zeros((len(labels), width)), np.zeros(len(labels))
    told, squares = [], 0.0
    for at, label in enumerate(labels):
        (n_yes, s_yes), (n_asked, s_asked) = of(f"yes {label}"), of(f"asked {label}")
        known = n_whole + n_asked
        prior = np.log((n_yes + 0.5) / (known - n_yes + 0.5))
        bias[at] = prior
        if not 0 < n_yes < known:
            continue
        plus, minus = s_yes / n_yes, (s_whole + s_asked - s_yes) / (known - n_yes)
        apart, half = plus - minus, (plus + minus) / 2
        if settings["method"] == "ncm":
            told.append((at, prior, apart, -apart @ half))
            squares += apart @ apart
            continue
        q = n_yes * (known - n_yes) / known**2
        w = np.linalg.solve(matrix, total * q * apart)
        slope = 1 / (q * max(0.05, 1 - w @ apart))
        told.append((at, prior, slope * w, -slope * (w @ half)))
    factor = 2 * len(told) / squares if squares > 0 else 1
    for at, prior, w, b in told:
        weight[at] = scale / header["logit_scale"] * factor * w
        bias[at] = scale * factor * b + prior
    return weight, bias


def safetensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[8 + size :][slice(*said["data_offsets"])], "<f4").reshape(said["shape"])
        for name, said in header.items()
    }


def is_near(found, stored):
    return np.abs(found - stored).max() <= 1e-3 * np.abs(stored).max()


def main(events, folder=None):
    header, rows = read(events)
    labels, counts, sums, moments = sums_of(header, rows)
    digest = digest_of(header, labels, counts, sums, moments)
    manifest = None if folder is None else json.loads((Path(folder) / "manifest.json").read_text())
    claimed = header["sums"] if manifest is None else manifest["sums"]
    if digest != claimed["digest"]:
        print(f"different: the events give {digest}, and the version says {claimed['digest']}")
        return 1
    if manifest is not None and rows:
        n = counts / WEIGHT_UNITS
        s = sums * (header["unit"] / WEIGHT_UNITS)
        g = moments * (header["unit"] ** 2 / WEIGHT_UNITS)
        stored = safetensors(Path(folder) / "head.safetensors")
        if header.get("independent"):
            weight, bias = each_head_of(header, claimed["scale"], labels, n, s, g, manifest["labels"])
            places = list(range(len(bias)))
        else:
            weight, bias = head_of(header, claimed["scale"], n, s, g)
            places = [manifest["labels"].index(label) for label in labels]
        if not is_near(weight, stored["head.weight"].T[places]) or not is_near(
            bias, stored["head.bias"][places]
        ):
            print("different: the head is not the solution of the sums")
            return 1
    print(f"equal {header['version']} {digest}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
