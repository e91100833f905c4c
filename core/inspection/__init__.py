"""Inspects a model on a sample of images, in a subprocess, before there is a run."""
