"""Macaroons, as package indexes and Charmhub use them."""
