"""The plain twin of bench/cllm4rec_bench.cpp: the same steps on the same batches in PyTorch and
transformers, written the usual way: padded batches, logits at every position, dense Adam, fp32, SDPA
attention. Prints a table of both.

Run by bench/cllm4rec.sh: cllm4rec_twin.py OUT [STEPS] [DROPOUT], STEPS being how many of the content batches it
times. DROPOUT (off by default) is the twin's own: with it SDPA keeps the probabilities of every layer, and a
content step of usual size takes more than 18 GB.
"""

import json
import pathlib
import resource
import statistics
import sys
import time

import torch
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel

# Seconds of the authors' released code on two threads (fp32, AMX machine): content, collaborative and
# rec a step, prediction of 256 users.
AUTHORS = {"content": 33.8, "collaborative": 0.99, "recommendation": 0.75, "prediction": 7.7}
LAMBDA = 1.0


class Twin:
    def __init__(self, out):
        self.model = GPT2LMHeadModel.from_pretrained(out / "backbone", attn_implementation="sdpa")
        self.model.eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        saved = load_file(out / "cllm4rec.safetensors")
        self.tables = {k: torch.nn.Embedding.from_pretrained(saved[k].float(), freeze=False)
                       for k in saved if k.endswith(("collaborative", "content"))}
        self.vocab = self.model.config.vocab_size
        self.users = saved["users.collaborative"].shape[0]

    def embed(self, ids, kind):
        users, items = self.tables["users." + kind], self.tables["items." + kind]
        user, item = ids - self.vocab, ids - self.vocab - self.users
        is_user = (user >= 0) & (item < 0)
        is_item = item >= 0
        x = self.model.transformer.wte(ids.clamp(max=self.vocab - 1))
        x = torch.where(is_user[..., None], users(user.clamp(0, self.users - 1)), x)
        return torch.where(is_item[..., None], items(item.clamp(min=0)), x)

    def regulariser(self, batch, learned, fixed):
        total = 0
        for side in ("users", "items"):
            rows = torch.tensor(batch[side])
            delta = (self.tables[f"{side}.{learned}"](rows)
                     - self.tables[f"{side}.{fixed}"](rows).detach())
            total = total + delta.square().sum()
        return LAMBDA / 2 * total

    def padded(self, documents, main):
        """Prompt and main text of each document, padded on the right; labels on the main text."""
        offset = self.vocab + self.users if main == "items" else 0
        rows = [(d["prompt"], d["targets"]) for d in documents]
        length = max(len(p) + (len(t) if main else 0) for p, t in rows)
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        mask = torch.zeros_like(ids)
        labels = torch.full_like(ids, -100)
        for r, (prompt, targets) in enumerate(rows):
            row = prompt + ([offset + t for t in targets] if main else [])
            ids[r, :len(row)] = torch.tensor(row)
            mask[r, :len(row)] = 1
            if main:
                labels[r, len(prompt):len(row)] = torch.tensor(targets)
        return ids, mask, labels

    def language_loss(self, batch, kind, main):
        ids, mask, labels = self.padded(batch["documents"], main)
        hidden = self.model.transformer(inputs_embeds=self.embed(ids, kind),
                                        attention_mask=mask).last_hidden_state
        head = self.model.lm_head.weight if main == "words" else self.tables["items." + kind].weight
        logits = hidden @ head.T
        return torch.nn.functional.cross_entropy(
            logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1),
            ignore_index=-100, reduction="sum")

    def last_hidden(self, batch):
        ids, mask, _ = self.padded(batch["documents"], None)
        hidden = self.model.transformer(inputs_embeds=self.embed(ids, "collaborative"),
                                        attention_mask=mask).last_hidden_state
        return hidden[torch.arange(len(ids)), mask.sum(1) - 1]

    def loss(self, kind, batch):
        if kind.startswith("content"):
            nll = self.language_loss(batch, "content", "words")
            mr = self.regulariser(batch, "content", "collaborative")
        else:
            mr = self.regulariser(batch, "collaborative", "content")
            if kind == "collaborative":
                nll = self.language_loss(batch, "collaborative", "items")
            else:
                logits = self.last_hidden(batch) @ self.tables["items.collaborative"].weight.T
                log_p = logits.log_softmax(-1)
                nll = -sum(log_p[r, d["targets"]].sum() for r, d in enumerate(batch["documents"]))
        return (nll + mr) / len(batch["documents"])

    def steps(self, kind, batches, dropout):
        """The loss of the first batch (none under dropout), and the median seconds of a step."""
        adam = torch.optim.Adam([t.weight for t in self.tables.values()], lr=1e-3)
        start = {k: t.weight.detach().clone() for k, t in self.tables.items()}
        self.model.train(dropout)
        few = dict(batches[0], documents=batches[0]["documents"][:2])
        self.loss(kind, few).backward()  # warms up
        first, seconds = None, []
        for batch in batches:
            begin = time.perf_counter()
            adam.zero_grad()
            loss = self.loss(kind, batch)
            loss.backward()
            adam.step()
            seconds.append(time.perf_counter() - begin)
            first = loss.item() if first is None and not dropout else first
        self.model.eval()
        with torch.no_grad():
            for k, t in self.tables.items():
                t.weight.copy_(start[k])
        return first, statistics.median(seconds)

    def predict(self, batch):
        best = float("inf")
        for _ in range(2):
            begin = time.perf_counter()
            with torch.no_grad():
                scores = self.last_hidden(batch) @ self.tables["items.collaborative"].weight.T
                scores.topk(20)
            best = min(best, time.perf_counter() - begin)
        return best


