#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs Mirage LSD on macOS. Run with macOS's bash 3.2 on another system, never run on a Mac yet.
#   ./installers/macos/install.sh [OBS_PYTHON]
# OBS_PYTHON: the version of the Python chosen in OBS (Tools, Scripts, Python Settings), such as 3.11, if it is not
# found by itself.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

if [ "$(uname -s)" != "Darwin" ]; then
  echo "[mirage-lsd] this is not macOS: run ./installers/install.sh" >&2
  exit 1
fi
if [ $# -gt 0 ]; then
  export MIRAGE_LSD_OBS_PYTHON="$1"
fi
"$here/../install.sh" install
"$here/../install.sh" verify
