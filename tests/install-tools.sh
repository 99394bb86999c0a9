#!/usr/bin/env bash
# Installs the programs that the tests run against, where they are missing: OpenSSH's server, systemd's own check of
# units, ffmpeg, mpv, espeak-ng, poppler, mkfs.ext4 and Pango.
set -eu
missing=()
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing+=("$2"); }
need sshd openssh-server
need systemd-analyze systemd
need ssh-keygen openssh-client
need ffmpeg ffmpeg
need mpv mpv
need espeak-ng espeak-ng
need pdftotext poppler-utils
need mkfs.ext4 e2fsprogs
# The library that WeasyPrint lays out text with, and a font with the letters and widths of Times New Roman.
ldconfig -p | grep -q libpangoft2-1.0 || missing+=(libpango-1.0-0 libpangoft2-1.0-0)
ldconfig -p | grep -q libharfbuzz-subset || missing+=(libharfbuzz-subset0)
command -v fc-list >/dev/null 2>&1 && fc-list "Liberation Serif:charset=1ebf" | grep -q . || missing+=(fonts-liberation2 fontconfig)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "error: the tests need ${missing[*]}; run: sudo apt install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
