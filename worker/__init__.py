# SPDX-License-Identifier: Apache-2.0
"""The worker process: a persistent process that turns input rings into output rings."""
