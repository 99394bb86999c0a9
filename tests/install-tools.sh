#!/usr/bin/env bash
# Installs the programs that the tests run against, where they are missing: OpenSSH's server, ffmpeg, mpv, espeak-ng.
set -eu
missing=()
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing+=("$2"); }
need sshd openssh-server
need ssh-keygen openssh-client
need ffmpeg ffmpeg
need mpv mpv
need espeak-ng espeak-ng
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "error: the tests need ${missing[*]}; run: sudo apt install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
