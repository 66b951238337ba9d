"""How a visitor wants pages: language and theme, kept in cookies of this site only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.pages.view import LANGUAGE_COOKIE, THEME_COOKIE

router = APIRouter()
YEAR_SECONDS = 365 * 24 * 3600


@router.post("/preferences")
def choose(
    request: Request,
    back: Annotated[str, Form(max_length=2000)] = "/",
    language: Annotated[str, Form(pattern="^(en|zh|)$")] = "",
    theme: Annotated[str, Form(pattern="^(auto|light|dark|)$")] = "",
) -> Response:
    """Keep a choice and go back to the page it was made on."""
    own = back.startswith("/") and not back.startswith(("//", "/\\"))
    answer = RedirectResponse(back if own else "/", 303)
    secure = request.url.scheme == "https"
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value:
            answer.set_cookie(
                name, value, max_age=YEAR_SECONDS, httponly=True, samesite="strict", secure=secure
            )
    return answer
