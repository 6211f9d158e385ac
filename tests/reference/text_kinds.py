"""Fixtures of tests/text/tokenizer_kinds_test.cpp: small tokenizers of each kind, and variants of each.

The reference is the `tokenizers` package. Run from the repository's root:

    .venv/bin/python tests/reference/text_kinds.py
"""

import base64
import json
import pathlib
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from text_tokenizer import CASES, TEXT, added, digest, patched, row, rows_of, template, write
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

MORE = [
    "[CLS] a [SEP]", "a[MASK]b", "[mask]", "[UNK]", "naïve café Ångström", "A\u030angstro\u0308m", "Ǆ ǅ ǆ", "İstanbul",
    "ΑΣ ΑΣΑ", "a\u200bb\u200dc\ufeffd", "a\u00adb", "a\ufffdb", "中文abc中文", "㐀𠀀\uf900", "ㄅㄆ", "a\u2e80b", "x\u0300y\u0f19z",
    "foo-bar_baz", "don't!", "«a»", "a‽b", "a⁕b", "$a^b`c|d~e+f=g<h>i", "a\u066bb", "a\u0589b", "१\u0964२", "\U0001f3fb",
    "a b   c\td\ne", "\u2028a\u2029b", "word" * 30, "guitars strings", "unaffable", "▁", "▁▁a", "a▁b", "<0x41>", "<0x0A>\n",
    "<s>", "</s>", "<s>a</s>", " <s> a </s> ", "<unk>", "<extra_id_0>", "<pad>", "ａｂｃ", "①", "ﬀ", "a\u3000b", "\u1e9b\u0323",
    "ｶﾞ", "\u00a0a\u00a0", "e\u0301\u0301", "q\u0307\u0323", "\u0344", "\u2126", "\u1f71", "ᄀ\u1161\u11a8", "🏴\U000e0067\U000e007f",
]  # fmt: skip
GROUP = 8  # cases a digest
PAIRS = [(1, "right"), (5, "left"), (8, "right"), (13, "left"), (10**6, "right")]


def bert(**steps):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
            "lowercase": True, **steps}  # fmt: skip


