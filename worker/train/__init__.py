# SPDX-License-Identifier: Apache-2.0
"""Training of LSD-tiny on a synthetic world."""
