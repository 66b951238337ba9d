"""One TOML file, as suites and gates are written in."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from scenarios.errors import InputError


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, with or without a byte order mark.

    Raises
    ------
    InputError
        It is not there, no text, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
