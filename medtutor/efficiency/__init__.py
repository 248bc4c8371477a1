"""What a network costs, and what makes it cheaper: measured, pruned, quantised, distilled, exported."""

__all__: list[str] = []
