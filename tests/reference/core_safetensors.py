"""Writes tests/fixtures/core_safetensors/ with the reference implementation, or checks a file of ours.

python tests/reference/core_safetensors.py            writes the fixture
python tests/reference/core_safetensors.py FILE       reads FILE with the reference and compares it

Tensor number i (from 0, in the order below) holds i, i + 1, ... in its type; bool alternates from true.
"""
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

TYPES = {
    "bool": torch.bool, "u8": torch.uint8, "i8": torch.int8, "i16": torch.int16, "u16": torch.uint16,
    "f16": torch.float16, "bf16": torch.bfloat16, "i32": torch.int32, "u32": torch.uint32,
    "f32": torch.float32, "f64": torch.float64, "i64": torch.int64, "u64": torch.uint64,
}


def tensors():
    made = {}
    for i, (name, dtype) in enumerate(TYPES.items()):
        values = torch.arange(i, i + 6)
        made[name] = (values % 2 == i % 2 if dtype == torch.bool else values.to(dtype)).reshape(2, 3)
    made["scalar"] = torch.tensor(2.5)
    made["empty"] = torch.empty(0, 3)
    made['quote " and é\n'] = torch.tensor([1.0])
    return made


def main():
    if len(sys.argv) > 1:
        with safe_open(sys.argv[1], framework="pt") as file:
            want = tensors()
            assert file.metadata() == {"format": "pt"}, file.metadata()
            assert set(file.keys()) == set(want), file.keys()
            for name, tensor in want.items():
                got = file.get_tensor(name)
                assert got.dtype == tensor.dtype and got.shape == tensor.shape, name
                assert torch.equal(got, tensor), name
        print("equal:", len(want), "tensors")
        return
    folder = pathlib.Path(__file__).parent.parent / "fixtures" / "core_safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors(), folder / "all-types.safetensors", {"format": "pt"})


main()
