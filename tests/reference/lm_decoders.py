#!/usr/bin/env python3
"""Writes tests/fixtures/lm_decoders/: tiny random decoders and what `transformers` computes from them.

    python tests/reference/lm_decoders.py [NAME…]      (of all of them unless some are named)

Each folder holds config.json and weights as a Hugging Face folder does, and reference.safetensors:
packed token ids of three sequences, hidden states before every layer and at the end, logits, the summed next-token
loss, its gradients for inputs_embeds and for every weight, four AdamW losses, greedy continuations.
Dropout is off, everything is fp32. Read by tests/lm/decoder_reference_test.cpp.
"""
import json
import pathlib
import sys

import torch
from fixtures import adamw_losses, finish, new_folder, write_tensors
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig, Qwen2Config

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "lm_decoders"
LENGTHS = [7, 1, 12]
PROMPTS = [[5, 9, 2], [1], [30, 31, 32, 33, 34]]
NEW_TOKENS = 8

SMALL_GPT2 = dict(resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1, bos_token_id=0, eos_token_id=0)
SMALL_OPT = dict(ffn_dim=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=20,
                 bos_token_id=0, eos_token_id=0, pad_token_id=1)
SMALL_LLAMA = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
                   bos_token_id=0, eos_token_id=0)
CONFIGS = {
    "gpt2": GPT2Config(vocab_size=61, n_positions=24, n_embd=16, n_layer=2, n_head=2, **SMALL_GPT2),
    "gpt2_odd": GPT2Config(vocab_size=53, n_positions=20, n_embd=15, n_layer=3, n_head=3, n_inner=22,
                           activation_function="relu", scale_attn_by_inverse_layer_idx=True,
                           scale_attn_weights=False, layer_norm_epsilon=1e-3,
                           tie_word_embeddings=False, **SMALL_GPT2),
    "gpt2_old": GPT2Config(vocab_size=47, n_positions=20, n_embd=16, n_layer=2, n_head=4,
                           activation_function="gelu", reorder_and_upcast_attn=True, **SMALL_GPT2),
    "opt": OPTConfig(vocab_size=61, hidden_size=16, **SMALL_OPT),
    "opt_350m": OPTConfig(vocab_size=53, hidden_size=16, word_embed_proj_dim=10,
                          do_layer_norm_before=False, **SMALL_OPT),
    "opt_bare": OPTConfig(vocab_size=47, hidden_size=16, enable_bias=False,
                          layer_norm_elementwise_affine=False, activation_function="gelu",
                          _remove_final_layer_norm=True, tie_word_embeddings=False, **SMALL_OPT),
    "llama": LlamaConfig(vocab_size=61, max_position_embeddings=24, **SMALL_LLAMA),
    "llama_gqa": LlamaConfig(vocab_size=53, max_position_embeddings=24, num_key_value_heads=2, head_dim=6,
                             attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                             rms_norm_eps=1e-3, rope_theta=500.0,
                             rope_scaling=dict(rope_type="linear", factor=2.0), **SMALL_LLAMA),
    "llama_dynamic": LlamaConfig(vocab_size=47, max_position_embeddings=8, num_key_value_heads=1,
                                 rope_scaling=dict(rope_type="dynamic", factor=4.0), **SMALL_LLAMA),
    "llama_3": LlamaConfig(vocab_size=47, max_position_embeddings=32, num_key_value_heads=2, hidden_act="gelu",
                           rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0,
                                             high_freq_factor=4.0,
                                             original_max_position_embeddings=16), **SMALL_LLAMA),
    "qwen2": Qwen2Config(vocab_size=61, max_position_embeddings=24, num_key_value_heads=2,
                         tie_word_embeddings=True, rope_theta=1e6, **SMALL_LLAMA),
}


def make_model(config):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn_like(weight)
            if weight.dim() == 1 and name.endswith("weight"):
                weight.copy_(1 + 0.2 * noise)
            else:
                weight.copy_((0.1 if name.endswith("bias") else 0.3) * noise)
    return model


