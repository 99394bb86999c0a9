"""What the box holds: masters named by their hash, and day plans that are verified on every loading."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from broadcaster.core.errors import DocumentError, ProgrammeFileError, SignatureError, VerificationError
from broadcaster.core.files import MASTER_SUFFIX, name_master, open_regular, sync_folder, write_atomic
from broadcaster.core.ids import Sha256, StationId, is_sha256
from broadcaster.station.orders import OrderBook
from broadcaster.station.own_shelf import OwnShelf
from broadcaster.wire.day_plan import DayPlan, plan_file_name, read_day_plan, read_file_name
from broadcaster.wire.fields import MAX_DOCUMENT_BYTES
from broadcaster.wire.signature import PLAN_NAMESPACE, SIGNATURE_SUFFIX, verify_document

MAX_SIGNATURE_BYTES = 16 << 10
KEEP_PLAN_DAYS = 8
KEEP_UNPLANNED = timedelta(days=2)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A verified day plan and its exact bytes."""

    plan: DayPlan
    document: bytes


def read_document(path: Path, limit_bytes: int) -> bytes:
    """Read a small regular file.

    Raises:
        VerificationError: Larger than the limit, or not a regular file.
    """
    try:
        with open_regular(path) as file:
            data = file.read(limit_bytes + 1)
    except ProgrammeFileError as error:
        raise VerificationError("not a regular file that can be read") from error
    if len(data) > limit_bytes:
        raise VerificationError(f"larger than {limit_bytes} bytes")
    return data


def verify_plan(name: str, document: bytes, signature: bytes, centre_key: str, station: StationId) -> DayPlan:
    """Check that a day plan is our centre's, for us, and what its name says.

    Raises:
        VerificationError: For another station, another date or revision than its name, or with text no file can hold.
        SignatureError: Not signed by our centre, or changed afterwards.
        DocumentError: Not a day plan.
    """
    try:
        armoured = signature.decode("ascii")
    except UnicodeDecodeError as error:
        raise SignatureError("not an SSH signature") from error
    verify_document(document, armoured, centre_key, PLAN_NAMESPACE)
    plan = read_day_plan(document)
    if plan.station != station:
        raise VerificationError(f"a plan for another station ({plan.station})")
    if read_file_name(name) != (plan.on, plan.revision):
        raise VerificationError(f"the plan inside is {plan_file_name(plan.on, plan.revision)}")
    if len({airing.id for airing in plan.airings}) != len(plan.airings):
        raise VerificationError("two airings in the plan bear the same id")
    try:
        "".join(airing.id + airing.title for airing in plan.airings).encode()
    except UnicodeEncodeError as error:
        raise VerificationError("a title in the plan is no valid text") from error
    return plan


