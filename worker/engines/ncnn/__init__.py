# SPDX-License-Identifier: Apache-2.0
"""The CPU's fastest engine. A frame runs engine.py; graphs.py, encoder.py and blocks.py say what, net.py writes it."""
