"""What a layer is: its options, its shape rule, its parameters, and the PyTorch call it stands for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any, ClassVar, Literal, NoReturn, Self, TypeAlias, TypeVar, dataclass_transform

from specgen import arithmetic
from specgen.layers.fields import REQUIRED, Fault, Option, WrongOptions, options_of
from specgen.shape import PerAxis, Shape, collapse, times
from specgen.workings import Working, shape_on_board, worked_shape

#: Anything that stands in a constructor call.
Argument: TypeAlias = "int | float | bool | str | tuple[Argument, ...] | None"

#: What belongs together: in `specgen layers`, and for `init` (`conv`, `linear`, `norm`).
Family = Literal["conv", "linear", "pool", "norm", "activation", "dropout", "shape", "transformer", "other"]


@dataclass(frozen=True, slots=True)
class Call:
    """A constructor call as a value: one backend makes it, another prints it, neither decides anything.

    `name` is a class of `torch.nn`, or of the module that `Layer.modules` names.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    keywords: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a layer keeps in training from its forward pass for the backward one.

    As PyTorch's CPU kernels keep it. Whatever several layers keep of one tensor is there only once; that
    is not the layer's business.

    Attributes:
        input, output: whether it keeps what arrives, and what it gives.
        values: further values a sample, of the network's own type.
        bytes: further bytes a sample, whatever that type is: indices are int64, statistics float32.
        once: further values, however large the batch is.
    """

    input: bool = False
    output: bool = False
    values: int = 0
    bytes: int = 0
    once: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """What one output sees along one axis: so many inputs, the next output's being `step` inputs further."""

    size: int
    step: Fraction | int = 1


