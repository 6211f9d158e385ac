"""Writes tests/fixtures/md_cvae/{decoder,encoder,tied}.safetensors: MD-CVAE (Zhu and Chen 2022) in
PyTorch on dense rows: the bags of words, each pretraining loss with its gradients, and four Adam steps
that alternate between the user side and the content side, with given weights and noise.

Run from the repository's root:  .venv/bin/python tests/reference/md_cvae_twin.py
Needs torch, safetensors. Read by tests/methods/md_cvae_test.cpp.
"""

import math
import re

import torch
from safetensors.torch import save_file

# The texts, sizes and weights are written again in the test.
TEXTS = ["A red guitar, red strings!", "Blue guitar strings and a strap", "drum sticks; drum SKIN",
         "", "The drum and the cymbal", "red strap", "cymbal polish, guitar polish (blue)"]
USERS, WORDS, HIDDEN, CONTENT, LATENT = 6, 8, 5, [6, 4], 3
LAMBDA_V, LAMBDA_W, BETA = 2.0, 0.05, 0.3
STOP = {"and", "the"}


def bags():
    """Counts over the eight most telling words, each row's largest scaled to 1."""
    counts = [{} for _ in TEXTS]
    for row, text in zip(counts, TEXTS):
        for word in re.findall(r"[a-z0-9]+", text.lower()):
            if len(word) > 1 and word not in STOP:
                row[word] = row.get(word, 0) + 1
    telling = {}
    for word in set().union(*counts):
        documents = sum(word in row for row in counts)
        telling[word] = sum(row.get(word, 0) for row in counts) * math.log(len(TEXTS) / documents)
    words = sorted(telling, key=lambda word: (-telling[word], word))[:WORDS]
    matrix = torch.tensor([[float(row.get(word, 0)) for word in words] for row in counts])
    return matrix / matrix.amax(1, keepdim=True).clamp(min=1)


def make_weights(tied):
    shapes = {"q.w": (7, HIDDEN), "q.b": HIDDEN, "mean.w": (HIDDEN, LATENT), "mean.b": LATENT,
              "spread.w": (HIDDEN, LATENT), "spread.b": LATENT, "p.w": (LATENT, HIDDEN), "p.b": HIDDEN,
              "out.w": (HIDDEN, 7), "out.b": 7, "c0.w": (WORDS, CONTENT[0]), "c0.b": CONTENT[0],
              "c0.back": WORDS, "c1.w": (CONTENT[0], CONTENT[1]), "c1.b": CONTENT[1],
              "c1.back": CONTENT[0], "cmean.w": (CONTENT[1], HIDDEN), "cmean.b": HIDDEN,
              "cspread.w": (CONTENT[1], HIDDEN), "cspread.b": HIDDEN, "cout.w": (HIDDEN, CONTENT[1]),
              "cout.b": CONTENT[1]}
    if tied:
        del shapes["out.w"]
    return {name: (0.4 * torch.randn(shape)).requires_grad_() for name, shape in shapes.items()}


def divergence(mean, spread):
    normal = torch.distributions.Normal
    deviation = torch.exp(torch.clamp(spread, -20, 2))
    return torch.distributions.kl_divergence(normal(mean, deviation), normal(0.0, 1.0)).sum(1).mean()


def cross_entropy(probability, target):
    return torch.nn.functional.binary_cross_entropy(probability, target, reduction="sum") / len(target)


