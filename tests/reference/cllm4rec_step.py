"""Reference of CLLM4Rec's steps: writes tests/fixtures/cllm4rec/.

A tiny random GPT-2 and a tiny shop (5 users, 7 items). With plain PyTorch and transformers, one
document at a time and nothing packed: the prompts as ids of the extended vocabulary, the losses of the
L-, C- and rec-step, the gradients of the four tables, four alternating Adam steps, one-pass scores.
Shuffles are reproduced from the library's documented random streams, so that nothing here comes from
the code under test. Read by tests/methods/cllm4rec_step_test.cpp.

Run: .venv/bin/python tests/reference/cllm4rec_step.py
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "cllm4rec"
MASK = (1 << 64) - 1
SEED = 7
USERS, ITEMS, HIDDEN = 5, 7, 32

TRAIN = [[0, 1, 2, 3], [2, 4], [5, 0, 3, 4, 1], [1], [3, 5]]  # oldest first; item 6 is cold
REVIEWS = {  # by position in the training rows; the second user wrote none
    0: "I love it, the tone is warm.", 1: "Broke after a week",
    2: "user_3 says <item_3> is fine. <user_1>!", 3: "ok", 6: "Works as described.",
    7: "Not for me", 8: "Great strings, great price", 9: "good", 10: "It hums.",
    11: "A solid stand", 12: "My son likes the tuner", 13: "Fine",
}
TITLES = {0: "Red strings", 6: "Stand for guitars"}

PAPER = dict(
    interactions=["<user>", " has interacted with"],
    review=["<user>", " write the review for", "<item>", ":", "space"],
    title=["The title of", "<item>", " is:", "space"],
    recommend=["<user>", " has interacted with", "<items>", " the user will interact with:"])
RELEASED = dict(
    PAPER, review=["<user>", " wrote the following review for", "<item>", ":"],
    recommend=["<user>", " has interacted with", "<items>", ",", "<user>", " will interact with"])
CASES = {
    "paper": dict(prompts=PAPER, mr="paper", normalise="document", first=True, target="holdout"),
    "released": dict(prompts=RELEASED, mr="sum", normalise="token", first=False, target="all"),
}
LAMBDA = 0.7
MASK_SHARE = 0.5


class Stream:
    """xoshiro256** seeded from (seed, name, counters), as src/core/random.h documents it."""

    def __init__(self, seed, name, counters):
        h = self.mix(seed)
        for c in name.encode():
            h = self.mix(h ^ c)
        for counter in counters:
            h = self.mix(h ^ self.mix(counter))
        self.s = []
        for _ in range(4):
            h = self.mix(h)
            self.s.append(h)

    @staticmethod
    def mix(x):
        x = (x + 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return x ^ (x >> 31)

    @staticmethod
    def rotate(x, k):
        return ((x << k) | (x >> (64 - k))) & MASK

    def draw(self):
        s = self.s
        result = (self.rotate((s[1] * 5) & MASK, 7) * 9) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = self.rotate(s[3], 45)
        return result

    def below(self, bound):
        limit = MASK - MASK % bound
        value = self.draw()
        while value >= limit:
            value = self.draw()
        return value % bound

    def shuffle(self, values):
        for i in range(len(values), 1, -1):
            j = self.below(i)
            values[i - 1], values[j] = values[j], values[i - 1]

    def sample(self, n, k):
        places = list(range(n))
        for i in range(k):
            j = i + self.below(n - i)
            places[i], places[j] = places[j], places[i]
        return places[:k]


def visits(documents, batch, name, epoch, step):
    order = list(documents)
    Stream(SEED, name + ".visits", [epoch]).shuffle(order)
    return order[step * batch:(step + 1) * batch], Stream(SEED, name, [epoch, step])


class Reference:
    def __init__(self, model, tokenizer, tables, case):
        self.model, self.tokenizer, self.case = model, tokenizer, case
        self.tables = {k: v.clone().requires_grad_() for k, v in tables.items()}
        self.vocab = model.config.vocab_size
        self.rows = [(u, i) for u in range(USERS) for i in TRAIN[u]]
        self.texts = [(u, i, REVIEWS[r]) for r, (u, i) in enumerate(self.rows) if r in REVIEWS]
        self.texts += [(None, i, t) for i, t in TITLES.items()]

    def encode(self, text):
        return self.tokenizer.encode(text).ids

    def prompt(self, name, user=None, item=None, items=()):
        ids = []
        for piece in self.case["prompts"][name]:
            if piece == "<user>":
                ids.append(self.vocab + user)
            elif piece == "<item>":
                ids.append(self.vocab + USERS + item)
            elif piece == "<items>":
                ids += [self.vocab + USERS + j for j in items]
            elif piece != "space":
                ids += self.encode(piece)
        return ids

    def hidden(self, ids, kind):
        extended = torch.cat([self.model.transformer.wte.weight, self.tables["users." + kind],
                              self.tables["items." + kind]])
        x = extended[torch.tensor(ids)][None]
        return self.model.transformer(inputs_embeds=x).last_hidden_state[0]

    def regulariser(self, learned, fixed, users, items):
        d = 0
        for side, rows in (("users.", users), ("items.", items)):
            for row in rows:
                d = d + (self.tables[side + learned][row]
                         - self.tables[side + fixed][row].detach()).square().sum()
        return d

    def combine(self, nll, distance, count):
        if self.case["mr"] == "paper":
            return (nll + LAMBDA / 2 * distance) / count
        return nll / count + LAMBDA * distance

    def lm_count(self, documents, tokens):
        return documents if self.case["normalise"] == "document" else tokens

    def in_prompt(self, name, slot):
        """How often the regulariser meets a document's user or item: once in the paper; the released
        code compares the whole embedded sequence, so each time it stands there."""
        return 1 if self.case["mr"] == "paper" else self.case["prompts"][name].count(slot)

    def l_step(self, epoch, step):
        chosen, random = visits(range(USERS), USERS, "collaborative", epoch, step)
        nll, distance, tokens, ids_of = 0, 0, 0, []
        for u in chosen:
            items = list(TRAIN[u])
            random.shuffle(items)
            prompt = self.prompt("interactions", u)
            ids = prompt + [self.vocab + USERS + j for j in items]
            logits = self.hidden(ids, "collaborative") @ self.tables["items.collaborative"].T
            first = 0 if self.case["first"] else 1
            for k in range(first, len(items)):
                nll = nll - logits[len(prompt) - 1 + k].log_softmax(-1)[items[k]]
                tokens += 1
            distance = distance + self.regulariser(
                "collaborative", "content", [u] * self.in_prompt("interactions", "<user>"), items)
            if len(items) > first:  # a lone item that is not predicted is only regularised
                ids_of.append(ids[:-1])
        return self.combine(nll, distance, self.lm_count(len(chosen), tokens)), ids_of

    def c_step(self, epoch, step, name="content", regularised=True):
        chosen, _ = visits(range(len(self.texts)), 4, name, epoch, step)
        nll, distance, tokens, documents, ids_of = 0, 0, 0, 0, []
        for d in chosen:
            user, item, text = self.texts[d]
            form = "review" if user is not None else "title"
            prompt = self.prompt(form, user, item)
            space = " " if self.case["prompts"][form][-1] == "space" else ""
            words = self.encode(space + text)
            first = 0 if self.case["first"] else 1
            documents += 1
            distance = distance + self.regulariser(
                "content", "collaborative",
                [] if user is None else [user] * self.in_prompt(form, "<user>"),
                [item] * self.in_prompt(form, "<item>"))
            if len(words) <= first:
                continue
            logits = self.hidden(prompt + words, "content") @ self.model.transformer.wte.weight.T
            for k in range(first, len(words)):
                nll = nll - logits[len(prompt) - 1 + k].log_softmax(-1)[words[k]]
                tokens += 1
            ids_of.append((prompt + words)[:-1])
        if not regularised:
            distance = 0 * distance
        return self.combine(nll, distance, self.lm_count(documents, tokens)), ids_of

    def rec_step(self, epoch, step):
        chosen, random = visits(range(USERS), USERS, "recommendation", epoch, step)
        nll, distance, ids_of = 0, 0, []
        for u in chosen:
            items = TRAIN[u]
            held = set(random.sample(len(items), max(1, int(MASK_SHARE * len(items)))))
            left = [j for k, j in enumerate(items) if k not in held]
            targets = [j for k, j in enumerate(items) if k in held or self.case["target"] == "all"]
            random.shuffle(left)
            ids = self.prompt("recommend", u, items=left)
            logits = self.hidden(ids, "collaborative")[-1] @ self.tables["items.collaborative"].T
            nll = nll - logits.log_softmax(-1)[targets].sum()
            seen = items if self.case["mr"] == "paper" else left  # eq. 10: all of the user's items
            distance = distance + self.regulariser(
                "collaborative", "content", [u] * self.in_prompt("recommend", "<user>"), seen)
            ids_of.append(ids)
        return self.combine(nll, distance, len(chosen)), ids_of  # in both a mean over people

    def scores(self):
        with torch.no_grad():
            items = self.tables["items.collaborative"].clone()
            items[6] = self.tables["items.content"][6]  # cold, known by its title
            rows = []
            for u in range(USERS):
                ids = self.prompt("recommend", u, items=TRAIN[u])
                rows.append(self.hidden(ids, "collaborative")[-1] @ items.T)
            return torch.stack(rows)

    def gradients(self, loss):
        for table in self.tables.values():
            table.grad = None
        loss.backward()
        return {k: t.grad.clone() for k, t in self.tables.items() if t.grad is not None}


def make_backbone():
    folder = OUT / "backbone"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = ByteLevelBPETokenizer()
    corpus = list(REVIEWS.values()) + list(TITLES.values()) + [
        " has interacted with", " the user will interact with:", " write the review for"]
    tokenizer.train_from_iterator(corpus, vocab_size=290, min_frequency=1)
    tokenizer.save_model(str(folder))
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=290, n_positions=96, n_embd=HIDDEN, n_layer=2, n_head=4,
                        n_inner=HIDDEN, initializer_range=0.3,
                        bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.normal_(0, 0.1)
    model.save_pretrained(folder)
    return model, tokenizer


def run(case, reference, tensors, facts):
    for step in ("l_step", "c_step", "rec_step"):
        loss, ids = getattr(reference, step)(0, 0)
        facts[f"{case}.{step}"] = dict(loss=loss.item(), ids=ids)
        for table, gradient in reference.gradients(loss).items():
            tensors[f"{case}.{step}.grad.{table}"] = gradient
    loss, _ = reference.c_step(0, 0, "warmup", False)
    facts[f"{case}.warmup"] = dict(loss=loss.item())
    adam = torch.optim.Adam(list(reference.tables.values()), lr=1e-2)
    losses = []
    for step, epoch, k in (("l_step", 0, 0), ("c_step", 0, 0), ("l_step", 1, 0), ("c_step", 0, 1)):
        adam.zero_grad(set_to_none=True)
        loss, _ = getattr(reference, step)(epoch, k)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    facts[f"{case}.losses"] = losses
    for table, value in reference.tables.items():
        tensors[f"{case}.after.{table}"] = value.detach().clone()
    tensors[f"{case}.scores"] = reference.scores()


def main():
    model, tokenizer = make_backbone()
    generator = torch.Generator().manual_seed(1)
    tables = {f"{side}.{kind}": 0.3 * torch.randn(n, HIDDEN, generator=generator)
              for kind in ("collaborative", "content")
              for side, n in (("users", USERS), ("items", ITEMS))}
    tensors = {f"tables.{k}": v for k, v in tables.items()}
    facts = dict(seed=SEED, lambda_c=LAMBDA, mask_share=MASK_SHARE, train=TRAIN,
                 reviews={str(k): v for k, v in REVIEWS.items()},
                 titles={str(k): v for k, v in TITLES.items()})
    for case, options in CASES.items():
        run(case, Reference(model, tokenizer, tables, options), tensors, facts)
    save_file({k: v.contiguous() for k, v in tensors.items()}, OUT / "step.safetensors")
    (OUT / "step.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
