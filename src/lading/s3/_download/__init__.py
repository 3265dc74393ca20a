"""Reading an artifact from regions."""
