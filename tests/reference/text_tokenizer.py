"""Fixtures of tests/text: a small tokenizer and awkward cases, the classes of all code points, normal forms.

The reference is the `tokenizers` package. Run from the repository's root:

    .venv/bin/python tests/reference/text_tokenizer.py
"""

import hashlib
import json
import pathlib

from text_lines import Generator
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/fixtures/text"
SEED = 1
VOCABULARY = 600

TEXT = """
This guitar strap is well made and it doesn't slip. I've had it for a year, they're still good!
We'll see if the strings last; she'd bought 12 of them for $9.99 each and I'm happy.
The pedal's tone isn't as warm as I'd hoped... but it's quiet, and you can't beat the price (100%).
    def encode(self, text):
        return [self.ids[word] for word in self.split(text)]
Les élèves étaient déjà là; ça coûte 3,50 €. Größe und Übung macht den Meister. ¿Dónde está?
Привет, как дела? Это хорошая гитара. Καλημέρα κόσμε. 日本語の文章です。これはペンです。 안녕하세요 세계
The the the quick brown fox jumps over the lazy dog 1234567890 2024-01-02 10:20:30 the end.
"""

CASES = [
    "", " ", "  ", "   ", "a", " a", "  a", "   a", "a ", "a  ", "a   ", "a b", "a  b", "a   b", "\n", "\n\n",
    "a\nb", "a\n\nb", "a \n b", "a\r\nb", " \n", "\n ", "\t", "\ta", "a\t", "a\t\tb", "\t \n \t x", "a\x0bb",
    "a\x0cb", "\x00", "a\x00b", "\x00\x00", "\x01\x02", "\x1f", "\x7f", "\x80", "\x85", "a\x85b", "\x85\x85a",
    "\xa0", "a\xa0b", "a \xa0 b", "\xa0\xa0", "\xad", "a\xadb", "\u200b", "a\u200bb", "\u200d", "\u2028",
    "a\u2029b", "\u202f5", "\u3000", "日\u3000本", "\u1680x", "\u180ex", "\u2003\u2003x", "\ufeffThe", "\ufffd",
    "\uffff", "\U0010ffff", "\ue000", "'", "''", "'s", "'S", "it's", "IT'S", "it 's", "it's's", "'tis", "'re",
    "'r", "'ve", "'v", "'m", "'ll", "'l", "'LL", "'d", "'dd", "'t't", " 's", "!'s", "'\u017f", "’s", "don’t",
    "we'll've", "I'm I'M", "rock'n'roll", "the", "The", " the", "THE", "thethe", "the the the the", "strings",
    "guitar guitar", "0", "12", "123", "1234567890", " 12", "1 2", "a1b2", "3.14", "1,000", "½", "²³", "Ⅷ",
    "٣٤", "१२", "①②", "𝟘𝟙", "!", "!!!", " !", "! !", "...", "a.b", "$9.99", "100%", "#1", "(a)", "[x]", "{y}",
    "C++", "a-b", "a--b", "e_mail", "``x''", "\\n", "http://a.b/c?d=e&f=g", "<", "<>", "< >", "<|", "<|end",
    "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|><|endoftext|>", "<|endoftext|",
    "<|endoftext|>>", "<mask>", "a <mask> b", "a  <mask>  b", "x<mask>", "guitar<new>strap", "<new>", " <new> ",
    "word", "a word b", "sword", "words", "wordword", "(word)", "_word", "ẃord word\u0301", "Ⓐword", "éa", "É",
    "cafe\u0301", "\u0301", "\u0301\u0301", "a\u0301\u0323", "a\u0323\u0301", "e\u0300\u0301", "n\u0303o",
    "\u0345a", "\u1161", "\u1100\u1161\u11a8", "가각", "ﬁ", "ﬁn", "Å", "Å", "ß", "ẞ", "İ", "ſ", "Σς", "ǅ", "ʰ",
    "ª", "naïve café", "Größe", "Straße", "日本語", "日本語の文章", "中文,没有空格。", "안녕하세요", "안녕 하세요",
    "สวัสดี", "नमस्ते", "مرحبا بالعالم", "שלום עולם", "привет мир", "Καλημέρα", "ა ბ", "አማርኛ", "😀", "😀😀",
    "a😀b", " 😀", "👩‍💻", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "☕️ x", "1️⃣", "\U0001f9ff\U0001fae8", "𠮷野家", "𝒳", "𐍈",
    "\U00013460", "\U0002ebf0\U00010d40", "\ua7cb\u1c89", "\U000e0041", "\u0897", "\u2e00", "«x»", "—", "a—b",
    "…", "„x“", "x" * 40, "ab" * 40, "a" * 100, " " * 50, " " * 50 + "x", "\n" * 20, "-" * 70, "=" * 33 + "a",
    "0" * 60, "é" * 40, "日" * 40, "😀" * 20, "the " * 20, "\r" * 3 + "x", "x \r\n\r\n y", " \t\u3000\n\u2003z",
    "    def f(x):\n        return x\n", "a,b;c:d", "A.B.C.", "x=1\ty=2\r\n", "\u200e\u200f", "ﷺ", "㋿", "ꟲ",
]  # fmt: skip


