#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shows Mirage LSD in a real OBS Studio: installs what is missing into ./.venv, then runs demo.py.
#   ./installers/demo.sh                a clip that is fetched
#   ./installers/demo.sh FILE           your own video of a person
#   ./installers/demo.sh --camera       your webcam
#   ./installers/demo.sh --help         everything else
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

for argument in "$@"; do
  case "$argument" in
    -h | --help) exec python3 "$here/demo/demo_options.py" --help ;;
  esac
done
python3 "$here/demo/demo_options.py" "$@" # a wrong command line is refused before anything is installed
"$here/install.sh" install --checkout --extras demo
exec "$here/../.venv/bin/python" -u "$here/demo/demo.py" "$@"
