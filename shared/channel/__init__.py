# SPDX-License-Identifier: Apache-2.0
"""How messages travel: ZeroMQ with CURVE, and the session folder in which both sides meet."""
