"""Celery tasks: metadata around plain functions of core. Never imports orchestrator."""
