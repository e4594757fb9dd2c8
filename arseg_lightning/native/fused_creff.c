/* CReFF with the classifier behind it, for inference: warp, window attention and upsampling in
   one pass, with nothing in memory between them but a few rows. See folded_creff.py of inference.

   The picture is worked off in columns some pixels wide, from top to bottom. Rows of the warped
   feature, of keys, of values and of queries live in rings that stay in the cache; in them, a
   channel's pixels lie side by side, so that sixteen neighbours are computed at once. */

#include <math.h>
#include <stdlib.h>

#include "vectors.h"

#define MAX_WINDOW 11
#define TOGETHER 4 /* classes that are computed at once */

/* Rows that are computed at once: two share what is loaded of the keys, of values and of features,
   and keep the multipliers busy, if there are registers for it. */
#ifdef __AVX512F__
#define ROWS 2
#else
#define ROWS 1
#endif
#define RING (ROWS + 2) /* rows of a feature that as many rows of a 3x3 convolution need */

typedef struct {
    /* Features have their channels innermost: (rows, columns, channels). */
    const void *low;         /* the low-res feature, (low_height, low_width, channels) */
    const float *low_scores; /* its class scores, (classes, low_height, low_width) */
    const void *key;         /* the keyframe's feature, (height, width, channels) */
    const float *motion;     /* (2, height, width), in pixels of this grid */
    const float *query;      /* 3x3 weights, (channels, 9), and bias, (channels) */
    const float *query_bias;
    const float *key_weight;
    const float *key_bias;
    const float *value;      /* as the others */
    const float *value_bias;
    const float *classifier; /* (channels, classes) */
    float *scores;           /* the result, (classes, height, width) */
    int channels, classes, height, width, low_height, low_width;
    int window, zero_padding, published_warp, bfloat16;
    float steepness;         /* of the prior: taken off a logit for each squared pixel */
    int columns;             /* pixels that a column of work is wide, a multiple of the lanes */
    int threads;
} fusion;

/* What a column of work holds while it goes down the picture. */
typedef struct {
    int left, margin, wide;  /* first pixel; pixels before it; row length in memory */
    int query_row;           /* first row of the queries */
    float *pixels;           /* LANES places of one row, channels innermost */
    float *line;             /* a row of the low-res feature */
    float *warped, *small;   /* rings of RING rows (channels, wide): warped, upsampled */
    int slots;               /* rows of the rings of keys, values and inside */
    float *keys, *values;    /* rings of rows (channels or classes, wide) */
    float *inside;           /* ring of rows: 1 inside the picture */
    float *queries;          /* ROWS rows (channels, wide); pairs of channels, as keys, if paired */
    float *projected;        /* ROWS rows (channels, wide): values before the classifier */
    float *weights;          /* (ROWS, window * window, LANES) */
    float *shares;           /* of a row's pixels in the next place of the small grid */
    int32_t *places;         /* of a row's pixels on the small grid */
} column;

/* Whether channels of keys and queries are pairs of bfloat16, as channels of the features are. */
static inline int paired(const fusion *f) { return PAIRS && f->bfloat16; }

/* Row y of a ring of features. */
static inline float *ring_row(const fusion *f, const column *w, float *ring, int y) {
    return ring + (int64_t)((y + 4 * RING) % RING) * f->channels * w->wide;
}

static inline floats feature_at(const void *feature, int64_t i, int bfloat16) {
    return bfloat16 ? load_bfloat16((const uint16_t *)feature + i) : load((const float *)feature + i);
}

/* (LANES, channels) -> columns x .. x + LANES of (channels, wide) */
static void turn(const float *pixels, int channels, int wide, float *row) {
    for (int c = 0; c < channels; c += LANES) {
        floats rows[LANES];
        for (int x = 0; x < LANES; x++) rows[x] = load(pixels + x * channels + c);
        transpose(rows);
        for (int i = 0; i < LANES; i++) store(row + (int64_t)(c + i) * wide, rows[i]);
    }
}

