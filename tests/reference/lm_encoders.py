#!/usr/bin/env python3
"""Writes tests/fixtures/lm_encoders/: tiny random encoders and what `transformers` computes from them.

    python tests/reference/lm_encoders.py [NAME…]      (of all of them unless some are named)

Each folder holds config.json and weights as a Hugging Face folder does, and reference.safetensors:
packed token ids of three sequences, hidden states before every layer and at the end, the squared
distance of the last ones from random targets, its gradients for inputs_embeds and for every weight,
four AdamW losses, and what each pooling of `sentence-transformers` makes of the last states.
Dropout is off, everything is fp32. Read by tests/lm/encoder_reference_test.cpp.
"""
import pathlib
import sys

import torch
from fixtures import adamw_losses, finish, new_folder, write_tensors
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import (AutoModel, BertConfig, BertForMaskedLM, DistilBertConfig, LongformerConfig,
                          LongformerForMaskedLM, MPNetConfig, RobertaConfig, XLMRobertaConfig)

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "lm_encoders"
LENGTHS = [7, 1, 12]
LONG = [9, 1, 23]

SMALL = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
             max_position_embeddings=20)
SMALL_LONG = dict(SMALL, max_position_embeddings=40)
CONFIGS = {
    "bert": BertConfig(vocab_size=41, **SMALL),
    # Saved with a head: `bert.` in front of every name, a pooler beside.
    "bert_head": BertConfig(vocab_size=37, hidden_size=15, num_hidden_layers=3, num_attention_heads=3,
                            intermediate_size=22, max_position_embeddings=14, type_vocab_size=3,
                            hidden_act="gelu_new", layer_norm_eps=1e-3),
    "bert_old": BertConfig(vocab_size=31, hidden_act="relu", pad_token_id=None, **SMALL),
    "roberta": RobertaConfig(vocab_size=41, layer_norm_eps=1e-5, type_vocab_size=1, **SMALL),
    "xlm_roberta": XLMRobertaConfig(vocab_size=31, pad_token_id=3, **SMALL),
    "distilbert": DistilBertConfig(vocab_size=41, dim=16, n_layers=2, n_heads=4, hidden_dim=24,
                                   max_position_embeddings=20, sinusoidal_pos_embds=True),
    "longformer": LongformerConfig(vocab_size=31, attention_window=[4, 8], **SMALL_LONG),
    "longformer_marks": LongformerConfig(vocab_size=31, attention_window=8, type_vocab_size=4,
                                         **SMALL_LONG),
    "mpnet": MPNetConfig(vocab_size=31, layer_norm_eps=1e-5, **SMALL),
}


def make_model(config):
    model = AutoModel.from_config(config, attn_implementation="eager").float().eval()
    randomise(model)
    return model


def randomise(model):
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn_like(weight)
            if weight.dim() == 1 and name.endswith("weight"):
                weight.copy_(1 + 0.2 * noise)
            else:
                weight.copy_((0.1 if name.endswith("bias") else 0.3) * noise)


class Marks:
    """Token types and global tokens of each sequence, None where the defaults are asked for."""

    def __init__(self, name, sequences, config):
        self.long = name.startswith("longformer")
        self.types = self.given = None
        if name in ("bert_head", "longformer_marks"):
            self.types = [torch.randint(0, config.type_vocab_size, (len(s),)) for s in sequences]
        # By default each first token is global; here others, and none in the second sequence.
        if self.long:
            self.given = [torch.arange(len(s)) == 0 for s in sequences]
        if name == "longformer_marks":
            self.given = [torch.arange(len(s)) % 5 == 3 for s in sequences]

    def of(self, i):
        result = {}
        if self.types is not None:
            result["token_type_ids"] = self.types[i][None]
        if self.long and bool(self.given[i].any()):
            result["global_attention_mask"] = self.given[i].long()[None]
        return result


def states(model, sequences, marks, embeddings=None):
    """States before each layer and the last ones, over separate sequences."""
    layers, hidden = [], []
    for i, ids in enumerate(sequences):
        x = model.get_input_embeddings()(ids) if embeddings is None else embeddings[i]
        out = model(inputs_embeds=x[None], output_hidden_states=True, **marks.of(i))
        layers.append(torch.stack([h[0] for h in out.hidden_states[:-1]]))
        hidden.append(out.last_hidden_state[0])
    return torch.cat(layers, 1), torch.cat(hidden)


def pooled(hidden, lengths):
    """What each pooling makes of the states, padded as a batch is."""
    parts = hidden.split(lengths)
    features = {
        "token_embeddings": torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=9.0),
        "attention_mask": torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in lengths],
                                                          batch_first=True)}
    return {f"pooled.{mode}": Pooling(hidden.shape[1], mode)(dict(features))["sentence_embedding"]
            for mode in Pooling.POOLING_MODES}


def reference(model, sequences, marks):
    lengths = [len(s) for s in sequences]
    target = torch.randn(sum(lengths), model.config.hidden_size)
    result = {"ids": torch.cat(sequences), "lengths": torch.tensor(lengths), "target": target}
    if marks.types is not None:
        result["types"] = torch.cat(marks.types)
    if marks.given is not None:
        result["global"] = torch.cat(marks.given).long()
    embeddings = [model.get_input_embeddings()(ids).detach().requires_grad_() for ids in sequences]
    layers, hidden = states(model, sequences, marks, embeddings)
    loss = (hidden - target).square().sum()
    loss.backward()
    result.update(layers=layers.detach(), hidden=hidden.detach(), loss=loss.detach().reshape(1))
    result["embedding_gradient"] = torch.cat([e.grad for e in embeddings])
    result.update(pooled(hidden.detach(), lengths))
    # The whole model trained: the vocabulary's gradient then has its input part.
    model.zero_grad()
    (states(model, sequences, marks)[1] - target).square().sum().backward()
    trained = [(n, w) for n, w in model.named_parameters() if w.grad is not None]
    for name, weight in trained:
        result["gradient." + name] = weight.grad.clone()
    result["adamw_losses"] = adamw_losses(
        [w for _, w in trained], lambda: (states(model, sequences, marks)[1] - target).square().mean())
    return result


def save(name, model, folder):
    if name == "bert_old":
        # As checkpoints of 2019 look: a .bin, gamma and beta, a buffer of positions, a head.
        state = {("bert." + k).replace("LayerNorm.weight", "LayerNorm.gamma")
                 .replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in model.state_dict().items()}
        state["bert.embeddings.position_ids"] = torch.arange(20)[None]
        state["cls.seq_relationship.weight"] = torch.zeros(2, 16)
        torch.save(state, folder / "pytorch_model.bin")
        model.config.save_pretrained(folder)
    elif name in ("bert_head", "longformer_marks"):
        kind = BertForMaskedLM if name == "bert_head" else LongformerForMaskedLM
        head = kind(model.config)
        randomise(head)
        setattr(head, head.base_model_prefix, model)
        head.save_pretrained(folder)
    else:
        model.save_pretrained(folder)


def main():
    for number, (name, config) in enumerate(CONFIGS.items()):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        torch.manual_seed(200 + number)
        model = make_model(config)
        folder = new_folder(OUT / name)
        save(name, model, folder)
        lengths = LONG if name.startswith("longformer") else LENGTHS
        sequences = [torch.randint(4, model.config.vocab_size, (n,)) for n in lengths]
        marks = Marks(name, sequences, model.config)
        write_tensors(reference(model, sequences, marks), folder / "reference.safetensors")
    finish(OUT)


if __name__ == "__main__":
    main()
