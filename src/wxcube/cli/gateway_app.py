"""The application that serves the warehouse over WeChat's protocol, for the commands that do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxcube import beijing
from wxcube.beijing import Clock
from wxcube.server.access import Access
from wxcube.server.answering import Answering, ReadThrough
from wxcube.server.gateway import Gateway, Missing
from wxcube.server.health import with_health
from wxcube.server.http import AsgiApp, DirectCalls, asgi
from wxcube.server.metrics import Measured, Metrics
from wxcube.server.own_calls import described_gateway
from wxcube.server.protocol import Api, Era
from wxcube.server.wechat_tokens import TokenGiver
from wxcube.settings import LimitSettings

if TYPE_CHECKING:
    from wxcube.server.app_directory import AppDirectory
    from wxcube.server.apps import LocalApp
    from wxcube.warehouse.store import Warehouse


@dataclass(frozen=True)
class GatewayApp:
    """An application, and what answers its datacube calls without it."""

    asgi: AsgiApp
    direct: DirectCalls
    set_limits: Callable[[LimitSettings], None]
    """Takes in changed limits of answers."""


def gateway_app(  # noqa: PLR0913 - what the commands choose
    warehouse: Warehouse,
    apps: AppDirectory | Sequence[LocalApp],
    clock: Clock,
    limits: LimitSettings,
    *,
    access: Access | None = None,
    giver: TokenGiver | None = None,
    metrics: Metrics | None = None,
    strict: bool = False,
    missing: Missing = Missing.REFUSE,
    any_span: bool = False,
    is_live: bool = False,
    read_through: ReadThrough | None = None,
    accepts_events: bool = False,
) -> GatewayApp:
    """WeChat's calls, `/healthz`, `/readyz` and `/docs`; answers are counted in `metrics`."""
    gateway = Gateway(warehouse, apps, clock, strict=strict, missing=missing, is_live=is_live)
    answering = Answering(gateway, warehouse.watch(), limits, read_through)
    api = Api(
        answering,
        clock,
        era=Era.DOCUMENTED,
        any_span=any_span,
        latest=beijing.day_of if is_live else beijing.yesterday,
        access=access,
        giver=giver,
    )
    handler = Measured(api, metrics) if metrics else api
    app = asgi(
        handler,
        clock,
        body_bytes=limits.body_bytes,
        compresses=True,
        on_shutdown=answering.close,
    )
    app = with_health(app, lambda: answering.run(warehouse.accounts))
    app = described_gateway(
        app,
        clock,
        has_health=True,
        accepts_events=accepts_events,
        gives_wechat_token=giver is not None,
    )
    return GatewayApp(app, DirectCalls(handler, clock), answering.set_limits)
