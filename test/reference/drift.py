"""
Alarms of River's drift detectors on small seeded streams, against which policies/trigger is tested.

    pip install river==0.26.1 && python test/reference/drift.py > test/reference/drift.json

KSWIN draws its older sample from a generator that is written down here, so that ours can draw the same one.
"""
import json
import random

from river import drift
from river.drift import binary, kswin


class Lcg:
    """Numerical Recipes' generator: x = 1664525 x + 1013904223 mod 2^32. Python's `sample`, but by a shuffle."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state * bound // 2**32

    def sample(self, population, count):
        pool = list(population)
        for at in range(count):
            other = at + self.below(len(pool) - at)
            pool[at], pool[other] = pool[other], pool[at]
        return pool[:count]


def bits(seed, *parts):
    """Each part: so many values that are 1 with this probability."""
    chance = random.Random(seed)
    return [int(chance.random() < p) for count, p in parts for _ in range(count)]


def losses(seed, *parts):
    """Each part: so many exponential values with this mean, to four digits."""
    chance = random.Random(seed)
    return [round(chance.expovariate(1 / mean), 4) for count, mean in parts for _ in range(count)]


def ramp(seed, count, low, high):
    chance = random.Random(seed)
    return [int(chance.random() < low + (high - low) * at / count) for at in range(count)]


def alarms(detector, values):
    found = []
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    return found


def case(name, make, settings, stream):
    return {"detector": name, "settings": settings, "stream": stream, "alarms": alarms(make(settings), streams[stream])}


def ddm(settings):
    return binary.DDM(warm_start=settings["warm_start"], drift_threshold=settings["threshold"])


def ks(settings):
    own = Lcg(7)
    # It makes its generator anew after each alarm; this one goes on.
    kswin.random = type("chance", (), {"Random": lambda _seed: own})
    return drift.KSWIN(**settings)


streams = {
    "sudden": bits(1, (600, 0.1), (400, 0.5), (500, 0.1)),
    "small": bits(2, (1000, 0.2), (1500, 0.3)),
    "slow": ramp(3, 2000, 0.05, 0.6),
    "still": bits(4, (2500, 0.3)),
    "better": bits(5, (500, 0.6), (500, 0.1)),
    "often": bits(6, *[(200, p) for p in (0.1, 0.7, 0.05, 0.8, 0.2, 0.9)]),
    "losses": losses(7, (500, 0.3), (500, 1.2), (500, 0.3)),
    "losses-slight": losses(8, (1000, 0.5), (1000, 0.7)),
    "losses-still": losses(9, (2000, 0.5)),
}

errors = ["sudden", "small", "slow", "still", "better", "often"]
lossy = ["losses", "losses-slight", "losses-still"]
cases = []
for stream in errors:
    for settings in ({"delta": 0.002, "clock": 32, "grace_period": 10}, {"delta": 0.05, "clock": 1, "grace_period": 50}):
        cases.append(case("adwin", lambda s: drift.ADWIN(**s), settings, stream))
    for settings in ({"warm_start": 30, "threshold": 3.0}, {"warm_start": 100, "threshold": 2.0}):
        cases.append(case("ddm", ddm, settings, stream))
for stream in lossy + errors:
    for mode, threshold in (("both", 50.0), ("up", 20.0), ("down", 20.0)):
        settings = {"min_instances": 30, "delta": 0.005, "threshold": threshold, "alpha": 0.9999, "mode": mode}
        cases.append(case("page-hinkley", lambda s: drift.PageHinkley(**s), settings, stream))
for stream in lossy + ["sudden", "often"]:
    for settings in ({"alpha": 0.005, "window_size": 100, "stat_size": 30}, {"alpha": 0.0001, "window_size": 250, "stat_size": 50}):
        cases.append(case("kswin", ks, settings, stream))

text = {name: "".join(map(str, values)) if name in errors else values for name, values in streams.items()}
print(json.dumps({"streams": text, "cases": cases}, separators=(",", ":")))
