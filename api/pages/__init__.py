"""Server-rendered pages for planners."""

from __future__ import annotations

from api.pages.routes import router

__all__ = ["router"]
