"""The files under deploy/ keep their promises: nobody is root, nothing secret lies in them.

They are read here and not run: no container engine is needed.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.cli.app import app
from api.settings import FROM_FILES, PREFIX, ServiceSettings, settings_from
from scenarios import InputError

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
each_service = pytest.mark.parametrize("name", SERVICES)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, lines joined, comments left out."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = text.replace("\\\n", " ")
    return [
        (w[0].upper(), w[1]) for line in joined.splitlines() if len(w := line.split(None, 1)) == 2
    ]


def test_there_are_two_apis_four_workers_a_database_and_a_proxy() -> None:
    """What the page on scaling out speaks of."""
    assert set(SERVICES) == {"database", "api", "worker", "proxy"}
    assert SERVICES["api"]["deploy"]["replicas"] == 2
    assert SERVICES["worker"]["deploy"]["replicas"] == 4


@each_service
def test_nobody_is_root_and_nobody_becomes_it(name: str) -> None:
    """A numeric user above 0, no capability, no new privileges."""
    service = SERVICES[name]
    user, group = (int(part) for part in service["user"].split(":"))
    assert user > 0
    assert group > 0
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert not {"cap_add", "pid", "devices"} & set(service)
    assert service.get("network_mode") != "host"


@each_service
def test_file_systems_are_read_only(name: str) -> None:
    """What is written goes to a named volume or into memory; nothing of the host is written."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"]
    for volume in service["volumes"]:
        source, _, rest = volume.partition(":")
        assert source in COMPOSE["volumes"] or rest.endswith(":ro")
        assert "docker.sock" not in volume


@each_service
def test_health_is_looked_at(name: str) -> None:
    """By a command, with a limit on its time, and not switched off."""
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(check)
    assert not check.get("disable")


@each_service
def test_images_are_pinned(name: str) -> None:
    """A tag with a version of at least two numbers; never `latest`, never none."""
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", image), image


def test_no_secret_lies_in_the_files() -> None:
    """Secrets are files; environment names only where they are; no address with a password."""
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|DATABASE_URL", key):
                assert key.endswith("_FILE"), (name, key)
                assert str(value).startswith("/run/secrets/")
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"]
    for secret in COMPOSE["secrets"].values():
        assert set(secret) == {"file"}
        assert not (DEPLOY / secret["file"]).exists()
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert not re.search(r"://[^/\s:]+:[^/\s@]+@|hf_[0-9a-zA-Z]{16}", path.read_text()), (
                path
            )


