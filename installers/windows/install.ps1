# SPDX-License-Identifier: Apache-2.0
# Installs Mirage LSD on Windows: finds a Python of 3.11 or newer and leaves the rest to install.py, which also says
# what OBS's own Python must be. Parsed, never run on Windows yet.
#   powershell -ExecutionPolicy Bypass -File installers\windows\install.ps1 [-ObsPython 3.11]
# ObsPython: the version of the Python chosen in OBS (Tools, Scripts, Python Settings), if it is not found by itself.
param([string]$ObsPython = "")

Set-StrictMode -Version Latest
$ErrorActionPreference = "Continue" # Windows PowerShell would take what a program writes to stderr for an error
$install = Join-Path (Split-Path -Parent $PSScriptRoot) "install.py"

function Find-Python {
    foreach ($version in "3.12", "3.11", "3.13", "3.14") {
        & py "-$version" -c "import venv, ensurepip" 2>&1 | Out-Null
        if ($LASTEXITCODE -eq 0) { return "-$version" }
    }
    return ""
}

$python = ""
if (Get-Command py -ErrorAction SilentlyContinue) { $python = Find-Python }
if (-not $python) {
    Write-Host "[mirage-lsd] Python is missing: install 3.12 (64-bit, with the py launcher) from python.org, which OBS can load too, then start again"
    exit 1
}
$env:PYTHONPATH = $null
$env:PYTHONHOME = $null
if ($ObsPython) { $env:MIRAGE_LSD_OBS_PYTHON = $ObsPython }
foreach ($command in "install", "verify") {
    & py $python $install $command
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