class Twin:
    def __init__(self, weights, variant):
        self.w, self.variant = weights, variant

    def items(self):
        return self.w["out.w"].T if self.variant == "decoder" else self.w["q.w"]

    def sample(self, mean, spread, noise):
        return mean + noise * torch.exp(torch.clamp(spread, -20, 2))

    def content_code(self, x, depth=2):
        for k in range(depth):
            x = torch.sigmoid(x @ self.w[f"c{k}.w"] + self.w[f"c{k}.b"])
        return x

    def means(self, x):
        return self.content_code(x) @ self.w["cmean.w"] + self.w["cmean.b"]

    def core(self, code, noise):
        mean = code @ self.w["cmean.w"] + self.w["cmean.b"]
        spread = code @ self.w["cspread.w"] + self.w["cspread.b"]
        decoded = torch.sigmoid(self.sample(mean, spread, noise) @ self.w["cout.w"] + self.w["cout.b"])
        return decoded, mean, divergence(mean, spread)

    def layer_loss(self, k, x, given):
        below = given if k == 0 else self.content_code(x, k).detach()
        target = x if k == 0 else below
        code = torch.sigmoid(below @ self.w[f"c{k}.w"] + self.w[f"c{k}.b"])
        return cross_entropy(torch.sigmoid(code @ self.w[f"c{k}.w"].T + self.w[f"c{k}.back"]), target)

    def core_loss(self, x, noise):
        code = self.content_code(x).detach()
        decoded, _, kl = self.core(code, noise)
        return cross_entropy(decoded, code) + kl

    def whole_loss(self, x, noise, embeddings=None):
        decoded, mean, kl = self.core(self.content_code(x), noise)
        decoded = torch.sigmoid(decoded @ self.w["c1.w"].T + self.w["c1.back"])
        loss = cross_entropy(torch.sigmoid(decoded @ self.w["c0.w"].T + self.w["c0.back"]), x) + kl
        if embeddings is None:
            return loss
        squares = sum((self.w[f"c{k}.w"] ** 2).sum() for k in range(2))
        return loss + LAMBDA_W * squares + LAMBDA_V * ((mean - embeddings) ** 2).sum(1).mean()

    def user_loss(self, x, noise, means, described):
        hidden = torch.tanh(x @ self.w["q.w"] + self.w["q.b"])
        mean = hidden @ self.w["mean.w"] + self.w["mean.b"]
        spread = hidden @ self.w["spread.w"] + self.w["spread.b"]
        hidden = torch.tanh(self.sample(mean, spread, noise) @ self.w["p.w"] + self.w["p.b"])
        last = self.w["q.w"].T if self.variant == "tied" else self.w["out.w"]
        likelihood = -(torch.log_softmax(hidden @ last + self.w["out.b"], 1) * x).sum(1).mean()
        squares = ((self.w["q.w"] ** 2).sum() + (self.w["p.w"] ** 2).sum()) / 2
        distance = ((self.items()[described] - means) ** 2).sum(1).mean()
        return likelihood + BETA * divergence(mean, spread) + LAMBDA_W * squares + LAMBDA_V * distance


def gradients(weights, loss, prefix):
    for weight in weights.values():
        weight.grad = None
    loss.backward()
    found = {f"{prefix}.{name}": weight.grad.clone() for name, weight in weights.items()
             if weight.grad is not None and weight.grad.abs().max() > 0}
    return found | {prefix: loss.detach()}


def main():
    x_content = bags()
    described = torch.nonzero(x_content.sum(1)).squeeze(1)
    for number, variant in enumerate(("decoder", "encoder", "tied")):
        torch.manual_seed(number)
        x = (torch.rand(USERS, 7) < 0.5).float()
        x[:, 2] = 1
        words = x_content[described]
        given = words * (torch.rand_like(words) < 0.7)
        user_noise, noise = torch.randn(USERS, LATENT), torch.randn(len(described), HIDDEN)
        weights = make_weights(variant == "tied")
        twin = Twin(weights, variant)
        tensors = {f"start.{name}": weight.detach().clone() for name, weight in weights.items()}
        tensors |= {"bags": x_content, "x": x, "given": given, "user_noise": user_noise, "noise": noise}
        tensors |= gradients(weights, twin.layer_loss(0, words, given), "layer0")
        tensors |= gradients(weights, twin.layer_loss(1, words, given), "layer1")
        tensors |= gradients(weights, twin.core_loss(words, noise), "core")
        tensors |= gradients(weights, twin.whole_loss(words, noise), "whole")
        adam, losses = torch.optim.Adam(weights.values(), lr=0.01), []
        for step in range(4):
            adam.zero_grad()  # to nothing: what a side does not touch stays as it is
            if step % 2 == 0:
                means = twin.means(words).detach()
                loss = twin.user_loss(x, user_noise, means, described)
            else:
                loss = twin.whole_loss(words, noise, twin.items()[described].detach())
            loss.backward()
            adam.step()
            losses.append(loss.detach())
        tensors |= {f"end.{name}": weight for name, weight in weights.items()}
        tensors |= {"losses": torch.stack(losses), "means": twin.means(words)}
        tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
        save_file(tensors, f"tests/fixtures/md_cvae/{variant}.safetensors")


if __name__ == "__main__":
    main()
