"""Train a small network from its spec until it tells a drawn one from a drawn two."""

from __future__ import annotations

import torch
from torch import nn

import specgen

TWO = """
. . . . . . . . . .
. . . # # # # . . .
. . # . . . . # . .
. . . . . . . # . .
. . . . . . # . . .
. . . . . # . . . .
. . . . # . . . . .
. . . # . . . . . .
. . # # # # # # . .
. . . . . . . . . .
"""


def draw_one(column: int) -> torch.Tensor:
    """A one: a vertical bar in a column, 1 × 10 × 10."""
    picture = torch.zeros(1, 10, 10)
    picture[:, :, column] = 1.0
    return picture


def draw(text: str) -> torch.Tensor:
    """A picture from text, where `#` is ink, 1 × 10 × 10."""
    rows = [line.split() for line in text.strip().splitlines()]
    return torch.tensor([[[float(dot == "#") for dot in row] for row in rows]])


def main() -> None:
    """Train on all five pictures, then ask for each of them."""
    torch.manual_seed(0)
    pictures = torch.stack([*(draw_one(column) for column in range(4)), draw(TWO)])
    digits = torch.tensor([1, 1, 1, 1, 2])

    model = specgen.load("one_or_two")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(50):
        optimizer.zero_grad()
        loss = loss_of(model(pictures), digits)
        loss.backward()
        optimizer.step()

    answers = model.eval()(pictures).argmax(dim=1)
    for digit, answer in zip(digits.tolist(), answers.tolist(), strict=True):
        print(f"drawn {digit}, recognised as {answer}")
    print(f"{int((answers == digits).sum())} of {len(digits)} right, loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
