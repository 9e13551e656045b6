"""Every warning by its code, and the one call that finds them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from specgen.diagnostics import Diagnostic, first_of
from specgen.lint import branches, layers, maps, names, numbers, ok
from specgen.lint.flow import Checked

#: What finds the warnings of each code.
WARNINGS: dict[str, Callable[[Checked], Iterable[Diagnostic]]] = {
    "activation-before-sum": layers.activation_before_sum,
    "activation-twice": layers.activation_twice,
    "adds-itself": layers.adds_itself,
    "arithmetic-on-a-line": names.arithmetic_on_a_line,
    "bias-before-norm": layers.bias_before_norm,
    "bn-momentum": numbers.bn_momentum,
    "changes-nothing": numbers.changes_nothing,
    "constant-condition": names.constant_condition,
    "differ-by-case": names.differ_by_case,
    "dropout-at-the-end": layers.dropout_at_the_end,
    "dropout-before-norm": layers.dropout_before_norm,
    "dropout-rate": numbers.dropout_rate,
    "edge-dropped": maps.edge_dropped,
    "empty-branch": branches.empty_branch,
    "init-of-norms": layers.init_of_norms,
    "large-factor": numbers.large_factor,
    "let-in-repeat": names.let_in_repeat,
    "linear-twice": layers.linear_twice,
    "lines-skipped": maps.lines_skipped,
    "norm-at-the-end": layers.norm_at_the_end,
    "norm-twice": layers.norm_twice,
    "one-value-per-channel": maps.one_value_per_channel,
    "only-padding": numbers.only_padding,
    "relu-at-the-end": layers.relu_at_the_end,
    "single-branch": branches.single_branch,
    "softmax-inside": layers.softmax_inside,
    "softmax-of-one": numbers.softmax_of_one,
    "unused-default": names.unused_default,
    "unused-init": layers.unused_init,
    "unused-name": names.unused_name,
}

#: Warnings that elaboration finds, and the one about comments that silence nothing.
ELSEWHERE = ("batch-in-input", "channels-last", "unchecked-variants", "unused-ok")

#: The codes of all warnings.
CODES = (*WARNINGS, *ELSEWHERE)

#: Warnings about what is written: they are the same whatever the params and the input.
ABOUT_TEXT = (
    "arithmetic-on-a-line",
    "batch-in-input",
    "channels-last",
    "constant-condition",
    "differ-by-case",
    "empty-branch",
    "let-in-repeat",
    "single-branch",
    "unused-default",
    "unused-name",
)


def lint(checked: Checked) -> list[Diagnostic]:
    """The warnings about a spec, in the order of the text, each place once; silenced ones are left out.

    Of very many, the first are told, and that there are more.
    """
    found = list(_once((*checked.found, *(one for find in WARNINGS.values() for one in find(checked)))))
    kept = ok.silenced(checked.source, found) if "#" in checked.source.text else found
    kept += ok.unused(checked, found, CODES, ABOUT_TEXT)
    return first_of(sorted(kept, key=lambda warning: warning.labels[0].span), "warnings")


def _once(warnings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """The warnings without those that repeat one at the same place, for another turn or use."""
    seen = set()
    for warning in warnings:
        key = warning.code, warning.labels[0].span
        if key not in seen:
            seen.add(key)
            yield warning
