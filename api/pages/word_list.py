"""The words that scripts of pages show, in the language of the page."""

from __future__ import annotations

import json
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from api.pages.language import LANGUAGES, catalogue
from scenarios import NotFound

router = APIRouter()
CACHE: Final = "no-cache"


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
