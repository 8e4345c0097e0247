#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need (Debian packages, ./.venv) and runs all of them; arguments go to pytest.
#   ./tests/run.sh                      everything
#   ./tests/run.sh -m "not slow"        without the tests that take more than some ten seconds
#   ./tests/run.sh tests/unit           one folder; for tests/obs alone no PyTorch is installed
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME
export DISPLAY= # the tests bring their own screen, also on a desktop

extras=dev,film,train,voice
for argument in "$@"; do
  case "$argument" in
    tests/obs | tests/obs/*) extras=test,voice ;; # these need no PyTorch
    tests | tests/*) extras=dev,film,train,voice && break ;;
  esac
done

./installers/install.sh install --checkout --extras "$extras" --with-test-tools
.venv/bin/ruff check .
exec .venv/bin/python -m pytest "$@"
