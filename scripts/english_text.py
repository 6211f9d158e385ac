#!/usr/bin/env python3
"""Unpacked Debian packages to plain English text (called by fetch-english.sh).

    english_text.py UNPACKED FOLDER

Markup, cross-reference brackets, pronunciations, etymologies and code blocks go; entries and pages
become documents apart by blank lines, a paragraph a line.
"""
import gzip
import html.parser
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

SHORTEST = 40  # characters of a paragraph worth keeping

KINDS = {"noun": "noun", "verb": "verb", "adj": "adjective", "adv": "adverb"}


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def wordnet(root):
    """One document a synset: its words, what kind of word, the gloss and its examples."""
    for kind in KINDS:
        for line in open(root / f"usr/share/wordnet/data.{kind}", encoding="utf-8"):
            if line.startswith("  "):
                continue
            head, gloss = line.split("|", 1)
            fields = head.split()
            count = int(fields[3], 16)
            words = [re.sub(r"\(.*\)$", "", w).replace("_", " ") for w in fields[4:4 + 2 * count:2]]
            examples = re.findall(r'"([^"]+)"', gloss)
            meaning = squeeze(gloss.split('"')[0]).rstrip(";: ")
            text = f"{', '.join(words)} ({KINDS[kind]}): {meaning}."
            for example in examples:
                example = squeeze(example)
                if example:
                    example = example[0].upper() + example[1:]
                    text += " " + (example if example[-1] in ".!?" else example + ".")
            yield text


def dictd(root, name):
    with gzip.open(root / f"usr/share/dictd/{name}.dict.dz") as file:
        return file.read().decode("utf-8", "replace")


def unbrace(text):
    return re.sub(r"\{([^{}]*)\}", r"\1", text)


def gcide(root):
    """One document an entry: head word and definitions; etymologies and source marks dropped."""
    text = dictd(root, "gcide")
    for entry in re.split(r"\n(?=\S)", text):
        entry = re.sub(r"\[(1913 Webster|PJC|WordNet[^\]]*|Webster[^\]]*|Century[^\]]*|\+?[A-Z]{2,4}"
                       r"[^\]]*)\]", "", entry)
        entry = unbrace(entry)
        entry = re.sub(r"\\[^\\\n]*\\", "", entry, count=1)
        entry = re.sub(r" ?\([^()\n]{0,40}[\"*`][^()\n]{0,40}\)", "", entry, count=2)  # pronunciation
        entry = re.sub(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]", "", entry)
        paragraphs = [squeeze(p) for p in re.split(r"\n\s*\n|\n(?=   \d+\. )", entry)]
        paragraphs = [re.sub(r" +([,.;:])", r"\1", p) for p in paragraphs if p]
        if len(" ".join(paragraphs)) >= 2 * SHORTEST:
            yield "\n".join(paragraphs)


def entries(root, name):
    """FOLDOC and the Jargon File: a head word at the margin, indented paragraphs below it."""
    for entry in re.split(r"\n(?=\S)", dictd(root, name)):
        head, _, body = unbrace(entry).partition("\n")
        body = re.sub(r"\(\d{4}-\d\d-\d\d\)", "", body)
        body = re.sub(r"<[^<>\n]{1,40}>|\[[^\[\]]{1,60}\]", "", body)
        paragraphs = [p for p in (squeeze(p) for p in re.split(r"\n\s*\n", body)) if p]
        if len(" ".join(paragraphs)) >= 2 * SHORTEST:
            yield "\n".join([squeeze(head) + ": " + paragraphs[0]] + paragraphs[1:])


class Paragraphs(html.parser.HTMLParser):
    """Texts of paragraphs, list items and definitions; nothing from code, tables, navigation."""

    BLOCKS = {"p", "li", "dd", "blockquote", "h1", "h2", "h3"}
    SKIPPED = {"pre", "script", "style", "table", "nav", "head", "footer", "dt"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found, self.text, self.skipping = [], None, 0

    def flush(self):
        text = squeeze(self.text or "").replace("¶", "")
        if len(text) >= SHORTEST and text[-1] in ".!?:":
            self.found.append(text)
        self.text = None

    def handle_starttag(self, tag, attrs):
        if tag in self.SKIPPED:
            self.skipping += 1
        elif tag in self.BLOCKS:
            self.flush()
            self.text = ""

    def handle_endtag(self, tag):
        if tag in self.SKIPPED:
            self.skipping = max(0, self.skipping - 1)
        elif tag in self.BLOCKS:
            self.flush()

    def handle_data(self, data):
        if self.text is not None and not self.skipping:
            self.text += data


def pages(root, pattern, skip=()):
    for path in sorted(root.glob(pattern)):
        if any(part in path.name for part in skip):
            continue
        parser = Paragraphs()
        parser.feed(path.read_text(encoding="utf-8", errors="replace"))
        parser.flush()
        if parser.found:
            yield "\n".join(parser.found)


def mallard(root):
    for path in sorted(root.glob("usr/share/help/C/*/*.page")):
        try:
            tree = ElementTree.parse(path)
        except ElementTree.ParseError:
            continue
        found = [squeeze("".join(p.itertext())) for p in tree.iter() if p.tag.endswith("}p")]
        found = [p for p in found if len(p) >= SHORTEST]
        if found:
            yield "\n".join(found)


def write(path, documents):
    path.parent.mkdir(parents=True, exist_ok=True)
    seen, size = set(), 0
    with open(path, "w", encoding="utf-8") as out:
        for document in documents:
            if document in seen:
                continue
            seen.add(document)
            out.write(document + "\n\n")
            size += len(document)
    print(f"{path.name}: {len(seen)} documents, {size / 1e6:.1f} million characters")


def main():
    unpacked, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    free, left = folder / "permissive", folder / "copyleft"
    write(free / "wordnet.txt", wordnet(unpacked / "wordnet-base"))
    write(free / "jargon.txt", entries(unpacked / "dict-jargon", "jargon"))
    write(free / "python.txt", pages(unpacked / "python3.11-doc", "usr/share/doc/*/html/**/*.html",
                                     ("genindex", "search", "changelog", "py-modindex")))
    write(free / "postgresql.txt", pages(unpacked / "postgresql-doc-15",
                                         "usr/share/doc/*/html/*.html", ("bookindex",)))
    write(left / "gcide.txt", gcide(unpacked / "dict-gcide"))
    write(left / "foldoc.txt", entries(unpacked / "dict-foldoc", "foldoc"))
    write(left / "gnome.txt", mallard(unpacked / "gnome-user-docs"))
    write(left / "libreoffice.txt", pages(unpacked / "libreoffice-help-en-us",
                                          "usr/share/libreoffice/help/en-US/text/**/*.html"))


if __name__ == "__main__":
    main()