def chain(key, *steps):
    return {"type": "Sequence", key: [s if isinstance(s, dict) else {"type": s} for s in steps]}


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, min_frequency=1, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(TEXT.split("\n") + MORE[:40] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def word_piece_variants(small):
    size = len(small["model"]["vocab"])
    specials = small["added_tokens"]
    ends = {"sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    return {
        "plain": {},
        "cased": {"normalizer": bert(lowercase=False)},
        "lower case with accents": {"normalizer": bert(strip_accents=False)},
        "cased without accents": {"normalizer": bert(lowercase=False, strip_accents=True)},
        "not cleaned": {"normalizer": bert(clean_text=False)},
        "Chinese in words": {"normalizer": bert(handle_chinese_chars=False)},
        "no normalizer": {"normalizer": None},
        "accents stripped": {"normalizer": chain("normalizers", "NFD", "StripAccents", "Lowercase")},
        "composed accents": {"normalizer": chain("normalizers", "NFC", "StripAccents")},
        "lower case": {"normalizer": {"type": "Lowercase"}},
        "white space": {"pre_tokenizer": {"type": "WhitespaceSplit"}},
        "signs": {
            "pre_tokenizer": chain(
                "pretokenizers", "WhitespaceSplit", {"type": "Punctuation", "behavior": "Isolated"},
                {"type": "Digits", "individual_digits": True},
            )
        },
        "whole text": {"pre_tokenizer": None},
        "BERT's processor": {"post_processor": {"type": "BertProcessing", **ends}},
        "RoBERTa's processor": {
            "post_processor": {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": True, **ends}
        },
        "no processor": {"post_processor": None},
        "no clean-up": {"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False}},
        "no decoder": {"decoder": None},
        "other prefix": {"decoder": {"type": "WordPiece", "prefix": "[", "cleanup": True}},
        "short words": {"model": {"max_input_chars_per_word": 5}},
        "continuations like beginnings": {"model": {"continuing_subword_prefix": ""}},
        "added": {
            "added_tokens": specials
            + [
                added(size, "guit", single_word=True),
                added(size + 1, "naïve", normalized=True),
                added(size + 2, "Café", normalized=True, special=True),
                added(size + 3, "[NEW]", lstrip=True, rstrip=True),
            ]
        },
    }  # fmt: skip


def symbols(*names):
    return [added(i, name, special=True) for i, name in enumerate(names)]


def metaspace(scheme="always", cut=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}


def around(before, after, ids):
    special = lambda name, kind: {"SpecialToken": {"id": name, "type_id": kind}}  # noqa: E731
    parts = lambda text, kind: (  # noqa: E731
        [special(n, kind) for n in before] + [{"Sequence": {"id": text, "type_id": kind}}]
        + [special(n, kind) for n in after]
    )  # fmt: skip
    return {
        "type": "TemplateProcessing", "single": parts("A", 0), "pair": parts("A", 0) + parts("B", 1),
        "special_tokens": {n: {"id": n, "ids": [ids[n]], "tokens": [n]} for n in before + after},
    }  # fmt: skip


DECODERS = [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
]  # fmt: skip
LLAMA = [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
]


def character_bpe():
    """Characters and bytes as LLaMA has them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        TEXT.split("\n") * 2, trainers.BpeTrainer(vocab_size=450, min_frequency=2, show_progress=False)
    )
    small = json.loads(tokenizer.to_str())
    known = sorted(small["model"]["vocab"], key=small["model"]["vocab"].get)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + known
    small["model"] |= {"vocab": {name: i for i, name in enumerate(names)}, "unk_token": "<unk>",
                       "fuse_unk": True, "byte_fallback": True}  # fmt: skip
    small["added_tokens"] = symbols("<unk>", "<s>", "</s>")
    small["normalizer"] = chain("normalizers", *LLAMA)
    small["pre_tokenizer"] = None
    small["decoder"] = chain("decoders", *DECODERS)
    small["post_processor"] = around(["<s>"], [], {"<s>": 1})
    return small


def character_bpe_variants(small):
    size = len(small["model"]["vocab"])
    spaced = lambda *of: {"normalizer": None, "pre_tokenizer": metaspace(*of)}  # noqa: E731
    return {
        "plain": {},
        "first space": spaced("first", False),
        "first space, cut": spaced("first", True),
        "spaces": spaced("always", True),
        "no space": spaced("never", True),
        "older Metaspace": {
            "normalizer": None,
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
            "decoder": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        },
        "unknown fused": {"model": {"byte_fallback": False}},
        "unknown one by one": {"model": {"byte_fallback": False, "fuse_unk": False}},
        "unknown left out": {"model": {"byte_fallback": False, "unk_token": None}},
        "words whole": {**spaced("always", True), "model": {"ignore_merges": True}},
        "no decoder": {"decoder": None},
        "Metaspace": {"decoder": metaspace("always")},
        "bytes, not fused": {"decoder": chain("decoders", *DECODERS[:2])},
        "stripped": {
            "decoder": chain("decoders", *DECODERS[:3], {"type": "Strip", "content": "x", "start": 2, "stop": 0})
        },
        "cut by spaces": {"normalizer": None, "pre_tokenizer": chain("pretokenizers", "WhitespaceSplit", metaspace())},
        "digits, first space": {
            "normalizer": None,
            "pre_tokenizer": chain("pretokenizers", {"type": "Digits", "individual_digits": True}, metaspace("first")),
        },
        "both ends": {"post_processor": around(["<s>"], ["</s>"], {"<s>": 1, "</s>": 2})},
        "added": {
            "added_tokens": small["added_tokens"]
            + [added(size, "e t", normalized=True), added(size + 1, "r g"), added(size + 2, "▁it'", normalized=True)]
        },
    }  # fmt: skip


RULES = """0041 0300\t00C0
FB01\t0066 0069
FF21\t0041
0061 030A\t00E5
212B\t00C5
00A0\t0020
3000\t0020
200B\t
2460\t0031
1E9B 0323\t1E69
0344\t0308 0301
000A\t0020
0009\t0020
0065 0301 0301\t0065
1F469\t0077
"""


def character_map():
    """A small table of characters, made by sentencepiece."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "rules.tsv").write_text(RULES)
        (path / "text").write_text(TEXT)
        sentencepiece.SentencePieceTrainer.train(
            input=path / "text", model_prefix=path / "m", vocab_size=200, model_type="char",
            normalization_rule_tsv=path / "rules.tsv", minloglevel=2, character_coverage=1.0, hard_vocab_limit=False,
        )  # fmt: skip
        proto = sentencepiece_model_pb2.ModelProto.FromString((path / "m.model").read_bytes())
        return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator(TEXT.split("\n") * 2, trainer)
    small = json.loads(tokenizer.to_str())
    small["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": character_map()}
    small["decoder"] = metaspace()
    small["post_processor"] = around([], ["</s>"], {"</s>": 1})
    return small


def unigram_variants(small):
    table = small["normalizer"]
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
    size = len(small["model"]["vocab"])
    return {
        "plain": {},
        "transformers 4": {"normalizer": chain("normalizers", table, strip, spaces)},
        "transformers 5": {"pre_tokenizer": chain("pretokenizers", "WhitespaceSplit", metaspace())},
        "whole text": {"pre_tokenizer": metaspace("always", False)},
        "first": {"pre_tokenizer": metaspace("first")},
        "no space": {"pre_tokenizer": metaspace("never"), "decoder": metaspace("never")},
        "no normalizer": {"normalizer": None},
        "no table": {"normalizer": spaces},
        "bytes wanted, not there": {"model": {"byte_fallback": True}},
        "added": {
            "added_tokens": small["added_tokens"]
            + [added(size, "<extra_id_0>", special=True, lstrip=True, rstrip=True), added(size + 1, "fin", normalized=True)]
        },
    }  # fmt: skip


def pair_rows(tokenizer, cases):
    """Ids and types of neighbouring cases as pairs, cut to some lengths, with special tokens and without."""
    digests = []
    for length, side in PAIRS:
        rows = ""
        for specials in (True, False):
            most = max(length, tokenizer.num_special_tokens_to_add(True) + 1 if specials else 1)
            tokenizer.enable_truncation(most, strategy="longest_first", direction=side)
            for first, second in zip(cases[::2], cases[1::2], strict=False):
                both = tokenizer.encode(first, second, add_special_tokens=specials)
                rows += row([most]) + row(both.ids) + row(both.type_ids)
                rows += row(tokenizer.encode(first, add_special_tokens=specials).ids)
        tokenizer.no_truncation()
        digests.append(digest(rows, 16))
    return digests


def hidden(small):
    """The tokenizer with special tokens that no text spells: what `parse_special` off promises. The reference
    lets a unigram model find them among its pieces."""
    whole = json.loads(json.dumps(small))
    if whole["model"]["type"] != "Unigram":
        return whole
    for token in whole["added_tokens"]:
        if token["special"] and token["id"] < len(whole["model"]["vocab"]):
            token["content"] = whole["model"]["vocab"][token["id"]][0] = chr(0x10FF00 + token["id"])
    return whole


def rows_of_kind(reference, plain, text):
    return [rows_of(reference, text)[0], rows_of(plain, text)[1], *rows_of(reference, text)[2:]]


def write_kind(name, small, variants):
    cases = CASES + MORE
    result = {}
    for variant, changes in variants(small).items():
        whole = patched(small, changes)
        reference = Tokenizer.from_str(json.dumps(whole))
        plain = Tokenizer.from_str(json.dumps(hidden(whole)))
        texts = ["\0".join(rows_of_kind(reference, plain, text)) for text in cases]
        rows = [digest("\0".join(texts[i : i + GROUP])) for i in range(0, len(texts), GROUP)]
        result[variant] = {"changes": changes, "rows": " ".join(rows), "pairs": pair_rows(reference, cases)}
    write(f"{name}.json", {"tokenizer": small, "cases": cases, "group": GROUP, "pairs": PAIRS, "variants": result})


if __name__ == "__main__":
    write_kind("word_piece", json.loads(word_piece().to_str()), word_piece_variants)
    write_kind("character_bpe", character_bpe(), character_bpe_variants)
    write_kind("unigram", unigram(), unigram_variants)
