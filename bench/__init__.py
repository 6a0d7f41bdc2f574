"""Benchmarks: what a webhook and a message cost, measured on the machine at hand."""
