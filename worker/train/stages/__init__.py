# SPDX-License-Identifier: Apache-2.0
"""The stages of the recipe, in the order of recipe.py."""
