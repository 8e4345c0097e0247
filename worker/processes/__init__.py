# SPDX-License-Identifier: Apache-2.0
"""What every process of the worker's needs: lines, priority, threads, memory given back."""
