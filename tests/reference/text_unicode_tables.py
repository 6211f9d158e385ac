"""Writes src/text/unicode_exceptions.inc, where utf8proc's Unicode tables differ from the reference's,
and src/text/clean_up_tables.inc, the reference's own classes of BERT's clean-up, whole.

The reference is the `tokenizers` package; it is asked about every code point. Only code points that
utf8proc calls unassigned differ in class, so a newer utf8proc needs no new table (the test
`unicode_test.cpp` compares every code point all the same). Run from the repository's root:

    .venv/bin/python tests/reference/text_unicode_tables.py
"""

import ctypes
import pathlib

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
STABLE, COMPAT, COMPOSE, DECOMPOSE = 1 << 1, 1 << 2, 1 << 3, 1 << 4

utf8proc = ctypes.CDLL("libutf8proc.so.2")
utf8proc.utf8proc_category_string.restype = ctypes.c_char_p
utf8proc.utf8proc_unicode_version.restype = ctypes.c_char_p
utf8proc.utf8proc_map.restype = ctypes.c_ssize_t
utf8proc.utf8proc_tolower.restype = ctypes.c_int32


class Property(ctypes.Structure):
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


utf8proc.utf8proc_get_property.restype = ctypes.POINTER(Property)


def matching(pattern):
    """The code points that match a one-character pattern of the reference."""
    splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    found = set()
    for i in range(0, len(CODE_POINTS), 4096):
        text = "".join(map(chr, CODE_POINTS[i : i + 4096]))
        for piece, _ in splitter.pre_tokenize_str(text):
            found.update(map(ord, piece))
    return found


def word_characters():
    """The code points that stop a single-word token beside them."""
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0}, merges=[], unk_token="a"))
    tokenizer.add_tokens([AddedToken("TOK", single_word=True, normalized=False)])
    token = tokenizer.token_to_id("TOK")
    return {c for c in CODE_POINTS if token not in tokenizer.encode(chr(c) + "TOK").ids}


def own_normal_form(text, options):
    source = text.encode()
    result = ctypes.POINTER(ctypes.c_ubyte)()
    size = utf8proc.utf8proc_map(source, len(source), ctypes.byref(result), options)
    return bytes(result[:size]).decode()


def inert():
    """Code points that utf8proc decomposes, reorders or composes and the reference leaves alone."""
    found = set()
    forms = [
        (normalizers.NFC(), STABLE | COMPOSE),
        (normalizers.NFD(), STABLE | DECOMPOSE),
        (normalizers.NFKC(), STABLE | COMPOSE | COMPAT),
        (normalizers.NFKD(), STABLE | DECOMPOSE | COMPAT),
    ]
    composites = {}
    for c in CODE_POINTS[1:]:
        for form, options in forms:
            reference, own = form.normalize_str(chr(c)), own_normal_form(chr(c), options)
            if reference != own:
                assert reference == chr(c), hex(c)
                found.add(c)
        parts = own_normal_form(chr(c), STABLE | DECOMPOSE)
        if len(parts) == 2:
            composites[parts] = c
        # Marks: a class of 230 moves behind one of 220 and before one of 240, a starter stays.
        for probe in ("\u0301" + chr(c), chr(c) + "\u0323", "\u0345" + chr(c), chr(c) + "\u0334"):
            text = "\u2460" + probe
            if normalizers.NFD().normalize_str(text) != own_normal_form(text, STABLE | DECOMPOSE):
                found.add(c)
    for parts, c in composites.items():
        if normalizers.NFC().normalize_str(parts) != own_normal_form(parts, STABLE | COMPOSE):
            found.add(ord(parts[1]))
    return found


def ranges(code_points):
    result = []
    for c in sorted(code_points):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def table(name, comment, code_points):
    rows = [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(code_points)]
    lines = []
    for i in range(0, len(rows), 4):
        lines.append("    " + ", ".join(rows[i : i + 4]) + ",")
    body = "\n".join(lines)
    return f"/// {comment}\nconstexpr CodePointRange {name}[] = {{\n{body}\n}};\n"


