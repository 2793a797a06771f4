"""
Vowpal Wabbit beside ours: python bandit-vw.py <file.json>. Every decision is a list of candidates in a context (`cb_explore_adf`).
One is drawn by the probabilities that it answers, and only the reward of that one is learned.

texts:  {"kind", "vectors", "width", "items", "stream", "tests", "arguments", "least", "seed"}; stream and tests are [row, item].
        Prints {"reward", "late", "learned", "cpu_seconds"}: the mean reward on the way, that of the last quarter, and the share of
        the tests on which the candidate that it likes most is right.
logged: {"kind", "taught", "asked", "arguments", "least", "seed", "out"}; a row is {"shared", "items", "chosen", "reward", "propensity"} in the
        words of Vowpal Wabbit. `least`: the cost of a reward of 1. Writes the probability of each item in each row that is asked to `out`, as float64.
"""
import array
import json
import random
import sys
import time

from vowpalwabbit import Workspace

with open(sys.argv[1]) as file:
    given = json.load(file)
chance = random.Random(given["seed"])
vw = Workspace(f"--cb_explore_adf {given['arguments']} -b 20 --quiet --random_seed {given['seed']}")
started = time.process_time()


def odds(shared, items):
    found = vw.predict([shared, *items])
    total = sum(found)
    return [each / total for each in found]


def drawn(probabilities):
    left = chance.random()
    for at, probability in enumerate(probabilities):
        left -= probability
        if left < 0:
            return at
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def learn(shared, items, chosen, reward, propensity):
    lines = [*items]
    lines[chosen] = f"0:{given['least'] + 1 - reward}:{propensity:.6f} {items[chosen]}"
    vw.learn([shared, *lines])


def texts():
    width = given["width"]
    vectors = array.array("f")
    with open(given["vectors"], "rb") as file:
        vectors.frombytes(file.read())
    items = [f"|i x{at}" for at in range(given["items"])]

    def shared(row):
        own = vectors[row * width : (row + 1) * width]
        return "shared |c " + " ".join(f"{at}:{value:.5f}" for at, value in enumerate(own))

    rewards = []
    for row, right in given["stream"]:
        context = shared(row)
        probabilities = odds(context, items)
        chosen = drawn(probabilities)
        reward = int(chosen == right)
        rewards.append(reward)
        learn(context, items, chosen, reward, probabilities[chosen])
    hits = 0
    for row, right in given["tests"]:
        probabilities = odds(shared(row), items)
        hits += max(range(len(items)), key=probabilities.__getitem__) == right
    late = rewards[-(len(rewards) // 4) :]
    return {
        "reward": sum(rewards) / len(rewards),
        "late": sum(late) / len(late),
        "learned": hits / max(1, len(given["tests"])),
    }


def logged():
    for row in given["taught"]:
        learn(row["shared"], row["items"], row["chosen"], row["reward"], row["propensity"])
    found = array.array("d")
    for row in given["asked"]:
        found.extend(odds(row["shared"], row["items"]))
    with open(given["out"], "wb") as file:
        found.tofile(file)
    return {}


figures = {"texts": texts, "logged": logged}[given["kind"]]()
print(json.dumps({**figures, "cpu_seconds": round(time.process_time() - started, 1)}))
