"""Writes tests/fixtures/core_torch_bin/: files of torch.save, and beside each what it holds as safetensors.

python tests/reference/core_torch_bin.py
"""
import collections
import os
import pathlib
import zipfile

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures" / "core_torch_bin"


def write(name, state, **options):
    torch.save(state, FOLDER / f"{name}.bin", **options)
    save_file({key: value.detach().clone().contiguous() for key, value in state.items()},
              FOLDER / f"{name}.safetensors", {"format": "pt"})


def every_kind():
    """Each type, and each way in which a tensor may lie in its storage."""
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = collections.OrderedDict()
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32,
                  torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64):
        state[str(dtype)] = torch.arange(6).reshape(2, 3).to(dtype)
    state["torch.bool"] = torch.tensor([True, False, True])
    state["base"] = base
    state["tied"] = base
    state["transposed"] = base.permute(2, 0, 1)
    state["slice"] = base[1, :, 1:3]
    state["row"] = base[1, 2]
    state["step"] = torch.arange(10, dtype=torch.int32)[1::3]
    state["parameter"] = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
    state["frozen"] = torch.nn.Parameter(torch.tensor([1.5]), requires_grad=False)
    state["scalar"] = torch.tensor(7)
    state["empty"] = torch.empty(0, 5)
    state["ones"] = torch.arange(3.0).expand(1, 1, 3)
    state["name é"] = torch.tensor([1.0])
    return state


def module():
    """A module's state dict, which carries `_metadata` as an attribute."""
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Embedding(3, 4), torch.nn.BatchNorm1d(4)).state_dict()


def deflate(source, target):
    with zipfile.ZipFile(FOLDER / source) as old, \
            zipfile.ZipFile(FOLDER / target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)


class Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/kindred-was-executed",)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("every-kind", every_kind())
    write("module", module())
    deflate("module.bin", "module-deflated.bin")
    torch.serialization.set_crc32_options(False)
    torch.save(module(), FOLDER / "module-without-crc.bin")
    torch.serialization.set_crc32_options(True)
    torch.save(module(), FOLDER / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"a": torch.ones(2), "b": Attack()}, FOLDER / "attack.bin")
    torch.save([torch.ones(2)], FOLDER / "list.bin")
    torch.save({"a": torch.ones(2), "nested": {"b": torch.ones(2)}}, FOLDER / "nested.bin")
    torch.save({"a": torch.ones(1).expand(1000)}, FOLDER / "repeated.bin")
    torch.save({"a": torch.ones(2)}, FOLDER / "protocol-4.bin", pickle_protocol=4)
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, FOLDER / "complex.bin")
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(FOLDER / "script.bin"))


main()