class Refusal(Exception):  # noqa: N818 (what a shape rule says, not a failure of the program)
    """A shape rule's refusal: why a layer cannot take what arrives.

    Args:
        code: the kind of error, in kebab case.
        title: what is wrong, standing alone.
        label: what is wrong at the option, with the numbers that led there.
        at: the option at fault; the whole layer where none is.
        remedies: changes of options that might mend it, best first; one is shown only if the rule
            accepts it.
        advice: what else would mend it, where no option does.
        channels: numbers of channels to arrive that might mend it; told like a remedy.
    """

    def __init__(
        self,
        code: str,
        title: str,
        label: str = "",
        *,
        at: str | None = None,
        remedies: Iterable[Mapping[str, Any]] = (),
        advice: str = "",
        channels: Iterable[int] = (),
    ) -> None:
        super().__init__(code, title)  # what a copy is made with
        self.code = code
        self.title = title
        self.label = label
        self.at = at
        self.remedies = tuple(remedies)
        self.advice = advice
        self.channels = tuple(channels)

    def __str__(self) -> str:
        return self.title


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Layer(ABC):
    """A kind of layer: subclass it, register it, and the whole compiler knows it.

    The annotations are its options, under PyTorch's names, each with an `OptionType` and, if it has one,
    its default: `stride: Annotated[int, Whole(1)] = 1`. A default that is PyTorch's own is left out of the
    constructor call by `changed`. A layer does not change once it is made.

    Raises `WrongOptions`, a `ValueError`, for options that it does not have or does not accept.
    """

    #: Every option by its name: those of the classes above first.
    options: ClassVar[Mapping[str, Option]] = {}
    _defaults: ClassVar[Mapping[str, Any]] = {}
    #: The word that names it in a spec, and other words for the same.
    word: ClassVar[str]
    other_words: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[Family] = "other"
    #: Options that may be given by position, in order.
    positional: ClassVar[tuple[str, ...]] = ()
    #: One-letter short forms of options.
    short: ClassVar[dict[str, str]] = {}
    #: Whether norm, activation and dropout may follow on its line.
    takes_trim: ClassVar[bool] = False
    #: The activation that follows unless the spec says otherwise.
    default_act: ClassVar[str | None] = None
    #: The layer whose `default` options reach this one too.
    inherits_defaults: ClassVar[str | None] = None
    #: Whether it flattens what arrives if that has spatial axes.
    flattens: ClassVar[bool] = False
    #: Where it may stand behind a layer on the same line: as `norm`, `act` or `drop`.
    trim: ClassVar[str | None] = None
    #: Its output size in the reference's notation, and one line of a spec.
    formula: ClassVar[str] = "the shape stays"
    example: ClassVar[str] = ""
    #: The importable module that holds the class of `call`, where that is not in `torch.nn`.
    modules: ClassVar[str] = "specgen.backends.modules"
    #: Whether its output is contiguous, whatever the strides of what arrives.
    gives_contiguous: ClassVar[bool] = False
    #: Whether it is somebody's own, and none that specgen has.
    is_foreign: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        inherited = {
            name: option._replace(default=vars(cls).get(name, option.default))
            for name, option in cls.options.items()
        }
        own = options_of(cls)
        for name in own:
            if hasattr(Layer, name):
                raise TypeError(f"{cls.__name__}.{name} cannot be an option: every layer has a {name}")
        cls.options = {**inherited, **own}
        cls.is_foreign = not cls.__module__.startswith("specgen.layers.")
        cls._defaults = {name: option.default for name, option in cls.options.items()}

    def __init__(self, /, **options: Any) -> None:
        values = {**self._defaults, **options}
        faults = [Fault(name, "missing") for name, value in values.items() if value is REQUIRED]
        for name, value in options.items():
            option = self.options.get(name)
            if option is None:
                faults.append(Fault(name, "unknown"))
                continue
            try:
                values[name] = option.kind.check(value)
            except ValueError:
                faults.append(Fault(name, "wrong", option.kind.describe()))
        if faults:
            raise WrongOptions(self.word, tuple(faults))
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a layer does not change: make another `with_options({name}=…)`")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a layer does not change")

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Its options with their values."""
        for name in self.options:
            yield name, self.__dict__[name]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self)})"

    def given(self) -> dict[str, Any]:
        """The options that are not at their default."""
        return {name: value for name, value in self if value != self.options[name].default}

    def with_options(self, /, **changes: Any) -> Self:
        """The same kind of layer with some options changed; raises `WrongOptions` like the constructor."""
        return type(self)(**{**self.__dict__, **changes})

    def infer(self, x: Shape) -> Shape:
        """The output shape for an input of shape `x`; raises `Refusal` where there is none."""
        return x

    @abstractmethod
    def call(self, x: Shape) -> Call:
        """The constructor call for an input of shape `x` that `infer` accepts."""

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        """The learned tensors by name, with their shapes."""
        return {}

    def workings(self, x: Shape) -> tuple[Working, ...]:
        """The arithmetic of the output's sizes for an input of shape `x` that `infer` accepts.

        What `infer` computes on the sizes themselves shows as it is; a layer whose rule is a function of
        its own runs that with `worked`.
        """
        return worked_shape(self.infer(shape_on_board(x)))

    def buffers(self, x: Shape) -> dict[str, tuple[int, ...]]:
        """The tensors that are kept with the weights and not learned, by name, with their shapes."""
        return {}

    def macs(self, x: Shape) -> int:
        """Multiply-adds of convolutions and matrix products, bias left out."""
        return sum(prod(map(int, factors)) for factors in self.products(x))

    def products(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        """What `macs` adds up: each a product, by its factors."""
        return ()

    def settled(self, x: Shape) -> dict[str, Any]:
        """The options as an input of shape `x` settles them: `half` and `none` as the numbers they stand for.

        Layers of one kind with the same settled options do the same.
        """
        return {
            name: collapse(value) if isinstance(value, tuple) and value else value for name, value in self
        }

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        """What it keeps for the backward pass.

        `contiguous` says whether what arrives is contiguous in memory. The default fits most layers:
        a learned product, a norm, a pooling and an activation need their input again.
        """
        needed = self.family in ("activation", "norm", "pool") or bool(self.parameters(x))
        return Saved(input=needed)

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        """Whether its output lies in its input's memory: a view of it, or written over it."""
        return bool(getattr(self, "inplace", False))

    def windows(self, x: Shape) -> tuple[Window, ...] | None:
        """What an output sees, per spatial axis; `()` for its own position alone, `None` for everything."""
        return () if self.infer(x).spatial == x.spatial else None

    @property
    def may_overwrite(self) -> bool:
        """Whether it has an in-place form that PyTorch can differentiate."""
        return False

    def changed(self, *names: str, **also: Argument) -> dict[str, Argument]:
        """Keywords for `call`: the options among `names` that are not at their default, then `also`."""
        kept: dict[str, Argument] = {}
        for name in names:
            value = getattr(self, name)
            value = collapse(value) if isinstance(value, tuple) else value
            if value != self._defaults[name] or arithmetic.names(value):
                kept[name] = value
        return {**kept, **also}


def unless(default: Argument, **keywords: Argument) -> dict[str, Argument]:
    """Those keywords of a call that are not at PyTorch's `default`, or only happen to be.

    A number that was computed from a name stays: elsewhere the name may come to something else.
    """
    return {name: value for name, value in keywords.items() if value != default or arithmetic.names(value)}


def per_axis(value: PerAxis, x: Shape, option: str) -> tuple[int, ...]:
    """An option as one number per spatial axis of `x`; refuses a tuple of another length."""
    if not isinstance(value, tuple):
        return (value,) * len(x.spatial)
    if len(value) != x.rank:
        numbers = f"{len(value)} number{'s' * (len(value) != 1)}"
        raise Refusal(
            "wrong-axes",
            f"`{option}` has {numbers} for {x.rank} spatial {'axis' if x.rank == 1 else 'axes'}",
            f"what arrives is {x.describe()}",
            at=option,
            remedies=({option: value[: x.rank] if len(value) > x.rank > 1 else value[0]},),
        )
    return value


