"""Public alerts in the Common Alerting Protocol 1.2, read without trust: no entities, no DTD, no network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import compose
from broadcaster.core.model import Priority
from broadcaster.core.time import read_instant

NAMESPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"
MAX_ALERT_BYTES = 1 << 20
MAX_TEXT = 6000
STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
TYPES = ("Alert", "Update", "Cancel", "Ack", "Error")
URGENT = ("Immediate", "Expected")
GRAVE = ("Extreme", "Severe")
SURE = ("Observed", "Likely")


@dataclass(frozen=True, slots=True)
class AlertReference:
    """What names one message of one sender: the three together."""

    sender: str
    identifier: str
    sent_at: datetime

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{self.sent_at.isoformat()}"


@dataclass(frozen=True, slots=True)
class AlertInfo:
    """One language's part of an alert. `areas` holds descriptions and codes, as they are written."""

    language: str
    event: str
    urgency: str
    severity: str
    certainty: str
    expires_at: datetime | None
    headline: str
    description: str
    instruction: str
    areas: tuple[str, ...]

    def choose_priority(self) -> Priority:
        """Choose the priority of Circular 39/2020/TT-BTTTT.

        Emergency: a grave threat, seen or likely, that asks for action at once or soon. Normal: minor or of unknown
        severity, past, or unlikely. Everything between is priority.
        """
        if self.urgency in URGENT and self.severity in GRAVE and self.certainty in SURE:
            return Priority.EMERGENCY
        if self.severity in ("Minor", "Unknown") or self.urgency == "Past" or self.certainty == "Unlikely":
            return Priority.NORMAL
        return Priority.PRIORITY

    def make_text(self) -> str:
        """Make the text to be spoken: headline (or the event), what it is, what to do."""
        parts = [self.headline or self.event, self.description, self.instruction]
        return "\n".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)[:MAX_TEXT]


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. `references` are the earlier messages that it updates or cancels."""

    reference: AlertReference
    status: str
    kind: str
    references: tuple[AlertReference, ...]
    infos: tuple[AlertInfo, ...]

    def choose_info(self, language: str = "vi") -> AlertInfo | None:
        """Choose the part in a language, else the first; None when there is none at all."""
        return next(
            (one for one in self.infos if one.language.lower().startswith(language)), next(iter(self.infos), None)
        )


def read_alert(data: bytes) -> Alert:
    """Read an alert.

    Raises:
        DocumentError: Too large, no XML, with entities or a DTD, not CAP 1.2, or a field is missing or wrong.
    """
    if len(data) > MAX_ALERT_BYTES:
        raise DocumentError(f"an alert of more than {MAX_ALERT_BYTES} bytes is not read")
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise DocumentError("the alert brings a document type or entities, which no alert needs: not read") from error
    except (ParseError, ValueError, LookupError) as error:
        raise DocumentError(f"not a usable XML document: {error}") from error
    if root.tag != f"{NAMESPACE}alert":
        raise DocumentError(f"not an alert in CAP 1.2: its root is {root.tag}")
    sender, identifier = _require(root, "sender"), _require(root, "identifier")
    for name, value in (("sender", sender), ("identifier", identifier)):
        if any(letter in value for letter in " ,<&"):
            raise DocumentError(f"the alert's {name} {value!r} holds a space, a comma, < or &")
    kind = _require_one_of(root, "msgType", TYPES)
    references = tuple(_read_reference(word) for word in _text(root, "references").split())
    if kind in ("Update", "Cancel") and not references:
        raise DocumentError(f"the alert's msgType is {kind}, but it does not say of what")
    return Alert(
        reference=AlertReference(sender, identifier, _read_moment(_require(root, "sent"), "sent")),
        status=_require_one_of(root, "status", STATUSES),
        kind=kind,
        references=references,
        infos=tuple(_read_info(node) for node in root.findall(f"{NAMESPACE}info")),
    )


def _read_info(node: Element) -> AlertInfo:
    expires = _text(node, "expires")
    areas: list[str] = []
    for area in node.findall(f"{NAMESPACE}area"):
        areas.append(_require(area, "areaDesc"))
        areas += [_text(code, "value") for code in area.findall(f"{NAMESPACE}geocode")]
    return AlertInfo(
        language=_text(node, "language") or "en-US",
        event=_require(node, "event"),
        urgency=_require(node, "urgency"),
        severity=_require(node, "severity"),
        certainty=_require(node, "certainty"),
        expires_at=_read_moment(expires, "expires") if expires else None,
        headline=_text(node, "headline"),
        description=_text(node, "description"),
        instruction=_text(node, "instruction"),
        areas=tuple(area for area in areas if area),
    )


def _read_reference(word: str) -> AlertReference:
    parts = word.split(",")
    if len(parts) != 3:
        raise DocumentError(f"the alert's reference {word!r} is not sender,identifier,sent")
    return AlertReference(parts[0], parts[1], _read_moment(parts[2], "references"))


def _read_moment(text: str, name: str) -> datetime:
    try:
        return read_instant(text)
    except ValueError as error:
        raise DocumentError(f"the alert's {name} {text!r} is not an instant with its zone") from error


def _text(node: Element, name: str) -> str:
    return compose(node.findtext(f"{NAMESPACE}{name}") or "")


def _require(node: Element, name: str) -> str:
    value = _text(node, name)
    if not value:
        raise DocumentError(f"the alert has no {name}")
    return value


def _require_one_of(node: Element, name: str, known: tuple[str, ...]) -> str:
    value = _require(node, name)
    if value not in known:
        raise DocumentError(f"the alert's {name} is {value!r}, not one of {', '.join(known)}")
    return value
