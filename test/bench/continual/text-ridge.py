"""
scikit-learn's ridge on the vectors of a stream: python text-ridge.py <stream.json>

The last line is JSON: accuracy on the way in % (0 where nothing is asked), and after each part that on the tests of the parts so far.
"""
import json
import sys

import numpy as np
from sklearn.linear_model import RidgeClassifierCV

with open(sys.argv[1]) as file:
    told = json.load(file)
labels = [np.array(part) for part in told["stream"] + told["tests"]]
ends = np.cumsum([len(part) for part in labels])
vectors = np.fromfile(told["vectors"], dtype=np.float32).reshape(ends[-1], -1).astype(np.float64)
parts = list(zip(np.split(vectors, ends[:-1]), labels))
stream, tests = parts[: len(told["stream"])], parts[len(told["stream"]) :]


def fitted(blocks):
    x, y = (np.concatenate(each) for each in zip(*blocks))
    if len(set(y)) < 2:
        return None
    return RidgeClassifierCV(alphas=np.logspace(-4, 3, 8)).fit(x, y)


model, known, held_out, right, asked = None, [], [], 0, 0
for at, (x, y) in enumerate(stream):
    every = told.get("every") or len(y)
    for start in range(0, len(y), every):
        block = x[start : start + every], y[start : start + every]
        if told.get("every"):
            asked += len(block[1])
            right += 0 if model is None else int((model.predict(block[0]) == block[1]).sum())
        known.append(block)
        model = fitted(known)
    held_out.append([100 * float((model.predict(x) == y).mean()) for x, y in tests[: at + 1]])
print(json.dumps({"prequential": 100 * right / max(1, asked), "held_out": held_out}))
