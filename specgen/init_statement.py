"""The statement `init`: what it asks for, and whether that fits the weights that it reaches."""

from __future__ import annotations

from typing import Any

from specgen import arithmetic, initialisation, syntax
from specgen.evaluation import Evaluation
from specgen.expressions import describe
from specgen.ir import InitRule, Network
from specgen.layers.fields import must_be
from specgen.scope import Scope


def init_rule(evaluation: Evaluation, statement: syntax.Init, scope: Scope) -> InitRule:
    """What an `init` asks for."""
    function = initialisation.FUNCTIONS[statement.function.text]
    values: dict[str, Any] = {}
    for argument in statement.arguments:
        assert isinstance(argument, syntax.Option)
        name, value = argument.name.text, evaluation.value(argument.value, scope)
        evaluation.decided |= arithmetic.names(value)
        kind = function.options.get(name, initialisation.NUMBER)
        try:
            values[name] = arithmetic.plain(kind.check(value))
        except ValueError:
            evaluation.fail(
                "wrong-value",
                f"`{name}` must be {must_be(kind.describe(), value)}",
                argument.span,
                f"this is {describe(value)}",
            )
    missing = [name for name in function.required if name not in values]
    if missing:
        evaluation.fail(
            "value-missing",
            f"`{statement.function.text}` needs `{missing[0]}`",
            statement.function.span,
            "not given here",
        )
    if (turned := function.turned(values)) is not None:
        at = next(
            one for one in statement.arguments if isinstance(one, syntax.Option) and one.name.text in "ab"
        )
        title = f"`{statement.function.text}` draws from `a` to `b`, and `a` is above `b`"
        low, high = map(describe, turned)
        evaluation.fail("wrong-value", title, at.span, f"from {low} to {high}")
    bias = values.pop("bias", None)
    kind_name = initialisation.kinds()[statement.kind.text]
    return InitRule(
        kind=kind_name,
        function=statement.function.text,
        options=values,
        bias=None if bias is None else float(bias),
        line=evaluation.source.line_of(statement.span),
    )


def check_init(evaluation: Evaluation, spec: syntax.Spec, network: Network) -> None:
    """Every weight that an `init` reaches must have the axes that its function needs."""
    if (misfit := initialisation.misfit(network)) is None:
        return
    rule, path, step, axes = misfit
    spans = (s.span for s in spec.body.statements if isinstance(s, syntax.Init))
    evaluation.fail(
        "init-does-not-fit",
        f"`{rule.function}` cannot fill a weight of {axes} {'axis' if axes == 1 else 'axes'}",
        next(span for span in spans if evaluation.source.line_of(span) == rule.line),
        f"it reaches `{path}.weight`, which is the weight of a `{step.layer.word}`",
    )
