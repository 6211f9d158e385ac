#!/usr/bin/env python3
"""Kindred's backbones beside plain PyTorch + transformers (+ peft): same random weights, same batches, same run.

    python bench/lm_backbone_twin.py build/bench/bench/lm_backbone [--shape gpt2|qwen2-0.5b|opt-125m|tiny]
        [--tasks forward,score,lora,soft,greedy | --tasks big] [--precisions fp32,bf16] [--repeats 3] [--threads 2]

Prints a line a task and precision: seconds of both (the fastest repeat after a warm-up), their ratio, the
ratio to plain fp32, and the largest difference of what both computed. Plain means what its users write:
padded batches, logits where the model gives them, separate scoring of candidates, SDPA attention, generate().
Excluded on both sides: loading, tokenizing, the optimiser.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig, Qwen2Config

SHAPES = {
    "gpt2": GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0),
    "qwen2-0.5b": Qwen2Config(vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24,
                              num_attention_heads=14, num_key_value_heads=2, tie_word_embeddings=True,
                              rope_theta=1e6),
    "opt-125m": OPTConfig(dropout=0),
    "tiny": GPT2Config(vocab_size=997, n_positions=1024, n_embd=64, n_layer=2, n_head=2, resid_pdrop=0,
                       embd_pdrop=0, attn_pdrop=0, bos_token_id=0, eos_token_id=0),
}
BIG = Qwen2Config(vocab_size=151936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28,
                  num_attention_heads=12, num_key_value_heads=2, tie_word_embeddings=True, rope_theta=1e6)
LORA_TARGETS = {"gpt2": ["c_attn"], "tiny": ["c_attn"]}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def fastest(repeats, work):
    times = []
    for i in range(repeats + 1):
        begun = time.perf_counter()
        result = work()
        if i:
            times.append(time.perf_counter() - begun)
    return min(times), result


def make_batches(config, folder):
    """Lengths as recommenders' prompts have them: from short to 200 tokens; the last token is the answer."""
    generator = torch.Generator().manual_seed(7)

    def tokens(n):
        return torch.randint(1, config.vocab_size, (n,), generator=generator).tolist()

    lengths = [24, 31, 40, 46, 52, 60, 66, 75, 83, 92, 104, 118, 131, 150, 172, 200]
    batches = {
        "forward": {"sequences": [tokens(512)]},
        "score": {"sequences": [tokens(300)],
                  "continuations": [tokens(n) for n in [9, 10, 11, 12, 12, 12, 13, 14, 15, 12] * 2]},
        "lora": {"sequences": [tokens(n) for n in lengths]},
        "soft": {"sequences": [tokens(n) for n in lengths],
                 "slots": [[n // 3, 2 * n // 3] for n in lengths]},
        "greedy1": {"sequences": [tokens(64)], "new_tokens": 64},
        "greedy16": {"sequences": [tokens(n) for n in range(49, 65)], "new_tokens": 64},
    }
    for name, batch in batches.items():
        (folder / f"{name}.json").write_text(json.dumps(batch))
    return batches


def padded(sequences):
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask


def plain_forward(model, batch, repeats):
    ids = torch.tensor(batch["sequences"])
    base = model.base_model
    with torch.no_grad():
        seconds, hidden = fastest(repeats, lambda: base(ids).last_hidden_state)
    return seconds, [hidden.float().abs().mean().item()]


def plain_score(model, batch, repeats):
    prefix, candidates = batch["sequences"][0], batch["continuations"]
    ids, mask = padded([prefix + candidate for candidate in candidates])

    def work():
        with torch.no_grad():
            scores = torch.log_softmax(model(ids, attention_mask=mask).logits.float(), -1)
        sums = []
        for row, candidate in enumerate(candidates):
            at = torch.arange(len(prefix) - 1, len(prefix) + len(candidate) - 1)
            sums.append(scores[row, at, torch.tensor(candidate)].sum().item())
        return sums

    return fastest(repeats, work)


def answer_loss(model, ids, mask, sequences, **inputs):
    labels = torch.full_like(ids, -100)
    for row, sequence in enumerate(sequences):
        labels[row, len(sequence) - 1] = sequence[-1]
    logits = model(attention_mask=mask, **inputs).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(),
                                             ignore_index=-100, reduction="sum")


def plain_lora(model, batch, repeats, adapter):
    from peft import PeftModel
    tuned = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    ids, mask = padded(batch["sequences"])

    def work():
        tuned.zero_grad(set_to_none=True)
        loss = answer_loss(tuned, ids, mask, batch["sequences"], input_ids=ids)
        loss.backward()
        return loss.item()

    seconds, loss = fastest(repeats, work)
    norm = sum(p.grad.float().pow(2).sum() for p in tuned.parameters() if p.grad is not None).sqrt().item()
    tuned.unload()
    return seconds, [loss, norm]


def plain_soft(model, batch, repeats):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    ids, mask = padded(batch["sequences"])
    rows = torch.tensor([row for row, slots in enumerate(batch["slots"]) for _ in slots])
    at = torch.tensor([slot for slots in batch["slots"] for slot in slots])
    table = model.get_input_embeddings()
    vectors = table(ids)[rows, at].detach().float().requires_grad_(True)

    def work():
        vectors.grad = None
        x = table(ids).index_put((rows, at), vectors.to(table.weight.dtype))
        loss = answer_loss(model, ids, mask, batch["sequences"], inputs_embeds=x)
        loss.backward()
        return loss.item()

    seconds, loss = fastest(repeats, work)
    return seconds, [loss, vectors.grad.norm().item()]


def plain_greedy(model, batch, repeats):
    sequences = batch["sequences"]
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, longest - len(sequence):] = torch.tensor(sequence)
        mask[row, longest - len(sequence):] = 1

    def work():
        with torch.no_grad():
            out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=batch["new_tokens"],
                                 min_new_tokens=batch["new_tokens"], pad_token_id=0)
        return out[:, longest:].tolist()

    return fastest(repeats, work)


