# SPDX-License-Identifier: Apache-2.0
"""The synthetic world: renders people in varied clothes, with labels and flow, into a data set on disk."""
