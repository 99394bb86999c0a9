#!/usr/bin/env bash
# Installs what the delivery benchmark compares with and what its lines need, where it is missing.
set -eu
missing=()
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing+=("$2"); }
need rsync rsync
need rclone rclone
need ip iproute2
need sysctl procps
need cc gcc
[ -e /usr/include/linux/if_tun.h ] || missing+=(linux-libc-dev)
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "error: the benchmark needs ${missing[*]}; run: sudo apt install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
