"""All that the box is to play from yesterday on: orders, the centre's plans, the commune's own items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.time import plan_dates
from broadcaster.station.board import Planned
from broadcaster.station.ladder import list_planned
from broadcaster.station.library import HeldPlan, Library
from broadcaster.station.local_items import LocalItem, expand_local
from broadcaster.station.orders import list_ordered
from broadcaster.station.own_shelf import FallbackFile
from broadcaster.station.settings import StationSettings
from broadcaster.wire.order import EmergencyOrder

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Sources:
    """What an agenda was made of; every part is replaced, never changed, so that looking at the parts is enough."""

    plans: Mapping[date, HeldPlan]
    orders: Mapping[str, EmergencyOrder]
    items: tuple[LocalItem, ...]
    fallback: Mapping[str, FallbackFile]
    today: date

    def is_same(self, other: _Sources) -> bool:
        """Tell whether nothing was replaced."""
        return (
            self.plans is other.plans
            and self.orders is other.orders
            and self.items is other.items
            and self.fallback is other.fallback
            and self.today == other.today
        )


class Agenda:
    """Makes the list anew when a source or the date has changed.

    Args:
        library: What the box holds.
        settings: Its id and quiet hours.
    """

    def __init__(self, library: Library, settings: StationSettings) -> None:
        self._library = library
        self._settings = settings
        self._of: _Sources | None = None
        self._planned: tuple[Planned, ...] = ()

    def list_planned(self, now_at: datetime) -> tuple[Planned, ...]:
        """List what is asked for, in the order of starts behind what orders ask for.

        What was planned before yesterday is the past: the diary may not reach back to it.
        """
        library = self._library
        today = now_at.date()
        of = _Sources(library.plans, library.order_book.orders, library.own.items, library.own.fallback, today)
        if self._of is None or not self._of.is_same(of):
            self._of, self._planned = of, self._make(of, now_at)
        return self._planned

    def _make(self, of: _Sources, now_at: datetime) -> tuple[Planned, ...]:
        settings = self._settings
        history = [held.plan for held in of.plans.values()]
        recent = [plan for plan in history if plan.on >= of.today - ONE_DAY]
        newest = max(recent, key=lambda plan: plan.on, default=None)
        zone = ZoneInfo(newest.zone if newest else "UTC")
        quiet = (newest.quiet_hours if newest else ()) + settings.quiet_hours
        dates = list(plan_dates(of.today - ONE_DAY, of.today + 2 * ONE_DAY))
        own = expand_local(of.items, settings.station, quiet, dates)
        fallback = self._library.own.list_substitutes()
        planned = list_planned(recent, settings.quiet_hours, history, fallback, own)
        return list_ordered(of.orders.values(), settings.station, zone, quiet, now_at) + planned
