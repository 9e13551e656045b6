"""Random specs, valid by construction: what the emitted source and the built network are compared on.

The generator keeps every channel count a multiple of four and knows, of each place, what kind of shape
arrives there. Branches that are joined get one stride and one number of channels. What it cannot know, such
as whether a kernel still fits, the compiler refuses: such a program is left out, and there are few of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

#: What arrives at a place: a feature map, the same with its channels last, tokens, or a vector.
MAP, LAST, TOKENS, VECTOR = "map", "last", "tokens", "vector"

_ACTIVATIONS = (
    "relu relu6 hardtanh leaky_relu prelu elu selu gelu silu mish hardswish hardsigmoid sigmoid tanh "
    "swish".split()
)
_LONE_ACTIVATIONS = (
    *_ACTIVATIONS,
    "softplus",
    "softplus beta=2.0",
    "softmax",
    "leaky_relu 0.2",
    "elu 0.5",
    "gelu approximate=tanh",
    "relu inplace=false",
)
_LABELS = (
    "stem head body tail left right inner outer block_a mixer gate proj neck_2 Alpha weights a x out".split()
)

INITS = (
    "conv kaiming_normal mode=fan_out nonlinearity=relu bias=0",
    "conv xavier_uniform gain=0.5",
    "conv normal std=0.1 bias=0.25",
    "linear normal std=0.01 bias=0",
    "linear trunc_normal std=0.02",
    "linear xavier_normal bias=1",
    "norm ones bias=0",
    "bn constant val=0.5 bias=0.1",
    "dwconv normal std=0.3",
    "deconv uniform a=-0.1 b=0.1",
    "all normal std=0.05 bias=0",
    "fc orthogonal",
    "conv orthogonal gain=0.7",
    "ln uniform a=0.5 b=1.5",
    "pos_embed normal std=0.02",
    "scale ones",
    "prelu constant val=0.1",
    "attn normal",
    "linear kaiming_uniform a=0.2",
)


#: Values that a caller may give the params, besides those that the spec gives them.
OTHER_VALUES: dict[str, tuple[object, ...]] = {
    "width": (4, 8, 12, 16),
    "rate": (0.1, 0.0, 0.25),
    "deep": (True, False),
    "act": ("relu", "silu", "hardswish"),
    "num_classes": (2, 7, 1),
}


@dataclass(frozen=True)
class BlockForm:
    """A block that has been written: how it is used, and what it does to what arrives."""

    name: str
    kind: str
    #: Its arguments by name, each with the values that a use may give it.
    arguments: dict[str, tuple[str, ...]]
    #: Arguments that a use may leave out.
    optional: frozenset[str]
    #: Whether it keeps shapes where its stride is 1, and the channels it gives are `c`.
    gives_c: bool


@dataclass(frozen=True)
class Place:
    """What is known where the next statement goes."""

    kind: str
    rank: int
    #: The smallest that a spatial size can be.
    size: int
    #: What divides the number of channels.
    divisor: int = 4
    #: Names of numbers that are channel counts, chances and conditions.
    counts: tuple[str, ...] = ()
    chances: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    strides: tuple[str, ...] = ()
    labels: bool = True
    depth: int = 0


@dataclass
class Generator:
    """Writes one spec from a seed."""

    seed: int
    lines: list[str] = field(default_factory=list)
    indent: int = 0
    blocks: list[BlockForm] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    # --- text ------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    @contextmanager
    def braces(self, opening: str, closing: str = "}") -> Iterator[None]:
        self.line(opening + " {")
        self.indent += 1
        yield
        self.indent -= 1
        self.line(closing)

    def fresh(self, stem: str) -> str:
        self.number += 1
        return f"{stem}{self.number}"

    def one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def label(self, place: Place) -> str:
        if not place.labels or not self.one_in(6):
            return ""
        return f"{self.fresh(self.random.choice(_LABELS) + '_')}: "

    # --- numbers and words -----------------------------------------------------------------------

    def count(self, place: Place) -> str:
        """A number of channels: a literal, a name, or something computed."""
        plain = self.random.choice(("4", "8", "8", "12", "16"))
        if not place.counts or self.one_in(3):
            return plain
        name = self.random.choice(place.counts)
        return self.random.choice(
            (
                name,
                name,
                name,
                f"2*{name}",
                f"{name} + {plain}",
                f"max({name}, {plain})",
                f"{name}*3",
                f"make_divisible({name}*1.25, 4)",
                f"min({name}, 8)",
                f"4*({name} // 4)",
                f"{name}*2/2",
                f"({name} + 4)",
                f"8*ceil({name}/8)",
                f"4*round({name}*0.3)",
                f"int({name}*2.0)",
            )
        )

    def argument(self, value: str) -> str:
        """A value as a positional argument: what is computed from more than one token needs brackets."""
        return (
            value
            if value.isalnum() or ("(" in value[1:-1] and value.endswith(")") and value[0].isalpha())
            else f"({value})"
        )

    def chance(self, place: Place) -> str:
        if place.chances and self.one_in(2):
            return self.random.choice((*place.chances, f"{self.random.choice(place.chances)}*0.5"))
        return self.random.choice(("0.1", "0.25", "0.5", "0.0"))

    def condition(self, place: Place) -> str:
        """Something true or false, of arguments, of what arrives, or of both."""
        simple = [
            f"in {self.random.choice(('>', '<=', '==', '!='))} {self.random.choice((8, 12, 16))}",
            "in % 8 == 0",
        ]
        simple += list(place.flags) * 2 + [f"not {flag}" for flag in place.flags]
        simple += [f"{name} > 8" for name in place.counts] + [f"in == {name}" for name in place.counts]
        simple += [f"{name} == 1" for name in place.strides] + [f"{name} != 3" for name in place.kernels]
        simple += [f"{word} == relu" for word in place.words]
        first = self.random.choice(simple)
        if self.one_in(3):
            return f"{first} {self.random.choice(('and', 'or'))} {self.random.choice(simple)}"
        return first

    def trim(self, place: Place) -> str:
        """What stands behind a weighted layer."""
        found = []
        if self.one_in(3):
            norms = ["bn", "ln", "norm=bn", "rmsnorm", "nonorm"]
            if place.divisor % 2 == 0 and place.kind == MAP:
                norms.append("gn=2")
            if place.kind in (LAST, TOKENS):
                norms = ["ln", "rmsnorm", "norm=ln", "nonorm"]
            found.append(self.random.choice(norms))
        if self.one_in(2):
            words = [*_ACTIVATIONS, "linear", "act=none"] + [f"act={word}" for word in place.words] * 4
            found.append(self.random.choice(words))
        if self.one_in(5):
            found.append(self.random.choice(("drop", f"drop={self.chance(place)}")))
        if self.one_in(5):
            found.append(self.random.choice(("nobias", "bias", "bias=false")))
        return "".join(f" {word}" for word in found)

    # --- layers ----------------------------------------------------------------------------------

    def kernel(self, place: Place) -> str:
        if place.kernels and self.one_in(2):
            return self.random.choice(place.kernels)
        if self.one_in(6) and place.rank > 1:
            sizes = [self.random.choice("13") for _ in range(place.rank)]
            return self.random.choice((f"({', '.join(sizes)})", "x".join(sizes)))
        return self.random.choice(("1", "1", "3", "3", "3", "5"))

    def conv(self, place: Place, out: str, stride: str = "1", tail: str | None = None) -> str:
        """A convolution to a number of channels with a stride, padded so that stride 1 keeps the size."""
        options = f" k={self.kernel(place)}" if self.one_in(2) else ""
        options += f" s={stride}" if stride != "1" else ""
        if stride == "1" and self.one_in(8):
            options += self.random.choice(
                (" p=same", " d=2", " padding_mode=replicate", " padding_mode=zeros")
            )
        if place.divisor % 2 == 0 and self.one_in(8) and stride == "1":
            options += " g=2"
        return f"conv {self.argument(out)}{options}{self.trim(place) if tail is None else tail}"

    def weighted(self, place: Place, out: str, stride: str = "1", tail: str | None = None) -> str:
        if place.kind == MAP:
            return self.conv(place, out, stride, tail)
        word = "linear" if place.kind != VECTOR else self.random.choice(("fc", "linear"))
        return f"{word} {self.argument(out)}{self.trim(place) if tail is None else tail}"

    def keeping(self, place: Place) -> str:
        """A layer that keeps the shape."""
        chance = self.chance(place)
        found = [
            self.random.choice(_LONE_ACTIVATIONS),
            f"drop {self.argument(chance)}",
            "id",
            "ln",
            "rmsnorm",
            "ln eps=1e-6",
            f"droppath {self.argument(chance)}",
            f"scale {self.random.choice(('1', '0.1', '1e-6'))}",
            "scale",
            "log_softmax",
            "rmsnorm eps=1e-5",
            "ln bias=false",
            "ln elementwise_affine=false",
        ]
        if place.kind in (MAP, VECTOR):
            found += ["bn", "bn momentum=0.01 eps=0.001", "bn affine=false"] * 2
        if place.kind == MAP:
            even = place.divisor % 2 == 0
            found += ["dwconv", f"dwconv k={self.kernel(place)}{self.trim(place)}"] * 3
            found += ["lrn 3", "lrn 5 k=2.0", "drop2d", f"drop2d {self.argument(chance)}", "M k=3 s=1 p=1"]
            if place.rank < 3:
                found += ["A k=3 s=1 p=1", "A k=3 s=1 p=1 count_include_pad=false"]
            if even:
                found += ["shuffle 2", "gn 2", "gn 2 eps=0.001"]
            if place.size > 1:
                found += ["instancenorm", "instancenorm affine=true"]
        if place.kind == TOKENS:
            heads = self.random.choice(("1", "2", "heads=2")) if place.divisor % 2 == 0 else "1"
            found += [
                f"attn {heads}",
                f"attn {heads} bias=false",
                f"attn {heads} drop={chance}",
                "pos_embed",
            ] * 2
        return self.random.choice(found)

    def pooled(self, place: Place, stride: str) -> str:
        """A pooling with a stride, which gives what a padded convolution with that stride gives."""
        return f"{self.random.choice('MA' if place.rank < 3 else 'M')} k=3 s={stride} p=1"

    # --- chains ----------------------------------------------------------------------------------

    def chain(self, place: Place, steps: int, out: str | None = None, stride: str = "1") -> Place:
        """Statements one behind the other. With `out`, they give that many channels at that stride."""
        for _ in range(steps):
            place = self.statement(place)
        if out is not None:
            if stride != "1" and place.kind == MAP and self.one_in(4):
                self.line(self.pooled(place, stride))
                stride = "1"
            self.line(self.label(place) + self.weighted(place, out, stride))
            place = replace(place, divisor=4)
        elif stride != "1" and place.kind == MAP:
            self.line(self.random.choice((f"dwconv s={stride}", self.pooled(place, stride))))
        return place

    def statement(self, place: Place) -> Place:
        """One statement that keeps the spatial size; what then holds."""
        choices: list[tuple[int, Callable[[Place], Place]]] = [(6, self._keep), (6, self._weigh)]
        if place.depth < 3:
            choices += [
                (2, self._residual),
                (2, self._join),
                (2, self._cat),
                (1, self._mul),
                (1, self._if),
                (1, self._repeat),
                (1, self._group),
                (1, self._default),
                (1, self._let),
            ]
            choices += [(1, self._split)] if place.divisor % 4 == 0 else []
        choices += (
            [(6, self._use)]
            if any(form.kind == place.kind for form in self.blocks) and place.divisor == 4
            else []
        )
        weights, makers = zip(*choices, strict=True)
        return self.random.choices(makers, weights)[0](place)

    def _keep(self, place: Place) -> Place:
        self.line(self.label(place) + self.keeping(place))
        return place

    def _weigh(self, place: Place) -> Place:
        out = self.count(place)
        self.line(self.label(place) + self.weighted(place, out))
        return replace(place, divisor=4)

    def _inner(self, place: Place) -> Place:
        return replace(place, depth=place.depth + 1)

    def _steps(self) -> int:
        return self.random.choice((0, 0, 1, 1, 2))

    def _residual(self, place: Place) -> Place:
        inner = self._inner(place)
        kind = self.random.randrange(3)
        label = self.label(place)
        if kind == 0:
            name = self.fresh("arriving")
            self.line(f"let {name} = in")
            with self.braces(f"{label}residual"):
                self.chain(replace(inner, counts=(*place.counts, name)), self._steps(), name)
            return place
        out = self.count(place)
        stride = (
            self.random.choice(place.strides)
            if place.strides and place.kind == MAP and self.one_in(2)
            else "1"
        )
        if kind == 1:
            tail = self.random.choice(("", "shortcut: ")) if place.labels else ""
            with self.braces(f"{label}residual", ""):
                self.chain(inner, self._steps(), out, stride)
            closing = self.lines.pop()
            assert not closing.strip()
            name = f"{self.fresh('shortcut')}: " if tail else f"{self.fresh('down')}: "
            with self.braces(f"}} else {name}"):
                self.line(self.weighted(inner, out, stride, " linear nonorm"))
        else:
            same = [f"{stride} == 1"] if stride != "1" else []
            with self.braces(f"residual when {' and '.join([*same, f'in == {out}'])}"):
                self.chain(inner, self._steps(), out, stride)
        return replace(place, divisor=4, size=1 if stride != "1" else place.size)

    def _branches(self, opening: str, bodies: list[Callable[[], object]]) -> None:
        with self.braces(opening):
            for index, body in enumerate(bodies):
                if index:
                    self.line("|")
                body()

    def _join(self, place: Place) -> Place:
        inner, out = self._inner(place), self.count(place)
        kind = self.random.choice(("add", "add", "mul"))
        bodies = [lambda: self.chain(inner, self._steps(), out) for _ in range(self.random.choice((2, 2, 3)))]
        self._branches(f"{self.label(place)}{kind}", list(bodies))
        return replace(place, divisor=4)

    def _cat(self, place: Place) -> Place:
        inner = self._inner(place)
        bodies: list[Callable[[], object]] = [
            lambda: self.chain(inner, self._steps(), self.count(place))
            for _ in range(self.random.choice((1, 2, 3)))
        ]
        if self.one_in(2) or len(bodies) == 1:
            bodies.insert(self.random.randrange(len(bodies) + 1), lambda: self.line("id"))
        self._branches(f"{self.label(place)}cat", bodies)
        return replace(place, divisor=place.divisor)

    def _split(self, place: Place) -> Place:
        inner = replace(self._inner(place), divisor=2)

        def some() -> object:
            return self.line("id") if self.one_in(3) else self.chain(inner, self._steps())

        self._branches(f"{self.label(place)}split", [some, some])
        return replace(place, divisor=2)

    def _mul(self, place: Place) -> Place:
        if place.kind != MAP:
            return self._join(place)
        name = self.fresh("gated")
        self.line(f"let {name} = in")

        def gate() -> None:
            self.line("gap")
            self.line(f"conv {self.argument(self.count(place))} k=1 nonorm relu")
            self.line(f"conv {name} k=1 nonorm {self.random.choice(('sigmoid', 'hardsigmoid'))}")

        self._branches(f"{self.label(place)}mul", [lambda: self.line("id"), gate])
        return place

    def _if(self, place: Place) -> Place:
        inner = self._inner(place)
        name = self.fresh("was")
        self.line(f"let {name} = in")

        def body() -> None:
            if self.one_in(2):
                for _ in range(self.random.choice((1, 2))):
                    self.line(self.keeping(inner))
            else:
                self.chain(replace(inner, labels=False), self._steps(), name)

        with self.braces(f"if {self.condition(place)}", ""):
            body()
        self.lines.pop()
        if self.one_in(3):
            with self.braces(f"}} else if {self.condition(place)}", ""):
                body()
            self.lines.pop()
        if self.one_in(2):
            with self.braces("} else"):
                body()
        else:
            self.line("}")
        return place

    def _repeat(self, place: Place) -> Place:
        inner = replace(self._inner(place), labels=False)
        times = self.random.choice(("2", "3", "4", "1", "0"))
        if self.one_in(2):
            index = self.fresh("i")
            with self.braces(f"repeat {times} as {index}"):
                self.line(self.random.choice((f"drop 0.1*{index}", self.weighted(inner, f"4*({index} + 1)"))))
                if self.one_in(3):
                    self.statement(replace(inner, divisor=4, counts=(*place.counts, f"(4*{index} + 4)")))
            # Without a turn, the channels are those that arrive.
            return replace(place, divisor=min(place.divisor, 4))
        with self.braces(f"repeat {times}"):
            for _ in range(self.random.choice((1, 1, 2))):
                inner = self.statement(inner)
        return replace(place, divisor=min(place.divisor, inner.divisor))

    def _group(self, place: Place) -> Place:
        if not place.labels:
            return self._keep(place)
        with self.braces(f"{self.fresh(self.random.choice(_LABELS) + '_')}:"):
            after = self.chain(self._inner(place), self.random.choice((1, 2, 3)))
        return replace(place, divisor=after.divisor, size=after.size)

    def _default(self, place: Place) -> Place:
        self.line(
            self.random.choice(
                (
                    "default bn eps=0.001",
                    "default ln eps=1e-6",
                    "default drop p=0.3",
                    "default M k=3",
                    "default relu inplace=false",
                    "default leaky_relu negative_slope=0.1",
                    f"default {'conv' if place.kind == MAP else 'linear'} {self.random.choice(_ACTIVATIONS)}",
                    f"default {'conv' if place.kind == MAP else 'linear'} nobias",
                )
            )
        )
        return self._keep(place)

    def _let(self, place: Place) -> Place:
        name = self.fresh("n")
        self.line(f"let {name} = {self.count(place)}")
        return self._weigh(replace(place, counts=(*place.counts, name)))

    # --- blocks ----------------------------------------------------------------------------------

    def _use(self, place: Place) -> Place:
        form = self.random.choice([form for form in self.blocks if form.kind == place.kind])
        for _ in range(self.random.choice((1, 1, 2, 3))):
            self.line(self.label(place) + self.use(form, place))
        return place

    def use(self, form: BlockForm, place: Place, **given: str) -> str:
        """A line that uses a block, with a stride of 1 unless `given` says otherwise."""
        words, named = [form.name], []
        for name, values in form.arguments.items():
            own = {
                "c": place.counts,
                "p": place.chances,
                "act": place.words,
                "f": place.flags,
                "k": place.kernels,
            }
            value = given.get(name) or self.random.choice((*values, *own.get(name, ())))
            if name == "s" and name not in given:
                continue
            if name == "c" and name not in given:
                value = self.argument(self.count(place)) if self.one_in(2) else value
            if name in form.optional:
                if name in given or self.one_in(2):
                    named.append(f"{name}={value}")
            else:
                words.append(value)
        return " ".join(words + named)

    def block(self, kind: str, rank: int) -> None:
        """Write a block for what `kind` says, and remember it."""
        name = self.random.choice(
            ("cell", "unit", "mixing_unit", "bottleneck", "inverted_2", "Fire")
        ) + self.fresh("_")
        arguments: dict[str, tuple[str, ...]] = {}
        heads: list[str] = []
        optional = set()

        def argue(argument: str, values: tuple[str, ...], default: str | None) -> None:
            arguments[argument] = values
            heads.append(argument if default is None else f"{argument}={default}")
            if default is not None:
                optional.add(argument)

        gives_c = self.one_in(3) is False
        if gives_c:
            argue("c", ("4", "8", "12", "16"), None)
        if self.one_in(3):
            argue("act", ("relu", "tanh", "silu", "hardswish"), None)
        if kind == MAP and gives_c and self.one_in(2):
            argue("s", ("1", "2"), "1")
        if self.one_in(3):
            argue("p", ("0.1", "0.2", "0.0"), self.random.choice(("0.1", "0.0")))
        if self.one_in(3):
            argue("f", ("true", "false"), self.random.choice(("true", "false")))
        if kind == MAP and self.one_in(3):
            argue("k", ("1", "3", "5"), "3")
        if gives_c and self.one_in(4):
            argue("e", ("4", "8", "16"), self.random.choice(("2*c", "in", "8", "c + in")))
        place = Place(
            kind,
            rank,
            1,
            counts=tuple(a for a in ("c", "e") if a in arguments),
            chances=("p",) if "p" in arguments else (),
            flags=("f",) if "f" in arguments else (),
            words=("act",) if "act" in arguments else (),
            kernels=("k",) if "k" in arguments else (),
            strides=("s",) if "s" in arguments else (),
            depth=1,
        )
        with self.braces(f"block {name}{'(' + ', '.join(heads) + ')' if heads else ''}"):
            if gives_c and self.one_in(2) and kind == MAP:
                # A residual of the usual kind.
                stride = "s" if "s" in arguments else "1"
                with self.braces("residual", ""):
                    self.chain(self._inner(place), self.random.choice((0, 1, 2)), "c", stride)
                self.lines.pop()
                with self.braces("} else downsample:"):
                    self.line(self.weighted(place, "c", stride, " linear nonorm"))
                if self.one_in(2):
                    self.line(self.keeping(replace(place, divisor=4)))
            else:
                place = self.chain(
                    place,
                    self.random.choice((1, 2, 3)),
                    "c" if gives_c else None,
                    "s" if "s" in arguments else "1",
                )
                if place.divisor != 4:
                    self.line(self.weighted(place, "8"))
        form = BlockForm(name, kind, arguments, frozenset(optional), gives_c)
        self.blocks.append(form)
        if gives_c and "act" not in arguments and self.one_in(3):
            self._stage(form)

    def _stage(self, form: BlockForm) -> None:
        """A block of blocks: a chain, which is an `nn.Sequential`."""
        name = self.fresh("stage_")
        strided = "s" in form.arguments
        with self.braces(f"block {name}(c, n=2{', s=1' if strided else ''})"):
            place = Place(form.kind, 0, 1, counts=("c",))
            self.line(self.use(form, place, c="c", **({"s": "s"} if strided else {})))
            with self.braces("repeat n - 1"):
                self.line(self.use(form, place, c="c"))
        arguments = {
            "c": ("4", "8", "16"),
            "n": ("1", "2", "3", "4"),
            **({"s": ("1", "2")} if strided else {}),
        }
        self.blocks.append(BlockForm(name, form.kind, arguments, frozenset(("n", "s")), True))

    # --- programs --------------------------------------------------------------------------------

    def program(self) -> str:
        """The whole spec."""
        rank = self.random.choice((2, 2, 2, 2, 1, 3, 0))
        size = {0: 1, 1: self.random.choice((9, 12)), 2: self.random.choice((6, 8, 9)), 3: 4}[rank]
        channels = (
            self.random.choice((4, 8, 12)) if rank == 0 or self.one_in(2) else self.random.choice((1, 3))
        )
        if self.one_in(3):
            self.line("# A network drawn at random.")
        if self.one_in(3):
            self.line(f"network {self.random.choice(('Net', 'Drawn_1', 'TinyNet', 'Random'))}")
        place = Place(MAP if rank else VECTOR, rank, size, 4 if channels % 4 == 0 else 1)
        place = self._params(place)
        if rank > 1 and self.one_in(3):
            size_name = self.fresh("side")
            self.line(f"param {size_name} = {size}")
            self.line(f"input ({channels}, {', '.join([size_name] * rank)})")
        else:
            self.line(f"input {'x'.join(map(str, (channels, *(size for _ in range(rank)))))}")
        rules = self.random.sample(INITS, self.random.choice((0, 0, 1, 2)))
        for rule in {rule.split()[0].replace("fc", "linear"): rule for rule in rules}.values():
            self.line(f"init {rule}")
        if place.words and self.one_in(2):
            self.line("default conv act=act")
        if rank and self.one_in(3):
            self.line(f"default conv {self.random.choice(('bn', 'bn nobias', 'norm=none', 'silu', 'ln'))}")
        for _ in range(self.random.choice((0, 1, 1, 2))):
            self.block(place.kind, rank)
        place = self._stem(place)
        place = self._trunk(place)
        self._end(place)
        return "\n".join(self.lines) + "\n"

    def _params(self, place: Place) -> Place:
        if self.one_in(2):
            self.line(f"param width = {self.random.choice((4, 8, 12))}")
            place = replace(place, counts=(*place.counts, "width"))
        if self.one_in(3):
            self.line(f"param rate = {self.random.choice(('0.1', '0.0', '0.5'))}")
            place = replace(place, chances=("rate",))
        if self.one_in(3):
            self.line(f"param deep = {self.random.choice(('true', 'false'))}")
            place = replace(place, flags=("deep",))
        if self.one_in(4):
            self.line(f"param act = {self.random.choice(('relu', 'gelu', 'tanh'))}")
            place = replace(place, words=("act",))
        if self.one_in(3):
            self.line(f"param num_classes = {self.random.choice((3, 5, 10))}")
        for _ in range(self.random.choice((0, 0, 1, 2))):
            self._variant()
        return place

    def _variant(self) -> None:
        """A variant that sets some of the params, each to a value that it may have."""
        names = [line.split()[1] for line in self.lines if line.startswith("param ")]
        chosen = [name for name in names if self.one_in(2)]
        settings = [f"{name}={str(self.random.choice(OTHER_VALUES[name])).lower()}" for name in chosen]
        self.line(" ".join([f"variant {self.fresh('Variant_')}", *settings]))

    def _stem(self, place: Place) -> Place:
        if place.divisor != 4 or self.one_in(2):
            self.line(self.label(place) + self.weighted(place, self.count(place)))
        return replace(place, divisor=4)

    def _trunk(self, place: Place) -> Place:
        for _ in range(self.random.choice((1, 2, 3))):
            place = self.chain(place, self.random.choice((1, 2)))
            if place.kind == MAP:
                place = self._resize(place)
        return place

    def _resize(self, place: Place) -> Place:
        """A change of the spatial size, where nothing has to agree with it."""
        size = place.size
        if size > 3:
            strided = [form for form in self.blocks if "s" in form.arguments and form.kind == MAP]
            halves = [
                "M",
                "A",
                "M k=3 s=2 p=1 ceil",
                "M k=2 s=2 ceil",
                f"conv {self.argument(self.count(place))} s=2",
            ]
            halves += [self.use(form, place, s="2") for form in strided] * 2 if place.divisor == 4 else []
            line = self.random.choice(halves)
            self.line(self.label(place) + line)
            return replace(place, size=size // 2, divisor=4 if line.startswith("conv") else place.divisor)
        if size == 1 or self.one_in(2):
            return place
        grown = [
            "upsample 2",
            "deconv 8",
            "up 4 k=3 s=2 p=1 op=1 tanh",
            "pad 1",
            "pad 1 mode=replicate",
            "upsample size=5",
        ]
        if place.rank == 2:
            grown += [
                "upsample 2 mode=bilinear",
                "pad (0, 1, 1, 0)",
                "upsample 1.5 mode=bicubic align_corners=false",
                "upsample 2; pixel_unshuffle 2",
            ]
            grown += ["pixel_shuffle 2"] if place.divisor == 4 else []
        line = self.random.choice(grown)
        self.line(self.label(place) + line)
        if "pixel" in line:
            self.line(self.weighted(replace(place, divisor=1), self.count(place)))
        divisor = 4 if line.startswith(("deconv", "up 4")) or "pixel" in line else place.divisor
        return replace(place, size=size + 1, divisor=divisor)

    def _end(self, place: Place) -> None:
        out = "num_classes" if any("param num_classes" in line for line in self.lines) else "5"
        if place.kind == VECTOR:
            if self.one_in(3):
                self.line("fc 32; unflatten 8x2x2; deconv 4; gap")
            self.line(f"{self.label(place)}fc {out}")
            return
        match self.random.randrange(7):
            case 0:
                self.line(f"conv {out} k=1 linear nonorm")
            case 1:
                self.line("gap")
                self.line(f"fc {out}")
            case 2:
                self.line(
                    f"adaptive_{self.random.choice(('avg', 'max'))}pool {self.random.choice(('1', '2'))}"
                )
                with self.braces("classifier:"):
                    self.line("fc 8 drop")
                    self.line(f"fc {out}")
            case 3:
                self.line("tokens")
                self._transform(replace(place, kind=TOKENS))
                self.line(f"fc {out}")
            case 4:
                self.line("channels_last")
                self.chain(replace(place, kind=LAST, labels=False), self.random.choice((1, 2, 3)))
                self.line(self.random.choice(("channels_first", "tokens", "flatten", f"linear {out}")))
            case 5:
                self.line("flatten")
                self.chain(replace(place, kind=VECTOR), self.random.choice((0, 1)))
                self.line(f"fc {out}")
                self.line(self.random.choice(("softmax", "log_softmax", "id")))
            case _:
                self.line(f"fc 8{self.random.choice((' bn', ' drop=0.1', ''))}")
                self.chain(replace(place, kind=VECTOR, divisor=4), self.random.choice((0, 1, 2)))
                self.line(f"fc {out}")

    def _transform(self, place: Place) -> None:
        if place.divisor != 4:
            self.line(self.weighted(place, self.count(place)))
            place = replace(place, divisor=4)
        if self.one_in(2):
            self.line("cls_token")
        if self.one_in(2):
            self.line("pos_embed")
        self.block(TOKENS, 1)
        place = self.chain(self._use(place), self.random.choice((0, 1)))
        if self.one_in(2):
            self.line(f"take {self.random.choice(('0', '-1'))}")


def program(seed: int) -> str:
    """The spec of a seed; the same everywhere."""
    return Generator(seed).program()
