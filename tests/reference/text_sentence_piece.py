"""Fixture of tests/text/sentence_piece_test.cpp: small SentencePiece models and the ids of awkward texts.

The reference is `sentencepiece` 0.2.3, whose ids those of transformers 4 are. Run from the repository's root:

    .venv/bin/python tests/reference/text_sentence_piece.py
"""

import base64
import pathlib
import tempfile

import sentencepiece
from text_kinds import GROUP, MORE, RULES
from text_tokenizer import CASES, TEXT, digest, row, write

MODELS = {
    "bpe": {"model_type": "bpe", "byte_fallback": True, "vocab_size": 450, "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False},
    "bpe, table, user's symbols": {"model_type": "bpe", "vocab_size": 250,
                                   "user_defined_symbols": ["the g", "'s", "日本"]},
    "unigram": {"model_type": "unigram", "vocab_size": 350, "pad_id": 3},
    "unigram, bytes": {"model_type": "unigram", "vocab_size": 560, "byte_fallback": True,
                       "remove_extra_whitespaces": False},
    "unigram, no space in front": {"model_type": "unigram", "vocab_size": 300, "add_dummy_prefix": False},
    "unigram, user's symbols": {"model_type": "unigram", "vocab_size": 330,
                                "user_defined_symbols": ["the g", "'s", "日本"]},
}  # fmt: skip


def trained(options):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "rules.tsv").write_text(RULES)
        (path / "text").write_text(TEXT)
        if "normalization_rule_name" not in options:
            options = {**options, "normalization_rule_tsv": path / "rules.tsv"}
        sentencepiece.SentencePieceTrainer.train(
            input=path / "text", model_prefix=path / "m", character_coverage=0.98, minloglevel=2, num_threads=1,
            hard_vocab_limit=False, **options,
        )  # fmt: skip
        return (path / "m.model").read_bytes()


def main():
    cases = [text for text in CASES + MORE if not any(s in text for s in ("<s>", "</s>", "<unk>", "<pad>"))]
    result = {}
    for name, options in MODELS.items():
        content = trained(options)
        model = sentencepiece.SentencePieceProcessor(model_proto=content)
        rows = [row(model.encode(text)) for text in cases]
        result[name] = {
            "model": base64.b64encode(content).decode(),
            "size": model.get_piece_size(),
            "rows": " ".join(digest("".join(rows[i : i + GROUP])) for i in range(0, len(rows), GROUP)),
        }
    write("sentence_piece.json", {"cases": cases, "group": GROUP, "models": result})


if __name__ == "__main__":
    main()
