#!/usr/bin/env python3
"""Writes tests/fixtures/lm_generation/reference.json: continuations of two of lm_decoders' tiny models under
`transformers`' rules (beams, repetition penalty, least new tokens, end tokens), and which tokens its
temperature, top-k and top-p leave with what score. Read by tests/lm/generation_test.cpp.

    python tests/reference/lm_generation.py
"""
import json
import pathlib

import torch
from lm_decoders import OUT as BASES, PROMPTS
from transformers import (AutoModelForCausalLM, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper,
                          TopKLogitsWarper, TopPLogitsWarper)

OUT = BASES.parent / "lm_generation" / "reference.json"
RULES = [
    dict(num_beams=2), dict(num_beams=3), dict(num_beams=4, length_penalty=0.3),
    dict(num_beams=3, length_penalty=2.0, eos_token_id=True),
    dict(num_beams=4, length_penalty=-1.0, eos_token_id=True),
    dict(num_beams=2, repetition_penalty=1.4, eos_token_id=True),
    dict(repetition_penalty=1.3), dict(repetition_penalty=0.7),
    dict(min_new_tokens=6, eos_token_id=True), dict(min_new_tokens=5, num_beams=3, eos_token_id=True),
]
NARROW = [dict(temperature=0.7), dict(top_k=5), dict(top_p=0.6), dict(temperature=1.5, top_k=9, top_p=0.8),
          dict(temperature=0.3, top_p=0.05), dict(penalty=1.8, temperature=2.0, top_k=3)]


def continuations(name):
    model = AutoModelForCausalLM.from_pretrained(BASES / name, dtype=torch.float32).eval()
    free = model.generate(torch.tensor([PROMPTS[0]]), do_sample=False, max_new_tokens=3, eos_token_id=None,
                          pad_token_id=0)[0, len(PROMPTS[0]):].tolist()
    ends = [free[2], 7, 11]
    found = []
    for rule in RULES:
        options = dict(rule, eos_token_id=ends if rule.get("eos_token_id") else None)
        tokens = []
        for prompt in PROMPTS:
            out = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=9, pad_token_id=0,
                                 attention_mask=torch.ones(1, len(prompt), dtype=torch.long), **options)
            new = out[0, len(prompt):].tolist()
            for i, token in enumerate(new):
                if options["eos_token_id"] and token in ends:
                    new = new[: i + 1]
                    break
            tokens.append(new)
        found.append({"rule": dict(options, eos_token_id=options["eos_token_id"] or []), "tokens": tokens})
    return found


def narrowed():
    torch.manual_seed(5)
    scores = torch.randn(1, 40) * 3
    before = torch.tensor([[3, 3, 17, 30]])
    found = []
    for rule in NARROW:
        row = scores.clone()
        if "penalty" in rule:
            row = RepetitionPenaltyLogitsProcessor(rule["penalty"])(before, row)
        if "temperature" in rule:
            row = TemperatureLogitsWarper(rule["temperature"])(before, row)
        if "top_k" in rule:
            row = TopKLogitsWarper(rule["top_k"])(before, row)
        if "top_p" in rule:
            row = TopPLogitsWarper(rule["top_p"])(before, row)
        found.append({"rule": rule, "kept": {str(i): v for i, v in enumerate(row[0].tolist())
                                             if v != float("-inf")}})
    return {"scores": scores[0].tolist(), "before": before[0].tolist(), "cases": found}


def main():
    OUT.parent.mkdir(exist_ok=True)
    values = {"prompts": PROMPTS, "models": {name: continuations(name) for name in ["gpt2", "llama_gqa"]},
              "narrow": narrowed()}
    OUT.write_text(json.dumps(values, indent=1) + "\n")
    OUT.chmod(0o644)


if __name__ == "__main__":
    main()
