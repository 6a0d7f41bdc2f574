"""What is shipped to run the connector with: whole, closed, and in step with the program."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.cli.main import SECTIONS
from connector.config.load import load_config
from connector.crm.registry import settings_models
from connector.runtime.supervisor import ROLES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = (DEPLOY / "connector.service").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
OURS = {name: each for name, each in COMPOSE["services"].items() if name != "postgres"}


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "DynamicUser=yes",
        "StateDirectoryMode=0700",
        "KillSignal=SIGTERM",
        "WatchdogSec=30",
        "Restart=on-failure",
        "MemoryMax=512M",
        "LimitCORE=0",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectProc=invisible",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectControlGroups=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "RestrictNamespaces=yes",
        "LockPersonality=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
        "CapabilityBoundingSet=",
        "IPAddressDeny=link-local multicast",
    ],
)
def test_the_unit_is_closed(line: str) -> None:
    assert line in UNIT.splitlines()


def test_the_unit_gives_the_drain_time_to_end() -> None:
    drain = tomllib.loads((ROOT / "config.example.toml").read_text())["tuning"]["drain"]
    stop = re.search(r"(?m)^TimeoutStopSec=(\d+)$", UNIT)
    assert stop is not None
    assert int(stop[1]) > drain


def test_the_unit_gives_every_secret_that_operations_names() -> None:
    given = set(re.findall(r"(?m)^LoadCredential=(\w+):", UNIT))
    named = set(re.findall(r"/run/credentials/connector\.service/(\w+)", OPERATIONS))
    assert named == given


def test_the_configuration_of_operations_is_valid(tmp_path: Path) -> None:
    text = re.findall(r"(?s)```toml\n(.*?)```", OPERATIONS)[0]
    text = re.sub(r'file = "[^"]*/(\w+)"', r'env = "\1"', text)
    file = tmp_path / "config.toml"
    numbers = '[[whatsapp.numbers]]\nphone_number_id = "1"\nname = "Vendas"\n'
    file.write_text(text + numbers)
    secrets = dict.fromkeys(re.findall(r'env = "(\w+)"', text), "made up")
    config = load_config(file, settings_models=settings_models(), environ=secrets)
    assert config.ledger.url == "sqlite:////var/lib/connector/connector.db"


def test_the_configuration_of_compose_is_valid_with_what_its_environment_gives() -> None:
    lines = (DEPLOY / "compose/example.env").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    config = load_config(
        DEPLOY / "compose/config.toml",
        settings_models=settings_models(),
        environ=dict.fromkeys(names, "made up, and long enough for anybody"),
    )
    assert config.ledger.url == "postgresql+psycopg://connector@postgres/connector"
    assert [line for line in lines if re.match(r"\w+=.", line)] == []


def test_only_this_machine_reaches_what_compose_opens() -> None:
    ports = [port for each in COMPOSE["services"].values() for port in each.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_has_no_rights_it_does_not_need(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["build"]["dockerfile"] == "deploy/Dockerfile"


def test_the_containers_have_every_role_between_them_and_the_schema_first() -> None:
    roles = [
        role
        for each in OURS.values()
        if each["command"][0] == "run"
        for role in each["command"][2].split(",")
    ]
    assert sorted(roles) == sorted(ROLES)
    assert OURS["migrate"]["command"] == ["db", "upgrade"]
    assert OURS["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("receive", "work"):
        waits = OURS[name]["depends_on"]
        assert waits == {"migrate": {"condition": "service_completed_successfully"}}


def test_the_image_is_made_of_what_there_is_and_runs_without_rights() -> None:
    assert re.search(r"(?m)^USER 10001:10001$", DOCKERFILE)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert [name for name in kept if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(wheel) < set(kept)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"deploy/[\w./-]+\w", OPERATIONS))))
def test_operations_names_files_that_are_there(target: str) -> None:
    assert (ROOT / target).exists()


def test_operations_names_commands_that_there_are() -> None:
    named = set(re.findall(r"(?m)(?:`|^|&& )connector ([a-z][a-z-]*)", OPERATIONS)) - {"run"}
    there = {name for commands in SECTIONS.values() for name in commands}
    assert named <= there
