# SPDX-License-Identifier: Apache-2.0
"""What hangs or is held before a garment: the chest, a lanyard before it, and things without the cloth's colours."""
