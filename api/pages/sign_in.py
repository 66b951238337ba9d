"""Signing in with a key, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.pages.view import page
from api.routes.context import COOKIE, house_of
from api.security.keys import VISIT

router = APIRouter()


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in(request: Request) -> HTMLResponse:
    """Ask for a key."""
    return page(request, "sign_in.html", refused=False)


@router.post("/sign-in")
def show_key(request: Request, key: Annotated[str, Form(max_length=200)]) -> Response:
    """Begin a visit with a key; its cookie is of no use to pages of other sites."""
    token = house_of(request).keys.visit(key.strip())
    if token is None:
        return page(request, "sign_in.html", None, 401, refused=True)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    seconds = int(VISIT.total_seconds())
    answer.set_cookie(
        COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=secure
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the visit."""
    house_of(request).keys.leave(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer
