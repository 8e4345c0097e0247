# SPDX-License-Identifier: Apache-2.0
"""Everything that is said between processes, as frozen dataclasses whose fields say what they may hold."""
