"""What the scripts that write fixtures share: folders, files of tensors, optimiser steps."""
import shutil

import torch
from safetensors.torch import save_file


def new_folder(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_tensors(values, path):
    """Tensors that share memory or are not contiguous are copied, which safetensors asks for."""
    save_file({name: value.contiguous().clone() for name, value in values.items()}, path)


def adamw_losses(parameters, loss_of):
    """The loss before each of four AdamW steps."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.01)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def finish(folder):
    """Plain permissions for all that was written, and its size on stdout."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    for file in files:
        file.chmod(0o644)
    print("bytes:", sum(file.stat().st_size for file in files))
