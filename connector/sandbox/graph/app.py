"""The whole sandbox Graph API as one application: its side door, and the API behind the wire.

GET    /_sandbox/world     everything it holds; PUT replaces all of it
GET    /_sandbox/calls     how often each call was made, by its name
POST   /_sandbox/faults    adds an order of harm; DELETE withdraws all
"""

import time
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from connector.sandbox.faults import Fault
from connector.sandbox.graph.api import Clock, build_api, name_call
from connector.sandbox.graph.refusals import GraphRefusals
from connector.sandbox.graph.world import World
from connector.sandbox.wire import Wire


def build_app(world: World, *, clock: Clock = time.time, seed: int = 0) -> Starlette:
    """Return the application of a world; ``clock`` gives epoch seconds.

    ``app.state`` holds the ``world`` and the ``wire``.
    """
    wire = Wire(
        build_api(world, clock=clock), name_call=name_call, refusals=GraphRefusals(), seed=seed
    )
    door = _SideDoor(world, wire)
    app = Starlette(
        routes=[
            Mount(
                "/_sandbox",
                routes=[
                    Route("/world", door.world, methods=["GET", "PUT"]),
                    Route("/calls", door.calls),
                    Route("/faults", door.faults, methods=["POST", "DELETE"]),
                ],
            ),
            Mount("/", wire),
        ]
    )
    app.state.world = world
    app.state.wire = wire
    return app


class _SideDoor:
    def __init__(self, world: World, wire: Wire) -> None:
        self._world = world
        self._wire = wire

    async def world(self, request: Request) -> Response:
        """Show everything, or take another."""
        if request.method == "PUT":
            try:
                new = World.model_validate_json(await request.body())
            except ValidationError as error:
                return _refused(error)
            for name in World.model_fields:
                setattr(self._world, name, getattr(new, name))
        return JSONResponse(self._world.model_dump())

    async def calls(self, _: Request) -> Response:
        """Tell how often each call was made."""
        return JSONResponse(dict(self._wire.log.by_call))

    async def faults(self, request: Request) -> Response:
        """Take an order of harm, or withdraw all."""
        if request.method == "DELETE":
            self._wire.faults.cancel()
            return Response(status_code=204)
        try:
            fault = self._wire.faults.order(Fault.model_validate_json(await request.body()))
        except ValidationError as error:
            return _refused(error)
        answer: dict[str, Any] = {"id": fault.id}
        return JSONResponse(answer, 201)


def _refused(error: ValidationError) -> Response:
    return JSONResponse({"problems": error.errors(include_url=False, include_input=False)}, 400)
