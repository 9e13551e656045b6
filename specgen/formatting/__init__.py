"""The formatter: specs in one canonical form."""

from specgen.formatting.canonical import format_source, format_text

__all__ = ["format_source", "format_text"]