def added(id, content, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}  # fmt: skip
    token.update(flags)
    return token


QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")  # fmt: skip
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_level(space=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": True, "use_regex": regex}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def template(before, after):
    special = lambda t: {"SpecialToken": {"id": t, "type_id": 0}}  # noqa: E731
    text = lambda s: {"Sequence": {"id": s, "type_id": 0}}  # noqa: E731
    return {
        "type": "TemplateProcessing",
        "single": [special(t) for t in before] + [text("A")] + [special(t) for t in after],
        "pair": [text("A"), text("B")],
        "special_tokens": {t: {"id": t, "ids": [0], "tokens": [t]} for t in before + after},
    }


END = added(0, "<|endoftext|>", special=True)


def variants(vocab):
    """Name -> what differs from the small tokenizer; `model` holds options of the model."""
    size = len(vocab)
    flags = lambda **f: [END, added(size, "<mask>", special=True, **f)]  # noqa: E731
    return {
        "plain": {},
        "prefix space": {"pre_tokenizer": byte_level(space=True)},
        "whole text": {"pre_tokenizer": byte_level(regex=False)},
        "whole text, prefix space": {"pre_tokenizer": byte_level(space=True, regex=False)},
        "GPT-2 split": {"pre_tokenizer": sequence(split(GPT2), byte_level(regex=False))},
        "Qwen": {
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": sequence(split(QWEN), byte_level(regex=False)),
        },
        "Llama 3": {
            "pre_tokenizer": sequence(split(LLAMA3), byte_level(regex=False)),
            "post_processor": {
                "type": "Sequence",
                "processors": [byte_level(), template(["<|endoftext|>"], [])],
            },
            "model": {"ignore_merges": True},
        },
        "split, then prefix spaces": {"pre_tokenizer": sequence(split(QWEN), byte_level(space=True))},
        "digits apart": {
            "pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, byte_level())
        },
        "runs of digits": {
            "pre_tokenizer": sequence({"type": "Digits", "individual_digits": False}, byte_level())
        },
        "NFD": {"normalizer": {"type": "NFD"}},
        "NFKC": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]}},
        "NFKD": {"normalizer": {"type": "NFKD"}},
        "replaced, stripped, prepended": {
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Replace", "pattern": {"String": "the"}, "content": "a"},
                    {"type": "Strip", "strip_left": True, "strip_right": True},
                    {"type": "Prepend", "prepend": "x "},
                ],
            }
        },
        "left": {"added_tokens": flags(lstrip=True)},
        "right": {"added_tokens": flags(rstrip=True)},
        "both": {"added_tokens": flags(lstrip=True, rstrip=True)},
        "single word": {
            "added_tokens": [END, added(vocab["word"], "word", single_word=True), added(size, "the")]
        },
        "normalized": {
            "normalizer": {"type": "NFKC"},
            "added_tokens": [
                END,
                added(size, "ﬁ", normalized=True),
                added(size + 1, "<new>", normalized=True),
                added(size + 2, "guitar", normalized=True, special=True),
            ],
        },
        "overlapping": {
            "added_tokens": [
                END,
                added(size, "<|end"),
                added(size + 1, "the the"),
                added(size + 2, " "),
                added(size + 3, "e t", special=True),
                added(size + 4, "日本"),
            ]
        },
        "around": {"post_processor": template(["<|endoftext|>"], ["<|endoftext|>", "<|endoftext|>"])},
        "RoBERTa": {
            "post_processor": {
                "type": "RobertaProcessing",
                "sep": ["<|endoftext|>", 0],
                "cls": ["<|endoftext|>", 0],
                "trim_offsets": True,
                "add_prefix_space": False,
            }
        },
        "bytes missing, unknown": {"drop": [" ", "t", "9"], "model": {"unk_token": "<|endoftext|>"}},
        "bytes missing, unknown fused": {
            "drop": ["Ã", "\u0121", "ð"],
            "model": {"unk_token": "<|endoftext|>", "fuse_unk": True},
        },
        "bytes missing": {"drop": ["x", "Ġ"]},
        "no decoder": {"decoder": None},
    }


