# SPDX-License-Identifier: Apache-2.0
"""What every stage learns by: losses, steps, schedules, replicas."""
