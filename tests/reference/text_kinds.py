"""Fixtures of tests/text/tokenizer_kinds_test.cpp: small tokenizers of each kind, and variants of each.

The reference is the `tokenizers` package. Run from the repository's root:

    .venv/bin/python tests/reference/text_kinds.py
"""

import json

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
    around = {"sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
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
        "BERT's processor": {"post_processor": {"type": "BertProcessing", **around}},
        "RoBERTa's processor": {
            "post_processor": {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": True, **around}
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


def write_kind(name, tokenizer, variants):
    small = json.loads(tokenizer.to_str())
    cases = CASES + MORE
    result = {}
    for variant, changes in variants(small).items():
        reference = Tokenizer.from_str(json.dumps(patched(small, changes)))
        texts = ["\0".join(rows_of(reference, text)) for text in cases]
        rows = [digest("\0".join(texts[i : i + GROUP])) for i in range(0, len(texts), GROUP)]
        result[variant] = {"changes": changes, "rows": " ".join(rows), "pairs": pair_rows(reference, cases)}
    write(f"{name}.json", {"tokenizer": small, "cases": cases, "group": GROUP, "pairs": PAIRS, "variants": result})


if __name__ == "__main__":
    write_kind("word_piece", word_piece(), word_piece_variants)
