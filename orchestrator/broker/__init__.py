"""Celery's transport: the connection, dispatch, worker names, Flower, and the embedded server and workers."""