static inline __attribute__((always_inline)) void mix_corners(
    const void *feature, const int64_t *from, const float *weight, int channels, float *pixel,
    int bfloat16) {
    for (int c = 0; c < channels; c += LANES) {
        floats sum = weight[0] * feature_at(feature, from[0] + c, bfloat16);
        sum += weight[1] * feature_at(feature, from[1] + c, bfloat16);
        sum += weight[2] * feature_at(feature, from[2] + c, bfloat16);
        sum += weight[3] * feature_at(feature, from[3] + c, bfloat16);
        store(pixel + c, sum);
    }
}

/* NaN becomes the least; fmaxf and fminf, which say so too, are functions that are called. */
static inline float clamped(float x, float least, float greatest) {
    x = x > least ? x : least;
    return x < greatest ? x : greatest;
}

/* One place of the warped feature: four neighbours, bilinear. */
static void fetch(const fusion *f, int x, int y, float *pixel) {
    int64_t at = (int64_t)y * f->width + x, plane = (int64_t)f->height * f->width;
    float px = x + f->motion[at], py = y + f->motion[plane + at];
    if (f->published_warp) { /* positions for aligned corners, read as for unaligned ones */
        px = px * f->width / (f->width > 1 ? f->width - 1 : 1) - 0.5f;
        py = py * f->height / (f->height > 1 ? f->height - 1 : 1) - 0.5f;
        px = clamped(px, -2.0f, f->width + 1.0f);
        py = clamped(py, -2.0f, f->height + 1.0f);
    } else {
        px = clamped(px, 0.0f, f->width - 1.0f);
        py = clamped(py, 0.0f, f->height - 1.0f);
    }
    int x0 = (int)floorf(px), y0 = (int)floorf(py);
    float wx = px - x0, wy = py - y0;
    float weight[4] = {(1 - wx) * (1 - wy), wx * (1 - wy), (1 - wx) * wy, wx * wy};
    int64_t from[4];
    for (int corner = 0; corner < 4; corner++) {
        int cx = x0 + corner % 2, cy = y0 + corner / 2;
        int outside = cx < 0 || cy < 0 || cx >= f->width || cy >= f->height;
        if (outside) weight[corner] = 0;
        from[corner] = outside ? at * f->channels : ((int64_t)cy * f->width + cx) * f->channels;
    }
    /* Neighbours move alike, so that the next row will need what lies below: ask for it in time. */
    int size = f->bfloat16 ? 2 : 4;
    const char *below = (const char *)f->key + size * (from[3] + (int64_t)f->width * f->channels);
    for (int line = 0; line < size * f->channels; line += 64) __builtin_prefetch(below + line, 0, 2);
    if (f->bfloat16) mix_corners(f->key, from, weight, f->channels, pixel, 1);
    else mix_corners(f->key, from, weight, f->channels, pixel, 0);
}

/* One row of the warped feature; zeros outside the picture. */
static void warp_row(const fusion *f, const column *w, int y) {
    float *row = ring_row(f, w, w->warped, y);
    for (int start = 0; start < w->wide; start += LANES) {
        for (int i = 0; i < LANES; i++) {
            int x = w->left - w->margin + start + i;
            if (start + i >= f->columns + 2 * w->margin) break;
            if (y < 0 || y >= f->height || x < 0 || x >= f->width)
                memset(w->pixels + i * f->channels, 0, sizeof(float) * f->channels);
            else
                fetch(f, x, y, w->pixels + i * f->channels);
        }
        turn(w->pixels, f->channels, w->wide, row + start);
    }
}

/* Where a place of the large grid lies on the small one, corners aligned. */
static float aligned(int place, int size, int low_size) {
    return size > 1 ? (float)place * (low_size - 1) / (size - 1) : 0.0f;
}

/* One row of the upsampled low-res feature; zeros outside the picture. */
static void upsample_row(const fusion *f, const column *w, int y) {
    float *row = ring_row(f, w, w->small, y);
    int inside_rows = y >= 0 && y < f->height;
    if (inside_rows) {
        float at = aligned(y, f->height, f->low_height);
        int y0 = (int)at, y1 = y0 + 1 < f->low_height ? y0 + 1 : y0;
        float wy = at - y0;
        int from = w->places[0], to = w->places[w->wide - 1] + 1;
        if (to > f->low_width - 1) to = f->low_width - 1;
        for (int64_t i = (int64_t)from * f->channels; i < (int64_t)(to + 1) * f->channels; i += LANES) {
            int64_t line = (int64_t)f->low_width * f->channels;
            floats above = feature_at(f->low, y0 * line + i, f->bfloat16);
            floats below = feature_at(f->low, y1 * line + i, f->bfloat16);
            store(w->line + i, above + wy * (below - above));
        }
    }
    for (int start = 0; start < w->wide; start += LANES) {
        for (int i = 0; i < LANES; i++) {
            int x = w->left - w->margin + start + i;
            float *pixel = w->pixels + i * f->channels;
            if (start + i >= f->columns + 2 * w->margin) break;
            if (!inside_rows || x < 0 || x >= f->width) {
                memset(pixel, 0, sizeof(float) * f->channels);
                continue;
            }
            float wx = w->shares[start + i];
            const float *before = w->line + w->places[start + i] * f->channels;
            const float *after = before + f->channels;
            for (int c = 0; c < f->channels; c += LANES)
                store(pixel + c, load(before + c) + wx * (load(after + c) - load(before + c)));
        }
        turn(w->pixels, f->channels, w->wide, row + start);
    }
}

/* A depthwise 3x3 convolution, and the rows that it gives. */
typedef struct {
    const float *weight, *bias;
    float *out[ROWS];
} convolution;

/* ROWS rows from y on of some depthwise convolutions of the same feature; the first gives pairs of
   channels, if that is wanted. */
static inline __attribute__((always_inline)) void depthwise(
    const fusion *f, const column *w, float *ring, int y, const convolution *convolutions,
    const int count, const int pairs) {
    const float *rows[RING];
    for (int i = 0; i < RING; i++) rows[i] = ring_row(f, w, ring, y - 1 + i);
    for (int c = 0; c < f->channels; c++)
        /* The outermost pixels of a column have no neighbours and are never looked at. */
        for (int x = 0; x < w->wide; x += LANES) {
            int64_t at = (int64_t)c * w->wide + x;
            floats sums[2][ROWS];
            for (int n = 0; n < count; n++)
                for (int row = 0; row < ROWS; row++) sums[n][row] = all(convolutions[n].bias[c]);
            for (int i = 0; i < RING; i++)
                for (int dx = 0; dx < 3; dx++) {
                    floats pixels = load(rows[i] + at + dx - 1);
                    HOLD(pixels);
                    for (int n = 0; n < count; n++)
                        for (int row = 0; row < ROWS; row++)
                            if (i >= row && i < row + 3)
                                sums[n][row] +=
                                    convolutions[n].weight[9 * c + 3 * (i - row) + dx] * pixels;
                }
            for (int n = 0; n < count; n++)
                for (int row = 0; row < ROWS; row++)
                    if (pairs && n == 0) {
                        float *to = convolutions[n].out[row] + (int64_t)(c / 2) * w->wide + x;
                        store(to, c % 2 ? pair(load(to), sums[n][row]) : sums[n][row]);
                    } else store(convolutions[n].out[row] + at, sums[n][row]);
        }
}

static inline int slot_of(const column *w, int y) { return (y + 3 * w->slots) % w->slots; }

/* First of the classes that are computed with class k: the last groups overlap, so that none is
   smaller than the others, which would leave the multipliers waiting for its few sums. */
