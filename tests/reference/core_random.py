"""Writes tests/fixtures/core_random/streams.json: the first values of named streams.

An implementation of its own, from the description: splitmix64's finaliser folds seed, name and counters
into one word and then makes the four words of xoshiro256**; below() draws again where the remainder would
favour small values; sample() is the beginning of a Fisher-Yates shuffle.

python tests/reference/core_random.py
"""
import json
import pathlib

MASK = (1 << 64) - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def rotate(x, k):
    return ((x << k) | (x >> (64 - k))) & MASK


class Stream:
    def __init__(self, seed, name, counters):
        word = mix(seed)
        for byte in name.encode():
            word = mix(word ^ byte)
        if not name:
            word = mix(~word & MASK)
        for counter in counters:
            word = mix(word ^ mix(counter))
        self.s = []
        for _ in range(4):
            word = mix(word)
            self.s.append(word)

    def next(self):
        s = self.s
        result = rotate(s[1] * 5 & MASK, 7) * 9 & MASK
        t = s[1] << 17 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return result

    def below(self, bound):
        limit = MASK - MASK % bound
        while True:
            draw = self.next()
            if draw < limit:
                return draw % bound

    def sample(self, n, k):
        values = list(range(n))
        for i in range(k):
            j = i + self.below(n - i)
            values[i], values[j] = values[j], values[i]
        return values[:k]

    def shuffle(self, values):
        for i in range(len(values), 1, -1):
            j = self.below(i)
            values[i - 1], values[j] = values[j], values[i - 1]
        return values


def main():
    cases = []
    for seed, name, counters in [(0, "", []), (1, "train.shuffle", []), (1, "train.shuffle", [3]),
                                 (1, "train.shuffle", [3, 4]), (2**64 - 1, "négatifs", [0, 2**64 - 1])]:
        def made():
            return Stream(seed, name, counters)
        uniform = made()
        bounded = made()
        cases.append({
            "seed": seed, "name": name, "counters": counters,
            "values": [str(v) for s in [made()] for v in (s.next() for _ in range(8))],
            "uniform": [(uniform.next() >> 11) * 2.0**-53 for _ in range(4)],
            "below": [str(bounded.below(b)) for b in (1, 2, 10, 1000, 2**63 + 1, 2**64 - 1)],
            "sample": made().sample(20, 7),
            "shuffle": made().shuffle(list(range(12))),
        })
    folder = pathlib.Path(__file__).parent.parent / "fixtures" / "core_random"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "streams.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
