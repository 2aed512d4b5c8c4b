"""Traces by OpenTelemetry, where a setting says where to send them: the API's calls and what Temporal does with them.

A span's name and attributes are routes, workflow and activity names, and ids: no bodies, no query, no values (I8).
"""

from __future__ import annotations

from functools import cache

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer
from temporalio.contrib.opentelemetry import TracingInterceptor

from runtime.settings import Settings

SERVICE = "external-sync"


def interceptors(settings: Settings) -> list[TracingInterceptor]:
    """Return what a Temporal client, and the workers on it, trace with; nothing where traces are off."""
    return [TracingInterceptor(tracer(settings.traces_endpoint))] if settings.traces_endpoint else []


@cache
def tracer(endpoint: str) -> Tracer:
    """Return the process's tracer, which sends to an OTLP/HTTP address (`http://collector:4318/v1/traces`).

    Headers, certificates and sampling follow OpenTelemetry's own `OTEL_*` variables.
    """
    return _provider(endpoint).get_tracer(SERVICE)


def flush(settings: Settings) -> None:
    """Send what is still held back; call it before the process ends."""
    if settings.traces_endpoint:
        _provider(settings.traces_endpoint).force_flush(5_000)


@cache
def _provider(endpoint: str) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider
