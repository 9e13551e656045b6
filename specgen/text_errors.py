"""Text that is not made of the language's words: odd signs, odd words, and other languages."""

from __future__ import annotations

import re
from unicodedata import combining, name, normalize

from specgen.diagnostics import Diagnostic, Label, SpecError
from specgen.given import cut
from specgen.source import Source, Span
from specgen.unexpected import EXAMPLES

#: How layers are written that follow each other.
FOLLOW = "layers follow each other line by line, or with `;`"

#: What is meant by a sign that the language does not have.
_SIGNS = {
    "&": "conditions are written with `and`, `or`, `not` and `!=`",
    "!": "conditions are written with `and`, `or`, `not` and `!=`",
    "^": "a power is a function: `pow(2, 3)`",
    "[": "a tuple is written in parentheses: `(3, 5)`",
    "]": "a tuple is written in parentheses: `(3, 5)`",
    "\\": "a layer has one line; only in parentheses does a line go on",
    "$": "a name stands for its value without a sign in front",
    "@": "what belongs to a layer stands on its line: `conv 64 bn relu`",
    "~": "conditions are written with `not`",
    "?": "a value has no condition: `if wide { conv 64 } else { conv 32 }`",
    "→": FOLLOW,
    "≥": "write `>=`",
    "≤": "write `<=`",
    "≠": "write `!=`",
    "·": "multiply with `*`",
    "⋅": "multiply with `*`",
    "∗": "multiply with `*`",
    "÷": "divide with `/` or `//`",
    "…": "it stands for what is left out: write the layers",
}
_NO_LATEX = "a spec has no commands of LaTeX"
_UNKNOWN_SIZE = "a size that is not known is a param: `param size = 224`, `input (3, size, size)`"
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "‘": "’", "’": "’", "«": "»", "`": "`"}
_DASHES = "‐‑‒–—−"

_LISTS = "a spec lists layers, one on a line: `conv 64 k=3`"

#: How a line of another language looks, what that is, and what a spec has instead.
_ELSEWHERE = (
    (r"\s*</?[A-Za-z!?]", "XML, not a spec", _LISTS),
    (r'[{\[\s]*"\w+"\s*:\s*(["\[{\d-]|true|false|null|$)', "JSON, not a spec", _LISTS),
    (
        r"\s*\[\w+\]\s*$",
        "a section of a configuration, not a spec",
        "a named group is `features: { conv 64; M }`",
    ),
    (
        r"\s*-{3}\s*$|\s*- [\w\[]|\s*nc\s*:\s*\d+\s*$",
        "YAML, not a spec",
        "a spec lists layers without a dash, one on a line: `conv 64 k=3`",
    ),
    (
        r"\s*\w+\s*\{\s*\w+\s*:\s*[\"\w]|\s*(name|type|top|bottom)\s*:\s*\"",
        "a prototxt, not a spec",
        "a layer has a line, and its options are name=value: `conv1: conv 64 k=3`",
    ),
    (
        r"\s*(import\s+\w|from\s+[\w.]+\s+import\b|class\s+\w[^{]*$|def\s+\w[^{]*$|return\b|async\s|print\()",
        "Python, not a spec",
        f"{_LISTS}; what is used again is a `block`",
    ),
    (
        r"\s*\d+[.)]\s+[A-Za-z]|\s*[*•+]\s+[A-Za-z]",
        "a list of Markdown, not a spec",
        "a spec lists layers without signs in front, one on a line: `conv 64 k=3`",
    ),
    (r"\s*\|[^|].*\|\s*$", "a table of Markdown, not a spec", _LISTS),
    (r"\s*\[\s*(?:\[\s*)?-1\s*,", "YAML, not a spec", _LISTS),
    (r"\s*\w+\[[^\]]*\]\s*-->", "a diagram of Mermaid, not a spec", _LISTS),
    (r"\s*%\w+\s*=\s*\w+\[", "a listing of ONNX, not a spec", _LISTS),
    (r"\s*\(\w+\):\s*[A-Z]\w*\(", "what PyTorch prints of a network, not a spec", _LISTS),
    (
        r"\s*\w+\s*=\s*\[[^\]]*['\"][MA]['\"]",
        "a list of Python, not a spec",
        "layers follow each other as they are: `conv 64; M; conv 128; M`",
    ),
    (r"\s*(```|~~~)", "Markdown, not a spec", "leave out this line, and the one that closes it"),
    (r"\s*\\[A-Za-z]+|.*\\\\\s*$", "LaTeX, not a spec", _LISTS),
    (r"\s*(/\*|//|--\s|<!--|%\s*[A-Za-z])", "a comment of another language", "a comment starts with `#`"),
    (r"\s*(\"\"\"|''')", "a docstring", "comments at the top of a spec, with `#`, become the docstring"),
)


