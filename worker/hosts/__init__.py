# SPDX-License-Identifier: Apache-2.0
"""Who owns a model: loads it, says what it runs on, and hands out engines."""
