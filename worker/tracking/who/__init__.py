# SPDX-License-Identifier: Apache-2.0
"""Who is restyled where several people are in the picture.

    person mask, faces, motion -> bodies, each with a number that stays -> the chosen one -> share of every pixel
"""
