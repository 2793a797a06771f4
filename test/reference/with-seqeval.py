"""
Made seqeval.json: the scores of seqeval on drawn sequences of BIOES tags, for our own to be held against. To make it again
(seqeval 1.2.2):

    python -m venv VENV && VENV/bin/pip install seqeval
    VENV/bin/python test/reference/with-seqeval.py

Each case has the right and the answered spans of some texts, as [from, to, label] on positions, and the scores of their tags.
"""

import json
import random
from pathlib import Path

from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.scheme import IOBES

LABELS = ["Disease", "Gene", "Drug"]
random.seed(7)


def drawn(length):
    spans, at = [], 0
    while at < length:
        size = random.choice([1, 1, 2, 3])
        if random.random() < 0.3 and at + size <= length:
            spans.append([at, at + size, random.choice(LABELS)])
            at += size
        else:
            at += 1
    return spans


def altered(spans, length):
    kept = [span for span in spans if random.random() < 0.8]
    kept = [[f, t, random.choice(LABELS) if random.random() < 0.2 else label] for f, t, label in kept]
    return kept or drawn(length)


def tags(spans, length):
    names = ["O"] * length
    for start, end, label in spans:
        if end - start == 1:
            names[start] = f"S-{label}"
            continue
        names[start:end] = [f"I-{label}"] * (end - start)
        names[start], names[end - 1] = f"B-{label}", f"E-{label}"
    return names


cases = []
for count in [1, 3, 12, 40]:
    texts = []
    for _ in range(count):
        length = random.randint(3, 14)
        right = drawn(length)
        texts.append({"length": length, "right": right, "answered": altered(right, length)})
    right, answered = [[tags(text[key], text["length"]) for text in texts] for key in ("right", "answered")]
    how = {"mode": "strict", "scheme": IOBES, "zero_division": 0}
    report = classification_report(right, answered, output_dict=True, **how)
    cases.append(
        {
            "texts": texts,
            "tags": answered[0],
            "precision": precision_score(right, answered, **how),
            "recall": recall_score(right, answered, **how),
            "f1": f1_score(right, answered, **how),
            "labels": {
                label: {"f1": float(report[label]["f1-score"]), "support": int(report[label]["support"])}
                for label in LABELS
                if label in report
            },
        }
    )
path = Path(__file__).with_suffix("").with_name("seqeval.json")
path.write_text(json.dumps(cases) + "\n")
