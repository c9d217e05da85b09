"""Requests to the API, and their answers."""
