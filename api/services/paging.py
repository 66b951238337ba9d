"""Opaque page tokens: where the next page of a list begins."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import Query

from scenarios import InputError

PageSize = Annotated[int, Query(ge=1, le=1000, description="most rows of a page")]
PageToken = Annotated[
    str | None, Query(max_length=200, description="`next_page_token` of the page before")
]


def make_token(place: str) -> str:
    """Write a place into a token."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_token(token: str | None) -> str | None:
    """Read a place back; InputError if the token is none of ours."""
    if not token:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise InputError("page_token is none that this service gave out") from error


def read_row_token(token: str | None) -> int:
    """Read the number of the first row of a page."""
    place = read_token(token)
    if place is None:
        return 0
    if not (place.isascii() and place.isdigit() and len(place) < 16):
        raise InputError("page_token is none that this service gave out")
    return int(place)
