"""The caveats of tokens: their forms, and checks of their values."""