def main():
    out = pathlib.Path(sys.argv[1])
    ours = json.loads((out / "ours.json").read_text())
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    dropout = len(sys.argv) > 3 and sys.argv[3] == "on"
    torch.set_num_threads(ours["threads"])
    batches = json.loads((out / "batches.json").read_text())
    twin = Twin(out)
    result = {}
    for kind in ours["kinds"]:
        name = kind["name"]
        if name == "prediction":
            result[name] = (None, twin.predict(batches[name][0]))
        else:
            some = batches[name][:steps] if name.startswith("content") else batches[name]
            result[name] = twin.steps(name, some, dropout)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report(ours, result, peak, dropout)


def report(ours, result, peak, dropout):
    names = {True: "on", False: "off"}
    print(f"threads {ours['threads']}, ours {ours['precision']}, dropout {names[ours['dropout']]}, twin's {names[dropout]}")
    print(f"{'kind':16}{'tokens':>8}{'padded':>8}{'ours s':>9}{'lazy s':>9}{'twin s':>9}{'ratio':>7}{'authors s':>11}"
          f"{'ratio':>7}  first loss, ours and twin's")
    epoch = {"dense": 0.0, "lazy": 0.0, "twin": 0.0}
    for kind in ours["kinds"]:
        name, (loss, seconds) = kind["name"], result[kind["name"]]
        authors = AUTHORS.get(name)
        by_authors = f"{authors:11.2f}{authors / kind['dense']:7.1f}" if authors else " " * 18
        losses = f"{kind['first_loss']:.4f} {loss:.4f}" if loss is not None else ""
        lazy = f"{kind['lazy']:9.3f}" if "lazy" in kind else " " * 9
        size = f"{kind['tokens']:8.0f}{kind['padded']:8.0f}" if "tokens" in kind else " " * 16
        print(f"{name:16}{size}{kind['dense']:9.3f}{lazy}{seconds:9.3f}{seconds / kind['dense']:7.1f}{by_authors}  {losses}")
        if name in ("content", "collaborative", "recommendation"):
            for form in ("dense", "lazy"):
                epoch[form] += kind["steps_an_epoch"] * kind[form]
            epoch["twin"] += kind["steps_an_epoch"] * seconds
            print(f"{'  its epoch':16}{kind['epoch_tokens']:8.0f}{kind['epoch_padded']:8.0f}   a step, {kind['steps_an_epoch']} steps")
    if epoch["twin"]:
        print(f"{'epoch of each':32}{epoch['dense']:9.1f}{epoch['lazy']:9.1f}{epoch['twin']:9.1f}{epoch['twin'] / epoch['dense']:7.1f}")
    print(f"{'peak MB':32}{ours['peak_mb']:9}{'':9}{peak:9}{peak / ours['peak_mb']:7.1f}")
    for kind in ours["kinds"]:
        for way, ms in kind.get("ms_a_user", {}).items():
            print(f"{way}: {ms:.2f} ms a user")


if __name__ == "__main__":
    main()