static inline int group(const fusion *f, int k) {
    return k + TOGETHER <= f->classes ? k : f->classes - TOGETHER;
}

/* LANES places of some classes' values: the classifier on what the value convolution gave. */
static inline __attribute__((always_inline)) void classify(
    const fusion *f, const column *w, const float *projected, int x, int k, const int count,
    floats inside, float *values) {
    floats sums[TOGETHER] = {0};
    for (int c = 0; c < f->channels; c++) {
        floats value = load(projected + (int64_t)c * w->wide + x);
        for (int i = 0; i < count; i++) sums[i] += f->classifier[c * f->classes + k + i] * value;
    }
    for (int i = 0; i < count; i++) store(values + (int64_t)(k + i) * w->wide + x, inside * sums[i]);
}

static inline float *keys_of(const fusion *f, const column *w, int y) {
    return w->keys + (int64_t)slot_of(w, y) * (f->channels >> paired(f)) * w->wide;
}

/* Row y of the values, by the classifier, and of what is inside the picture; outside of it, values
   and keys become zero. */
static void finish_row(const fusion *f, const column *w, const float *projected, int y) {
    int deep = f->channels >> paired(f), inside_rows = y >= 0 && y < f->height;
    float *keys = keys_of(f, w, y), *inside = w->inside + slot_of(w, y) * w->wide;
    float *values = w->values + (int64_t)slot_of(w, y) * f->classes * w->wide;
    for (int i = 0; i < w->wide; i++) {
        int x = w->left - w->margin + i;
        inside[i] = inside_rows && x >= 0 && x < f->width;
    }
    if (!inside_rows) {
        memset(keys, 0, sizeof(float) * deep * w->wide);
        memset(values, 0, sizeof(float) * f->classes * w->wide);
        return;
    }
    for (int x = 0; x < w->wide; x += LANES) {
        int at = w->left - w->margin + x;
        floats here = load(inside + x);
        if (at < 0 || at + LANES > f->width)
            for (int c = 0; c < deep; c++) {
                ints key = (ints)load(keys + (int64_t)c * w->wide + x);
                store(keys + (int64_t)c * w->wide + x, (floats)(key & (here > 0)));
            }
        if (f->classes < TOGETHER)
            for (int k = 0; k < f->classes; k++) classify(f, w, projected, x, k, 1, here, values);
        else
            for (int k = 0; k < f->classes; k += TOGETHER)
                classify(f, w, projected, x, group(f, k), TOGETHER, here, values);
    }
}

/* ROWS rows from y on of the keys, of the values, and of what is inside the picture. */
static void key_rows(const fusion *f, const column *w, int y) {
    convolution convolutions[2] = {{f->key_weight, f->key_bias}, {f->value, f->value_bias}};
    for (int row = 0; row < ROWS; row++) {
        convolutions[0].out[row] = keys_of(f, w, y + row);
        convolutions[1].out[row] = w->projected + (int64_t)row * f->channels * w->wide;
    }
    if (paired(f)) depthwise(f, w, w->warped, y, convolutions, 2, 1);
    else depthwise(f, w, w->warped, y, convolutions, 2, 0);
    for (int row = 0; row < ROWS; row++) finish_row(f, w, convolutions[1].out[row], y + row);
}

/* The rows of queries. */
static void query_rows(const fusion *f, const column *w) {
    convolution query = {f->query, f->query_bias};
    for (int row = 0; row < ROWS; row++)
        query.out[row] = w->queries + (int64_t)row * (f->channels >> paired(f)) * w->wide;
    if (paired(f)) depthwise(f, w, w->small, w->query_row, &query, 1, 1);
    else depthwise(f, w, w->small, w->query_row, &query, 1, 0);
}

