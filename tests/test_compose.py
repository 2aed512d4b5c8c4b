"""docker-compose.yml, Dockerfile and .env.example agree with the service: commands, settings, ports, paths."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from runtime.settings import Settings
from tests.repository import PACKAGES, ROOT, command_help

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
SETTINGS = {f"EXTERNAL_SYNC_{field.upper()}" for field in Settings.model_fields}
OURS = [name for name, service in SERVICES.items() if "build" in service]


def published_port(service: str) -> str:
    """The one host port a service publishes; only loopback is published."""
    (mapping,) = SERVICES[service]["ports"]
    address, host_port, _ = mapping.split(":")
    assert address == "127.0.0.1"
    return str(host_port)


def default_of(option: str, *command: str) -> str:
    (value,) = re.findall(rf"{option}\s.*?\[default: ([^\]]+)\]", command_help(*command))
    return str(value)


def test_the_parts_of_a_deployment_are_there() -> None:
    assert set(SERVICES) >= {"postgresql", "temporal", "temporal-ui", "worker", "api"}
    assert OURS == ["worker", "api"]


def test_what_a_service_depends_on_exists_and_can_reach_the_awaited_state() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} depends on {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}"


@pytest.mark.parametrize("service", OURS)
def test_our_services_run_real_commands_with_real_options(service: str) -> None:
    program, command, *arguments = SERVICES[service]["command"]
    assert program == "external-sync"
    assert command == service
    text = command_help(command)
    for option in [argument for argument in arguments if argument.startswith("--")]:
        assert re.search(rf"{option}\b", text), f"{command} has no {option}"


@pytest.mark.parametrize("service", OURS)
def test_our_services_set_only_real_settings(service: str) -> None:
    variables = {name for name in SERVICES[service]["environment"] if name.startswith("EXTERNAL_SYNC_")}
    assert variables
    assert variables - SETTINGS == set()


def test_env_example_names_every_setting_and_no_other() -> None:
    named = set(re.findall(r"^(?:# )?(EXTERNAL_SYNC_[A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    assert named == SETTINGS


def test_env_example_names_every_value_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    assert asked - named == set()


def test_env_example_holds_no_secret() -> None:
    values = dict(re.findall(r"^([A-Z_]*(?:KEY|KEYS|SECRET|PASSWORD))=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert values
    assert set(values.values()) == {""}


def test_ports_are_the_defaults_of_the_command_line() -> None:
    assert published_port("api") == default_of("--port", "api") == default_of("--port", "dev")
    assert published_port("temporal") == default_of("--temporal-port", "dev")
    assert published_port("temporal-ui") == default_of("--temporal-ui-port", "dev")
    assert SERVICES["worker"]["environment"]["TEMPORAL_ADDRESS"].endswith(":" + published_port("temporal"))
    assert f"EXPOSE {published_port('api')}" in DOCKERFILE


def test_the_api_is_healthy_when_it_is_ready() -> None:
    assert f"http://127.0.0.1:{published_port('api')}/readyz" in " ".join(SERVICES["api"]["healthcheck"]["test"])


def test_images_are_pinned_to_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()} | set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M))
    assert [image for image in images if not re.search(r":\d", image)] == []


def test_the_image_is_built_from_what_is_there_and_has_every_package() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {*PACKAGES, "worker.py", "pyproject.toml", "requirements.lock"} <= set(copied)
