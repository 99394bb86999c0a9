"""CAP 1.2: what an alert says, its priority, and everything that is refused on the way in."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.core.errors import DocumentError
from broadcaster.core.model import Priority
from broadcaster.wire.cap import MAX_ALERT_BYTES, AlertInfo, read_alert

FLOOD = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>VN-2023-1009-01</identifier>
  <sender>canhbao@kttv.example</sender>
  <sent>2023-10-09T15:00:00+07:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <language>en-US</language><category>Met</category><event>Flash flood</event>
    <urgency>Immediate</urgency><severity>Severe</severity><certainty>Likely</certainty>
  </info>
  <info>
    <language>vi-VN</language><category>Met</category><event>Lũ quét</event>
    <urgency>Immediate</urgency><severity>Severe</severity><certainty>Likely</certainty>
    <expires>2023-10-09T18:00:00+07:00</expires>
    <headline>Cảnh báo lũ quét</headline>
    <description>Mưa lớn ở thượng nguồn</description>
    <instruction>Hãy rời khỏi bờ sông ngay!</instruction>
    <area><areaDesc>Huyện Triệu Sơn</areaDesc><geocode><valueName>GSO</valueName><value>397</value></geocode></area>
    <area><areaDesc>Huyện Thọ Xuân</areaDesc></area>
  </info>
</alert>
"""


def test_alert_says_what_it_says() -> None:
    alert = read_alert(FLOOD.encode())
    assert (alert.status, alert.kind, alert.references) == ("Actual", "Alert", ())
    assert str(alert.reference) == "canhbao@kttv.example,VN-2023-1009-01,2023-10-09T08:00:00+00:00"
    info = alert.choose_info()
    assert info is not None
    assert info.areas == ("Huyện Triệu Sơn", "397", "Huyện Thọ Xuân")
    assert info.make_text() == "Cảnh báo lũ quét.\nMưa lớn ở thượng nguồn.\nHãy rời khỏi bờ sông ngay!"
    assert info.expires_at is not None
    assert info.expires_at.isoformat() == "2023-10-09T11:00:00+00:00"


@pytest.mark.parametrize(
    ("urgency", "severity", "certainty", "priority"),
    [
        ("Immediate", "Extreme", "Observed", Priority.EMERGENCY),
        ("Expected", "Severe", "Likely", Priority.EMERGENCY),
        ("Future", "Extreme", "Observed", Priority.PRIORITY),
        ("Immediate", "Moderate", "Observed", Priority.PRIORITY),
        ("Immediate", "Extreme", "Possible", Priority.PRIORITY),
        ("Immediate", "Minor", "Observed", Priority.NORMAL),
        ("Past", "Extreme", "Observed", Priority.NORMAL),
        ("Immediate", "Extreme", "Unlikely", Priority.NORMAL),
        ("Immediate", "Unknown", "Observed", Priority.NORMAL),
    ],
)
def test_priority_is_one_of_the_circulars_three(
    urgency: str, severity: str, certainty: str, priority: Priority
) -> None:
    info = read_alert(FLOOD.encode()).infos[0]
    assert replace(info, urgency=urgency, severity=severity, certainty=certainty).choose_priority() is priority


BOMB = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("<alert", f"{BOMB}<alert"), "brings a document type or entities"),
        (("<alert", f"{OUTSIDE}<alert"), "brings a document type or entities"),
        (("<alert", '<!DOCTYPE alert SYSTEM "http://127.0.0.1/x.dtd"><alert'), "brings a document type or entities"),
        (("</alert>", ""), "not a usable XML document"),
        (("cap:1.2", "cap:1.1"), "not an alert in CAP 1.2"),
        (("<status>Actual", "<status>Real"), "the alert's status is 'Real'"),
        (("<msgType>Alert", "<msgType>Update"), "msgType is Update, but it does not say of what"),
        (("</status>", "</status><references>a,b</references>"), "sender,identifier,sent"),
        (("<sent>2023-10-09T15:00:00+07:00", "<sent>2023-10-09T15:00:00"), "not an instant with its zone"),
        (("<identifier>VN-2023-1009-01", "<identifier>VN 1"), "holds a space"),
        (("<identifier>VN-2023-1009-01</identifier>", ""), "has no identifier"),
        (("<event>Lũ quét</event>", ""), "has no event"),
        (("UTF-8", "no-such-code"), "not a usable XML document"),
    ],
)  # fmt: skip
def test_what_is_no_usable_alert_is_refused_with_its_reason(change: tuple[str, str], message: str) -> None:
    text = FLOOD.replace(*change, 1)
    assert text != FLOOD
    with pytest.raises(DocumentError, match=re.escape(message)):
        read_alert(text.encode())


def test_alert_that_is_too_large_is_not_read() -> None:
    with pytest.raises(DocumentError, match="more than"):
        read_alert(b" " * (MAX_ALERT_BYTES + 1))


@given(st.data())
def test_damaged_bytes_are_refused_or_read_and_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(FLOOD.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        alert = read_alert(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except DocumentError:
        return
    assert all(isinstance(info, AlertInfo) and info.make_text() for info in alert.infos)
