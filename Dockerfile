# The server on CPUs. Build: docker build -t microturn . (docs/serving.md); run: compose.yaml.

FROM python:3.11-slim-bookworm AS build
# Where pip finds packages, such as CPU builds of torch; empty for its own default.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
WORKDIR /src
RUN python -m venv /venv
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY microturn microturn
RUN /venv/bin/python -m pip install --no-cache-dir --constraint constraints.txt hatchling \
    && /venv/bin/python -m pip install --no-cache-dir --constraint constraints.txt --no-build-isolation '.[serve]'

FROM python:3.11-slim-bookworm
COPY scripts/system-packages /tmp/system-packages
RUN CI=true PYTHON=python3 bash /tmp/system-packages --voices \
    && rm -rf /tmp/system-packages /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home microturn \
    && install --directory --owner microturn /recordings
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 \
    MICROTURN_HOST=0.0.0.0 MICROTURN_PORT=8808 MICROTURN_RECORDINGS=/recordings
USER microturn
EXPOSE 8808
VOLUME /recordings
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8808/readyz', timeout=4)"]
# Keys are needed at this address: MICROTURN_KEYS_FILE or MICROTURN_KEYS.
ENTRYPOINT ["microturn", "serve"]