def another_language(source: Source, offset: int) -> SpecError | None:
    """The error for a line that is plainly of another language; nothing if it is not.

    Of several lines of Python, the first one is named, although `import torch` reads like a layer.
    """
    number, _ = source.position(min(offset, len(source.text)))
    while number > 1 and re.match(r"\s*(import|from)\s+\w", source.line(number - 1)):
        number -= 1
    line = source.line(number)
    start = source.start_of_line(number)
    # A key of YAML is told by the list below it.
    below = source.text[start + len(line) : start + len(line) + 100]
    is_key = re.fullmatch(r"\s*\w+:\s*", line) and re.match(r"\n\s*- ?\w", below)
    written = Label(source.span_of_line(number))
    for pattern, language, help_ in _ELSEWHERE:
        if re.match(pattern, f"- {line.lstrip()}" if is_key else line):
            return error(source, f"this is {language}", written, help_=(help_,))
    if is_prose(line):
        return error(source, "this is prose, not a spec", written, help_=(PROSE,))
    return None


#: What to do about prose.
PROSE = "leave it out, or write `#` in front: that is a comment"


def is_prose(line: str) -> bool:
    """Whether a line reads like a sentence: words behind each other, of which the first is none of ours."""
    from specgen.layers import registry

    words = line.split()
    plain = [word for word in words if re.fullmatch(r"[A-Za-z’'-]+[,.:;!?)]*", word)]
    if len(words) < 4 or len(plain) < max(4, 0.7 * len(words)) or set("={}|<>") & set(line):
        return False
    first = words[0].strip(",.:;!?").casefold()
    return first not in _STARTS and registry.find(first) is None


#: Words that start a statement, or go on with one: a line that starts with one is no sentence.
_STARTS = (*map(str.lower, EXAMPLES), "else")


def unexpected_text(source: Source, offset: int) -> SpecError:
    """The error for characters that begin no word, number or sign."""
    foreign = another_language(source, offset)
    if foreign is not None:
        return foreign
    sign = source.text[offset]
    if sign.isalnum() or sign in "._":
        return _unexpected_word(source, offset)
    shown, found, help_ = sign, sign, _SIGNS.get(sign, "")
    before, after = source.text[max(offset - 2, 0) : offset], source.text[offset + 1 : offset + 2]
    called = _call(source, offset) if sign == "[" or sign in _QUOTES else None
    if called is not None:
        return called
    if sign in _QUOTES:
        end = _QUOTES[sign]
        found = _matched(rf"{re.escape(sign)}[^{end}\n]*{end}?", source, offset)
        help_ = "there are no strings: write the word without quotes"
        if re.search(r"(^|[\n;])\s*(include|import|from|use|require|load)\s+$", source.text[:offset][-200:]):
            help_ = "a spec reads no other file: leave it out"
    elif sign == "\\" and (command := _matched(r"\\[A-Za-z]+", source, offset)):
        shown = found = command
        help_ = "sizes are written with the letter x: 3x224x224" if command == "\\times" else _NO_LATEX
    elif sign in "&!~":
        found = _matched("&+|[!~]", source, offset)
        help_ = _left_out(source, offset) or help_
    elif sign in "×✕✖⨯⨉":
        tight = before[-1:].isdigit() and after.isdigit()
        sizes = _matched(
            rf"\d+([{sign}x]\d+)+", source, offset - len(_matched(r"\d*", source, offset, reverse=True))
        )
        help_ = f"sizes are written with the letter x: {sizes.replace(sign, 'x') or '3x224x224'}"
        help_ = help_ if tight else f"{help_}; numbers are multiplied with `*`"
        help_ = _as_often(source, offset) or help_
        help_ = _shape_with_signs(source, offset) or help_
    elif sign in "@:" and (shape := _shape_with_signs(source, offset)):
        help_ = shape
    elif sign == "@" and (kernel := re.match(r"@\s*(\d+(?:x\d+)?)", source.text[offset : offset + 40])):
        help_ = f"a kernel is written `k={kernel[1]}`"
    elif (
        sign in "·⋅"
        and (digits := re.match(r".(\d+)", source.text[offset : offset + 40]))
        and before[-1:].isdigit()
    ):
        help_ = (
            f"a fraction has a point: `{_matched(r'[0-9]+', source, offset, reverse=True)[::-1]}.{digits[1]}`"
        )
    elif sign == "[" and re.search(r"(^|[\n;])\s*input\s*[:=]?\s*$", source.text[:offset][-200:]):
        help_ = _input_in_brackets(source.text[offset:].partition("\n")[0])
    elif sign == "?" and (behind := re.match(r"\?x(\d+(?:x\d+)+)\b", source.text[offset : offset + 60])):
        help_ = f"how many samples a batch has is not said: write `{behind[1]}`"
    elif sign == "?" and re.search(r"(^|[\n;])\s*(input|expect)\b[^;\n]*$", source.text[:offset][-200:]):
        help_ = _UNKNOWN_SIZE
    elif (
        sign == "["
        and (values := re.match(r"\[(\s*[\w.]+(?:\s*,\s*[\w.]+)*\s*)\]", source.text[offset : offset + 60]))
        and before.rstrip()[-1:] == "="
    ):
        help_ = f"a tuple is written in parentheses: `({values[1].strip()})`"
    elif sign == "[" and re.search(r"(^|\n)\s*for\b[^\n]*\bin\s*$", source.text[:offset][-200:]):
        help_ = "there is no loop over values: write the lines out, or `repeat 3 { … }`"
    elif sign == "]" and re.search(r"(^|\n)\s*$", source.text[:offset][-200:]):
        help_ = "a body is closed by `}`"
    elif sign == "[" and re.search(r"(^|[\n;{|])\s*$", source.text[:offset][-200:]):
        help_ = "a body is written in braces: `repeat 3 { conv 64; M }`"
    elif sign == "[" and (written := _called_in_brackets(source, offset)):
        help_ = written
    elif sign == "[" and re.search(r"[A-Za-z_)]\w*$", before):
        help_ = "the values of a tuple cannot be taken one by one: give each a name of its own"
    elif sign in "[]" and re.search(r"(:|\b(add|mul|cat|split))\s*$", source.text[:offset][-200:]):
        help_ = "a body is written in braces: `{ conv 64; M }`"
    elif sign in _DASHES:
        help_ = "a minus is written `-`"
    elif not help_ and normalize("NFKC", sign).isascii() and normalize("NFKC", sign).isprintable():
        help_ = f"write `{normalize('NFKC', sign).strip()}`" if sign.strip() else ""
    title = f"`{shown}` has no meaning here" if sign != "`" else "a backtick has no meaning here"
    if combining(sign):  # by itself it would be drawn over the quote in front of it
        title = f"U+{ord(sign):04X} ({name(sign, 'a mark').lower()}) has no meaning here"
    return error(source, title, Label(Span(offset, offset + len(found))), help_=(help_,) if help_ else ())


def _as_often(source: Source, offset: int) -> str:
    """What is meant by `conv 64 × 2`."""
    line = source.text[:offset].rpartition("\n")[2].rpartition(";")[2].strip()
    times = re.match(r".\s*(\d+)", source.text[offset : offset + 9])
    if times is None or not re.fullmatch(r"[A-Za-z]\w*( [\w=.]+)*", line) or line.split()[0] in _STARTS:
        return ""
    return f"to have the layer {times[1]} times, write `repeat {times[1]} {{ {line} }}`"


def _shape_with_signs(source: Source, offset: int) -> str:
    """How to write the shape of an `input` or `expect` whose sizes are joined by other signs than an x."""
    start = source.text.rfind("\n", 0, offset) + 1
    line = source.text[start:].partition("\n")[0]
    found = re.match(r"\s*(input|expect)\s+(\d+(?:\s*[x×✕✖⨯⨉@:,]\s*\d+){1,3})\s*(#.*)?$", line)
    return f"write `{found[1]} {'x'.join(re.findall(r'[0-9]+', found[2]))}`" if found else ""


def _left_out(source: Source, offset: int) -> str:
    """How to write a condition that is turned round, `!wide`, or what a layer goes without, `!bias`."""
    from specgen.layers import registry
    from specgen.options import all_flags

    word = re.match(r"[!~]\s?([A-Za-z_]\w*)", source.text[offset : offset + 40])
    if word is None:
        return ""
    if re.search(r"\b(if|when)\b[^\n;{]*$", source.text[:offset][-200:]):
        return f"write `not {word[1]}`"
    trim = registry.trims().get(word[1])
    without = f"no{word[1]}" if f"no{word[1]}" in all_flags() else f"{trim.trim}=none" if trim else ""
    return f"write `{without}`" if without else ""


def _input_in_brackets(rest: str) -> str:
    """How to write an `input` that is given as a list."""
    sizes = re.match(r"\[\s*(\d+(?:\s*,\s*\d+){0,3})\s*\]\s*(?:#.*)?$", rest)
    shown = "".join(sizes[1].split()).replace(",", "x") if sizes else "3x224x224"
    return f"write `input {shown}`"