/* Compare LANES queries in each of some rows with one row of keys: as many logits each. */
static inline __attribute__((always_inline)) void compare_row(
    const fusion *f, const column *w, int key_row, int x, const int window, const int pairs,
    const int first, const int last, floats *greatest) {
    const int half = window / 2, deep = f->channels >> pairs;
    const float *keys = keys_of(f, w, key_row) + x - half;
    const float *inside = w->inside + slot_of(w, key_row) * w->wide + x - half;
    const float *queries = w->queries + x;
    floats logits[ROWS][MAX_WINDOW];
    for (int row = first; row < last; row++)
        for (int dx = 0; dx < window; dx++) logits[row][dx] = (floats){0};
    for (int c = 0; c < deep; c++) {
        floats query[ROWS];
        for (int row = first; row < last; row++)
            query[row] = load(queries + ((int64_t)row * deep + c) * w->wide);
        for (int dx = 0; dx < window; dx++) {
            floats key = load(keys + (int64_t)c * w->wide + dx);
            HOLD(key);
            for (int row = first; row < last; row++)
                logits[row][dx] = add_product(logits[row][dx], query[row], key, pairs);
        }
    }
    for (int row = first; row < last; row++) {
        int dy = key_row - w->query_row - row + half;
        for (int dx = 0; dx < window; dx++) {
            float far = (dy - half) * (dy - half) + (dx - half) * (dx - half);
            floats logit = logits[row][dx] - f->steepness * far;
            if (!f->zero_padding) logit += (1.0f - load(inside + dx)) * -1e30f;
            greatest[row] = larger(greatest[row], logit);
            store(w->weights + ((row * window + dy) * window + dx) * LANES, logit);
        }
    }
}

/* Compare LANES queries in each of ROWS rows with their windows: unnormalised weights, and their
   sums. */
static inline __attribute__((always_inline)) void compare(
    const fusion *f, const column *w, int x, const int window, const int pairs, floats *total) {
    floats greatest[ROWS];
    for (int row = 0; row < ROWS; row++) greatest[row] = all(-INFINITY);
    int top = w->query_row - window / 2;
    for (int i = 0; i < ROWS - 1; i++)
        compare_row(f, w, top + i, x, window, pairs, 0, i + 1, greatest);
    for (int i = ROWS - 1; i < window; i++)
        compare_row(f, w, top + i, x, window, pairs, 0, ROWS, greatest);
    for (int i = 1; i < ROWS; i++)
        compare_row(f, w, top + window - 1 + i, x, window, pairs, i, ROWS, greatest);
    for (int row = 0; row < ROWS; row++) {
        float *weights = w->weights + row * window * window * LANES;
        total[row] = (floats){0};
        for (int j = 0; j < window * window; j++) {
            floats weight = exponential(load(weights + j * LANES) - greatest[row]);
            store(weights + j * LANES, weight);
            total[row] += weight;
        }
    }
}

/* Add one row of some classes' values, weighted, to the sums of the windows that it lies in. */
static inline __attribute__((always_inline)) void add_row(
    const fusion *f, const column *w, int value_row, int x, int k, const int count,
    const int window, const int first, const int last, floats (*sums)[TOGETHER]) {
    const float *values = w->values + ((int64_t)slot_of(w, value_row) * f->classes + k) * w->wide;
    for (int dx = 0; dx < window; dx++) {
        floats weights[ROWS];
        for (int row = first; row < last; row++) {
            int dy = value_row - w->query_row - row + window / 2;
            weights[row] = load(w->weights + ((row * window + dy) * window + dx) * LANES);
            HOLD(weights[row]);
        }
        for (int i = 0; i < count; i++) {
            floats value = load(values + (int64_t)i * w->wide + x + dx - window / 2);
            HOLD(value);
            for (int row = first; row < last; row++) sums[row][i] += weights[row] * value;
        }
    }
}

/* Average some classes' values in LANES windows in each of some rows, add the upsampled scores of
   the low-res branch. */
