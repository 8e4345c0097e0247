# SPDX-License-Identifier: Apache-2.0
"""What one frame shows of its people: eyes, parsing and colours put together, and what of it must stay."""