def emptied(normalizer):
    """The code points that a normalizer leaves nothing of."""
    return {c for c in CODE_POINTS if not normalizer.normalize_str(chr(c))}


def bert(**steps):
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**{**off, **steps})


def punctuation():
    """The code points that stand alone, between letters, after BERT's cut."""
    cut = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    return {c for c in CODE_POINTS if [piece for piece, _ in cut(f"a{chr(c)}b")] == ["a", chr(c), "b"]}


def lower_exceptions():
    """Rows of code points whose lower case differs from utf8proc's, and the reference's."""
    rows = []
    for c in CODE_POINTS:
        reference = [ord(x) for x in normalizers.Lowercase().normalize_str(chr(c))]
        if reference != [utf8proc.utf8proc_tolower(c)]:
            assert len(reference) <= 2
            rows.append(f"    {{0x{c:X}, {{{', '.join(f'0x{x:X}' for x in reference)}}}}},")
    body = "\n".join(rows)
    return ("/// Lower case where utf8proc's differs.\nconstexpr struct {\n  char32_t upper, lower[2];\n"
            f"}} kLowerExceptions[] = {{\n{body}\n}};\n")  # fmt: skip


def clean_up_tables(head):
    chinese = bert(handle_chinese_chars=True)
    spaced = {c for c in CODE_POINTS if chinese.normalize_str(chr(c)) != chr(c)}
    tables = [
        table("kDropped", "Left out of BERT's text: control, format, private use, U+FFFD.",
              emptied(bert(clean_text=True))),
        table("kChinese", "Set apart by spaces.", spaced),
        table("kPunctuation", "Words of their own in BERT's text.", punctuation()),
        table("kBertMarks", "Left out after decomposition where BERT strips accents.",
              emptied(bert(strip_accents=True))),
        table("kMarks", "Left out by the normalizer StripAccents.", emptied(normalizers.StripAccents())),
        lower_exceptions(),
    ]  # fmt: skip
    (ROOT / "src/text/clean_up_tables.inc").write_text(head + "\n".join(tables))


def main():
    letters, numbers, spaces = matching(r"\p{L}"), matching(r"\p{N}"), matching(r"\s")
    words = word_characters()
    extra_letters, extra_numbers, extra_words = set(), set(), set()
    for c in CODE_POINTS:
        category = utf8proc.utf8proc_category_string(c).decode()
        for reference, major, extra in ((letters, "L", extra_letters), (numbers, "N", extra_numbers)):
            if (c in reference) != (category[0] == major):
                assert category == "Cn", hex(c)
                extra.add(c)
        own_word = category[0] in "LM" or category in ("Nd", "Nl", "Pc") or c in (0x200C, 0x200D)
        if (c in words) != own_word:
            assert c in words, hex(c)
            extra_words.add(c)
    head = (
        "// Made by tests/reference/text_unicode_tables.py; not edited by hand.\n"
        f"// Reference: tokenizers {tokenizers.__version__};"
        f" utf8proc with Unicode {utf8proc.utf8proc_unicode_version().decode()}.\n\n"
    )
    clean_up_tables(head)
    text = head + table("kExtraLetters", "Letters to the reference, unassigned to utf8proc.", extra_letters)
    text += "\n" + table("kExtraNumbers", "Numbers to the reference, unassigned to utf8proc.", extra_numbers)
    text += "\n" + table("kExtraWords", "Word characters beyond L, M, Nd, Nl, Pc and the joiners.", extra_words)
    text += "\n" + table("kSpaces", "White space, whole.", spaces)
    text += "\n" + table("kInert", "Left alone by the reference's normal forms.", inert())
    (ROOT / "src/text/unicode_exceptions.inc").write_text(text)


if __name__ == "__main__":
    main()
