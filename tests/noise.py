"""The same program, written carelessly: other spaces, blank lines, comments, long names, doubled `;`."""

from __future__ import annotations

import random

from specgen.formatting.tree import COMMENT, LINE_END, SEMICOLON, Word, words

#: Long for short: what the formatter has to find its way back from.
_LONG_NAMES = {"k": "kernel_size", "s": "stride", "p": "padding", "g": "groups", "ceil": "ceil_mode"}
_LONG_FLAGS = {
    "bn": "norm=bn", "relu": "act=relu", "tanh": "act=tanh", "linear": "act=none", "nonorm": "norm=none",
    "nobias": "bias=false", "ceil": "ceil_mode=true", "drop": "drop=0.5",
}  # fmt: skip


def comments(text: str) -> list[str]:
    """The comments of a text, in order."""
    return [word.text for word in words(text) if word.kind == COMMENT]


def noisy(text: str, seed: int) -> str:
    """A text with the same meaning, its comments among many others; the same for a seed everywhere."""
    return _Noise(text, random.Random(seed)).text()


class _Noise:
    def __init__(self, text: str, source: random.Random) -> None:
        self.random = source
        self.words = words(text)
        self.comments = 0
        self.depth = 0  # of parentheses

    def text(self) -> str:
        return "".join(map(self.piece, range(len(self.words))))

    def sometimes(self, chance: float) -> bool:
        return self.random.random() < chance

    def pick(self, *texts: str) -> str:
        """One of some texts; a `#` in it becomes a comment of its own."""
        text = self.random.choice(texts)
        if "#" in text:
            self.comments += 1
        return text.replace("#", f"# drawn {self.comments}")

    def piece(self, index: int) -> str:
        """A word with what stands in front of it and behind it."""
        word = self.words[index]
        if word.kind == COMMENT:
            return word.text
        if word.kind in (LINE_END, SEMICOLON):
            return self.end(word, index > 0 and self.words[index - 1].kind == COMMENT)
        self.depth += {"LPAREN": 1, "RPAREN": -1}.get(word.kind, 0)
        behind = ""
        if word.kind in ("LBRACE", "VBAR") and self.sometimes(0.25):
            behind = self.pick("\n", " #\n", "\n\n", "\n#\n", ";")
        return self.gap(word) + self.spelling(index) + behind

    def end(self, word: Word, commented: bool) -> str:
        if self.depth or not self.sometimes(0.25):
            return word.text
        if commented:
            return self.pick("\n\n", "\n   #\n", "\n\n\n\n")
        return self.pick(";", " ;\n", "\n\n", "\n \n\n\t\n", "  #\n", "\n   #\n", ";\n", "\n; #\n")

    def gap(self, word: Word) -> str:
        if word.kind in ("RBRACE", "VBAR") and self.sometimes(0.2):
            return self.pick("\n", " #\n", "\n\n", "; ")
        if word.kind == "ELSE" and self.sometimes(0.4):
            return self.pick("\n", " #\n", "\n#\n", " ; ", " #\n\n#\n")
        if self.depth and word.kind != "LPAREN" and self.sometimes(0.08):
            return self.pick("\n", " #\n  ", "\n #\n")
        if word.gap and self.sometimes(0.2):
            return self.pick("  ", "\t", "    ")
        if not word.gap and word.kind in ("PLUS", "TIMES", "COMMA", "COMPARE") and self.sometimes(0.3):
            return " "
        return " " * word.gap

    def spelling(self, index: int) -> str:
        """A word as it is, or an option by its long name, where it is one for certain."""
        word, before = self.words[index], self.words[index - 1] if index else None
        after = self.words[index + 1].kind if index + 1 < len(self.words) else ""
        argument = before is not None and before.kind in ("NUMBER", "NAME", "SIZES")
        if word.kind != "NAME" or not argument or self.depth or not self.sometimes(0.5):
            return word.text
        return (_LONG_NAMES if after == "EQUAL" else _LONG_FLAGS).get(word.text, word.text)
