# SPDX-License-Identifier: Apache-2.0
"""Recognition engines: engine.py says what one is."""
