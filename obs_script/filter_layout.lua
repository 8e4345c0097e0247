-- SPDX-License-Identifier: Apache-2.0
-- Offsets of the control block, the same as in control_block.py (its docstring is the specification).
-- A test compares the two files. Everything is in bytes; `words` are u64, `texts` are {offset, capacity}.

return {
  HEADER_BYTES = 32768,
  SLOT_BYTES = 131072,
  SLOT_COUNT = 16,
  TRASH_OFFSET = 2048,
  TRASH_ENTRIES = 128,
  LATENCY_OFFSET = 32768,
  LATENCY_ENTRIES = 1024,
  LATENCY_ENTRY_BYTES = 64,

  header_words = {
    restart_requests = 64,
    next_instance = 72,
    trash_head = 80,
    trash_tail = 128,
    worker_running = 136,
  },

  header_texts = {
    presets = { 4096, 12272 },
    devices = { 16384, 4080 },
  },

  slot_words = {
    instance = 0,
    want_width_px = 8,
    want_height_px = 16,
    mapped_epoch = 24,
    refused_epoch = 32,
    frames_captured = 40,
    frames_shown = 48,
    results_torn = 56,
    results_skipped = 64,
    showing_styled = 72,
    reason = 80,
    last_render_ns = 88,
    render_count = 96,
    render_total_ns = 104,
    render_max_ns = 112,
    fallbacks = 120,
    latency_head = 128,
    tick = 136,
    lua_errors = 144,
    epoch = 16384,
    generation = 16392,
    hold_ns = 16400,
    ready = 16408,
    input_address = 16416,
    output_address = 16424,
  },

  slot_texts = {
    parent_name = { 512, 496 },
    filter_name = { 1024, 496 },
    error = { 1536, 496 },
    settings = { 4096, 12272 },
    status = { 20480, 4080 },
  },

  reasons = {
    none = 0,
    disabled = 1,
    no_size = 2,
    no_worker = 3,
    no_ring = 4,
    waiting = 5,
    stale = 6,
    settling = 7,
    script_error = 8,
  },
}
