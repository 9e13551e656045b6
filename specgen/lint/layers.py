"""Warnings about layers that follow each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specgen import initialisation, options, syntax
from specgen.diagnostics import Diagnostic, Label
from specgen.draft import Draft, DraftLayer, DraftParallel
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.lint.flow import Checked, Met, also, asked_on_line

#: Activations that never give less than 0, and those that leave what is not below 0 as it is.
_NEVER_BELOW = {"relu", "relu6", "sigmoid", "hardsigmoid", "softplus", "softmax"}
_KEEP_ABOVE = {"relu", "leaky_relu", "prelu", "elu"}

#: Norms that subtract each channel's mean, whatever it is.
_CENTRE_CHANNELS = {"bn": "batch", "instancenorm": "instance"}


def dropout_before_norm(checked: Checked) -> Iterator[Diagnostic]:
    """Dropout changes a variance that batch normalisation then measures, in training alone."""
    for step, before, *_ in checked.layers:
        if step.kind == "bn" and before is not None and before.kind in ("drop", "drop2d"):
            if before.layer.p == 0:  # type: ignore[attr-defined]
                continue
            yield checked.warn(
                "dropout-before-norm",
                f"`{before.kind}` right in front of batch normalisation",
                Label(before.asked, "this changes the variance in training, and not in evaluation"),
                also(step.asked, "this learns the variance of training"),
                help="put the dropout behind the batch normalisation",
            )


def activation_twice(checked: Checked) -> Iterator[Diagnostic]:
    """Two activations with nothing between them but dropouts, or a norm where the first was not asked for."""
    for step, before, between in _past(checked, "dropout", "norm"):
        if before is None or not step.layer.family == before.layer.family == "activation":
            continue
        normed = any(layer.layer.family == "norm" for layer in between)
        if normed and not _is_implied(checked, before):
            continue
        title = f"`{step.kind}` right behind `{before.kind}`"
        if between:
            names = " and ".join(dict.fromkeys(f"`{layer.kind}`" for layer in between))
            title = f"`{step.kind}` behind `{before.kind}`, with {names} between them"
        yield checked.warn(
            "activation-twice",
            title,
            Label(step.asked, "this is the second" if normed else _second(before.kind, step.kind)),
            also(before.asked, _first(checked, before)),
            help=_no_activation(checked, before) if normed else _without_first(checked, before, step),
        )


def _past(
    checked: Checked, *families: str
) -> Iterator[tuple[DraftLayer, DraftLayer | None, tuple[DraftLayer, ...]]]:
    """Every layer, the one in front of it whose values it alone reads, and those of some families between."""
    passed: dict[int, tuple[DraftLayer | None, tuple[DraftLayer, ...]]] = {}
    for step, before, *_ in checked.layers:
        made, between = passed.get(id(before), (before, ()))
        if step.layer.family in families:
            passed[id(step)] = made, (*between, step)
        yield step, made, between


def _second(first: str, second: str) -> str:
    """What the second of two activations does to the values of the first."""
    if first in _NEVER_BELOW and second in _KEEP_ABOVE:
        return f"this changes nothing: behind `{first}` no value is below 0"
    if first == "relu" and second == "relu6":
        return "this alone gives the same"
    if first in ("relu", "relu6") and second == "sigmoid":
        return "this gives no value below 0.5"
    if second in ("softmax", "log_softmax") and first in ("relu", "relu6"):
        return "all scores below 0 are the same to this"
    return "the values pass through both"


def _is_own_line(checked: Checked, step: DraftLayer) -> bool:
    """Whether a layer has a line of its own, and is not the trim of another."""
    kind = registry.find(checked.text(step.word))
    return kind is type(step.layer)


def _is_implied(checked: Checked, step: DraftLayer) -> bool:
    """Whether an activation is there because nothing else was said."""
    return step.word == step.asked and not _is_own_line(checked, step)


def _first(checked: Checked, before: DraftLayer) -> str:
    if not _is_implied(checked, before):
        return "this is the first"
    return f"`{checked.text(before.word)}` ends with `{before.kind}` unless it says otherwise"


def _without_first(checked: Checked, before: DraftLayer, step: DraftLayer) -> str:
    """How to leave one of the two out, where that is a matter of the first one's line."""
    word = checked.text(before.word)
    if _is_own_line(checked, before) or step.kind == before.kind:
        return "leave one of them out"
    if step.layer.trim == "act" and _is_own_line(checked, step):
        return f"write `{step.kind}` on the line of the `{word}`, in place of `{before.kind}`"
    return _no_activation(checked, before)


