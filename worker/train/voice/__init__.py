# SPDX-License-Identifier: Apache-2.0
"""Teaches the speech model noise and made-up commands.

    speech (voices, noises) -> utterances (what is said) -> adapter (small changes, nets.py) -> models/data
"""
