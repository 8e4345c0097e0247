# SPDX-License-Identifier: Apache-2.0
"""The test set: what it asks for, how it is rendered, and how it is read."""