def _no_activation(checked: Checked, before: DraftLayer) -> str:
    return f"with `linear` on its line, the `{checked.text(before.word)}` has no activation"


def bias_before_norm(checked: Checked) -> Iterator[Diagnostic]:
    """A bias whose effect the norm behind it takes away again."""
    for step, before, *_ in checked.layers:
        norm = _CENTRE_CHANNELS.get(step.kind)
        if norm is None or before is None or before.layer.family not in ("conv", "linear"):
            continue
        if not getattr(before.layer, "bias", False) or _keeps_statistics(step):
            continue
        word = checked.text(before.word)
        cancels = f"{norm} normalisation subtracts each channel's mean, and with it the bias"
        has = f"this `{word}` has a bias"
        is_trim = step.word == before.word
        labels = (
            (Label(step.asked, cancels), also(before.word, has))
            if is_trim
            else (Label(before.word, has), also(step.asked, cancels))
        )
        yield checked.warn(
            "bias-before-norm",
            f"a bias in front of {norm} normalisation has no effect",
            *labels,
            help=_without_bias(before),
        )


def _keeps_statistics(step: DraftLayer) -> bool:
    """Whether an instance norm subtracts a mean other than that of the sample at hand."""
    return step.kind == "instancenorm" and bool(step.layer.track_running_stats)  # type: ignore[attr-defined]


def _without_bias(before: DraftLayer) -> str:
    kind = type(before.layer)
    if "nobias" not in options.flags(kind):
        return ""
    try:
        kind(**{**dict(before.layer), "bias": False}).infer(before.input)
    except Refusal:
        return ""
    return "with `nobias` it computes the same, with fewer parameters"


def norm_twice(checked: Checked) -> Iterator[Diagnostic]:
    """Two norms of one kind with nothing between them."""
    for step, before, *_ in checked.layers:
        if before is not None and step.layer.family == "norm" and step.kind == before.kind != "lrn":
            yield checked.warn(
                "norm-twice",
                f"`{step.kind}` right behind `{before.kind}`",
                Label(step.asked, "this normalises again"),
                also(before.asked, "this is the first"),
                help="leave one of them out",
            )


def linear_twice(checked: Checked) -> Iterator[Diagnostic]:
    """Two linear maps in a row, which one could replace; a narrow one between them is a factorisation."""
    for step, before, *_ in checked.layers:
        if before is None or not step.layer.family == before.layer.family == "linear":
            continue
        narrow = int(step.input.channels)
        if narrow < min(int(before.input.channels), int(step.output.channels)):
            continue
        yield checked.warn(
            "linear-twice",
            "two linear maps in a row are one",
            Label(step.word, "this follows directly"),
            also(before.word, "this has no activation"),
            help="give the first an activation, or leave it out",
        )


def softmax_inside(checked: Checked) -> Iterator[Diagnostic]:
    """A softmax whose probabilities go into a weighted layer."""
    for step, before, _ in _past(checked, "dropout"):
        if before is None or before.kind not in ("softmax", "log_softmax"):
            continue
        if step.layer.family in ("conv", "linear", "norm"):
            yield checked.warn(
                "softmax-inside",
                f"`{before.kind}` in the middle of the network",
                Label(before.asked, "this turns scores into probabilities"),
                also(step.word, "and this takes them as its features"),
                help="leave the softmax to the end of the network, or to the loss",
            )