def difference(ours, plain):
    flat = [torch.tensor(x, dtype=torch.float64).flatten() for x in (ours, plain)]
    if flat[0].dtype != flat[1].dtype or flat[0].shape != flat[1].shape:
        return float("nan")
    return ((flat[0] - flat[1]).abs() / flat[1].abs().clamp(min=1)).max().item()


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        config = SHAPES[options.shape]
        torch.manual_seed(3)
        model = AutoModelForCausalLM.from_config(config)
        model.generation_config.eos_token_id = None
        model.save_pretrained(folder / "model")
        self.weights = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
        self.batches = make_batches(config, folder)
        from peft import LoraConfig, get_peft_model
        targets = LORA_TARGETS.get(options.shape, ["q_proj", "v_proj"])
        tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets,
                                                 fan_in_fan_out=targets == ["c_attn"], task_type="CAUSAL_LM"))
        with torch.no_grad():
            for name, parameter in tuned.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0, 0.02)
        tuned.save_pretrained(folder / "adapter")

    def ours(self, task, batch, precision):
        command = [self.options.program, task, str(self.folder / "model"), str(self.folder / f"{batch}.json"),
                   "--precision", precision, "--repeats", str(self.options.repeats), "--threads",
                   str(self.options.threads), "--adapter", str(self.folder / "adapter")]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

    def plain(self, task, batch, precision):
        model = AutoModelForCausalLM.from_pretrained(self.folder / "model", dtype=DTYPES[precision],
                                                     attn_implementation="sdpa").eval()
        values, repeats = self.batches[batch], self.options.repeats
        if task == "lora":
            return plain_lora(model, values, repeats, self.folder / "adapter")
        return {"forward": plain_forward, "score": plain_score, "soft": plain_soft,
                "greedy": plain_greedy}[task](model, values, repeats)

    def run(self):
        if self.options.tasks == "big":
            self.big()
            return
        peaks = {p: self.ours("peak", "forward", p)["flops"] for p in self.options.precisions.split(",")}
        for precision, peak in peaks.items():
            print(f"GEMM peak {precision}: {peak / 1e9:.0f} GFLOP/s", flush=True)
        for precision in self.options.precisions.split(","):
            self.load(precision)
        for task in self.options.tasks.split(","):
            for batch in ["greedy1", "greedy16"] if task == "greedy" else [task]:
                self.compare(task, batch, peaks)

    def big(self):
        """A shape of 1.5 billion weights, random, ours alone: does it train LoRA and score in this memory?"""
        config = self.folder / "big.json"
        config.write_text(BIG.to_json_string())
        make_batches(BIG, self.folder)
        for task, more in [("lora", []), ("lora", ["--checkpoint"]), ("score", [])]:
            command = [self.options.program, task, str(config), str(self.folder / f"{task}.json"), "--precision",
                       "bf16", "--repeats", "1", "--threads", str(self.options.threads), *more]
            answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            print(f"1.5 billion weights, bf16, {task} {' '.join(more)}: {answer['seconds'][0]:.1f} s, peak memory "
                  f"{answer['peak_mb']:.0f} MB", flush=True)

    def load(self, precision):
        """Memory that loading a folder stored in this precision adds to the process's peak."""
        folder = self.folder / f"stored-{precision}"
        stored = AutoModelForCausalLM.from_pretrained(self.folder / "model", dtype=DTYPES[precision])
        stored.save_pretrained(folder)
        del stored
        os.sync()  # pages still to be written are nobody's to let go
        command = [self.options.program, "load", str(folder), "none", "--precision", precision]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        shutil.rmtree(folder)
        print(f"load      {precision}: {answer['seconds']:.2f} s, folder {answer['folder_mb']:.0f} MB, memory grew by "
              f"{answer['grew_mb']:.0f} MB, {answer['grew_mb'] / answer['folder_mb']:.2f} times", flush=True)

    def compare(self, task, batch, peaks):
        plain_fp32 = None
        for precision in self.options.precisions.split(","):
            plain, expected = self.plain(task, batch, precision)
            plain_fp32 = plain if precision == "fp32" else plain_fp32
            answer = self.ours(task, batch, precision)
            best = min(answer["seconds"])
            line = f"{batch:9s} {precision}: ours {best:8.4f} s, plain {plain:8.4f} s, ratio {plain / best:6.2f}"
            if plain_fp32 is not None and precision != "fp32":
                line += f", to plain fp32 {plain_fp32 / best:6.2f}"
            if task == "forward":
                tokens = sum(len(s) for s in self.batches[batch]["sequences"])
                line += f", {2 * self.weights * tokens / best / peaks[precision]:.0%} of the GEMM peak"
            print(f"{line}, differs by {difference(answer['check'], expected):.1e}, "
                  f"peak memory {answer['peak_mb']:.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--shape", default="gpt2", choices=sorted(SHAPES))
    parser.add_argument("--tasks", default="forward,score,lora,soft,greedy")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        Bench(options, pathlib.Path(folder)).run()


if __name__ == "__main__":
    main()
