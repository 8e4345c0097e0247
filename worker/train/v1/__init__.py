# SPDX-License-Identifier: Apache-2.0
"""Training of mirage-lsd-v1's temporal parts."""