def _called_in_brackets(source: Source, offset: int) -> str:
    """How to write a layer whose arguments are in brackets behind it; empty for anything else."""
    from specgen.calls import line_for

    word = _matched(r"\w*", source, offset, reverse=True)[::-1]
    inside = re.match(r"\[([^\[\]\n]*)\]", source.text[offset : offset + 80])
    line = line_for(f"{word}({inside[1]})") if word and inside else ""
    return f"write `{line}`" if line else ""


def _call(source: Source, offset: int) -> SpecError | None:
    """The error for a layer that is called with strings or lists in its parentheses."""
    from specgen.calls import layer_called

    start = source.text.rfind("\n", 0, offset) + 1
    found = re.match(r"(?:.*[;{|:]\s*|\s*)([A-Za-z_]\w*)\([^;{|]*$", source.text[start:offset][-300:])
    if found is None:
        return None
    begin = offset - len(found[0]) + found.start(1)
    help_ = layer_called(source.text[begin:].partition("\n")[0], source.text)
    span = Span(begin, begin + len(found[1]))
    return error(source, "a layer takes its arguments without parentheses", Label(span), help_=(help_,))


def _unexpected_word(source: Source, offset: int) -> SpecError:
    """The error for letters, digits and dots that make neither a name nor a number."""
    start = offset - len(_matched(r"[\w.]*", source, offset, reverse=True))
    found = source.text[start:offset] + _matched(r"[\w.]*", source, offset)
    span = Span(start, start + len(found))
    shown = cut(found, 40)
    help_ = ""
    if not found.isascii():
        title, label = f"`{shown}` is not a name", "names are made of A–Z, a–z, 0–9 and _"
        if found[0].isnumeric():
            title, label = f"`{shown}` is not a number", "numbers are made of 0–9"
        help_ = _look_alike(found)
    elif re.fullmatch(r"0[xX][0-9A-Fa-f]*[A-Fa-f][0-9A-Fa-f]*", found):
        title, label = f"`{shown}` is not a number", "numbers are written in tens"
        help_ = f"write `{int(found, 16)}`" if len(found) <= 16 else ""
    elif re.fullmatch(r"[0-9]+(X[0-9]+)+", found):
        title, label = f"`{shown}` is not a size", "sizes are joined by a small x"
        help_ = f"write `{found.lower()}`"
    elif re.fullmatch(r"[0-9]+(x[0-9]+)*x", found):
        title, label = f"`{shown}` is not a size", "a number has to follow each x"
        if re.search(r"\brepeat\s+$", source.text[:start][-50:]):
            title, label = f"`{shown}` is not a number", "how often is a plain number"
            help_ = f"write `repeat {found[:-1]}`"
        elif re.match(r"\s+[A-Za-z]", source.text[span.end :]) and found.count("x") == 1:
            body = source.text[span.end :].partition("\n")[0].partition("#")[0].strip()
            help_ = (
                f"write `repeat {found[:-1]} {{ {body} }}`"
                if len(body) < 40 and not set("{}|") & set(body)
                else ""
            )
        elif re.match(r"-\s*1|\?", source.text[span.end :]):
            help_ = _UNKNOWN_SIZE
        elif "x" in found[:-1]:
            help_ = f"write `{shown[:-1]}`"
    elif re.fullmatch(r"[0-9.]+(x[0-9.]+)+", found):
        title, label = f"`{shown}` is not a size", "sizes are whole numbers"
        whole = re.sub(r"\.0*(?=x|$)", "", found)
        help_ = f"write `{whole}`" if re.fullmatch(r"[0-9]+(x[0-9]+)+", whole) and len(whole) <= 40 else ""
    elif re.fullmatch(r"[0-9]+x[0-9A-Za-z_]+", found):
        title, label = f"`{shown}` is not a size", "a size in this form is made of plain numbers"
        pieces = [piece for piece in found.split("x") if piece]
        named = [piece for piece in pieces if not piece.isdigit()]
        if len(found) <= 40 and all(re.search(rf"\b(param|let)\s+{piece}\b", source.text) for piece in named):
            help_ = (
                f"write it as a tuple: `({', '.join(pieces)})`" if named else f"write `{'x'.join(pieces)}`"
            )
        else:
            help_ = _UNKNOWN_SIZE
    elif found.strip(".") == "":
        title, label = f"`{shown}` is not a number", "a number has digits"
        help_ = _SIGNS["…"] if len(found) == 3 else ""
    elif found.strip("0123456789.") == "":
        title, label = f"`{shown}` is not a number", "a number has one point at most"
        if re.fullmatch(r"\d+\.\.\.?\d+", found):
            help_ = "there are no ranges: in `repeat 3 as i { … }`, `i` counts from 0"
    elif re.fullmatch(r"[0-9]+(_[0-9]+)+", found):
        title, label = f"`{shown}` is not a number", "digits are not grouped"
        is_shape = re.search(r"\b(input|expect)\s+$", source.text[:start][-40:])
        help_ = f"write `{found.replace('_', 'x' if is_shape else '')}`"
    elif re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", found):
        return _dotted(source, span, found)
    elif re.fullmatch(r"[A-Za-z_]\w*\.+", found):
        title, label = f"`{shown}` is not a name", "a name has no dots"
        help_ = f"write `{found.rstrip('.')}`"
    else:
        title, label = f"`{shown}` is neither a number nor a name", "a name starts with a letter"
        help_ = f"write `{found[:-2]}*in`" if re.fullmatch(r"\d+in", found) else _apart(source, span, found)
    return error(source, title, Label(span, label), help_=(help_,) if help_ else ())


