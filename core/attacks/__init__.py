"""Attacks: one file each, on the loop of engine.py."""
