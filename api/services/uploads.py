"""Uploads: streamed to a file, refused as soon as they are too large."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from api.errors import NotReadable, TooLarge
from scenarios import InputError

CHUNK = 1024 * 1024
ENDINGS = (".xlsx", ".xlsm", ".zip", ".json")


@contextlib.asynccontextmanager
async def received(request: Request, most_bytes: int) -> AsyncIterator[Path]:
    """Give a file with what was uploaded; it is removed afterwards.

    JSON bodies are taken as they are; of a form, the part `file` is taken.

    Raises
    ------
    TooLarge, NotReadable, InputError
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most_bytes:
        raise TooLarge(_too_large(most_bytes))
    with tempfile.TemporaryDirectory(prefix="holdfast-upload-") as folder:
        if kind == "application/json":
            yield await _json_body(request, Path(folder), most_bytes)
        elif kind == "multipart/form-data":
            yield await _form_file(request, Path(folder), most_bytes)
        else:
            raise NotReadable(
                f"content type {kind or 'none'!r} is not read; send application/json, or"
                " multipart/form-data with an xlsx, zip or json file as part `file`"
            )


def _too_large(most_bytes: int) -> str:
    return f"the upload is larger than {most_bytes / CHUNK:,.0f} MiB, the most this service takes"


async def _json_body(request: Request, folder: Path, most_bytes: int) -> Path:
    place = folder / "scenario.json"
    size = 0
    with place.open("wb") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most_bytes:
                    raise TooLarge(_too_large(most_bytes))
                file.write(chunk)
        except ClientDisconnect as error:
            raise InputError("the upload ended before it was whole") from error
    try:
        with place.open("rb") as file:
            document = json.load(file)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"the body must be a JSON object, is a {type(document).__name__}")
    return place


async def _form_file(request: Request, folder: Path, most_bytes: int) -> Path:
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException

    try:
        async with request.form(max_files=1, max_fields=20) as form:
            return await _kept(form.get("file"), folder, most_bytes)
    except (MultiPartException, HTTPException) as error:
        raise InputError(f"the form cannot be read: {getattr(error, 'detail', error)}") from error


async def _kept(upload: object, folder: Path, most_bytes: int) -> Path:
    """Write an uploaded file into the folder, under a name of ours."""
    if not isinstance(upload, UploadFile):
        raise InputError("the form has no file in its part `file`")
    ending = Path(upload.filename or "").suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise NotReadable(f"a {ending or 'nameless'} file is not read; send one of {known}")
    place = folder / f"upload{ending}"
    size = 0
    with place.open("wb") as file:
        while chunk := await upload.read(CHUNK):
            size += len(chunk)
            if size > most_bytes:
                raise TooLarge(_too_large(most_bytes))
            file.write(chunk)
    return place
