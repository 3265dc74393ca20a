"""Benchmarks: ours beside a peer in the same run. `python -m bench` lists them."""
