"""What tests of the service share: an application, and somebody who may do everything with it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.routes.context import Context, House
from api.security.keys import Scope
from api.settings import ServiceSettings

ALL = frozenset(Scope)


class Door:
    """An application and a key of its first tenant that is good for everything.

    Parameters
    ----------
    settings : of the service
    secret : of a key that another application on the same database made
    more : of create_app
    """

    def __init__(self, settings: ServiceSettings, secret: str = "", **more: Any) -> None:
        self.app: FastAPI = create_app(settings, **more)
        self.house: House = self.app.state.house
        first = self.house.keys.first()
        self.secret = secret if first is None else first.secret
        self.http = TestClient(
            self.app,
            base_url="http://testserver",
            headers={"Authorization": f"Bearer {self.secret}"},
        )

    @property
    def desk(self) -> Context:
        """What the key's holder sees."""
        who = self.house.keys.known(self.secret)
        assert who is not None
        return self.house.as_seen_by(who)