def small_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=1,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT.split("\n"), trainer)
    return tokenizer


def patched(small, changes):
    """The small tokenizer's JSON with a variant's changes (the C++ test does the same)."""
    whole = json.loads(json.dumps(small))
    changes = dict(changes)
    whole["model"].update(changes.pop("model", {}))
    dropped = set(changes.pop("drop", []))
    whole.update(changes)
    if dropped:
        model = whole["model"]
        lacks = lambda token: not dropped & set(token)  # noqa: E731
        kept = [t for t, _ in sorted(model["vocab"].items(), key=lambda e: e[1]) if lacks(t) or t[0] == "<"]
        model["vocab"] = {token: i for i, token in enumerate(kept)}
        model["merges"] = [m for m in model["merges"] if lacks(m[0]) and lacks(m[1])]
    return whole


def digest(text, size=8):
    return hashlib.sha256(text.encode()).hexdigest()[:size]


def row(ids):
    return " ".join(map(str, ids)) + "\n"


def rows_of(tokenizer, text):
    """Ids with everything, ids without specials of any kind, and the two decoded texts."""
    tokenizer.encode_special_tokens = True
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    ids = tokenizer.encode(text).ids
    return [
        row(ids),
        row(plain),
        tokenizer.decode(ids, skip_special_tokens=False),
        tokenizer.decode(ids, skip_special_tokens=True),
    ]


def write_small():
    tokenizer = small_tokenizer()
    small = json.loads(tokenizer.to_str())
    folder = OUT / "small"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    tokenizer.model.save(str(folder))
    cases = []
    for text in CASES:
        ids = tokenizer.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
    result = {}
    for name, changes in variants(small["model"]["vocab"]).items():
        variant = Tokenizer.from_str(json.dumps(patched(small, changes)))
        rows = [digest("\0".join(rows_of(variant, text))) for text in CASES]
        result[name] = {"changes": changes, "rows": " ".join(rows)}
    write("cases.json", {"cases": cases, "variants": result})


def write_unicode():
    """Classes of all code points, and normal forms of random lines of marks and letters."""
    points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    classes = bytearray(b"o" * 0x110000)
    for mark, pattern in ((b"l", r"\p{L}"), (b"n", r"\p{N}"), (b"s", r"\s")):
        splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
        for i in range(0, len(points), 4096):
            for piece, _ in splitter.pre_tokenize_str("".join(map(chr, points[i : i + 4096]))):
                for c in piece:
                    classes[ord(c)] = mark[0]
    result = {"classes": [hashlib.sha256(classes[i : i + 0x10000]).hexdigest()[:16]
                          for i in range(0, 0x110000, 0x10000)], "forms": {}}  # fmt: skip
    generator = Generator(SEED + 2)
    ranges = [(0x20, 0x7E), (0xC0, 0x24F), (0x300, 0x36F), (0x300, 0x36F), (0x591, 0x5C7), (0x610, 0x65F),
              (0x900, 0xDFF), (0x1100, 0x11FF), (0xAC00, 0xD7A3), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
              (0x20D0, 0x20FF), (0x2100, 0x214F), (0xFB00, 0xFB4F), (0xFE20, 0xFE2F), (0x11000, 0x11FFF),
              (0x1D15E, 0x1D1AD), (0x1E000, 0x1E8FF), (0x2F800, 0x2FA1F)]  # fmt: skip
    lines = []
    for _ in range(5000):
        text = ""
        for _ in range(1 + generator.below(12)):
            low, high = ranges[generator.below(len(ranges))]
            text += "".join(chr(low + generator.below(high - low + 1)) for _ in range(1 + generator.below(4)))
        lines.append(text)
    result["ranges"] = ranges
    result["seed"] = SEED + 2
    for name in ("NFC", "NFD", "NFKC", "NFKD"):
        form = getattr(normalizers, name)()
        result["forms"][name] = [
            digest("".join(form.normalize_str(x) + "\n" for x in lines[i : i + 500]), 16)
            for i in range(0, len(lines), 500)
        ]
    write("unicode.json", result)


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    write_small()
    write_unicode()
