# SPDX-License-Identifier: Apache-2.0
"""What stands behind the person where a look says so: a scene's picture, nothing, or their own place, blurred."""
