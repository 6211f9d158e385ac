"""Writes tests/fixtures/cf/{multi_vae,user_vae_plain,user_vae_deep}.safetensors: variational
autoencoders in PyTorch as Liang et al. (2018) and Zhu and Chen (2022) write them, on dense rows, with
given weights, dropout masks and noise: posterior, scores, loss, gradients and four Adam steps.

Run from the repository's root:  .venv/bin/python tests/reference/cf_multi_vae.py
Needs torch, safetensors. Read by tests/cf/multi_vae_test.cpp.
"""

import torch
from safetensors.torch import save_file

USERS, ITEMS = 6, 11
CASES = {
    # name: (hidden, latent, log deviation, tied, normalised input, dropout, weight of the divergence)
    "multi_vae": ([7], 3, False, False, True, 0.5, 0.2),
    "user_vae_plain": ([], 4, True, True, False, 0.0, 0.7),
    "user_vae_deep": ([5, 6], 3, True, False, False, 0.3, 1.0),
}


def make_weights(hidden, latent, tied):
    """In the shapes of the dense formulas: x @ W + b."""
    weights, width = {}, [ITEMS, *hidden]
    for k in range(len(hidden)):
        weights[f"q{k}.w"], weights[f"q{k}.b"] = torch.randn(width[k], width[k + 1]), torch.randn(width[k + 1])
    for head in ("mean", "spread"):
        weights[f"{head}.w"], weights[f"{head}.b"] = torch.randn(width[-1], latent), torch.randn(latent)
    back = [latent, *hidden[::-1]]
    for k in range(len(hidden)):
        weights[f"p{k}.w"], weights[f"p{k}.b"] = torch.randn(back[k], back[k + 1]), torch.randn(back[k + 1])
    if not tied:
        weights["out.w"] = torch.randn(back[-1], ITEMS)
    weights["out.b"] = torch.randn(ITEMS)
    return {name: (0.3 * value).requires_grad_() for name, value in weights.items()}


class Twin:
    def __init__(self, weights, hidden, log_deviation, tied):
        self.w, self.depth, self.log_deviation, self.tied = weights, len(hidden), log_deviation, tied

    def encode(self, x):
        for k in range(self.depth):
            x = torch.tanh(x @ self.w[f"q{k}.w"] + self.w[f"q{k}.b"])
        mean = x @ self.w["mean.w"] + self.w["mean.b"]
        spread = x @ self.w["spread.w"] + self.w["spread.b"]
        return mean, spread

    def deviation(self, spread):
        return torch.exp(torch.clamp(spread, -20, 2)) if self.log_deviation else torch.exp(spread / 2)

    def decode(self, z):
        for k in range(self.depth):
            z = torch.tanh(z @ self.w[f"p{k}.w"] + self.w[f"p{k}.b"])
        last = self.w["q0.w" if self.depth else "mean.w"].T if self.tied else self.w["out.w"]
        return z @ last + self.w["out.b"]

    def loss(self, x, given, noise, beta):
        mean, spread = self.encode(given)
        deviation = self.deviation(spread)
        logits = self.decode(mean + noise * deviation)
        likelihood = -(torch.log_softmax(logits, 1) * x).sum(1).mean()
        prior = torch.distributions.Normal(0.0, 1.0)
        divergence = torch.distributions.kl_divergence(
            torch.distributions.Normal(mean, deviation), prior).sum(1).mean()
        return likelihood + beta * divergence


def main():
    for number, (name, case) in enumerate(CASES.items()):
        hidden, latent, log_deviation, tied, normalised, dropout, beta = case
        torch.manual_seed(number)
        x = (torch.rand(USERS, ITEMS) < 0.4).float()
        x[2] = 0
        x[2, 3] = 1
        given = torch.nn.functional.normalize(x, dim=1) if normalised else x
        mask = (torch.rand(USERS, ITEMS) >= dropout).float() / (1 - dropout)
        noise = torch.randn(USERS, latent)
        weights = make_weights(hidden, latent, tied)
        if log_deviation:  # one person beyond the clip at 2
            with torch.no_grad():
                weights["spread.b"][0] += 3
        twin = Twin(weights, hidden, log_deviation, tied)
        mean, _ = twin.encode(given)
        tensors = {f"start.{key}": value.detach().clone() for key, value in weights.items()}
        tensors |= {"x": x, "mask": mask, "noise": noise, "mean": mean, "scores": twin.decode(mean)}
        adam = torch.optim.Adam(weights.values(), lr=0.01)
        losses = []
        for step in range(4):
            adam.zero_grad()
            loss = twin.loss(x, given * mask, noise, beta)
            loss.backward()
            if step == 0:
                tensors |= {f"grad.{key}": value.grad.clone() for key, value in weights.items()}
            adam.step()
            losses.append(loss.detach())
        tensors |= {f"end.{key}": value for key, value in weights.items()}
        tensors["losses"] = torch.stack(losses)
        tensors = {key: value.detach().contiguous() for key, value in tensors.items()}
        save_file(tensors, f"tests/fixtures/cf/{name}.safetensors")


if __name__ == "__main__":
    main()