def test_only_the_proxy_is_reached_from_outside_and_only_from_this_machine() -> None:
    """TLS is the user's: until then nothing listens on other addresses."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["proxy"]["ports"] == ["127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert "front" not in SERVICES["database"]["networks"]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_settings_are_those_that_the_service_knows(name: str) -> None:
    """A misspelt name would be silently without effect."""
    known = {PREFIX + field.upper() for field in ServiceSettings.model_fields}
    known |= {f"{PREFIX}{field.upper()}_FILE" for field in FROM_FILES}
    given = {key for key in SERVICES[name]["environment"] if key.startswith(PREFIX)}
    assert given <= known


def test_a_worker_may_finish_within_its_grace() -> None:
    """Ended in order within the time that the service takes, before it is killed."""
    for name in ("api", "worker"):
        grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace > ServiceSettings().drain_seconds + 20


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last stage ends as a numeric user above 0 and never turns back."""
    users = [rest for word, rest in instructions() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert users[-1] == SERVICES["api"]["user"] == SERVICES["worker"]["user"]


def test_the_image_has_stages_and_pinned_bases() -> None:
    """Two or more stages, each from a tag with a patch number; what is copied over is named."""
    bases = [rest.split() for word, rest in instructions() if word == "FROM"]
    assert len(bases) >= 2
    for base in bases:
        assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", base[0])
    last = [rest for word, rest in instructions() if word == "COPY"][-1]
    assert last.startswith("--from=build /opt/holdfast")


def test_packages_come_by_their_hashes_and_from_nowhere_else() -> None:
    """Downloads check hashes; installs see the downloads only."""
    runs = [rest for word, rest in instructions() if word == "RUN"]
    pip = [part for run in runs for part in run.split("&&") if " pip " in part]
    assert len(pip) == 3
    for part in pip:
        assert ("--require-hashes" in part) != ("--no-index" in part), part


def test_the_dockerfile_adds_nothing_from_the_web_and_keeps_no_secret() -> None:
    """No ADD, no curl or wget, no secret in an argument or variable, no upgrade of everything."""
    for word, rest in instructions():
        assert word != "ADD"
        assert not re.search(r"curl|wget|https?://(?!127\.0\.0\.1)|apt-get (dist-)?upgrade", rest)
        if word in ("ARG", "ENV"):
            assert not re.search("PASSWORD|SECRET|TOKEN|DATABASE_URL", rest)
    assert any(word == "HEALTHCHECK" for word, _ in instructions())


def test_the_image_has_extras_that_there_are() -> None:
    """What is installed in brackets is an extra of the project, and every package is copied."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    text = (DEPLOY / "Dockerfile").read_text()
    extras = re.search(r'"holdfast\[([\w,]+)\]"', text)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["project"]["optional-dependencies"])
    for part in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
        assert re.search(rf"COPY .*\b{re.escape(part)}\b", text), part


def test_the_proxy_writes_to_memory_only_and_hides_the_figures() -> None:
    """All its paths are below /tmp; /metrics is not passed on; events are not held back."""
    text = (DEPLOY / "nginx.conf").read_text()
    assert text.count("{") == text.count("}")
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        assert f"{kind}_temp_path /tmp/" in text
    assert "pid /tmp/nginx.pid;" in text
    assert re.search(r"location = /metrics \{\s+return 404;", text)
    assert "proxy_buffering off;" in text
    assert "api:8000" in text
    largest = re.search(r"client_max_body_size (\d+)m;", text)
    assert largest is not None
    assert int(largest[1]) > ServiceSettings().max_upload_mib


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_as_a_user_with_little(unit: Path) -> None:
    """Not root, no capability, a read-only system, secrets as credentials, a limit on memory."""
    lines = [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]
    pairs = [line.split("=", 1) for line in lines]
    told = dict(pairs)
    assert told["User"] not in ("", "root", "0")
    assert told["CapabilityBoundingSet"] == ""
    assert (told["NoNewPrivileges"], told["ProtectSystem"]) == ("yes", "strict")
    assert "MemoryMax" in told
    known = {PREFIX + field.upper() for field in ServiceSettings.model_fields}
    given = {
        word.split("=", 1)[0]: word.split("=", 1)[1]
        for key, value in pairs
        if key == "Environment"
        for word in shlex.split(value)
    }
    names = {name for name in given if name.startswith(PREFIX)}
    assert {name.removesuffix("_FILE") if name.removesuffix("_FILE") in known else name
            for name in names} <= known  # fmt: skip
    if told["Type"] == "oneshot":
        assert "TimeoutStartSec" in told
        return
    assert {"Restart", "TimeoutStopSec"} <= set(told)
    for secret in ("HOLDFAST_DATABASE_URL_FILE", "HOLDFAST_SECRET_FILE"):
        assert given[secret].startswith("%d/")


def test_cron_and_timer_call_the_same_night() -> None:
    """One command that `holdfast nightly` understands, as one user, at one time."""
    unit = (DEPLOY / "systemd" / "holdfast-night.service").read_text()
    timer = (DEPLOY / "systemd" / "holdfast-night.timer").read_text()
    (line,) = [
        line
        for line in (DEPLOY / "holdfast-night.cron").read_text().splitlines()
        if line and line[0] != "#"
    ]
    told = line.split(None, 6)
    started = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert started is not None
    assert "User=holdfast\n" in unit
    assert told[:6] == ["*/15", "*", "*", "*", "*", "holdfast"]
    assert "OnCalendar=*:0/15\n" in timer
    command, _, log = told[6].partition(" >>")
    assert command == started[1]
    assert log.endswith("2>&1")
    commands: Any = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    parsed = commands.commands[words[0]].make_context(words[0], words[1:], resilient_parsing=True)
    assert parsed.params["cron"] == "30 2 * * *"
    assert parsed.params["timezone"] == "Asia/Shanghai"


def test_the_database_may_be_named_by_a_file(tmp_path: Path) -> None:
    """Its address holds a password; what the environment says itself goes before."""
    file = tmp_path / "database_url"
    file.write_text("sqlite:///of-file\n")
    environment = {"HOLDFAST_DATABASE_URL_FILE": str(file)}
    assert settings_from(environment).url == "sqlite:///of-file"
    said = environment | {"HOLDFAST_DATABASE_URL": "sqlite:///said"}
    assert settings_from(said).url == "sqlite:///said"
    with pytest.raises(InputError, match="HOLDFAST_DATABASE_URL_FILE"):
        settings_from({"HOLDFAST_DATABASE_URL_FILE": str(tmp_path / "none")})