def relu_at_the_end(checked: Checked) -> Iterator[Diagnostic]:
    """A network whose scores, or whose image, cannot be negative, though nobody seems to have meant that."""
    last = checked.layers[-1] if checked.layers else None
    if last is None or last.before is None or last.step.kind not in ("relu", "relu6"):
        return
    step, before = last.step, last.before
    word = checked.text(before.word)
    by_default = step.asked == before.word
    if before.layer.family == "linear":
        title = "the scores of the network cannot be negative"
    elif by_default and _gives_an_image(checked, last):
        title = "the image that the network gives cannot be negative"
    else:
        return
    default = f"`{word}` ends with `{step.kind}` unless it says otherwise"
    yield checked.warn(
        "relu-at-the-end",
        title,
        Label(step.asked, default if by_default else f"this `{step.kind}` is the last layer"),
        help=_no_activation(checked, before),
    )


def dropout_at_the_end(checked: Checked) -> Iterator[Diagnostic]:
    """Scores that are zeroed at random in training."""
    last = checked.layers[-1] if checked.layers else None
    if last is None or last.before is None or last.step.kind not in ("drop", "drop2d"):
        return
    if last.before.layer.family == "linear":
        word = checked.text(last.before.word)
        yield checked.warn(
            "dropout-at-the-end",
            "scores of the network are dropped in training",
            Label(last.step.asked, f"this is behind the last `{word}`"),
            help=f"put it on the line in front of that `{word}`, or leave it out",
        )


#: What turns scores into probabilities, or values into those of an image.
_LAST = ("softmax", "log_softmax", "sigmoid", "tanh")


def norm_at_the_end(checked: Checked) -> Iterator[Diagnostic]:
    """Scores, or an image, that a `default` normalises: the last layer is one of many to it."""
    tail: list[DraftLayer] = []
    for step, before, *_ in reversed(checked.layers):
        if step.layer.family in ("conv", "linear"):
            yield from _normalised(checked, step, tail)
        if before is None or step.layer.family not in ("norm", "activation", "dropout"):
            return
        tail.insert(0, step)


def _normalised(checked: Checked, last: DraftLayer, tail: Sequence[DraftLayer]) -> Iterator[Diagnostic]:
    """The warning about the last layer with weights, if a `default` put a norm behind it."""
    norms = [step for step in tail if step.layer.family == "norm"]
    activation = next((step.kind for step in tail if step.layer.family == "activation"), "")
    if len(norms) != 1 or (activation and activation not in _LAST):
        return
    (norm,) = norms
    if norm.span != last.span or asked_on_line(norm):
        return
    word = checked.text(last.word)
    dropped = any(step.layer.family == "dropout" and step.span == last.span for step in tail)
    yield checked.warn(
        "norm-at-the-end",
        "what the network gives is normalised" + f" in front of `{activation}`" * bool(activation),
        Label(last.word, f"this `{word}` is the last one"),
        also(norm.asked, f"this puts `{norm.kind}` behind it"),
        help=f"with `nonorm{' drop=none' * dropped}` on its line, it gives what it computes",
    )


def _gives_an_image(checked: Checked, last: Met) -> bool:
    """Whether a network makes a map smaller and then as large as its input again."""
    enlarges = any(
        step.layer.family in ("conv", "shape")
        and step.input.rank == step.output.rank > 0
        and step.output.positions > step.input.positions
        for step, *_ in checked.layers
    )
    return enlarges and last.step.output.spatial == checked.input.spatial


def adds_itself(checked: Checked) -> Iterator[Diagnostic]:
    """A sum of what arrives with itself."""
    for parallel in _parallels(checked.steps):
        untouched = sum(1 for branch in parallel.branches if _is_identity(branch))
        if parallel.kind == "add" and untouched > 1:
            yield checked.warn(
                "adds-itself",
                "what arrives is added to itself",
                Label(parallel.span, f"{untouched} branches of this change nothing"),
            )


