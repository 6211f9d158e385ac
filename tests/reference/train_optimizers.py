"""Four steps of torch.optim's optimisers on whole tensors, for tests/train/optimizer_test.cpp.

Writes tests/fixtures/train_optimizers/steps.safetensors: the start and the gradients of two parameters
(one with rows that some steps leave at zero, as a table sees it), and both parameters after every step of
every case. Run: .venv/bin/python tests/reference/train_optimizers.py
"""

import pathlib

import torch
from safetensors.torch import save_file

STEPS = 4
CASES = {
    "adam": (torch.optim.Adam, dict(lr=0.1, betas=(0.9, 0.99), eps=1e-8), 0.0),
    "adam-l2": (torch.optim.Adam, dict(lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.3), 0.0),
    "adamw": (torch.optim.AdamW, dict(lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.3), 0.0),
    "sgd": (torch.optim.SGD, dict(lr=0.1), 0.0),
    "sgd-l2": (torch.optim.SGD, dict(lr=0.1, weight_decay=0.3), 0.0),
    "adagrad": (torch.optim.Adagrad, dict(lr=0.1, eps=1e-8), 0.0),
    "adam-clipped": (torch.optim.Adam, dict(lr=0.1, betas=(0.9, 0.99), eps=1e-8), 0.5),
}


def main():
    generator = torch.Generator().manual_seed(5)
    start = {
        "table": torch.randn(6, 9, generator=generator),
        "dense": torch.randn(3, 5, generator=generator),
    }
    gradients = {name: torch.randn(STEPS, *value.shape, generator=generator) for name, value in start.items()}
    touched = torch.tensor([[1, 1, 0, 1, 0, 1], [0, 1, 0, 1, 1, 1], [1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 0, 0]])
    gradients["table"] *= touched[:, :, None]
    tensors = {f"start/{name}": value for name, value in start.items()}
    tensors |= {f"gradient/{name}": value for name, value in gradients.items()}
    tensors["touched"] = touched
    for case, (optimizer_class, options, clip) in CASES.items():
        parameters = {name: value.clone().requires_grad_() for name, value in start.items()}
        optimizer = optimizer_class(parameters.values(), **options)
        after = {name: [] for name in parameters}
        for step in range(STEPS):
            for name, parameter in parameters.items():
                parameter.grad = gradients[name][step].clone()
            if clip:
                torch.nn.utils.clip_grad_norm_(parameters.values(), clip)
            optimizer.step()
            for name, parameter in parameters.items():
                after[name].append(parameter.detach().clone())
        tensors |= {f"{case}/{name}": torch.stack(values) for name, values in after.items()}
    folder = pathlib.Path(__file__).parent.parent / "fixtures" / "train_optimizers"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "steps.safetensors")


if __name__ == "__main__":
    main()
