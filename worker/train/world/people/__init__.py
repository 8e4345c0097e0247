# SPDX-License-Identifier: Apache-2.0
"""Bodies and everything that is worn on them, as meshes."""
