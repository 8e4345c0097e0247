# SPDX-License-Identifier: Apache-2.0
"""The synthetic world that LSD-tiny learns from."""