def losses(model, sequences, embeddings=None):
    """Summed next-token loss, states before each layer, final ones and logits, over separate sequences."""
    total, layers, hidden, logits = 0, [], [], []
    for i, ids in enumerate(sequences):
        x = model.get_input_embeddings()(ids) if embeddings is None else embeddings[i]
        out = model(inputs_embeds=x[None], output_hidden_states=True)
        layers.append(torch.stack([h[0] for h in out.hidden_states[:-1]]))
        hidden.append(out.hidden_states[-1][0])
        logits.append(out.logits[0])
        if len(ids) > 1:
            total = total + torch.nn.functional.cross_entropy(out.logits[0, :-1], ids[1:],
                                                              reduction="sum")
    return total, torch.cat(layers, 1), torch.cat(hidden), torch.cat(logits)


def generate(model, eos):
    found = []
    for prompt in PROMPTS:
        out = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=NEW_TOKENS,
                             eos_token_id=eos, pad_token_id=0,
                             attention_mask=torch.ones(1, len(prompt), dtype=torch.long))
        new = out[0, len(prompt):]
        found.append(torch.cat([new, torch.full((NEW_TOKENS - len(new),), -1)]))
    return torch.stack(found)


def reference(model, sequences):
    result = {"ids": torch.cat(sequences), "lengths": torch.tensor(LENGTHS)}
    embeddings = [model.get_input_embeddings()(ids).detach().requires_grad_() for ids in sequences]
    loss, layers, hidden, logits = losses(model, sequences, embeddings)
    loss.backward()
    result.update(layers=layers.detach(), hidden=hidden.detach(), logits=logits.detach(),
                  loss=loss.detach().reshape(1))
    result["embedding_gradient"] = torch.cat(
        [torch.zeros_like(e) if e.grad is None else e.grad for e in embeddings])
    # The whole model trained: the vocabulary's gradient then has its input part as well.
    model.zero_grad()
    losses(model, sequences)[0].backward()
    for name, weight in model.named_parameters():
        result["gradient." + name] = weight.grad.clone()
    free = generate(model, None)
    result["generated"] = free
    # A token that the first continuation does produce, as one of two end tokens.
    stop = [int(free[0, 2]), model.config.vocab_size - 1]
    result["eos"] = torch.tensor(stop)
    result["generated_until_eos"] = generate(model, stop)
    tokens = sum(len(s) - 1 for s in sequences)
    result["adamw_losses"] = adamw_losses(model.parameters(), lambda: losses(model, sequences)[0] / tokens)
    return result


def save_old(model, folder):
    """As checkpoints of 2019 look: a .bin, no `transformer.` prefix, mask buffers, tied head absent."""
    state = {}
    for name, value in model.transformer.state_dict().items():
        state[name] = value
        if name.endswith("attn.c_attn.weight"):
            at = name[: -len("c_attn.weight")]
            n = model.config.n_positions
            state[at + "bias"] = torch.tril(torch.ones(n, n, dtype=torch.uint8)).view(1, 1, n, n)
            state[at + "masked_bias"] = torch.tensor(-1e4)
    torch.save(state, folder / "pytorch_model.bin")
    config = json.loads(model.config.to_json_string())
    config.pop("architectures", None)
    config["n_ctx"] = config["n_positions"]
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def main():
    for number, (name, config) in enumerate(CONFIGS.items()):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        torch.manual_seed(100 + number)
        model = make_model(config)
        folder = new_folder(OUT / name)
        if name == "gpt2_old":
            save_old(model, folder)
        else:
            model.save_pretrained(folder, max_shard_size="20KB" if name == "gpt2_odd" else "1GB")
        (folder / "generation_config.json").unlink(missing_ok=True)
        sequences = [torch.randint(1, model.config.vocab_size, (n,)) for n in LENGTHS]
        values = reference(model, sequences)
        (folder / "generation_config.json").write_text(
            json.dumps({"eos_token_id": values["eos"].tolist(), "do_sample": True,
                        "temperature": 0.5}) + "\n")
        write_tensors(values, folder / "reference.safetensors")
    finish(OUT)


if __name__ == "__main__":
    main()
