# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd eval --out DIR`: scores the real runtime on a held-out synthetic test set; eval.json, sheets, a film.

The test set (tasks.py, dress.py, render_set.py, test_set.py): 24 clips at 640x360, rendered once with the training
world's code from the test split's seeds and kept in the user's cache. Source and true target are composed clean, so
that what must stay is exactly the source. Each clip gets its outfit (or hair) edit and a scene edit.

The figures of eval.json, and how each is measured (score.py unless said otherwise; every second frame):

garment_iou            changed pixels (CIE76 > 8, metrics.py) of output against source, anywhere in the picture,
                       against the true garment region: labelled garment before or after, and visibly changed in the
                       true target; outfit clips
garment_delta_e        mean CIEDE2000 to the true target inside the asked garments; where a pattern is asked for, after
                       both are blurred within the garment, because words cannot name its phase and second colour
                       (details: garment_delta_e_pixel, without the blur)
pattern_accuracy       share of looked-at frames whose garment shows the asked stripes, check or dots (patterns.py)
kept_psnr_db           face, bare skin and background against the true target, 3 px away from garments; mean over clips
full_psnr_db, ms_ssim  the whole picture against the true target
shape_change_iou       pixels that become or cease to be garment (or hair); right only when they came half the way
person_psnr_db         scene edit: the person against the source; matte_error: 1 - edit alpha against the true alpha,
                       mean over the whole picture (matte.py)
warp_ratio_source      warp error of the output along the true flow over the source's along its own, on the pixels seen
                       in both frames, whole picture, summed over clips (warp.py); details: against the true target,
                       and within the garment
warp_ratio_ablated     the same error over that of the model without flow, caches and attention to other frames; the
                       hidden state stays (details: warp_ratio_alone, without it)
learned_vs_uniform_db  mean over clips of the gain in full_psnr_db over uniform time-steps, with a bootstrapped 95 %
                       interval over clips; passes only when the whole interval is above 0
three_vs_five_percent  by how much the RMS error of 3 steps exceeds that of 5
drift_percent          the largest change of IoU, colour error or RMS error between the first and the last 100 frames
                       of a clip played to and fro for 5,000 frames (drift.py)
ablation               each part off, on the first frames of the first clips (switches.py)

The variants, the cheats and the true target itself are scored on the first 16 frames of each clip (--compare-frames),
the variants against the model on the same frames.
"""
