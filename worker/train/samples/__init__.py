# SPDX-License-Identifier: Apache-2.0
"""Training samples, composed from the rendered world."""
