# One image for worker, orchestrator and Flower. TensorFlow accounts for most of its size.
FROM python:3.12-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements-run.lock pyproject.toml README.md LICENSE ./
# TensorFlow's C++ headers, 430 MB, are needed only to compile custom operations.
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements-run.lock \
    && rm -r /opt/venv/lib/python3.*/site-packages/tensorflow/include
COPY core core
COPY tasks tasks
COPY orchestrator orchestrator
COPY advshard advshard
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.12-slim-bookworm
COPY --from=build /opt/venv /opt/venv
# Numeric, so that "runAsNonRoot" can be verified; /store and /cache are meant to be volumes.
RUN mkdir /store /cache && chown 10001:10001 /store /cache
USER 10001:10001
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    ADVSHARD_STORE=/store \
    ADVSHARD_CACHE=/cache
WORKDIR /tmp
ENTRYPOINT ["advshard"]
CMD ["--help"]
