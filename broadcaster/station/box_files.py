"""What stands in the files of a set-up box: settings, SSH, systemd units. Texts alone, nothing is written here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from broadcaster.core.errors import InstallError
from broadcaster.wire.enrolment import Enrolment, TunnelEnd

AGENT = "broadcaster"
TUNNEL = "broadcaster-tunnel"
ETC = Path("/etc/broadcaster")
CHROOT = Path("/srv/broadcaster")
INBOX = CHROOT / "inbox"
OUTBOX = CHROOT / "outbox"
LIBRARY = Path("/var/lib/broadcaster-station")
SETTINGS = ETC / "station.toml"
ENROLMENT = ETC / "enrolment.json"
REPLY = ETC / "reply.json"
AUTHORIZED_KEYS = ETC / "authorized_keys"
TUNNEL_KEY = ETC / "tunnel_ed25519"
TUNNEL_CONFIG = ETC / "tunnel.conf"
TUNNEL_HOSTS = ETC / "tunnel_known_hosts"
SSHD_SNIPPET = Path("/etc/ssh/sshd_config.d/broadcaster.conf")
UNITS = Path("/etc/systemd/system")
AGENT_UNIT = "broadcaster-station.service"
TUNNEL_UNIT = "broadcaster-tunnel.service"

_CONFINED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
"""


def plan_agent_unit(program: Path) -> str:
    """Give the agent's unit: its own account, started anew when it ends or hangs, no network of its own.

    The centre comes to the box's sshd, so the agent itself needs no network; it sees its folders and the sound device.
    """
    return f"""\
[Unit]
Description=Broadcaster station agent
After=sound.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
User={AGENT}
SupplementaryGroups=audio
ExecStart={program} run
Restart=always
RestartSec=2
TimeoutStartSec=300
WatchdogSec=60
TimeoutStopSec=30
KillMode=mixed

Nice=-10
OOMScoreAdjust=-800
MemoryMax=400M
TasksMax=100
LimitCORE=0

ReadWritePaths={INBOX} {OUTBOX} {LIBRARY}
ProtectHome=read-only
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
{_CONFINED}
[Install]
WantedBy=multi-user.target
"""


def plan_tunnel_unit() -> str:
    """Give the tunnel's unit: an account that holds its key and nothing else, started anew for ever."""
    return f"""\
[Unit]
Description=Broadcaster tunnel to the centre
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
User={TUNNEL}
ExecStart=/usr/bin/ssh -F {TUNNEL_CONFIG} -N -T centre
Restart=always
RestartSec=10

MemoryMax=64M
TasksMax=16
LimitCORE=0

ProtectHome=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
{_CONFINED}
[Install]
WantedBy=multi-user.target
"""


def plan_tunnel_config(tunnel: TunnelEnd, own_port: int) -> str:
    """Give ssh's settings for the tunnel: the one key, the pinned centre, a dead line ended within half a minute."""
    return f"""\
Host centre
    HostName {tunnel.host}
    Port {tunnel.port}
    User {tunnel.user}
    IdentityFile {TUNNEL_KEY}
    IdentitiesOnly yes
    IdentityAgent none
    BatchMode yes
    HostKeyAlias centre
    UserKnownHostsFile {TUNNEL_HOSTS}
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    UpdateHostKeys no
    HostKeyAlgorithms ssh-ed25519
    ForwardAgent no
    RemoteForward 127.0.0.1:{tunnel.listen_port} 127.0.0.1:{own_port}
    ExitOnForwardFailure yes
    ConnectTimeout 20
    ServerAliveInterval 10
    ServerAliveCountMax 3
"""


def plan_tunnel_hosts(tunnel: TunnelEnd) -> str:
    """Give the known_hosts of the tunnel: the centre as it was pinned at the enrolment."""
    return f"centre {tunnel.host_key}\n"


def plan_sshd_snippet(enrolment: Enrolment) -> str:
    """Give what sshd is told of the centre's account: its one key, SFTP in the chroot, nothing else."""
    return f"""\
Match User {enrolment.account}
    AuthorizedKeysFile {AUTHORIZED_KEYS}
    AuthenticationMethods publickey
    ChrootDirectory {CHROOT}
    ForceCommand internal-sftp -u 0007
    DisableForwarding yes
    PermitTTY no
"""


def plan_authorized_keys(enrolment: Enrolment) -> str:
    """Give the authorized_keys of the centre's account."""
    return f"restrict {enrolment.centre_key}\n"


def plan_settings(existing: str | None, enrolment: Enrolment) -> str:
    """Give the box's settings file: a new one, or the one that is there with the centre's key brought up to date.

    Raises:
        InstallError: The file cannot be read, or belongs to another station. Nothing was changed.
    """
    if existing is None:
        return f"""\
# Who this box is. What may be set besides: docs/settings.md of broadcaster.
station = "{enrolment.station}"
centre_key = "{enrolment.centre_key}"
inbox = "{INBOX}"
outbox = "{OUTBOX}"
library = "{LIBRARY}"
# output = "auto"   # the sound device; `mpv --audio-device=help` lists them
# volume = 100      # per cent
# fallback = "/srv/commune"   # a folder of the commune's own sounds for when a programme has not come
"""
    try:
        station = tomllib.loads(existing).get("station")
    except tomllib.TOMLDecodeError as error:
        raise InstallError(f"{SETTINGS} is not TOML: {error}", hint="correct it, or put it aside") from error
    if station != enrolment.station:
        raise InstallError(
            f"this box is set up as station {station!r}, the enrolment is for {enrolment.station!r}",
            hint="`broadcaster-station uninstall` first, when the box really is to become another station",
        )
    return re.sub(r"(?m)^centre_key\s*=.*$", f'centre_key = "{enrolment.centre_key}"', existing)
