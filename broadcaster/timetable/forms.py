"""The fields of the files in schedules/, as pydantic forms: names, types, ranges, defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from broadcaster.core.model import LateRule, Priority, StartRule, StationKind
from broadcaster.core.schedules import HolidayRule, MailSecurity
from broadcaster.timetable.field_types import (
    Address,
    DateOrWeek,
    Day,
    Host,
    HostKey,
    Id,
    Name,
    OnDate,
    Server,
    TimeOfDay,
    Week,
    Zone,
    read_day,
)


class Form(BaseModel):
    """A part of a file: unknown fields are faults."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class QuietForm(Form):
    """A span in which nothing sounds."""

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")


def _check_speech(words: list[str]) -> list[str]:
    if words and "{wav}" not in words:
        raise ValueError('expected a program and its arguments, "{wav}" among them')
    return words


class LoudnessForm(Form):
    """What masters measure."""

    target_lufs: float = Field(-16.0, ge=-31, le=-9)
    ceiling_dbtp: float = Field(-1.0, ge=-9, le=0)
    bitrate_kbps: Literal[64, 96, 128, 160, 192, 256, 320] = 128


class LoudspeakerForm(Form):
    """What is done to the sound for horn loudspeakers."""

    mono: bool = False
    highpass_hz: int = Field(0, ge=0, le=500)


class ToleranceForm(Form):
    """What still counts as played in full."""

    start_s: float = Field(5.0, ge=0.1, le=600)
    short_s: float = Field(2.0, ge=0.1, le=600)
    clock_s: float = Field(5.0, ge=2, le=600)


class ReportForm(Form):
    """Head and signature of the report."""

    parent_body: str = ""
    issuing_body: str = ""
    number_suffix: str = ""
    signer_authority: str = ""
    signer_title: str = ""
    signer_name: str = ""
    communes: str = ""
    recipients: list[str] = []


class UplinkSpanForm(QuietForm):
    """A span of the day with a cap of its own."""

    kbit_s: int = Field(ge=64, le=10_000_000)


class UplinkForm(Form):
    """What transfers may use of the centre's line."""

    kbit_s: int | None = Field(None, ge=64, le=10_000_000)
    hours: list[UplinkSpanForm] = []


class AlertAreaForm(Form):
    """An area of alerts, by its description or code, and the stations in it."""

    area: Name
    stations: list[str] = Field(min_length=1)


class AlertsForm(Form):
    """What becomes of alerts from outside."""

    areas: list[AlertAreaForm] = []
    priority_column: Id | None = None
    normal_column: Id | None = None
    take: Literal["person", "automatic"] = "person"
    senders: list[str] = []


class MailForm(Form):
    """The office's mail server."""

    host: str = Field(min_length=1, max_length=253)
    port: int | None = Field(None, ge=1, le=65535)
    security: MailSecurity = MailSecurity.STARTTLS
    sender: Address
    user: str = ""
    password_file: str = ""
    alarms_to: list[Address] = []
    reports_to: list[Address] = []


class CentreFile(Form):
    """schedules/centre.yaml."""

    format: Literal[1]
    name: Name
    place: str = ""
    zone: Zone = "Asia/Ho_Chi_Minh"
    quiet_hours: list[QuietForm] = []
    loudness: LoudnessForm = LoudnessForm.model_validate({})
    loudspeakers: LoudspeakerForm = LoudspeakerForm()
    push_ahead_min: int = Field(1080, ge=5, le=10_080)
    publish_days: int = Field(2, ge=1, le=14)
    collect_every_min: int = Field(15, ge=1, le=1440)
    approval: Literal["off", "required"] = "off"
    alarm_webhook: str = Field("", pattern=r"^(https?://[^\s]+)?$")
    speech_command: Annotated[list[str], AfterValidator(_check_speech)] = []
    workers: int = Field(34, ge=1, le=200)
    uplink: UplinkForm = UplinkForm.model_validate({})
    warn_ahead_min: int = Field(60, ge=1, le=1440)
    mail: MailForm | None = None
    tunnel: Server | None = None
    alerts: AlertsForm = AlertsForm.model_validate({})
    tolerance: ToleranceForm = ToleranceForm.model_validate({})
    report: ReportForm = ReportForm()