def activation_before_sum(checked: Checked) -> Iterator[Diagnostic]:
    """What is added to what arrives is never below 0, so that the sum only ever grows (He et al., 2016)."""
    for parallel in _parallels(checked.steps):
        if parallel.kind != "add" or sorted(map(_is_identity, parallel.branches)) != [False, True]:
            continue
        for branch in parallel.branches:
            last = _last(branch)
            if last is None or last.kind not in ("relu", "relu6"):
                continue
            implied = _is_implied(checked, last)
            yield checked.warn(
                "activation-before-sum",
                f"what is added to what arrives ends with `{last.kind}`",
                Label(last.asked, f"{_first(checked, last)}: " * implied + "this adds nothing below 0"),
                help=_no_activation(checked, last) if implied else f"put the `{last.kind}` behind the sum",
            )


def _last(steps: Sequence[Draft]) -> DraftLayer | None:
    """The layer that some steps end with, dropout left out; none where branches are joined there."""
    for step in reversed(steps):
        match step:
            case DraftParallel():
                return None
            case DraftLayer():
                if step.kind != "id" and step.layer.family != "dropout":
                    return step
            case _:
                return _last(step.children)
    return None


def _parallels(steps: Sequence[Draft]) -> Iterator[DraftParallel]:
    for step in steps:
        match step:
            case DraftParallel():
                yield step
                for branch in step.branches:
                    yield from _parallels(branch)
            case DraftLayer():
                pass
            case _:
                yield from _parallels(step.children)


def _is_identity(branch: Sequence[Draft]) -> bool:
    return all(isinstance(step, DraftLayer) and step.kind == "id" for step in branch)


def unused_init(checked: Checked) -> Iterator[Diagnostic]:
    """An `init` that no weight starts by; where params decide which layers there are, that is not said."""
    kinds = initialisation.kinds()
    for statement in checked.spec.body.statements:
        if not isinstance(statement, syntax.Init):
            continue
        word = statement.kind.text
        kind = kinds[word]
        layer = registry.find(word)
        never = layer is not None and kind == layer.word and layer.parameters is Layer.parameters
        if never or not (checked.varies or any(_starts_by(kind, step) for step, *_ in checked.layers)):
            label = f"`{word}` has no weights" if never else "nothing in the network has weights of this kind"
            yield checked.warn("unused-init", f"`init {word}` reaches nothing", Label(statement.span, label))


#: Functions of `init` that draw from around 0, and the options by which they draw from elsewhere.
_AROUND_0 = {"normal": ("mean",), "trunc_normal": ("mean", "a", "b"), "uniform": ("a", "b")}


def init_of_norms(checked: Checked) -> Iterator[Diagnostic]:
    """An `init all` that draws the factors of norms around 0: nearly nothing passes them."""
    rules = [one for one in checked.spec.body.statements if isinstance(one, syntax.Init)]
    named = {rule.kind.text for rule in rules}
    kinds = [
        step.kind
        for step, *_ in checked.layers
        if step.layer.family == "norm" and step.kind not in named and step.layer.parameters(step.input)
    ]
    for rule in rules:
        given = {one.name.text for one in rule.arguments if isinstance(one, syntax.Option)}
        elsewhere = given.intersection(_AROUND_0.get(rule.function.text, given))
        around_0 = rule.function.text in _AROUND_0 and not elsewhere
        if around_0 and rule.kind.text == "all" and kinds and "norm" not in named:
            yield checked.warn(
                "init-of-norms",
                f"`init all {rule.function.text}` draws the factors of norms around 0, too",
                Label(rule.span, f"those of `{kinds[0]}` are 1 in PyTorch"),
                help="write `init norm ones` below it",
            )


def _starts_by(kind: str, step: DraftLayer) -> bool:
    """Whether an `init` of a kind is for a layer that has weights."""
    family = "conv" if kind == "dwconv" else kind
    named = kind == "all" or family == step.layer.family or kind == step.layer.word
    return named and bool(step.layer.parameters(step.input))
