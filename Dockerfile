# The service image: one image, run as `external-sync worker` and as `external-sync api`.
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/external-sync
COPY requirements.lock ./
RUN /opt/external-sync/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE worker.py ./
COPY core core
COPY store store
COPY connectors connectors
COPY activities activities
COPY workflows workflows
COPY runtime runtime
COPY starter starter
COPY sandbox sandbox
RUN /opt/external-sync/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
COPY --from=build /opt/external-sync /opt/external-sync
RUN useradd --system --create-home --home-dir /data --uid 10001 external-sync
ENV PATH=/opt/external-sync/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EXTERNAL_SYNC_DATA_DIR=/data
USER external-sync
WORKDIR /data
EXPOSE 8080
CMD ["external-sync", "api", "--host", "0.0.0.0"]
