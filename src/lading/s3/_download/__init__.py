"""Reading artifacts from regions."""
