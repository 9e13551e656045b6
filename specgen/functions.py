"""Functions of the spec language that Python lacks; an emitted file carries a copy of what it calls."""


def make_divisible(value: float, divisor: int) -> int:
    """The multiple of divisor nearest to value, but not below nine tenths of it."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
