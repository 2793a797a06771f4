"""
One of River's classifiers on one stream, test then train: python river-stream.py <model> <file.jsonl.gz> <seed>
Prints {"accuracy", "per_second"}: examples a second of CPU. Settings are River's own defaults; linear models read standardised numbers.
"""
import gzip
import json
import sys
import time

from river import forest, linear_model, multiclass, preprocessing, tree


def linear(make, labels):
    one = make() if labels == 2 else multiclass.OneVsRestClassifier(make())
    return preprocessing.StandardScaler() | one


models = {
    "LogisticRegression": lambda labels, seed: linear(linear_model.LogisticRegression, labels),
    "PAClassifier": lambda labels, seed: linear(linear_model.PAClassifier, labels),
    "HoeffdingTreeClassifier": lambda labels, seed: tree.HoeffdingTreeClassifier(),
    "ARFClassifier": lambda labels, seed: forest.ARFClassifier(seed=seed),
    "AMFClassifier": lambda labels, seed: forest.AMFClassifier(seed=seed),
}

name, path, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
with gzip.open(path, "rt") as lines:
    rows = [json.loads(line) for line in lines]
kinds = sorted({row["label"] for row in rows})
# Binary linear models of River answer booleans.
is_binary = len(kinds) == 2
stream = [
    (dict(enumerate(row["features"])), row["label"] == kinds[1] if is_binary else row["label"]) for row in rows
]

model = models[name](len(kinds), seed)
right = 0
started = time.process_time()
for x, y in stream:
    right += model.predict_one(x) == y
    model.learn_one(x, y)
seconds = time.process_time() - started
print(json.dumps({"accuracy": right / len(stream), "per_second": len(stream) / seconds}))
