"""Fixture of tests/prompt/reference_prompts_test.cpp: digests of the token ids of CoLLM's and A-LLMRec's prompts,
a digest a row, for 1,000 real rows each.

The prompts are written out as the papers and the authors' code write them and tokenised whole: by `sentencepiece`
0.2.3 for LLaMA (special tokens cut out first, as the slow tokenizer of transformers 4 does), by `transformers` 5 for
Qwen and OPT, where slots are special tokens of the tokenizer. Run where ../shared holds data and tokenizers:

    .venv/bin/python tests/reference/prompt_ids.py
"""

import hashlib
import json
import pathlib

from text_real import ROOT, SHARED, real_tokenizer
from tokenizers import AddedToken

OUTPUT = ROOT / "tests/fixtures/prompt/prompt_ids.json"
ROWS = 1000

# CoLLM, prompts/collm_movie.txt and the text-only prompts of its code and of its paper (section 4.2, step 1).
FULL = (
    "#Question: A user has given high ratings to the following movies: {titles}. Additionally, we have information "
    "about the user's preferences encoded in the feature {user}. Using all available information, make a prediction "
    "about whether the user would enjoy the movie titled {title} with the feature {item}? Answer with \"Yes\" or "
    '"No". \\n#Answer:'
)
TEXT_ONLY = (
    "#Question: A user has given high ratings to the following movies: {titles}. Leverage the information to predict "
    'whether the user would enjoy the movie titled {title}? Answer with "Yes" or "No". \\n#Answer:'
)
STEP_1 = (
    "#Question: A user has given high ratings to the following movies: {titles}. Using all available information, "
    "make a prediction about whether the user would enjoy the movie titled {title}? Answer with \"Yes\" or \"No\". "
    "\\n#Answer:"
)

# A-LLMRec: figure 3 of the paper (figure 6 with slots), and the released code's words.
FIGURE_3 = (
    "{user}</s> is a user representation. This user has bought {history} in the past. Recommend an item for this user "
    "to buy next from the following set of item titles, {candidates}. The recommendation is"
)
RELEASED = (
    "{user}</s> is a user representation.This user has bought {history} in the previous. Recommend one next item for "
    "this user to buy next from the following item title set, {candidates}. The recommendation is "
)


def table(path):
    rows = [line.split("\t") for line in path.read_text().rstrip("\n").split("\n")]
    names = [name.split(":")[0] for name in rows[0]]
    return [dict(zip(names, row)) for row in rows[1:]]


def titles_of(path):
    return {row["item_id"]: row["title"] for row in table(path)}


def collm_rows():
    """Every seventh row of the test part: user's titles (the last ten earlier positives) and the item's."""
    folder = SHARED / "data/ml-1m-collm"
    titles = titles_of(folder / "items.item")
    liked, rows = {}, []
    for part in ("train", "valid", "test"):
        for number, row in enumerate(table(folder / f"{part}.inter")):
            history = liked.setdefault(row["user_id"], [])
            if part == "test" and number % 7 == 0 and len(rows) < ROWS:
                rows.append(([titles[item] for item in history[-10:]], titles[row["item_id"]]))
            if float(row["label"]) > 0:
                history.append(row["item_id"])
    assert len(rows) == ROWS
    return rows


def beauty_rows():
    """The first users: titles of the last ten items before the last, and of twenty candidates."""
    folder = SHARED / "data/amazon-beauty"
    titles = [row.get("title", "") or "No Title" for row in table(folder / "beauty.item")]
    number = {row["item_id"]: i for i, row in enumerate(table(folder / "beauty.item"))}
    sequences = {}
    for row in table(folder / "beauty.inter"):
        sequences.setdefault(row["user_id"], []).append(number[row["item_id"]])
    rows = []
    for r, sequence in enumerate(list(sequences.values())[:ROWS]):
        candidates = [(r * 31 + k * 617) % len(titles) for k in range(19)]
        candidates.insert(r % 20, sequence[-1])
        rows.append(([titles[i] for i in sequence[:-1][-10:]], [titles[i] for i in candidates]))
    return rows


