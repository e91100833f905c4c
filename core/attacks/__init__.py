"""Attacks, one file each; the packages below hold what several of them share."""
