#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the demo and the tests in real OBS on another Debian's OBS and Python, in a chroot made for it.
#   ./tests/obs_matrix.sh trixie [--json FILE]    Debian 13
#   ./tests/obs_matrix.sh sid [--json FILE]       Debian's newest
#   ./tests/obs_matrix.sh SUITE --only STEP       one step of demo, tests, smoke or figures (may be repeated)
#   ./tests/obs_matrix.sh SUITE --run COMMAND...  any command there, in a fresh clone of this checkout's HEAD
# Needs root, on Debian or Ubuntu. Everything lies in one folder, which is named at the end and may be deleted:
# $MIRAGE_LSD_MATRIX, or ~/.cache/mirage-lsd-matrix. No process and no mount outlives the call.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
checkout="$(dirname "$here")"
say() { echo "[matrix] $*" >&2; }
usage() {
  sed -n '3,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

case "${1:-}" in trixie | sid) suite=$1 ;; *) usage ;; esac
shift
json="" steps=() command=()
while [ $# -gt 0 ]; do
  case "$1" in
    --json) json="$(realpath -m "${2:?--json takes a file}")" && shift 2 ;;
    --only) steps+=("${2:?--only takes a step}") && shift 2 ;;
    --run) shift && command=("$@") && set -- && [ ${#command[@]} -gt 0 ] || usage ;;
    *) usage ;;
  esac
done
[ ${#steps[@]} -gt 0 ] || steps=(demo tests)
if [ "$(id -u)" != 0 ]; then
  say "a chroot needs root: run this with sudo"
  exit 1
fi

base="${MIRAGE_LSD_MATRIX:-$HOME/.cache/mirage-lsd-matrix}"
root="$base/$suite"
if [ ! -e "$root/made" ]; then
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    apt-get update -q >&2
    apt-get install -y -q --no-install-recommends debootstrap >&2
  fi
  say "making a minimal Debian $suite in $root"
  rm -rf "$root"
  mkdir -p "$base"
  debootstrap --variant=minbase "$suite" "$root" >"$base/$suite-debootstrap.log" 2>&1 || {
    tail -n 20 "$base/$suite-debootstrap.log" >&2
    exit 1
  }
  touch "$root/made"
fi

# In namespaces of their own mounts and processes end with this call, whatever ends it.
results="$base/$suite-results"
rm -rf "$results" && mkdir -p "$results"
status=0
unshare --mount --pid --fork --kill-child --propagation private \
  bash "$here/matrix/enter.sh" "$root" "$checkout" "$results" "${command[@]:+--run}" \
  "${command[@]:-${steps[@]}}" || status=$?
if [ ${#command[@]} -eq 0 ]; then
  python3 "$here/matrix/report.py" "$results" ${json:+"$json"} || status=1
fi
say "what was made is in $base"
exit "$status"