def quoted(titles):
    """CoLLM's list; "unkow" is the code's."""
    return ", ".join(f'"{title}"' for title in titles) or "unkow"


def marked(titles, marker):
    return ",".join(f'"{title}"{marker}' for title in titles)


def replaced(ids, vectors):
    """Ids of slots as -1 - kind: `vectors` maps them, or lists kinds in order for one id."""
    if isinstance(vectors, dict):
        return [vectors.get(i, i) for i in ids]
    unk, kinds = vectors
    kinds = iter(kinds)
    return [next(kinds) if i == unk else i for i in ids]


def summary(rows):
    digests = [hashlib.sha256(" ".join(map(str, row)).encode()).hexdigest()[:8] for row in rows]
    return {"tokens": sum(map(len, rows)), "first": rows[0][:3], "digests": "".join(digests)}


def collm():
    llama, qwen = real_tokenizer("llama"), real_tokenizer("qwen")
    qwen.add_special_tokens({"unk_token": "<unk>"})
    assert qwen.convert_tokens_to_ids("<unk>") == 128244
    assert len(qwen("<s>", add_special_tokens=False).input_ids) == 2

    def llama_ids(text):
        return llama("<s>" + text).input_ids[1:]

    def qwen_ids(text):
        return qwen("<s>" + text, add_special_tokens=False).input_ids

    assert llama_ids("#")[1] == 396 and llama_ids("a <unk>.")[-3:] == [29871, 0, 869]
    assert [llama_ids(word)[1:] for word in ("Yes", "No")] == [[3869], [1939]]
    assert qwen("Yes").input_ids == [9454] and qwen("No").input_ids == [2753]
    result = {}
    for name, ids_of, unk in (("llama", llama_ids, 0), ("qwen", qwen_ids, 128244)):
        for prompt, form in (("full", FULL), ("text-only", TEXT_ONLY), ("step-1", STEP_1)):
            rows = []
            for titles, title in collm_rows():
                text = form.format(titles=quoted(titles), title=title, user="<unk>", item="<unk>")
                rows.append(replaced(ids_of(text), (unk, [-1, -2])))
            result[f"{name}/{prompt}"] = summary(rows)
    return result


def a_llmrec():
    opt = real_tokenizer("opt")
    markers = ["[UserRep]", "[HistoryEmb]", "[CandidateEmb]"]
    opt.add_tokens([AddedToken(m, special=True, normalized=False) for m in markers], special_tokens=True)
    vectors = dict(zip(opt.convert_tokens_to_ids(markers), [-1, -2, -2]))

    def fast(text):
        """Spaces stay where the prompt has them: our reading."""
        return replaced(opt(text, add_special_tokens=False).input_ids, vectors)

    def slow(text):
        """The slow tokenizer of the authors' transformers 4.32 strips the spaces round added tokens; the
        beginning of text, " is", is none of that."""
        text = text.removeprefix("[UserRep]</s>")
        for marker in markers:
            text = text.replace(f"{marker} ", marker).replace(f" {marker}", marker)
        return fast("[UserRep]</s>" + text)

    result = {}
    for prompt, form, ids_of in (("figure-3", FIGURE_3, fast), ("released", RELEASED, fast),
                                 ("released-stripped", RELEASED, slow)):  # fmt: skip
        rows = []
        for history, candidates in beauty_rows():
            text = form.format(user="[UserRep]", history=marked(history, "[HistoryEmb]"),
                               candidates=marked(candidates, "[CandidateEmb]"))  # fmt: skip
            rows.append(ids_of(text))
        result[f"opt/{prompt}"] = summary(rows)
    return result


if __name__ == "__main__":
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = {"rows": ROWS, "prompts": collm() | a_llmrec()}
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n")
    print("bytes:", OUTPUT.stat().st_size, {name: value["tokens"] for name, value in found["prompts"].items()})
    pathlib.Path(OUTPUT).chmod(0o644)
