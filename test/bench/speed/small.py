"""
The peers of speed-small: python speed-small.py torch|numpy|river|vw|arf|amf <case>; then a number of steps a line.

The same work as ours: forward, cross-entropy (River and Vowpal Wabbit: their one-against-all), gradients and an optimizer's step,
plain SGD for the head and Adam for the MLP. Trees and forests test, then learn, with their defaults.
"""

import json
import os
import subprocess
import sys
import time

engine, name = sys.argv[1], sys.argv[2]
ROWS = {"head1": 1, "head32": 32, "mlp10": 10, "mlp128": 128}.get(name, 1)
LABELS, WIDTH = (77, 384) if name.startswith("head") else (10, 784)


def torch_steps():
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    if name.startswith("head"):
        model = torch.nn.Linear(WIDTH, LABELS)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    else:
        model = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, 100), torch.nn.ReLU(), torch.nn.Linear(100, 100), torch.nn.ReLU(),
            torch.nn.Linear(100, LABELS),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = [(torch.randn(ROWS, WIDTH), torch.randint(LABELS, (ROWS,))) for _ in range(16)]

    def run(count):
        for at in range(count):
            x, y = batches[at % 16]
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        return {}

    return {"torch": torch.__version__, "threads": torch.get_num_threads()}, run


def numpy_steps():
    import numpy as np

    rng = np.random.default_rng(1)
    sizes = [WIDTH, LABELS] if name.startswith("head") else [WIDTH, 100, 100, LABELS]
    weights = [rng.standard_normal((a, b), dtype=np.float32) * np.float32(0.05) for a, b in zip(sizes, sizes[1:])]
    biases = [np.zeros(b, dtype=np.float32) for b in sizes[1:]]
    batches = [
        (rng.standard_normal((ROWS, WIDTH), dtype=np.float32), rng.integers(LABELS, size=ROWS)) for _ in range(16)
    ]
    numbers = np.arange(ROWS)
    state = [[np.zeros_like(p), np.zeros_like(p)] for p in [*weights, *biases]]
    steps = 0

    def step(x, y):
        nonlocal steps
        steps += 1
        hidden = [x]
        for at, (w, b) in enumerate(zip(weights, biases)):
            z = hidden[-1] @ w + b
            hidden.append(z if at == len(weights) - 1 else np.maximum(z, 0))
        z = hidden[-1]
        d = np.exp(z - z.max(axis=1, keepdims=True))
        d /= d.sum(axis=1, keepdims=True)
        d[numbers, y] -= 1
        d /= ROWS
        found = []
        for at in reversed(range(len(weights))):
            found.append((at, hidden[at].T @ d, d.sum(axis=0)))
            if at > 0:
                d = (d @ weights[at].T) * (hidden[at] > 0)
        for at, dw, db in found:
            for place, p, g in ((at, weights[at], dw), (len(weights) + at, biases[at], db)):
                if len(weights) == 1:
                    p -= np.float32(1e-3) * g
                    continue
                m, v = state[place]
                m *= np.float32(0.9)
                m += np.float32(0.1) * g
                v *= np.float32(0.999)
                v += np.float32(0.001) * g * g
                rate = np.float32(1e-3 / (1 - 0.9**steps))
                p -= rate * m / (np.sqrt(v / np.float32(1 - 0.999**steps)) + np.float32(1e-8))

    def run(count):
        for at in range(count):
            step(*batches[at % 16])
        return {}

    return {"numpy": np.__version__, "threads": 1}, run


def river_steps():
    import random
    import river
    from river import linear_model, multiclass

    random.seed(1)
    model = multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    rows = [({i: random.gauss(0, 1) for i in range(WIDTH)}, random.randrange(LABELS)) for _ in range(16)]
    for label in range(LABELS):
        model.learn_one(rows[0][0], label)

    def run(count):
        for at in range(count):
            for row in range(ROWS):
                model.learn_one(*rows[(at + row) % 16])
        return {}

    return {"river": river.__version__, "threads": 1}, run


def vw_steps():
    import random
    import vowpalwabbit as vw

    random.seed(1)
    workspace = vw.Workspace(f"--oaa {LABELS} --quiet -b 18 --loss_function logistic --sgd")
    lines = [
        f"{1 + random.randrange(LABELS)} | " + " ".join(f"{i}:{random.gauss(0, 1):.5f}" for i in range(WIDTH))
        for _ in range(16)
    ]
    examples = [workspace.parse(line) for line in lines]
    examples = [one if not isinstance(one, list) else one[0] for one in examples]

    def run(count):
        for at in range(count):
            for row in range(ROWS):
                workspace.learn(examples[(at + row) % 16])
        return {}

    return {"vowpalwabbit": vw.__version__, "threads": 1}, run


def forest_steps():
    import river
    from river import forest

    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "small-streams.mjs")
    lines = subprocess.run(["node", program, name], capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in lines.strip().split("\n")]
    stream = [(dict(enumerate(row["features"])), row["label"]) for row in rows]

    def run(count):
        model = {"arf": forest.ARFClassifier, "amf": forest.AMFClassifier}[engine](seed=1)
        right = 0
        for x, y in stream:
            right += model.predict_one(x) == y
            model.learn_one(x, y)
        return {"accuracy": right / len(stream), "steps": len(stream)}

    return {"river": river.__version__, "threads": 1}, run


makers = {"torch": torch_steps, "numpy": numpy_steps, "river": river_steps, "vw": vw_steps}
facts, run = makers.get(engine, forest_steps)()
print(json.dumps(facts), flush=True)
for line in sys.stdin:
    started, cpu = time.perf_counter(), time.process_time()
    told = run(int(line))
    spent = {"cpuMs": 1000 * (time.process_time() - cpu), "wallMs": 1000 * (time.perf_counter() - started)}
    print(json.dumps({**spent, **told}), flush=True)
