# syntax=docker/dockerfile:1
# The production image: runtime dependencies from requirements.lock, the checkout as it is, a user
# without rights. The embedded broker, store and model are left out: they are for trying things.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /app
COPY requirements.lock requirements-dev.lock pyproject.toml README.md ./
RUN awk '/^[a-z]/ { uv = /^uv==/ } uv' requirements-dev.lock > /tmp/installer.txt \
    && pip install --require-hashes -r /tmp/installer.txt \
    && python -m venv --without-pip /opt/tidegauge \
    && uv pip sync --require-hashes --python /opt/tidegauge requirements.lock
COPY models ./models
COPY agents ./agents
COPY streams ./streams
COPY dashboard ./dashboard
RUN uv build --wheel --out-dir /tmp/wheel --build-constraint requirements-dev.lock --require-hashes . \
    && uv pip install --no-deps --python /opt/tidegauge /tmp/wheel/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /var/lib/tidegauge --shell /usr/sbin/nologin \
    tidegauge \
    && install --directory --owner tidegauge --group tidegauge /var/lib/tidegauge/queue
ENV PATH=/opt/tidegauge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TIDEGAUGE_DATA=/var/lib/tidegauge/instance \
    HEALTH_URL=http://127.0.0.1:9464/metrics
COPY --from=build /opt/tidegauge /opt/tidegauge
WORKDIR /app
COPY dashboard ./dashboard
COPY examples ./examples
COPY deploy ./deploy
USER tidegauge
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=4 \
    CMD ["python", "/app/deploy/healthy.py"]
CMD ["tidegauge", "--help"]
