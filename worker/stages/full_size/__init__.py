# SPDX-License-Identifier: Apache-2.0
"""The last stages, which work on the full-size source: track, composite, fade."""
