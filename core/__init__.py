"""The domain: arrays in, arrays out. Knows no Celery, no Redis, no command line."""