class Library:
    """The agent's own store, out of the centre's reach.

    Every plan revision is a file of its own, so that power cut at any moment leaves the one before it whole. Plans are
    read by the playing thread while the receiving one files them: the mapping is replaced, never changed. `news` wakes
    the playing thread when something has come; `doubted` are masters that gave it no sound, to be looked at by the
    receiving one.
    """

    def __init__(self, folder: Path, centre_key: str, station: StationId) -> None:
        self.folder = folder
        self.plans_folder = folder / "plans"
        self.incoming = folder / ".incoming"
        self.centre_key = centre_key
        self.station = station
        self.plans: dict[date, HeldPlan] = {}
        self.troubles: list[str] = []
        self.order_book = OrderBook(folder / "orders", centre_key, station)
        self.own = OwnShelf(folder)
        self.news = threading.Event()
        self.doubted: set[Sha256] = set()
        self._filing = threading.Lock()

    def open(self) -> None:
        """Make the folders, throw away what was half received, load the plans.

        Raises:
            OSError: The disk cannot be written.
        """
        self.plans_folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir()
        self.load_plans()
        self.order_book.open()
        self.own.load()

    def load_plans(self) -> None:
        """Load the newest revision of each date whose signature holds; one that fails is not played, and is told."""
        found: dict[date, HeldPlan] = {}
        troubles: list[str] = []
        for path in sorted(self.plans_folder.glob("plan-*.json")):
            try:
                document = read_document(path, MAX_DOCUMENT_BYTES)
                signature = read_document(_sign_path(path), MAX_SIGNATURE_BYTES)
                plan = verify_plan(path.name, document, signature, self.centre_key, self.station)
            except (VerificationError, SignatureError, DocumentError) as error:
                troubles.append(f"{path.name} on the box's disk is not played: {error.message}")
                _log.error("%s", troubles[-1])
                continue
            held = found.get(plan.on)
            if held is None or plan.revision > held.plan.revision:
                found[plan.on] = HeldPlan(plan, document)
        self.plans, self.troubles = found, troubles

    def file_plan(self, plan: DayPlan, document: bytes, signature: bytes, today: date) -> None:
        """File a verified plan and take it into use; signature first, so that no plan lies there without one.

        What it replaces, and plans of more than a week before today, are removed after it is safe.

        Raises:
            OSError: Disk full or not writable; the plan before it stays in use.
        """
        with self._filing:
            path = self.plans_folder / plan_file_name(plan.on, plan.revision)
            write_atomic(_sign_path(path), signature)
            write_atomic(path, document)
            self.plans = {**self.plans, plan.on: HeldPlan(plan, document)}
            self._remove_old(plan, today)

    def _remove_old(self, newest: DayPlan, today: date) -> None:
        for path in self.plans_folder.glob("plan-*.json"):
            name = read_file_name(path.name)
            if name is None:
                continue
            on, revision = name
            is_replaced = on == newest.on and revision < newest.revision
            if is_replaced or (today - on).days > KEEP_PLAN_DAYS:
                path.unlink(missing_ok=True)
                _sign_path(path).unlink(missing_ok=True)
                if not is_replaced:
                    self.plans = {day: held for day, held in self.plans.items() if day != on}

    def list_masters(self) -> set[Sha256]:
        """List the hashes of the masters that are held."""
        names = (entry.name for entry in os.scandir(self.folder) if entry.name.endswith(MASTER_SUFFIX))
        stems = (name.removesuffix(MASTER_SUFFIX) for name in names)
        return {Sha256(stem) for stem in stems if is_sha256(stem)}

    def master_path(self, sha256: Sha256) -> Path:
        """Say where a master lies."""
        return self.folder / name_master(sha256)

    def file_master(self, part: Path, sha256: Sha256) -> None:
        """Move verified bytes, already on the disk, to their place.

        Raises:
            OSError: The disk cannot be written.
        """
        part.replace(self.master_path(sha256))
        sync_folder(self.folder)

    def list_removable(self, now_at: datetime) -> list[Sha256]:
        """List the masters that may go when room is needed, oldest first.

        A master stays while an order, a plan from yesterday on, or the commune's own shelf names it, and for two days
        after its coming: its plan may still be on the way. Where the clock runs ahead of all plans, yesterday is
        counted from the newest one.
        """
        plans = [held.plan for held in self.plans.values()]
        first = min([now_at.date(), *([max(plan.on for plan in plans)] if plans else [])]) - timedelta(days=1)
        kept = {airing.sha256 for plan in plans if plan.on >= first for airing in plan.airings}
        kept |= {order.sha256 for order in self.order_book.orders.values()}
        kept |= self.own.list_hashes()
        came = {sha256: self.master_path(sha256).stat().st_mtime for sha256 in self.list_masters() - kept}
        before = (now_at - KEEP_UNPLANNED).timestamp()
        return sorted((sha256 for sha256 in came if came[sha256] < before), key=lambda sha256: (came[sha256], sha256))

    def free_bytes(self) -> int:
        """Say how much of the disk is free; 0 when that cannot be known."""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.folder).free
        return 0


def _sign_path(path: Path) -> Path:
    return path.with_name(path.name + SIGNATURE_SUFFIX)
