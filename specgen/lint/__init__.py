"""Warnings: what a spec may say and probably does not mean."""
