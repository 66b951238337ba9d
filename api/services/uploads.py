"""Uploads: streamed to a file, refused as soon as they are too large."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

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
    with place.open("wb") as file:
        try:
            async for chunk in _limited(request, most_bytes).stream():
                file.write(chunk)
        except ClientDisconnect as error:
            raise InputError("the upload ended before it was whole") from error
    return place


def _limited(request: Request, most_bytes: int) -> Request:
    """Return the request with a body that is refused as soon as it is too large."""
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > most_bytes:
            raise TooLarge(_too_large(most_bytes))
        return message

    return Request(request.scope, receive)


async def _form_file(request: Request, folder: Path, most_bytes: int) -> Path:
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException

    try:
        async with _limited(request, most_bytes).form(max_files=1, max_fields=20) as form:
            return await _kept(form.get("file"), folder)
    except (MultiPartException, HTTPException) as error:
        raise InputError(f"the form cannot be read: {getattr(error, 'detail', error)}") from error


async def _kept(upload: object, folder: Path) -> Path:
    """Write an uploaded file into the folder, under a name of ours."""
    if not isinstance(upload, UploadFile):
        raise InputError("the form has no file in its part `file`")
    ending = Path(upload.filename or "").suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise NotReadable(f"a {ending or 'nameless'} file is not read; send one of {known}")
    place = folder / f"upload{ending}"
    with place.open("wb") as file:
        while chunk := await upload.read(CHUNK):
            file.write(chunk)
    return place