def _apart(source: Source, span: Span, found: str) -> str:
    """What is meant by `conv 64bn` and `k=3s=2`, without the space between."""
    from specgen.layers import registry
    from specgen.options import all_flags

    parts = re.fullmatch(r"(\d+)([A-Za-z]\w*)", found)
    before, behind = source.text[: span.start].rpartition("\n")[2], source.text[span.end : span.end + 1]
    if parts is None or not re.search(r"[\w=]\s*$", before):
        return ""
    known = behind == "=" if parts[2] in "kspdg" else parts[2] in all_flags() or registry.find(parts[2])
    return f"a space is missing: `{parts[1]} {parts[2]}`" if known else ""


def _look_alike(found: str) -> str:
    """Help for a word that looks like another one: how it is written, or which letter is not Latin."""
    plain = normalize("NFKC", found)
    wide = all(char.isascii() or name(char, "").startswith(("FULLWIDTH", "MATHEMATICAL")) for char in found)
    if wide and plain.isascii():
        return f"write `{plain}`"
    foreign = [
        char for char in found if char.isalpha() and not char.isascii() and "LATIN" not in name(char, "")
    ]
    if len(foreign) > 2 or not any(char.isascii() for char in found):
        return ""
    return " and ".join(
        f"`{one}` is U+{ord(one):04X} ({name(one, 'a letter').lower()})" for one in dict.fromkeys(foreign)
    )


def _dotted(source: Source, span: Span, found: str) -> SpecError:
    """The error for `nn.Conv2d`, `self.conv1` and their kind."""
    from specgen.calls import CONTAINERS, layer_called, line_for
    from specgen.layers import registry
    from specgen.vocabulary import ours

    owner, _, last = found.rpartition(".")
    rest = source.text[span.end :].split("\n", 1)[0]
    help_ = ""
    if owner == "self" and re.match(r"\s*=[^=]", rest):
        call = re.match(r"\s*=\s*(?:[A-Za-z_]+\.)*([A-Za-z_]\w*\(.*)", rest)
        line = line_for(call[1]) if call else ""
        help_ = f"a layer's name has a colon: `{last}: {line or 'conv 64'}`"
    elif rest.startswith("("):
        inner = re.match(r"\(\s*(?:[A-Za-z_]+\.)*([A-Z]\w*\(.*)\)\s*$", rest)
        line = line_for(last + rest) or (line_for(inner[1]) if inner else "")
        help_ = f"write `{line}`" if line else "a layer has a line of its own: `conv 64 k=3`"
        if last.casefold() in CONTAINERS or (not line and ours(last, ("add", "mul", "cat"))):
            help_ = layer_called(last + rest, source.text)
    elif meant := registry.find(last.casefold()) or registry.find(ours(last, registry.words())):
        help_ = f"here that is called `{meant.word}`"
    title = f"`{cut(found, 40)}` is not a name"
    return error(source, title, Label(span, "a name has no dots"), help_=(help_,) if help_ else ())


def _matched(pattern: str, source: Source, offset: int, *, reverse: bool = False) -> str:
    """What a pattern matches at an offset, or with `reverse` in front of it, in that line."""
    line_start = source.text.rfind("\n", 0, offset) + 1
    text = source.text[line_start:offset][::-1] if reverse else source.text[offset : offset + 300]
    found = re.match(pattern, text)
    return found[0] if found else ""


def error(source: Source, title: str, *labels: Label, help_: tuple[str, ...] = ()) -> SpecError:
    """A syntax error."""
    return SpecError([Diagnostic("syntax", title, labels, help_, source=source)])
