"""Writes the fuzz targets' first inputs: FOLDER/<target>/*, mostly from the tests' fixtures.

    python3 tests/fuzz/seeds.py FOLDER
"""
import base64
import gzip
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
SEPARATOR = b"\x1e"  # between the files of a folder (fuzz.h)

REVIEWS = (b'{"reviewerID": "u1", "asin": "i1", "reviewText": "fine \\u00e9", "overall": 5.0, '
           b'"unixReviewTime": 1393545600}\n{"reviewerID": "u2", "asin": "i2", "overall": 1.0, '
           b'"reviewTime": "02 28, 2014", "summary": "no"}\n')
META = (b"{'asin': 'i1', 'title': u'A \\'thing\\'', 'categories': [['A', 'B']], 'price': 1.5, "
        b"'description': \"it's\"}\n{'asin': 'i2', 'brand': None, 'also': True}\n")
NEW = (b'{"user_id": "u1", "parent_asin": "i1", "rating": 4.0, "timestamp": 1588687728923, "text": "x"}\n')
NEW_META = b'{"parent_asin": "i1", "title": "T", "categories": ["A"], "features": ["f"], "store": "s"}\n'
INTER = (b"user_id:token\titem_id:token\trating:float\ttimestamp:float\treview:token_seq\n"
         b"u1\ti1\t5\t100\tgood thing\nu2\ti1\t3\t101\t\"a \"\"quoted\"\" one\"\nu1\ti2\t4\t102\t\n")
ITEM = b"item_id:token\ttitle:token_seq\tcategories:token_seq\ni1\tThe first\tA B\ni2\t\tC\n"
USER = b"user_id:token\ttext:token_seq\nu1\tlikes things\n"
TABLE = b"u,i,r,t,x\nu1,i1,5,2014-05-31,\"a, \"\"b\"\"\nc\"\nu2,i2,1,1393545600,plain\n"


def folder(*files):
    return SEPARATOR.join(files)


def formats():
    reviews_yelp = (b'{"user_id": "u", "business_id": "b", "stars": 5.0, "date": "2018-07-07 22:09:11", '
                    b'"text": "good"}\n')
    yield 0, folder(INTER, ITEM, USER)
    yield 1, folder(INTER, INTER, INTER, ITEM)
    yield 2, folder(REVIEWS, META)
    yield 3, folder(REVIEWS, META.replace(b"'", b'"').replace(b"u\"", b'"'))
    yield 4, folder(NEW, NEW_META)
    yield 5, b"i1,u1,5.0,1393545600\ni2,u1,4.0,1393545601\n"
    yield 6, folder(b"1\t2\t3\t881250949\n", b"2|Toy Story (1995)|01-Jan-1995||http://x|0|1|0\n",
                    b"1|24|M|technician|85711\n", b"unknown|0\nAction|1\n")
    yield 7, folder(b"1::1193::5::978300760\n", b"1193::One Flew\xe9 (1975)::Drama|War\n",
                    b"1::F::1::10::48067\n")
    yield 8, folder(b"userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n",
                    b"movieId,title,genres\n2,\"A, B (1995)\",Adventure|Children\n")
    yield 9, folder(reviews_yelp, b'{"business_id": "b", "name": "B", "categories": "A, B", "city": "C"}\n',
                    b'{"user_id": "u", "name": "N"}\n')
    yield 10, folder(b"0 1 2 3\n1 2\n", b"0 4\n", b"0 5\n1 6\n")
    yield 11, folder(b"0 1\n1 2\n", b"0 4\n", b"1 6\n")
    yield 12, TABLE
    yield 13, TABLE.replace(b",", b"\t")
    yield 14, b'{"u": "u1", "i": "i1", "r": 5, "t": "2014-05-31", "x": "text"}\n'


def readers():
    yield 0, b"{'a': u'x\\'y', 'b': [1, 2.5, None, True], \"c\": {'d': r'\\n'}, 'e': 1L}"
    yield 1, REVIEWS
    yield 1, gzip.compress(REVIEWS, mtime=0)
    for variant in range(32):
        yield 2 + 6 * variant, TABLE.replace(b",", b"::") if variant & 1 else TABLE
    yield 3, INTER
    yield 3, b'"quoted ""field"""\tplain'
    for text in (b"1e30", b"-0.5", b"2014-05-31 12:00:00", b"05 3, 2014", b"1393545600", b"\xff\xc3"):
        yield 4, text
    yield 5, gzip.compress(b"some text " * 20, mtime=0)
    yield 5, b"\x28\xb5\x2f\xfd\x20\x03\x19\x00\x00abc"