static inline __attribute__((always_inline)) void average(
    const fusion *f, const column *w, int rows, int x, int k, const int count,
    const floats *total, const float *low, const int window) {
    floats sums[ROWS][TOGETHER] = {0};
    int top = w->query_row - window / 2;
    for (int i = 0; i < ROWS - 1; i++)
        add_row(f, w, top + i, x, k, count, window, 0, i + 1, sums);
    for (int i = ROWS - 1; i < window; i++)
        add_row(f, w, top + i, x, k, count, window, 0, ROWS, sums);
    for (int i = 1; i < ROWS; i++)
        add_row(f, w, top + window - 1 + i, x, k, count, window, i, ROWS, sums);
    int at = w->left - w->margin + x, end = w->left + f->columns;
    if (end > f->width) end = f->width;
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < count; i++) {
            floats added = load(low + ((int64_t)row * f->classes + k + i) * w->wide + x);
            floats scores = sums[row][i] / total[row] + added;
            float *to = f->scores + ((int64_t)(k + i) * f->height + w->query_row + row) * f->width;
            if (end - at >= LANES) store(to + at, scores);
            else memcpy(to + at, &scores, sizeof(float) * (end - at));
        }
}

static inline __attribute__((always_inline)) void attend_with(
    const fusion *f, const column *w, int rows, const float *low, const int window) {
    int end = w->margin + f->columns;
    for (int x = w->margin; x < end && w->left - w->margin + x < f->width; x += LANES) {
        floats total[ROWS];
        if (paired(f)) compare(f, w, x, window, 1, total);
        else compare(f, w, x, window, 0, total);
        if (f->classes < TOGETHER)
            for (int k = 0; k < f->classes; k++)
                average(f, w, rows, x, k, 1, total, low, window);
        else
            for (int k = 0; k < f->classes; k += TOGETHER)
                average(f, w, rows, x, group(f, k), TOGETHER, total, low, window);
    }
}

/* The class scores of some rows. */
static void attend(const fusion *f, const column *w, int rows, const float *low) {
#define CASE(k) \
    case k: attend_with(f, w, rows, low, k); break;
    switch (f->window) {
        CASE(1) CASE(3) CASE(5) CASE(7) CASE(9) CASE(11)
    }
}

/* The low-res branch's class scores on row y; shares and places are those of the columns. */
static void low_score_row(const fusion *f, const column *w, int y, float *out) {
    float at = aligned(y, f->height, f->low_height);
    int y0 = (int)at, y1 = y0 + 1 < f->low_height ? y0 + 1 : y0;
    float wy = at - y0;
    float *restrict line = w->line, *restrict to = out;
    int first = w->places[0], last = w->places[w->wide - 1];
    int end = last + 2 < f->low_width ? last + 2 : f->low_width;
    for (int k = 0; k < f->classes; k++) {
        const float *plane = f->low_scores + (int64_t)k * f->low_height * f->low_width;
        const float *above = plane + (int64_t)y0 * f->low_width;
        const float *below = plane + (int64_t)y1 * f->low_width;
        for (int x = first; x < end; x++) line[x] = above[x] + wy * (below[x] - above[x]);
        if (end < last + 2) line[end] = 0;
        for (int i = 0; i < w->wide; i += LANES) {
            floats before = pick(line, w->places + i), after = pick(line + 1, w->places + i);
            store(to + k * w->wide + i, before + load(w->shares + i) * (after - before));
        }
    }
}

/* Where the pixels of a column lie on the small grid, and how near to the next place. */
static void find_places(const fusion *f, column *w) {
    for (int i = 0; i < w->wide; i++) {
        int x = w->left - w->margin + i;
        x = x < 0 ? 0 : x < f->width ? x : f->width - 1;
        float at = aligned(x, f->width, f->low_width);
        w->places[i] = (int)at;
        w->shares[i] = at - w->places[i];
        if (w->places[i] + 1 >= f->low_width) { /* the last place has no next one */
            w->places[i] = f->low_width - 1;
            w->shares[i] = 0;
        }
    }
}

