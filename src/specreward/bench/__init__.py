"""Benchmarks of reward models, one benchmark one file, with the metrics as published."""
