"""Tells people what is new in the answers, once."""
