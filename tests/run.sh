#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need (Debian packages, ./.venv) and runs all of them; arguments go to pytest.
#   ./tests/run.sh                      everything
#   ./tests/run.sh -m "not slow"        without the tests that take more than some ten seconds
#   ./tests/run.sh tests/unit           one folder
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME
export DISPLAY= # the tests bring their own screen, also on a desktop

./installers/install.sh install --checkout --extras dev,film,train,voice --with-test-tools
.venv/bin/ruff check .
exec .venv/bin/python -m pytest "$@"
