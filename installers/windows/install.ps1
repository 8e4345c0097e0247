# SPDX-License-Identifier: Apache-2.0
# Installs Mirage LSD on Windows. UNPROVEN: written with care, never run on Windows yet.
#   powershell -ExecutionPolicy Bypass -File installers\windows\install.ps1 [-ObsPython 3.11]
# ObsPython: the version of the Python chosen in OBS (Tools, Scripts, Python Settings); OBS on Windows is not
# linked to one. Without it, the version of the Python that this script finds.
param([string]$ObsPython = "")

Set-StrictMode -Version Latest
$ErrorActionPreference = "Stop"
$install = Join-Path (Split-Path -Parent $PSScriptRoot) "install.py"

function Find-Python {
    foreach ($version in "3.13", "3.12", "3.11") {
        & py "-$version" -c "import venv, ensurepip" 2>$null
        if ($LASTEXITCODE -eq 0) { return "-$version" }
    }
    throw "Python 3.11 or newer is needed: install it from python.org, with the py launcher, then start again"
}

if (-not (Get-Command py -ErrorAction SilentlyContinue)) {
    throw "the py launcher is missing: install Python 3.11 or newer from python.org, then start again"
}
$obs = Join-Path $env:ProgramFiles "obs-studio\bin\64bit\obs64.exe"
if (-not (Test-Path $obs)) { throw "OBS Studio is not in ${env:ProgramFiles}: install it, then start again" }

$env:PYTHONPATH = $null
$env:PYTHONHOME = $null
if ($ObsPython) { $env:MIRAGE_LSD_OBS_PYTHON = $ObsPython }
$python = Find-Python
foreach ($command in "install", "verify") {
    & py $python $install $command
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
