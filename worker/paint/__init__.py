# SPDX-License-Identifier: Apache-2.0
"""The edit layer on the full-size picture: dye, cloth, light, scenes, what is behind the person."""