/* Rows [top, bottom) of one column of work. */
static void work(const fusion *f, column *w, float *low, int top, int bottom) {
    int half = f->window / 2;
    find_places(f, w);
    for (int y = top - half - 1; y <= top - half; y++) warp_row(f, w, y);
    for (int y = top - half; y < top + half; y += ROWS) {
        for (int row = 0; row < ROWS; row++) warp_row(f, w, y + row + 1);
        key_rows(f, w, y);
    }
    upsample_row(f, w, top - 1);
    upsample_row(f, w, top);
    for (int y = top; y < bottom; y += ROWS) {
        int rows = bottom - y < ROWS ? bottom - y : ROWS;
        w->query_row = y;
        for (int row = 0; row < ROWS; row++) {
            warp_row(f, w, y + row + half + 1);
            upsample_row(f, w, y + row + 1);
        }
        key_rows(f, w, y + half);
        query_rows(f, w);
        for (int row = 0; row < rows; row++)
            low_score_row(f, w, y + row, low + (int64_t)row * f->classes * w->wide);
        attend(f, w, rows, low);
    }
}

/* Memory of one thread: floats, with room at both ends for what is read beside a row. */
static int64_t scratch_floats(const fusion *f, int wide) {
    int64_t c = f->channels, slots = f->window + ROWS - 1, taps = f->window * f->window;
    int64_t n = LANES * c + (f->low_width + 1) * c + 2 * RING * c * wide;
    n += slots * (c + f->classes + 1) * wide + 2 * ROWS * c * wide + ROWS * taps * LANES;
    return n + (ROWS * f->classes + 2) * wide + 16 * LANES;
}

static float *take(float **memory, int64_t count) {
    float *taken = *memory;
    *memory += count;
    return taken;
}

/* Returns 0, or 1 if there is no memory. */
int fused_creff(const fusion *f) {
    int margin = f->window / 2 + 1;
    int wide = (f->columns + 2 * margin + LANES - 1) / LANES * LANES;
    if (wide % 128 == 0) wide += LANES; /* else all channels would share a few sets of the cache */
    int columns = (f->width + f->columns - 1) / f->columns;
    int parts = (f->threads + columns - 1) / columns;
    int failed = 0;
#pragma omp parallel num_threads(f->threads)
    {
        int64_t c = f->channels;
        float *memory = calloc(scratch_floats(f, wide), sizeof(float));
        /* Behind room for what is read before a row, and where no load of a whole vector of a
           row's crosses a cache line. */
        float *rest = memory + 2 * LANES - (uintptr_t)memory / sizeof(float) % LANES;
        if (memory == NULL) {
#pragma omp atomic write
            failed = 1;
        }
        column w = {.margin = margin, .wide = wide, .slots = f->window + ROWS - 1};
        if (memory != NULL) {
            w.pixels = take(&rest, LANES * c);
            w.line = take(&rest, (f->low_width + 1) * c);
            w.warped = take(&rest, RING * c * wide);
            w.small = take(&rest, RING * c * wide);
            w.keys = take(&rest, w.slots * c * wide);
            w.values = take(&rest, (int64_t)w.slots * f->classes * wide);
            w.inside = take(&rest, w.slots * wide);
            w.queries = take(&rest, ROWS * c * wide);
            w.projected = take(&rest, ROWS * c * wide);
            w.weights = take(&rest, ROWS * f->window * f->window * LANES);
            w.shares = take(&rest, wide);
            w.places = (int32_t *)take(&rest, wide);
        }
#pragma omp for schedule(dynamic)
        for (int task = 0; task < columns * parts; task++) {
            if (memory == NULL) continue;
            w.left = task / parts * f->columns;
            int part = task % parts;
            work(f, &w, rest, part * f->height / parts, (part + 1) * f->height / parts);
        }
        free(memory);
    }
    return failed;
}
