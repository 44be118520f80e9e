# Das Tern Sync. One image for three roles: `dastern serve`, `dastern worker`, `dastern migrate`.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# --- builder: the environment with the locked dependencies and our wheel; none of its tools reach the final image
FROM ${PYTHON_IMAGE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
WORKDIR /build
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /build/tools \
 && /build/tools/bin/python -m pip install --require-hashes --requirement requirements-build.lock \
 && python -m venv --without-pip /opt/dastern \
 && /build/tools/bin/python -m pip --python /opt/dastern/bin/python install --only-binary=:all: \
        --require-hashes --requirement requirements.lock
COPY setup.cfg pyproject.toml README.md ./
COPY sync sync
COPY storage storage
COPY scheduling scheduling
COPY server server
COPY i18n i18n
RUN /build/tools/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist . \
 && /build/tools/bin/python -m pip --python /opt/dastern/bin/python install --no-deps --no-index /build/dist/*.whl

# --- final: Python, the environment, an account without rights
FROM ${PYTHON_IMAGE} AS final
RUN groupadd --system --gid 10001 dastern \
 && useradd --system --uid 10001 --gid dastern --home-dir /var/lib/dastern --shell /usr/sbin/nologin dastern \
 && install --directory --owner=dastern --group=dastern --mode=0750 /var/lib/dastern
COPY --from=builder /opt/dastern /opt/dastern
ENV PATH=/opt/dastern/bin:$PATH \
    LC_ALL=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DASTERN_ENV=production \
    DASTERN_HOST=0.0.0.0 \
    DASTERN_PORT=8080
WORKDIR /var/lib/dastern
USER 10001:10001
EXPOSE 8080
VOLUME ["/var/lib/dastern"]
# Not ready is unhealthy: a server that lost its database must leave the proxy's rotation. Workers replace this check.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['DASTERN_PORT'] + '/health/ready', timeout=4)"]
# SIGTERM drains requests and sockets (at most 20 s, hardening 2.2).
STOPSIGNAL SIGTERM
CMD ["dastern", "serve"]
