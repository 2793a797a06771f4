"""
The cells of one of River's Mondrian trees on a small stream, against which src/learner/memory/mondrian-tree.ts is tested.

    pip install river==0.26.1 && python test/reference/amf.py > test/reference/amf.json

Both take their random numbers from a generator that is written down here. Features are large beside the scale of 1, so that
every node is split in the part of time in which both split each of them.
"""
import json

from river.tree.mondrian import MondrianTreeClassifier


class Lcg:
    """Numerical Recipes' generator: x = 1664525 x + 1013904223 mod 2^32, as the generator that River draws from."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return (self.state + 0.5) / 2**32

    def random(self):
        """River takes the logarithm of 1 - random()."""
        return 1 - self.next()

    def choices(self, population, weights, k):
        place = self.next() * sum(weights)
        for each, weight in zip(population, weights):
            place -= weight
            if place < 0:
                return [each]
        return [population[-1]]

    def uniform(self, low, high):
        return low + self.next() * (high - low)


def cells(node, low, high):
    if node.is_leaf:
        return [{"low": low, "high": high}]
    at, threshold = node.feature, node.threshold
    left, right = node.children
    below = high[:at] + [threshold] + high[at + 1 :]
    above = low[:at] + [threshold] + low[at + 1 :]
    return cells(left, low, below) + cells(right, above, high)


stream = Lcg(7)
rows = []
for _ in range(60):
    x = [round(1e6 * stream.next()) for _ in range(3)]
    rows.append({"x": x, "column": int(x[0] + x[1] > 1e6) + int(x[2] > 5e5)})

tree = MondrianTreeClassifier(split_pure=True)
tree._rng = Lcg(1)
for row in rows:
    tree.learn_one(dict(enumerate(row["x"])), row["column"])
print(json.dumps({"rows": rows, "cells": cells(tree._root, [None] * 3, [None] * 3)}))
