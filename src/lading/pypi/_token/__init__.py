"""The parts of a token: its bytes, its caveats, and what they may be made of."""
