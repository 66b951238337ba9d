"""The words that scripts of pages show, and sentences of the service in those of the page."""

from __future__ import annotations

import json
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.pages.view import language_of
from api.routes.context import Reader
from api.words.finding_words import finding_said
from api.words.language import LANGUAGES, catalogue
from api.words.said import LONGEST, said
from scenarios import NotFound

router = APIRouter()
CACHE: Final = "no-cache"
Sentence = Annotated[str, Field(max_length=4 * LONGEST)]


class Sentences(BaseModel):
    """Sentences of stages, runs and errors, as the service wrote them."""

    texts: Annotated[list[Sentence], Field(max_length=100)]


@router.post("/words/said")
def sentences_said(body: Sentences, request: Request, here: Reader) -> dict[str, list[str]]:
    """Return sentences in the language of the page, in the same order."""
    language = language_of(request)
    return {"texts": [said(language, text) for text in body.texts]}


class Noticed(BaseModel):
    """A finding, as an error document has it."""

    code: Annotated[str, Field(max_length=80)]
    table: Annotated[str, Field(max_length=80)] = ""
    hint: Sentence


class Findings(BaseModel):
    """Findings about a change."""

    findings: Annotated[list[Noticed], Field(max_length=100)]


@router.post("/words/findings")
def findings_told(body: Findings, request: Request, here: Reader) -> dict[str, list[str]]:
    """Return what to do about findings in the language of the page, in the same order."""
    language = language_of(request)
    return {"texts": [finding_said(language, one.model_dump()) for one in body.findings]}


@router.get("/words/{code}.js")
def words(code: str) -> Response:
    """Return the catalogue as a script; needs no key, for it says nothing of anybody."""
    if code not in LANGUAGES:
        raise NotFound(f"no language {code!r}; there are {', '.join(LANGUAGES)}")
    told = json.dumps(
        {"language": code, "words": catalogue() if code == "zh" else {}}, ensure_ascii=False
    )
    return Response(
        f"window.holdfast = {told};\n",
        media_type="text/javascript",
        headers={"Cache-Control": CACHE},
    )
