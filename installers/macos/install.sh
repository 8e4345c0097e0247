#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs Mirage LSD on macOS. UNPROVEN: written with care, never run on a Mac yet.
#   ./installers/macos/install.sh [OBS_PYTHON]
# OBS_PYTHON: the version of the Python chosen in OBS (Tools, Scripts, Python Settings), such as 3.11; OBS on
# macOS is not linked to one. Without it, the version of the Python that this script finds.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

if [ "$(uname -s)" != "Darwin" ]; then
  echo "[mirage-lsd] this is not macOS: run ./installers/install.sh" >&2
  exit 1
fi
if [ ! -d /Applications/OBS.app ]; then
  echo "[mirage-lsd] OBS Studio is not in /Applications: install it, then start again" >&2
  exit 1
fi
if [ $# -gt 0 ]; then
  export MIRAGE_LSD_OBS_PYTHON="$1"
fi
"$here/../install.sh" install
"$here/../install.sh" verify
