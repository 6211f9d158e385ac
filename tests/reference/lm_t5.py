#!/usr/bin/env python3
"""Writes tests/fixtures/lm_t5/: tiny random T5s and what `transformers` computes from them.

    python tests/reference/lm_t5.py [NAME…]      (of all of them unless some are named)

Each folder holds config.json and weights as a Hugging Face folder does, and reference.safetensors:
token ids of three sequences, each a prompt (to the encoder) and a main text (to the decoder, after
the start token); the encoder's and the decoder's last states, logits, the summed loss of the main
texts, its gradients for the embeddings of both and for every weight, four AdamW losses, greedy
continuations, and the states of the first sequence with dropout. All is fp32, and dropout is off but
in the last. buckets.safetensors: relative positions by bucket. Read by tests/lm/t5_test.cpp.

Untied models get a head of their own after they are made: T5Config of `transformers` 5 forces
tie_word_embeddings to true and only keeps from it whether states are scaled before the head.
"""
import json
import pathlib
import sys

import torch
from fixtures import adamw_losses, finish, new_folder, write_tensors
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "lm_t5"
PROMPTS = [11, 1, 24]
MAINS = [4, 7, 1]
CONTINUED = [[5, 9, 2, 1], [1], list(range(30, 2, -1))]
NEW_TOKENS = 8
DROPOUT_SEED = 17

SMALL = dict(d_model=12, d_kv=5, num_heads=2, d_ff=20, decoder_start_token_id=0)
CONFIGS = {
    "v1_0": dict(vocab_size=37, num_layers=2, relative_attention_num_buckets=8,
                 relative_attention_max_distance=13, dropout_rate=0.25, **SMALL),
    "v1_1": dict(vocab_size=41, num_layers=3, num_decoder_layers=1, feed_forward_proj="gated-gelu",
                 tie_word_embeddings=False, layer_norm_epsilon=1e-3, **SMALL),
    # As transformers 5 writes version 1.1 down: tied, it says, yet with a head and without scaling.
    "v1_1_five": dict(vocab_size=43, num_layers=1, num_decoder_layers=2, feed_forward_proj="gated-silu",
                      tie_word_embeddings=False, relative_attention_num_buckets=17,
                      relative_attention_max_distance=20, **{**SMALL, "decoder_start_token_id": 3}),
    "old": dict(vocab_size=31, num_layers=1, num_decoder_layers=2, feed_forward_proj="gelu", **SMALL),
}


def make_model(name):
    config = T5Config(**CONFIGS[name])
    model = T5ForConditionalGeneration._from_config(config, attn_implementation="eager")
    model = model.float().eval()
    if not config.scale_decoder_outputs:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    with torch.no_grad():
        for key, weight in model.named_parameters():
            noise = torch.randn_like(weight)
            if "layer_norm" in key:
                weight.copy_(1 + 0.2 * noise)
            else:
                weight.copy_((1.0 if "relative" in key else 0.3) * noise)
    return model


def run(model, prompts, mains):
    """Encoder states, decoder states and logits over separate sequences, from embeddings."""
    start = torch.tensor([model.config.decoder_start_token_id])
    encoded, decoded, logits = [], [], []
    for prompt, main in zip(prompts, mains):
        states = model.encoder(inputs_embeds=prompt[None]).last_hidden_state
        x = torch.cat([model.shared(start), main])
        out = model(encoder_outputs=(states,), decoder_inputs_embeds=x[None],
                    output_hidden_states=True)
        encoded.append(states[0])
        decoded.append(out.decoder_hidden_states[-1][0])
        logits.append(out.logits[0])
    return encoded, decoded, logits


def summed_loss(logits, mains):
    return sum(torch.nn.functional.cross_entropy(one[:-1], ids, reduction="sum")
               for one, ids in zip(logits, mains))


def loss_of(model, prompts, mains):
    """The loss as `transformers` takes it from labels, summed."""
    total = 0
    for prompt, main in zip(prompts, mains):
        total = total + model(input_ids=prompt[None], labels=main[None]).loss * len(main)
    return total