def config():
    for path in sorted(FIXTURES.glob("lm_decoders/*/config.json")):
        yield 0, path.read_bytes()
        yield 1, path.read_bytes()
    for path in sorted(FIXTURES.glob("lm_t5/*/config.json")):
        yield 5, path.read_bytes()
    for path in sorted(FIXTURES.glob("lm_encoders/*/config.json")):
        yield 6, path.read_bytes()
    for path in sorted(FIXTURES.glob("lm_sentence/*/**/*.json")):
        if path.name != "tokenizer.json":
            yield 7, path.read_bytes()
    for path in sorted(FIXTURES.glob("lm_lora/*/adapter_config.json")):
        yield 8, path.read_bytes()
    yield 1, b'{"a": [1, -2.5e3, true, null, "\\ud83d\\ude00"]}'
    recipes = HERE.parent.parent / "recipes" / "sample"
    for path in sorted(recipes.glob("*.yaml")):
        yield 2, path.read_bytes()
    yield 2, b"a: &x [1, 0x1F, ~]\nb: *x\nc: |\n  text\n d: 'q''q'\ne: {f: \"\\u00e9\", g: .inf}\n"
    yield 3, b"format: csv\nk_core: 5\nmin_rating: 4\ncolumns: {user: u}\nsplit: {kind: temporal, ratios: [1, 0]}\n"
    for text in (b"a.b=2", b"a.c=[1, {x: y}]", b"d=\"quoted\"", b"new.key=1e5", b"a.b.c=1"):
        yield 4, text


def results():
    for kind, name in enumerate(("rankings", "pointwise", "generated")):
        text = (FIXTURES / "metrics" / f"{name}.tsv").read_bytes()
        lines = b"".join(text.splitlines(keepends=True)[:4])
        yield kind, lines
        yield 4, lines
    yield 3, (b'{"schema": 1, "protocol": {"name": "full", "negatives": 0, "seed": 1, "file": "", '
              b'"mask": "all"}, "valid": {"recall@20": 0.5}, "test": {"ndcg@10": null}, '
              b'"groups": {"cold": {"users": 3, "metrics": {"recall@20": 0.1}}}}')
    yield 5, b"truncated-recall@20+0.5*ndcg@100 - logloss"
    yield 6, b"user:token\tcandidates:token_seq\na\tx y\nb\tz\n"
    yield 7, (b'{"schema": 1, "kind": "evaluation", "label": "pop", "run": "runs/pop", "recipe": "r", "seed": 1, '
              b'"split": "s", "part": "test", "protocol": {"name": "pointwise"}, "values": {"auc": 0.5}, '
              b'"groups": {}, "users": {"tokens": ["a", "b"], "values": {"uauc": [0.5, null]}}, "rows": '
              b'{"users": ["a"], "items": ["x", "y"], "user": [0, 0], "item": [0, 1], "label": [1, 0], '
              b'"score": [0.5, "inf"], "probabilities": false}}')


