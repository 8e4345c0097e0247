#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Enters the chroot ROOT inside the namespaces that obs_matrix.sh made, and runs inside.sh there.
#   enter.sh ROOT CHECKOUT RESULTS STEP...   or   enter.sh ROOT CHECKOUT RESULTS --run COMMAND...
# The chroot sees the checkout read-only at /src and RESULTS at /results; its /proc, /dev/shm and /tmp are its own.
set -euo pipefail

root=$1 checkout=$2 results=$3
shift 3

mkdir -p "$root/src" "$root/results" "$root/matrix"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=2g shm "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t proc proc "$root/proc"
mount --bind /sys "$root/sys"
mount --bind -o ro "$checkout" "$root/src"
mount --bind "$results" "$root/results"

# What this machine needs to reach packages, the chroot needs too: names, certificates, settings of apt and pip.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
  if [ -e "$file" ]; then cp -L "$file" "$root$file"; fi
done
certificates=/etc/ssl/of-this-machine.pem # a file of its own: installing ca-certificates makes the usual one anew
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  mkdir -p "$root/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root$certificates"
  [ -e "$root/etc/ssl/certs/ca-certificates.crt" ] || cp "$root$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
fi
grep -lsi '^ *Acquire' /etc/apt/apt.conf.d/* | xargs -r cp -t "$root/etc/apt/apt.conf.d"

exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
  DEBIAN_FRONTEND=noninteractive PIP_CERT="$certificates" SSL_CERT_FILE="$certificates" CI="${CI:-}" \
  chroot "$root" bash /src/tests/matrix/inside.sh "$@"
