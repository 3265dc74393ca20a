"""Macaroons: their serialised forms."""
