# SPDX-License-Identifier: Apache-2.0
"""The sampler's arithmetic: invertible, monotone in time, and the same in numpy and torch."""
import numpy as np
import pytest

from mirage_lsd.worker.models import sampler
from mirage_lsd.worker.models.sampler import Schedule


def test_exact_velocity_recovers_the_clean_latent_in_any_number_of_steps():
    rng = np.random.default_rng(0)
    clean, noise = (rng.standard_normal((1, 16, 4, 5), dtype=np.float32) for _ in range(2))
    for steps in range(1, 6):
        times = Schedule.uniform().for_steps(steps)
        latent = sampler.start_latent(noise, float(times[0]), clean)
        for now, after in zip(times, [*times[1:], 0.0], strict=True):
            alpha, sigma = sampler.alpha_sigma(float(now))
            latent = sampler.step(latent, alpha * noise - sigma * clean, float(now), float(after))
        np.testing.assert_allclose(latent, clean, atol=1e-4)


def test_learned_timesteps_descend_within_bounds():
    gaps = np.random.default_rng(1).normal(0, 3, 6)
    times = sampler.timesteps_from_gaps(gaps)
    assert times.shape == (5,)
    assert (np.diff(times) < 0).all() and times[-1] > 0 and times[0] < 1


def test_steps_out_of_range_are_refused():
    with pytest.raises(ValueError, match="1..5"):
        Schedule.uniform().for_steps(6)


def test_noise_is_seeded():
    one, two, other = (sampler.make_noise(seed, (1, 2, 3)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_start_without_past_and_where_occluded_holds_no_signal():
    noise = sampler.make_noise(0, (1, 1, 2, 2))
    fresh = sampler.start_latent(noise, 0.8)
    hidden = sampler.start_latent(noise, 0.8, np.full_like(noise, 9.0), np.ones((1, 1, 2, 2), np.float32))
    np.testing.assert_allclose(fresh, hidden)


def test_torch_form_is_the_same():
    torch = pytest.importorskip("torch")
    from mirage_lsd.worker.models.nets.tiny import initial_gaps
    from mirage_lsd.worker.train.learning import schedule

    for steps in range(1, 6):
        gaps = initial_gaps(steps)
        times = 1.0 - gaps.softmax(dim=0).cumsum(dim=0)[:-1]
        np.testing.assert_allclose(sampler.timesteps_from_gaps(gaps.numpy()), times.numpy(), atol=1e-6)
        assert times[-1] <= sampler.uniform_timesteps(steps)[-1] + 1e-6
    latent, velocity = sampler.make_noise(1, (2, 3, 4, 4)), sampler.make_noise(2, (2, 3, 4, 4))
    found = schedule.clean_estimate(torch.from_numpy(latent), torch.from_numpy(velocity), torch.full((2,), 0.4))
    np.testing.assert_allclose(found.numpy(), sampler.step(latent, velocity, 0.4, 0.0), atol=1e-6)
