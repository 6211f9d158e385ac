"""Random Unicode lines and ids, made alike here and in tests/text/random_lines.h."""

WORDS = [
    "the", "The", "don't", "we'll", "I'M", "they've", "you're", "it's", "he'd", "'twas", "rock'n'roll",
    "guitar", "5-string", "3.14", "100%", "$9.99", "e-mail", "C++", "naïve", "café", "ﬁn", "Straße",
    "日本語", "음악", "привет", "שלום", "مرحبا", "नमस्ते", "<|endoftext|>", "<s>", "</s>", "<pad>",
    "<|im_start|>", "\U0001f469\u200d\U0001f4bb", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "...", "--", "!!!", "'s",
    "'S", "'LL", "'\u017f", "``", "\r\n", "\t", "\x00", "\u0085", "\u00a0", "\u2028", "\u3000", "\u200b", "\ufeff",
]  # fmt: skip
RANGES = [
    (0x20, 0x7E), (0x00, 0x1F), (0x80, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x370, 0x58F),
    (0x590, 0x6FF), (0x900, 0xDFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF),
    (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFFFD), (0x10000, 0x1FFFF),
    (0x20000, 0x2FFFF), (0x1F300, 0x1FAFF), (0x0, 0x10FFFF),
]  # fmt: skip


class Generator:
    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % bound

    def piece(self):
        kind = self.below(8)
        if kind <= 2:
            return WORDS[self.below(len(WORDS))]
        if kind == 3:
            return " " * (1 + self.below(5))
        if kind == 4:
            return " "
        low, high = RANGES[self.below(len(RANGES))]
        text = ""
        for _ in range(1 + self.below(6)):
            value = low + self.below(high - low + 1)
            text += "\ufffd" if 0xD800 <= value <= 0xDFFF else chr(value)
        return text

    def line(self):
        return "".join(self.piece() for _ in range(self.below(30)))