def need_map(x: Shape, word: str, rank: int | None = None, *, turns_tokens: bool = False) -> None:
    """Refuse anything but a feature map, channels first; with `rank` spatial axes, if that is given.

    With `turns_tokens`, tokens are told how to become one: what such a layer makes of them is of use.
    """
    if x.is_map and rank in (None, x.rank):
        return
    wanted = f"a feature map with {rank} spatial axes" if x.is_map else "a feature map"
    turned = x.channels_last and (x.rank > 1 or turns_tokens) and rank in (None, x.rank)
    advice = "put `channels_first` in front of it" if turned else ""
    raise Refusal("needs-map", f"`{word}` needs {wanted}", f"what arrives is {x.describe()}", advice=advice)


def need_division(
    channels: int,
    count: int,
    what: str,
    *,
    at: str,
    side: str = "",
    common: int = 0,
    remedies: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Refuse channels, on one `side` if that matters, that do not fall into `count` equal parts.

    `what` is what the parts are called: groups, heads. `common` is what else has to fall into as many
    parts, as the greatest common divisor of both.
    """
    channels, count = int(channels), int(count)
    if channels % count:
        near = [{at: divisor} for divisor in nearest_divisors(common or channels, count)]
        raise Refusal(
            "groups-do-not-divide",
            f"{count} {what} do not divide {channels} {side}channels",
            f"{channels} / {count} is not whole",
            at=at,
            remedies=(*near, *remedies),
            channels=nearest_multiples(channels, count) if side != "output " else (),
        )


def nearest_divisors(number: int, count: int) -> list[int]:
    """The divisor of a number, but for 1, that is nearest to `count`, as a list; empty if it is far."""
    number = int(number)
    low, high = max(2, count // 2), min(2 * count, number)
    near = [one for one in range(low, min(high, low + 10_000) + 1) if number % one == 0]
    return sorted(near, key=lambda one: (abs(one - count), one))[:1]


def nearest_multiples(number: int, count: int) -> list[int]:
    """The multiples of `count` around a number, but for 0, the nearest first."""
    low = number // count * count
    return sorted(filter(None, (low, low + count)), key=lambda one: (abs(one - number), one))


def smaller_windows(
    kernel: tuple[int, ...], x: Shape, padding: tuple[int, ...], dilation: tuple[int, ...]
) -> list[Mapping[str, Any]]:
    """What fits of a window, as remedies: a smaller dilation, or the largest kernel.

    A kernel is cut on the axes where it is too long; none is proposed where a single element would be left.
    """
    room = [int(size) + 2 * int(p) - 1 for size, p in zip(x.spatial, padding, strict=True)]
    closer = tuple(
        min(int(d), free // (k - 1)) if k > 1 else int(d)
        for k, d, free in zip(kernel, dilation, room, strict=True)
    )
    shorter = tuple(
        min(int(k), free // int(d) + 1) for k, d, free in zip(kernel, dilation, room, strict=True)
    )
    found: list[Mapping[str, Any]] = (
        [{"dilation": collapse(closer)}] if closer != dilation and min(closer) > 0 else []
    )
    cut = [new for old, new in zip(kernel, shorter, strict=True) if new < old]
    return [*found, {"kernel_size": collapse(shorter)}] if min(cut, default=0) > 1 else found


def too_large(
    kernel: tuple[int, ...], dilation: tuple[int, ...], x: Shape, why: str = "", **options: Any
) -> Refusal:
    """The refusal of a window that does not fit; the dilation is at fault where the kernel alone would."""
    covers = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    apart = "" if covers == kernel else f" with dilation {collapse(dilation)} covers {times(covers)}, which"
    alone = all(k <= size for k, size in zip(kernel, x.spatial, strict=True))
    return Refusal(
        "kernel-too-large",
        "kernel is larger than what it slides over",
        f"{times(kernel)}{apart} does not fit in {times(x.spatial)}{why}",
        at="dilation" if apart and alone else "kernel_size",
        **options,
    )


Answer = TypeVar("Answer")


def inferred(layer: Layer, x: Shape) -> Shape:
    """The output shape of a layer; raises `Refusal` only, as `asked` does."""
    output = asked(layer, layer.infer, x)
    if not isinstance(output, Shape):
        title = f"`{layer.word}` gives a {type(output).__name__} for a shape"
        raise Refusal("layer-fails", title, rule_of(layer, "infer", x))
    return output


def asked(layer: Layer, rule: Callable[..., Answer], x: Shape, *more: object) -> Answer:
    """What a rule of a layer says about a shape; raises `Refusal` only.

    A layer of somebody's own may raise anything: that is told as a defect of the layer, and what it raised
    is the refusal's cause.
    """
    try:
        return rule(x, *more)
    except Refusal:
        raise
    except Exception as error:
        said = str(error).partition("\n")[0][:200]
        raise Refusal(
            "layer-fails",
            f"`{layer.word}` raises {type(error).__name__}" + (f": {said}" if said else ""),
            rule_of(layer, rule.__name__, x),
            advice="this is for whoever wrote the layer; with SPECGEN_DEBUG=1 there is a traceback",
        ) from error


def rule_of(layer: Layer, rule: str, x: Shape) -> str:
    """Which rule of a layer was asked about what."""
    return f"`{type(layer).__module__}.{type(layer).__qualname__}.{rule}` was asked about {x}"
