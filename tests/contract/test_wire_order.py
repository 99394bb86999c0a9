"""The emergency order against a file that never changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broadcaster.core.errors import DocumentError, SignatureError
from broadcaster.core.ids import Sha256, StationId
from broadcaster.wire.order import (
    ORDER_NAMESPACE,
    EmergencyOrder,
    InterruptedRule,
    OrderStatus,
    order_file_name,
    read_order,
    read_order_name,
    write_order,
)
from broadcaster.wire.signature import (
    PLAN_NAMESPACE,
    read_private_key,
    sign_document,
    verify_document,
    write_key_pair,
)
from tests.unit.makers import AN_NONG, START

GOLDEN = Path(__file__).parent / "golden" / "order-20231009-lu-quet.json"
ORDER = EmergencyOrder(
    id="20231009-lu-quet",
    centre="Trung tâm Văn hóa, Thông tin huyện Triệu Sơn",
    author="Nguyễn Văn An",
    issued_at=START,
    expires_at=START + timedelta(hours=2),
    stations=(AN_NONG, StationId("dan-luc")),
    title="Cảnh báo lũ quét",
    sha256=Sha256("0" * 64),
    size_bytes=480_000,
    duration_ms=30_000,
    status=OrderStatus.EXERCISE,
    times=3,
    volume=110,
    interrupted=InterruptedRule.DROP,
)


def test_order_is_as_it_was() -> None:
    assert write_order(ORDER) == GOLDEN.read_bytes()
    assert read_order(GOLDEN.read_bytes()) == ORDER


def test_file_name_carries_the_id_and_nothing_else() -> None:
    assert read_order_name(order_file_name(ORDER.id)) == ORDER.id
    for name in ("order-.json", "order-../x.json", "order-A.json", "order-a.json.sig", "plan-a.json"):
        assert read_order_name(name) is None


def test_order_for_all_stations_names_none() -> None:
    assert replace(ORDER, stations=()).is_for(StationId("any"))
    assert ORDER.is_for(AN_NONG)
    assert not ORDER.is_for(StationId("any"))


def test_order_expires_at_its_instant() -> None:
    assert not ORDER.is_expired(ORDER.expires_at - timedelta(milliseconds=1))
    assert ORDER.is_expired(ORDER.expires_at)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(hours=25)])
def test_order_that_lives_too_long_or_not_at_all_is_refused(life: timedelta) -> None:
    with pytest.raises(DocumentError, match="24 hours"):
        read_order(write_order(replace(ORDER, expires_at=START + life)))


def test_signature_of_a_plan_does_not_serve_an_order(tmp_path: Path) -> None:
    line = write_key_pair(tmp_path / "key", "centre")
    key = read_private_key(tmp_path / "key")
    verify_document(write_order(ORDER), sign_document(write_order(ORDER), key, ORDER_NAMESPACE), line, ORDER_NAMESPACE)
    with pytest.raises(SignatureError, match="another purpose"):
        verify_document(
            write_order(ORDER), sign_document(write_order(ORDER), key, PLAN_NAMESPACE), line, ORDER_NAMESPACE
        )
