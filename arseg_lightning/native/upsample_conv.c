/* The second half of "upsample twofold, then convolve 3x3": see upsample_conv.py of inference. */

#include "vectors.h"

/* A row or column of the upsampled map, displaced by a tap, as a mix of two of the small map: by
   bilinear upsampling, or of the nearest alone. One outside the upsampled map weighs nothing. */
typedef struct {
    int near, far;
    float near_weight, far_weight;
} mix;

static mix mix_of(int place, int tap, int size, int nearest) {
    int at = place + tap - 1;
    int near = at < 0 ? 0 : at / 2;
    int far = at % 2 ? near + 1 : near - 1;
    mix m = {near, far, 0.75f, 0.25f};
    if (nearest) m = (mix){near, near, 1.0f, 0.0f};
    if (at < 0 || at >= 2 * size) m = (mix){place / 2, place / 2, 0.0f, 0.0f};
    if (m.far < 0) m.far = 0;
    if (m.far > size - 1) m.far = size - 1;
    return m;
}

static inline floats get(const void *from, int64_t i, int bfloat16) {
    return bfloat16 ? load_bfloat16((const uint16_t *)from + i) : load((const float *)from + i);
}

static inline void put(void *to, int64_t i, floats x, int bfloat16) {
    if (bfloat16) store_bfloat16((uint16_t *)to + i, x);
    else store((float *)to + i, x);
}

/* Sum over the vertical taps: one row of width * 3 * channels, still small across. */
static inline __attribute__((always_inline)) void down(
    const void *taps, int first, int row, int height, int width, int channels, float *sum,
    int nearest, int bfloat16) {
    int64_t line = 9 * (int64_t)width * channels;
    mix m[3];
    for (int tap = 0; tap < 3; tap++) m[tap] = mix_of(row, tap, height, nearest);
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3 * channels; c += LANES) {
            floats total = {0};
            for (int tap = 0; tap < 3; tap++) {
                int64_t at = (3 * (3 * (int64_t)x + tap)) * channels + c;
                total += m[tap].near_weight * get(taps, (m[tap].near - first) * line + at, bfloat16);
                total += m[tap].far_weight * get(taps, (m[tap].far - first) * line + at, bfloat16);
            }
            store(sum + 3 * x * channels + c, total);
        }
}

/* Sum over the horizontal taps, add the bias, and multiply what is negative by the slope. */
static inline __attribute__((always_inline)) void across(
    const float *sum, int width, int channels, const float *bias, float slope, void *out,
    int nearest, int bfloat16) {
    for (int x = 0; x < 2 * width; x++) {
        mix m[3];
        for (int tap = 0; tap < 3; tap++) m[tap] = mix_of(x, tap, width, nearest);
        for (int c = 0; c < channels; c += LANES) {
            floats total = load(bias + c);
            for (int tap = 0; tap < 3; tap++) {
                const float *near = sum + (3 * m[tap].near + tap) * channels + c;
                const float *far = sum + (3 * m[tap].far + tap) * channels + c;
                total += m[tap].near_weight * load(near) + m[tap].far_weight * load(far);
            }
            total = larger(total, all(0)) - slope * larger(-total, all(0));
            put(out, (int64_t)x * channels + c, total, bfloat16);
        }
    }
}

/* Rows [from, to) of the small map become rows [2 from, 2 to) of the upsampled one.

   taps      (rows, width, 3, 3, channels) from row `first` on; holds rows from - 1 to to, as far
             as they are inside
   bias      (channels)
   scratch   (threads, 3 * width * channels)
   out       (2 * height, 2 * width, channels) */
void combine_taps(
    const void *taps, int first, int from, int to, int height, int width, int channels,
    const float *bias, float slope, float *scratch, void *out, int nearest,
    int bfloat16, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        float *sum = scratch + 3 * (int64_t)part * width * channels;
        int rows = 2 * (to - from);
        for (int row = part * rows / threads; row < (part + 1) * rows / threads; row++) {
            int64_t at = (2 * from + row) * 2 * (int64_t)width * channels;
            if (bfloat16) {
                down(taps, first, 2 * from + row, height, width, channels, sum, nearest, 1);
                across(sum, width, channels, bias, slope, (uint16_t *)out + at, nearest, 1);
            } else {
                down(taps, first, 2 * from + row, height, width, channels, sum, nearest, 0);
                across(sum, width, channels, bias, slope, (float *)out + at, nearest, 0);
            }
        }
    }
}