def generate(model, eos):
    found = []
    for prompt in CONTINUED:
        prompt = [token % model.config.vocab_size for token in prompt]
        # Without a cache: that of transformers 5.24 has as many layers as the encoder.
        out = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=NEW_TOKENS,
                             eos_token_id=eos, pad_token_id=0, use_cache=False,
                             decoder_start_token_id=model.config.decoder_start_token_id,
                             attention_mask=torch.ones(1, len(prompt), dtype=torch.long))
        new = out[0, 1:]
        found.append(torch.cat([new, torch.full((NEW_TOKENS - len(new),), -1)]))
    return torch.stack(found)


def reference(model, prompts, mains):
    packed = [token for pair in zip(prompts, mains) for token in pair]
    result = {"ids": torch.cat(packed), "prompts": torch.tensor(PROMPTS), "mains": torch.tensor(MAINS)}
    leaves = [model.shared(ids).detach().requires_grad_() for ids in packed]
    encoded, decoded, logits = run(model, leaves[::2], leaves[1::2])
    loss = summed_loss(logits, mains)
    loss.backward()
    result.update(encoded=torch.cat(encoded).detach(), decoded=torch.cat(decoded).detach(),
                  logits=torch.cat(logits).detach(), loss=loss.detach().reshape(1))
    result["embedding_gradient"] = torch.cat([x.grad for x in leaves])
    # The whole model trained: the vocabulary's gradient then has its input part as well.
    model.zero_grad()
    whole = loss_of(model, prompts, mains)
    assert torch.allclose(whole, loss, rtol=1e-5)
    whole.backward()
    for name, weight in model.named_parameters():
        result["gradient." + name] = weight.grad.clone()
    free = generate(model, None)
    result["generated"] = free
    stop = [int(free[0, 2]), model.config.vocab_size - 1]
    result["eos"] = torch.tensor(stop)
    result["generated_until_eos"] = generate(model, stop)
    model.train()
    with torch.no_grad():
        torch.manual_seed(DROPOUT_SEED)
        encoded, decoded, _ = run(model, [model.shared(prompts[0])], [model.shared(mains[0])])
    result.update(dropped_encoded=encoded[0], dropped_decoded=decoded[0])
    model.eval()
    result["adamw_losses"] = adamw_losses(
        model.parameters(), lambda: loss_of(model, prompts, mains) / sum(MAINS))
    return result


def save(name, model, folder):
    if name == "old":
        # As the first checkpoints look: a .bin with copies of the vocabulary and a table nobody reads.
        state = dict(model.state_dict())
        for copy in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"):
            state[copy] = state["shared.weight"]
        unread = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
        state[unread] = torch.randn(32, SMALL["num_heads"])
        torch.save(state, folder / "pytorch_model.bin")
    else:
        model.save_pretrained(folder, max_shard_size="9KB" if name == "v1_1" else "1GB")
    config = json.loads(model.config.to_json_string())
    if name != "v1_1_five":
        for key in ("scale_decoder_outputs", "dense_act_fn", "is_gated_act"):
            config.pop(key, None)
        config["tie_word_embeddings"] = model.config.scale_decoder_outputs
    if name == "old":
        config.pop("tie_word_embeddings")
        config.pop("num_decoder_layers")
        config.update(num_decoder_layers=2, n_positions=512, output_past=True,
                      task_specific_params={"summarization": {"prefix": "summarize: "}})
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def buckets():
    distances = torch.arange(-400, 401)
    values = {"distances": distances}
    for number, most in ((32, 128), (8, 13), (17, 20), (4, 3), (64, 1000), (32, 17)):
        for both in (True, False):
            values[f"{number}.{most}.{int(both)}"] = T5Attention._relative_position_bucket(
                distances, bidirectional=both, num_buckets=number, max_distance=most).short()
    save_file(values, OUT / "buckets.safetensors")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    buckets()
    for number, name in enumerate(CONFIGS):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        torch.manual_seed(300 + number)
        model = make_model(name)
        folder = new_folder(OUT / name)
        save(name, model, folder)
        prompts = [torch.randint(1, model.config.vocab_size, (n,)) for n in PROMPTS]
        mains = [torch.randint(1, model.config.vocab_size, (n,)) for n in MAINS]
        values = reference(model, prompts, mains)
        (folder / "generation_config.json").write_text(
            json.dumps({"eos_token_id": values["eos"].tolist(), "do_sample": True}) + "\n")
        write_tensors(values, folder / "reference.safetensors")
        gap = (model.lm_head.weight - model.shared.weight).abs().max()
        print(name, "head differs from the vocabulary by", gap.item())
    finish(OUT)


if __name__ == "__main__":
    main()
