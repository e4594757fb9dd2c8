/* Upsamples class scores and takes the best class of each pixel, a row at a time: the upsampled
   scores never exist. See label_map.py of models. */

#include <stdlib.h>

#include "vectors.h"

static float position(int place, int size, int small, int align_corners) {
    if (align_corners) return size > 1 ? (float)place * (small - 1) / (size - 1) : 0.0f;
    float at = (place + 0.5f) * small / size - 0.5f;
    return at < 0 ? 0.0f : at;
}

/* scores (classes, small_height, small_width) -> labels (height, width). Returns 0, or 1 if there
   is no memory. */
int label_map(
    const float *scores, int classes, int small_height, int small_width, int height, int width,
    int align_corners, uint8_t *labels, int threads) {
    int failed = 0;
    int *before = malloc(2 * sizeof(int) * width);
    float *share = malloc(sizeof(float) * width);
    if (before == NULL || share == NULL) failed = 1;
    for (int x = 0; x < width && !failed; x++) {
        float at = position(x, width, small_width, align_corners);
        before[x] = (int)at < small_width ? (int)at : small_width - 1;
        before[width + x] = before[x] + 1 < small_width ? before[x] + 1 : before[x];
        share[x] = at - before[x];
    }
#pragma omp parallel num_threads(threads)
    {
        float *row = malloc(sizeof(float) * small_width), *best = malloc(sizeof(float) * width);
        if (row == NULL || best == NULL) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(static)
        for (int y = 0; y < height; y++) {
            if (row == NULL || best == NULL || before == NULL || share == NULL) continue;
            float at = position(y, height, small_height, align_corners);
            int y0 = (int)at < small_height ? (int)at : small_height - 1;
            int y1 = y0 + 1 < small_height ? y0 + 1 : y0;
            float wy = at - y0;
            uint8_t *out = labels + (int64_t)y * width;
            memset(out, 0, width);
            for (int k = 0; k < classes; k++) {
                const float *plane = scores + (int64_t)k * small_height * small_width;
                const float *above = plane + (int64_t)y0 * small_width;
                const float *below = plane + (int64_t)y1 * small_width;
                for (int x = 0; x < small_width; x++) row[x] = above[x] + wy * (below[x] - above[x]);
                for (int x = 0; x < width; x++) {
                    float a = row[before[x]], b = row[before[width + x]];
                    float score = a + share[x] * (b - a);
                    int wins = k == 0 || score > best[x];
                    best[x] = wins ? score : best[x];
                    out[x] = wins ? (uint8_t)k : out[x];
                }
            }
        }
        free(row);
        free(best);
    }
    free(before);
    free(share);
    return failed;
}
