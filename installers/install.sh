#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs Mirage LSD: finds a Python of 3.11 or newer and leaves the rest to install.py.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
unset PYTHONPATH PYTHONHOME

for python in "${PYTHON:-python3}" python3.12 python3.13 python3.14 python3.11 python3; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$python" "$here/install.py" "$@"
  fi
done
echo "[mirage-lsd] Python 3.11 or newer is needed: install it (apt-get install python3; on a Mac 3.12 from python.org) and start again" >&2
exit 1