class StationForm(Form):
    """One station."""

    id: Id
    name: Name
    kind: StationKind = StationKind.FIXED
    groups: list[Id] = []
    clusters: int = Field(0, ge=0, le=1000)
    host: Host | None = None
    port: int = Field(22, ge=1, le=65535)
    user: str = Field("centre", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    host_key: HostKey | None = None
    tunnel_key: HostKey | None = None
    volume: int = Field(100, ge=0, le=130)
    phone: str = ""
    agent: bool = True
    valid_from: OnDate | None = None
    valid_to: OnDate | None = None


class OwnHoursForm(QuietForm):
    """A span that communes keep for their own programmes."""

    days: list[Day] | None = Field(None, min_length=1)


class GuardForm(Form):
    """What the timetable may ask of some stations at most."""

    stations: list[str] = Field(min_length=1)
    quiet_hours: list[QuietForm] = []
    days: list[Day] | None = Field(None, min_length=1)
    session_max_min: int | None = Field(None, ge=1, le=1440)
    sessions_per_day: int | None = Field(None, ge=1, le=48)
    own_hours: list[OwnHoursForm] = []


class StationsFile(Form):
    """schedules/stations.yaml."""

    format: Literal[1]
    stations: list[StationForm]
    guards: list[GuardForm] = []


class ColumnForm(Form):
    """One column."""

    id: Id
    name: Name


class ColumnsFile(Form):
    """schedules/columns.yaml."""

    format: Literal[1]
    columns: list[ColumnForm]


class BaselineForm(Form):
    """The period before a campaign that its airtime is compared with."""

    start: OnDate = Field(alias="from")
    end: OnDate = Field(alias="to")


class CampaignForm(Form):
    """One campaign."""

    id: Id
    name: Name
    start: OnDate = Field(alias="from")
    end: OnDate = Field(alias="to")
    baseline: BaselineForm | None = None
    columns: list[Id] = []


class CampaignsFile(Form):
    """schedules/campaigns.yaml."""

    format: Literal[1]
    campaigns: list[CampaignForm] = []


class ItemForm(Form):
    """One place in a rundown."""

    programme: Id | None = None
    column: Id | None = None
    fill: Id | None = None


class SpanForm(Form):
    """Dates from a first to a last."""

    start: OnDate = Field(alias="from")
    end: OnDate = Field(alias="to")


def _read_span(value: object) -> object:
    """Take a single date for the span of that one day."""
    if isinstance(value, dict):
        return value
    return {"from": read_day(value), "to": read_day(value)}


class CopyForm(Form):
    """A date, or an ISO week, that has the slots of another."""

    on: OnDate | None = Field(None, alias="date")
    week: Week | None = None
    like: DateOrWeek


class SlotForm(Form):
    """One slot."""

    id: Id
    title: Name
    at: TimeOfDay
    max_min: int = Field(ge=1, le=720)
    days: list[Day] | None = Field(None, min_length=1)
    start: OnDate | None = Field(None, alias="from")
    end: OnDate | None = Field(None, alias="to")
    stations: list[str] = Field(default=["all"], min_length=1)
    rundown: list[ItemForm] = []
    repeat_of: Id | None = None
    late: LateRule = LateRule.JOIN
    priority: Literal[Priority.NORMAL, Priority.PRIORITY] = Priority.NORMAL
    volume: int = Field(100, ge=0, le=130)
    every_weeks: int = Field(1, ge=1, le=52)
    nth: list[Literal[1, 2, 3, 4, 5, -1]] | None = Field(None, min_length=1)
    dates: list[OnDate] = []
    excepted: list[Annotated[SpanForm, BeforeValidator(_read_span)]] = Field([], alias="except")
    holidays: HolidayRule = HolidayRule.PLAY
    lead_min: int | None = Field(None, ge=1, le=1440)
    begins: StartRule = StartRule.HARD
    within_min: int | None = Field(None, ge=1, le=120)
    repeat_if_missing: bool = False


class TimetableFile(Form):
    """schedules/timetable.yaml."""

    format: Literal[1]
    slots: list[SlotForm]
    copies: list[CopyForm] = []
