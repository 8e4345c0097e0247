# SPDX-License-Identifier: Apache-2.0
"""From a name to the files of a checkpoint, and from those to a model."""
