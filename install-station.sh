#!/usr/bin/env bash
# Sets up a station's box (Debian 12, Raspberry Pi OS), or brings it up to date:
#
#   sudo bash install-station.sh an-nong.json     the first time, with the file that `broadcaster station enrol` wrote
#   sudo bash install-station.sh                  an upgrade
#
# A new release is installed beside the old one, which works on until the new one takes its place; then the old one goes.
set -eu
[ "$(id -u)" -eq 0 ] || { echo "error: write sudo before the command" >&2; exit 58; }
here=$(cd "$(dirname "$0")" && pwd)
place=/opt/broadcaster

wanted=(openssh-server openssh-client mpv ffmpeg alsa-utils python3-venv tzdata)
command -v chronyd >/dev/null || command -v ntpd >/dev/null || wanted+=(systemd-timesyncd)
missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

echo "installing broadcaster (a minute)"
mkdir -p "$place"
new=$(mktemp -d "$place/$(date +%Y%m%d-%H%M%S)-XXXX")
source=$(mktemp -d)
trap 'rm -rf "$source" "${new:-}"' EXIT # nothing half made stays; cleared below once the new release is in its place
chmod 755 "$place" "$new"
cp -r "$here"/{setup.cfg,pyproject.toml,README.md,LICENSE,broadcaster} "$source"
python3 -m venv "$new"
"$new/bin/pip" install --quiet --disable-pip-version-check "$source"

"$new/bin/broadcaster-station" install "$@"
kept=$new
new=
for old in "$place"/*; do
    [ "$old" = "$kept" ] || rm -rf "$old"
done
