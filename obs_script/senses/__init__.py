# SPDX-License-Identifier: Apache-2.0
"""Voice and gestures as the script's user sees them; the processes behind them are the worker's."""
