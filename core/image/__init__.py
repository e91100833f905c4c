"""Functions of pixel arrays: conversion, digests and structural similarity (SSIM).

Nothing here depends on runs or models.
"""
