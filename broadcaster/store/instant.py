"""Instants as columns: aware outside, UTC inside."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, TypeDecorator

from broadcaster.core.time import require_aware


class Instant(TypeDecorator[datetime]):
    """An aware instant; naive ones are refused, what comes back is in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into the naive UTC that SQLite keeps."""
        return None if value is None else require_aware(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back what was kept, aware."""
        return None if value is None else value.replace(tzinfo=UTC)


def write_instant(moment: datetime) -> str:
    """Write an aware instant as `Instant` keeps it in SQLite."""
    return require_aware(moment).isoformat(" ", "microseconds").removesuffix("+00:00")
