"""What the rivals are given: words as ones, images of a size they can learn from, no more rows than they need."""

from __future__ import annotations

import numpy as np

from fogwalk.objectives import rivals


def test_words_of_many_become_ones_of_the_commonest() -> None:
    words = np.array([3, 3, 7, 7, 7, 9], dtype=np.float32)
    rows = np.stack([np.arange(6, dtype=np.float32), words], 1)
    learned, asked = rivals.of_rows(rows, np.array([[0.5, 9.0], [0.5, 4.0]], dtype=np.float32), 1)
    assert learned.tolist() == [
        [0, 0, 1, 0],
        [1, 0, 1, 0],
        [2, 1, 0, 0],
        [3, 1, 0, 0],
        [4, 1, 0, 0],
        [5, 0, 0, 1],
    ], "7, 3 and 9, the commonest first"
    assert asked.tolist() == [[0.5, 0, 0, 1], [0.5, 0, 0, 0]], "and a word never met is none of them"


def test_a_column_of_very_many_words_stays_narrow() -> None:
    rows = np.arange(300, dtype=np.float32)[:, None] % 200
    learned, _ = rivals.of_rows(rows, rows, 1)
    assert learned.shape == (300, rivals.MOST_WORDS)
    assert (learned.sum(0) == 2).all()


def test_small_images_stay_and_large_ones_are_made_smaller() -> None:
    small = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    rows, side = rivals.of_images(small)
    assert side == 0
    assert np.array_equal(rows, small.reshape(2, -1) / 255)
    large = np.zeros((300, 3, 72, 36), dtype=np.uint8)
    large[:, 1, :36] = 51
    rows, side = rivals.of_images(large)
    assert (rows.shape, side) == ((300, 3 * 18 * 18), 18)
    picture = rows[299].reshape(3, 18, 18)
    assert np.allclose(picture[1, :9], 0.2)
    assert not picture[1, 9:].any()
    assert not picture[[0, 2]].any()


def test_at_most_so_many_rows_in_order() -> None:
    assert rivals.some(np.arange(10)).tolist() == list(range(10))
    chosen = rivals.some(np.arange(100_000))
    assert len(chosen) == rivals.MOST_ROWS
    assert (np.diff(chosen) > 0).all()