BYTES = {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
SMALL_VOCABULARIES = {
    "word_piece": ({t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "t", "##t", "it"])}, []),
    "character_bpe": ({"<unk>": 0, "<s>": 1, "</s>": 2, **BYTES, "a": 259, "i": 260, "t": 261, "it": 262, "\u2581": 263},
                      [["i", "t"]]),
    "unigram": ([["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["\u2581", -2.5], ["it", -3.0], ["a", -4.0], ["s", -4.5]], []),
}


def small_model(kind):
    """A SentencePiece model of few bytes: BPE, or unigram with a table of characters."""
    field = lambda number, content: bytes([number << 3 | 2, len(content)]) + content  # noqa: E731
    piece = lambda text, kind=1: field(1, field(1, text) + b"\x15\x00\x00\x80\xbf" + bytes([24, kind]))  # noqa: E731
    pieces = piece(b"<unk>", 2) + piece(b"<s>", 3) + piece(b"</s>", 3) + piece(b"a") + piece(b"b") + piece(b"ab")
    pieces += piece(b"\xe2\x96\x81") + piece(b"it", 5) + piece(b"s a", 4)
    trie = struct.pack("<I256I", 1024, *[0] * 256) + b"x\0"
    table = b"\x1a" + bytes([(len(trie) + 3) & 127 | 128, len(trie) + 3 >> 7]) + b"\x12"
    table += bytes([len(trie) & 127 | 128, len(trie) >> 7]) + trie
    return pieces + field(2, bytes([24, 2 - kind])) + (table if kind else b"\x1a\0")


def seeds():
    """(target, input) pairs."""
    text = FIXTURES / "text" / "small"
    tokenizer = (text / "tokenizer.json").read_bytes()
    yield "fuzz_tokenizer", tokenizer + b"\0some text, isn't it? <|endoftext|> 123"
    yield "fuzz_tokenizer", (FIXTURES / "lm_commands/model/tokenizer.json").read_bytes()
    yield "fuzz_tokenizer_text", "it's  A test 12345\n\t <|endoftext|> caf\u00e9 \u4e2d\u6587 \U0001f600".encode()
    vocabulary = b'{"a": 0, "b": 1, "ab": 2, "\\u0120a": 3, "<|endoftext|>": 4, "</s>": 5}'
    yield "fuzz_tokenizer_folder", folder(
        vocabulary, b"#version: 0.2\na b\n", b'{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true}',
        b'{"eos_token": {"content": "</s>", "lstrip": true}}', b'{"<new>": 6}', b'{"model_type": "opt"}',
        b"", b"ab </s> <new> a")
    yield "fuzz_tokenizer_folder", folder(
        b"", b"", b'{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "strip_accents": false}', b"", b"", b"",
        b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n##c\n!\n", "abc! \u00c1B\u4e2d [MASK]".encode())
    for kind in ("word_piece", "character_bpe", "unigram"):
        data = json.loads((FIXTURES / f"text/{kind}.json").read_text())
        for variant in data["variants"].values():
            whole = {**data["tokenizer"], **variant["changes"]}
            whole["model"] = {**data["tokenizer"]["model"], **variant["changes"].get("model", {})}
            whole["model"]["vocab"], whole["model"]["merges"] = SMALL_VOCABULARIES[kind]
            if not whole["model"]["merges"]:
                del whole["model"]["merges"]
            yield "fuzz_tokenizer", json.dumps(whole).encode() + "\0it's <s> a\u00e9\u4e2d [CLS] </s>".encode()
    models = json.loads((FIXTURES / "text/sentence_piece.json").read_text())["models"]
    for number, model in enumerate(models.values()):
        content = base64.b64decode(model["model"])
        yield "fuzz_sentence_piece", bytes([number]) + content + b"\x1e\x1eit's the g \xe6\x97\xa5 </s>"
    for kind in (0, 1):
        yield "fuzz_sentence_piece", bytes([kind]) + small_model(kind) + b"\x1e\x1eab a \xef\xac\x81 b"
    yield "fuzz_tokenizer_folder", folder((text / "vocab.json").read_bytes(), (text / "merges.txt").read_bytes())
    for path in sorted(FIXTURES.glob("core_*/*.safetensors")):
        yield "fuzz_checkpoint", b"\0" + path.read_bytes()
    for path in sorted(FIXTURES.glob("core_torch_bin/*.bin")):
        yield "fuzz_checkpoint", b"\1" + path.read_bytes()
    metadata = b'{"schema": 1}'
    yield "fuzz_prepared", folder(metadata, INTER, INTER, INTER, ITEM, USER)
    recbole = FIXTURES / "data_recbole"
    yield "fuzz_prepared", folder((recbole / "dataset.json").read_bytes(), *(
        (recbole / f"awkward.{part}").read_bytes()
        for part in ("train.inter", "valid.inter", "test.inter", "item", "user")))
    for target, source in (("fuzz_formats", formats), ("fuzz_readers", readers), ("fuzz_config", config),
                           ("fuzz_results", results)):
        for kind, data in source():
            yield target, bytes([kind]) + data


def main(root):
    for number, (target, data) in enumerate(seeds()):
        path = pathlib.Path(root) / target
        path.mkdir(parents=True, exist_ok=True)
        (path / f"seed-{number:03}").write_bytes(data)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
