#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside the chroot: brings OBS, clones /src to /mirage, runs the steps; each leaves its files in /results.
#   inside.sh STEP...   or   inside.sh --run COMMAND...
set -uo pipefail

say() { echo "[matrix] $*" >&2; }
if [ ! -e "${PIP_CERT:-}" ]; then unset PIP_CERT SSL_CERT_FILE; fi

if ! { command -v git && command -v obs && command -v gdb; } >/dev/null; then
  say "installing what a desktop has: OBS, Python, git"
  if ! { apt-get update -q && apt-get install -y -q --no-install-recommends \
    ca-certificates git python3 python3-venv procps obs-studio gdb; } >/results/apt.log 2>&1; then
    tail -n 20 /results/apt.log >&2
    exit 1
  fi
fi

# The clone stays between calls, so that its virtual environment is made once; the commit is always this one.
git config --global --replace-all safe.directory '*'
if [ ! -d /mirage/.git ]; then git clone -q /src /mirage || exit 1; fi
cd /mirage || exit 1
git fetch -q /src HEAD && git checkout -q --detach --force FETCH_HEAD || exit 1
mkdir -p .cache/clips
cp -n /src/.cache/clips/* .cache/clips/ 2>/dev/null

obs --version >/results/obs_version 2>/dev/null
python3 -c 'import platform; print(platform.python_version())' >/results/python
git rev-parse --short HEAD >/results/commit

if [ "${1:-}" = --run ]; then
  shift
  exec "$@"
fi

failed=0
for step in "$@"; do
  say "step $step"
  cut -d' ' -f1-3 /proc/loadavg >"/results/load-before-$step"
  case "$step" in
    demo) ./installers/demo.sh --json /results/demo.json --out /results/demo >/results/demo.log 2>&1 ;;
    tests) ./tests/run.sh tests/obs --junit-xml /results/tests.xml >/results/tests.log 2>&1 ;;
    smoke) ./tests/run.sh tests/obs -m smoke --junit-xml /results/tests.xml >/results/tests.log 2>&1 ;;
    figures) .venv/bin/python tests/bench/obs/obs_soak.py --parts reloads,starts,control --times 50 \
      --json /results/figures.json >/results/figures.log 2>&1 ;;
    *) say "no step is called $step" && false ;;
  esac || { failed=1 && say "step $step failed:" && tail -n 15 "/results/$step.log" >&2; }
done
exit "$failed"
