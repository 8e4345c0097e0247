# SPDX-License-Identifier: Apache-2.0
"""Writes one split of the data set: clips of people in several looks, backgrounds and scenes.

Called by the train command. Invariant: clip i of a seed is the same whatever the
number of clips, and the seeds of the splits never meet, so bodies, motions and clothes are disjoint.
"""

import json
from pathlib import Path

import numpy as np

from mirage_lsd.worker.train.world import looks, motion, paint
from mirage_lsd.worker.train.world.backdrops import write_backdrops
from mirage_lsd.worker.train.world.people.anatomy import build_anatomy
from mirage_lsd.worker.train.world.people.body import Body
from mirage_lsd.worker.train.world.people.hair import Hairdresser
from mirage_lsd.worker.train.world.people.shells import Tailor
from mirage_lsd.worker.train.world.render import HEIGHT_PX, WIDTH_PX, Renderer, sample_light

SPLITS = ("train", "val", "test")
FLOW_STEP_PX = 4


class World:
    """Body model, tailor and renderer of this process; makes clips."""

    def __init__(self, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> None:
        self.body = Body()
        anatomy = build_anatomy(self.body)
        self.tailor, self.hairdresser = Tailor(self.body, anatomy), Hairdresser(self.body, anatomy)
        self.renderer = Renderer(size_px)

    def clip(self, seed: tuple[int, ...], looks_count: int = 3, frames: int = 3) -> dict:
        """One clip: layers u8 [V,T,H,W,4] (undyed), labels u8 [V,T,H,W], surface f16 [V,T,H,W,3], flow f16
        [T,H/4,W/4,2], words. Look 0 is as people dress, the others are in standard form."""
        rng = np.random.default_rng(seed)
        crop = motion.sample_crop(rng)
        phenotype, moves = motion.sample_phenotype(rng), motion.sample_motion(rng, frames, crop)
        person, light = paint.sample_person(rng), sample_light(rng)
        wear = [looks.sample_look(rng)]
        wear += [looks.vary_look(rng, wear[0]) for _ in range(looks_count - 1)]
        posed = {
            e: self.body.pose(phenotype, moves.rotations, moves.lift, e) for e in {w.expression for w in wear}
        }
        skins = {e: self.tailor.skin_pieces(p) for e, p in posed.items()}
        joints = self._joints(next(iter(posed.values())))
        camera = motion.sample_camera(rng, crop, joints)
        clip = {"crop": crop, "layers": [], "labels": [], "surface": [], "flow": None, "looks": []}
        for look in wear:
            skin, *rest = skins[look.expression]
            pieces = [skin, self.tailor.bare(skin, look), *rest] + self._dressed(posed[look.expression], look)
            self._shoot(clip, look, pieces, camera, light, person, frames)
        return clip

    def _joints(self, posed: object) -> dict[str, np.ndarray]:
        """World positions of the head and neck joints in the middle frame."""
        middle = len(posed.head) // 2
        out = {}
        for name, matrix in (("head", posed.head[middle]), ("neck01", posed.neck[middle])):
            near = (
                np.abs(self.body.canon - self.body.canon_heads[self.body.bones[name]]).sum(1).argsort()[:40]
            )
            out[name] = matrix[:3, :3] @ posed.rest[near].mean(0) + matrix[:3, 3]
        return out

    def _dressed(self, posed: object, look: looks.Look) -> list:
        tailor = self.tailor
        pieces = [*tailor.lower_pieces(posed, look), tailor.upper_piece(posed, look)]
        if look.cut.opening > 0:
            pieces.append(tailor.shirt_piece(posed, look))
        return pieces + self.hairdresser.hair_pieces(posed, look) + self.hairdresser.extra_pieces(posed, look)

    def _shoot(
        self,
        clip: dict,
        look: looks.Look,
        pieces: list,
        camera: motion.Camera,
        light: object,
        person: dict,
        frames: int,
    ) -> None:
        """Render every frame of one look into the clip."""
        self.renderer.set(**person, **paint.look_uniforms(look))
        shots = [
            self.renderer.draw(pieces, t, camera, light, clip["flow"] is None and t > 0)
            for t in range(frames)
        ]
        clip["layers"].append(np.stack([s.rgba for s in shots]))
        clip["labels"].append(np.stack([s.labels for s in shots]))
        clip["surface"].append(np.stack([s.surface for s in shots]).astype(np.float16))
        clip["looks"].append(paint.describe(look))
        if clip["flow"] is None:
            clip["flow"] = np.stack([small_flow(s.flow, s.rgba[..., 3]) for s in shots])


def small_flow(flow: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Mean flow of the covered pixels over 4x4 blocks: f32 [H,W,2] → f16 [H/4,W/4,2], still in full-size px."""
    weight = (alpha > 127).astype(np.float32)[..., None]
    return (_block_sum(flow * weight) / np.maximum(_block_sum(weight), 1)).astype(np.float16)


def _block_sum(values: np.ndarray) -> np.ndarray:
    """Sums over blocks of FLOW_STEP_PX: [H,W,C] → f32 [H/4,W/4,C]."""
    height, width, channels = values.shape
    blocks = values.reshape(height // FLOW_STEP_PX, FLOW_STEP_PX, width // FLOW_STEP_PX, FLOW_STEP_PX, channels)
    return blocks.sum((1, 3), dtype=np.float32)


def _open_arrays(out_dir: Path, clips: int, looks_count: int, frames: int) -> list[np.ndarray]:
    """Memory maps of layers, labels, surface and flow, to be filled clip by clip."""
    shape = (clips, looks_count, frames, HEIGHT_PX, WIDTH_PX)
    wanted = {
        "layers": (np.uint8, (*shape, 4)),
        "labels": (np.uint8, shape),
        "surface": (np.float16, (*shape, 3)),
        "flow": (np.float16, (clips, frames, HEIGHT_PX // FLOW_STEP_PX, WIDTH_PX // FLOW_STEP_PX, 2)),
    }
    return [np.lib.format.open_memmap(out_dir / f"{n}.npy", "w+", *spec) for n, spec in wanted.items()]


def generate(
    out_dir: Path,
    split: str,
    clips: int,
    seed: int,
    frames: int = 3,
    looks_count: int = 3,
    backgrounds: int = 0,
    scene_variants: int = 0,
    photos: Path | None = None,
    world: World | None = None,
) -> Path:
    """Write one folder of the data set and return it.

    Files: clips.json (words of every look), layers.npy u8 [N,V,T,384,640,4], labels.npy u8 [N,V,T,384,640],
    surface.npy f16 [N,V,T,384,640,3] (canonical x, z in metres, sleeve coordinate; see render.Drawn),
    flow.npy f16 [N,T,96,160,2] (to the previous frame, full-size px), backgrounds.npy u8 [M,224,384,3],
    scenes.npy u8 [6,K,224,384,3] and, last, the empty file DONE. photos: a folder with photographs, searched
    for jpg, png and webp; without it all backgrounds are painted. Raises ValueError on a bad split or count.
    """
    if split not in SPLITS or clips < 1 or frames < 1:
        raise ValueError(
            f"need a split of {SPLITS}, clips >= 1, frames >= 1; got {split!r}, {clips}, {frames}"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    write_backdrops(out_dir, split, seed, backgrounds, scene_variants, photos)
    world, described = world or World(), []
    layers, labels, surface, flow = _open_arrays(out_dir, clips, looks_count, frames)
    for index in range(clips):
        clip = world.clip((SPLITS.index(split), seed, index), looks_count, frames)
        layers[index], labels[index] = np.stack(clip["layers"]), np.stack(clip["labels"])
        surface[index], flow[index] = np.stack(clip["surface"]), clip["flow"]
        described.append({"looks": clip["looks"], "crop": clip["crop"]})
    for array in (layers, labels, surface, flow):
        array.flush()
    (out_dir / "clips.json").write_text(json.dumps(described))
    (out_dir / "DONE").write_text("")
    return out_dir
