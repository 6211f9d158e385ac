#!/usr/bin/env python3
"""Writes tests/fixtures/lm_lora/: LoRA adapters made by PEFT on the tiny decoders of lm_decoders.

    python tests/reference/lm_lora.py          write the fixtures
    python tests/reference/lm_lora.py --check FOLDER BASE
                                               PEFT loads FOLDER onto BASE: logits of fixed ids on stdout

Each folder holds adapter_config.json and the adapter's weights as PEFT saves them, base.txt (the folder in
lm_decoders), and reference.safetensors: hidden states, logits, the summed next-token loss, gradients of
the inputs and of everything the adapter trains, four AdamW losses, logits after merging. Dropout is off,
everything is fp32. Read by tests/lm/lora_reference_test.cpp.
"""
import pathlib
import shutil
import sys

import torch
from fixtures import adamw_losses, finish, write_tensors
from lm_decoders import LENGTHS, OUT as BASES, losses
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from transformers import AutoModelForCausalLM

OUT = BASES.parent / "lm_lora"
CASES = {
    "gpt2": ("gpt2", dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True,
                          rank_pattern={"mlp.c_proj": 3, "h.1.attn.c_proj": 2},
                          alpha_pattern={"c_proj": 5}, lora_dropout=0.1)),
    "qwen2": ("qwen2", dict(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"],
                            use_rslora=True, bias="lora_only", rank_pattern={"v_proj": 2})),
    "llama": ("llama", dict(r=3, lora_alpha=3, target_modules="all-linear",
                            modules_to_save=["lm_head", "input_layernorm"])),
    "llama_gqa": ("llama_gqa", dict(r=2, lora_alpha=4, target_modules=["k_proj", "up_proj", "o_proj"],
                                    layers_to_transform=[1], exclude_modules=".*mlp.*")),
    "opt": ("opt", dict(r=2, lora_alpha=2, target_modules=r".*(q_proj|fc2)", bias="all")),
    "opt_350m": ("opt_350m", dict(r=2, lora_alpha=2, target_modules=["fc1", "project_in", "v_proj"],
                                  modules_to_save=["embed_positions"])),
}


def make(name):
    base, options = CASES[name]
    model = AutoModelForCausalLM.from_pretrained(BASES / base, dtype=torch.float32,
                                                 attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def saved_names(model):
    """Trained parameters by the names PEFT saves them under."""
    by_pointer = {value.data_ptr(): name for name, value in get_peft_model_state_dict(model).items()}
    return {by_pointer[p.data_ptr()]: p for p in model.parameters() if p.requires_grad}


def reference(model, sequences):
    trained = saved_names(model)
    result = {"ids": torch.cat(sequences), "lengths": torch.tensor(LENGTHS)}
    embeddings = [model.get_input_embeddings()(ids).detach().requires_grad_() for ids in sequences]
    loss, _, hidden, logits = losses(model, sequences, embeddings)
    loss.backward()
    result.update(hidden=hidden.detach(), logits=logits.detach(), loss=loss.detach().reshape(1))
    result["embedding_gradient"] = torch.cat(
        [torch.zeros_like(e) if e.grad is None else e.grad for e in embeddings])
    for name, parameter in trained.items():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        result["gradient." + name] = gradient.clone()
    before = [p.detach().clone() for p in trained.values()]
    tokens = sum(len(s) - 1 for s in sequences)
    result["adamw_losses"] = adamw_losses(
        list(trained.values()), lambda: losses(model, sequences)[0] / tokens)
    with torch.no_grad():
        for parameter, value in zip(trained.values(), before):
            parameter.copy_(value)
        result["merged_logits"] = losses(model.merge_and_unload(), sequences)[3]
    return result


def check(folder, base):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, folder).eval()
    with torch.no_grad():
        logits = model(torch.arange(1, 8)[None]).logits[0]
    for row in logits:
        print(" ".join(f"{value:.6f}" for value in row.tolist()))


def main():
    if sys.argv[1:2] == ["--check"]:
        check(*sys.argv[2:4])
        return
    for number, name in enumerate(CASES):
        torch.manual_seed(300 + number)
        model = make(name)
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder, safe_serialization=name != "opt")
        (folder / "README.md").unlink(missing_ok=True)
        config = (folder / "adapter_config.json").read_text()
        (folder / "adapter_config.json").write_text(config.replace(str(BASES) + "/", ""))
        (folder / "base.txt").write_text(CASES[name][0] + "\n")
        sequences = [torch.randint(1, model.config.vocab_size, (n,)) for n in LENGTHS]
        write_tensors(reference(model, sequences), folder / "reference.safetensors")
    finish(OUT)


if __name__ == "__main__":
    main()
