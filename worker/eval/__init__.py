# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd eval`: scores the real runtime on a held-out synthetic test set and writes eval.json, sheets, a film."""
