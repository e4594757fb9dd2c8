/* Motion vectors to a field on the block grid, and fields to the motion to a keyframe.
 *
 * Equal to the NumPy code in arseg_lightning/video to the last bit, hence: */
#pragma STDC FP_CONTRACT OFF

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4, GROUP = 4 };

/* FFmpeg's AVMotionVector. */
typedef struct {
    int32_t source;
    uint8_t w, h;
    int16_t src_x, src_y, dst_x, dst_y;
    uint64_t flags;
    int32_t motion_x, motion_y;
    uint16_t motion_scale;
} Vector;

static long clip(long value, long low, long high)
{
    return value < low ? low : value > high ? high : value;
}

static long floor_div(long a, long b) { return a / b - (a % b < 0); }

static int16_t quarters(const Vector *v, int32_t motion)
{
    return v->motion_scale == 4 ? motion : floor_div((long)motion * 4, v->motion_scale);
}

/* The luma of a picture and of those that its vectors may lead to. */
typedef struct {
    const uint8_t *const *luma; /* of the picture, then of the candidates, nearest first: those
                                   shown earlier, then those shown later */
    const int *strides;
    const int8_t *offsets; /* by how many frames a candidate is shown later; of the picture, 0 */
    int num_earlier, num_later, height, width;
    int bias, detour; /* in quarter grey levels, see video/vectors.py */
} Pictures;

typedef struct {
    int left, right, top, bottom; /* in pixels, inside the picture */
} Block;

enum { ROWS = 2 }; /* every second row is looked at */

/* How many pixels of a block are looked at. */
static int area_of(Block block)
{
    return (block.right - block.left) * ((block.bottom - block.top + ROWS - 1) / ROWS);
}

/* Sum of absolute differences. A width that the compiler knows makes one instruction of a row. */
static inline int sad_of_rows(const uint8_t *a, long a_stride, const uint8_t *b, long b_stride,
                              int width, int height)
{
    int sum = 0;
    for (int row = 0; row < height; row += ROWS, a += ROWS * a_stride, b += ROWS * b_stride)
        for (int column = 0; column < width; column++)
            sum += abs(a[column] - b[column]);
    return sum;
}

/* The same for a block and a candidate moved by x and y, which goes on beyond its edges. */
static int sad_at(const Pictures *p, int candidate, Block block, int x, int y)
{
    long stride = p->strides[0], other = p->strides[candidate];
    int width = block.right - block.left, height = block.bottom - block.top, sum = 0;
    const uint8_t *a = p->luma[0] + block.top * stride + block.left, *b = p->luma[candidate];
    if (block.left + x >= 0 && block.top + y >= 0 && block.right + x <= p->width
        && block.bottom + y <= p->height) {
        b += (block.top + y) * other + block.left + x;
        switch (width) {
        case 16: return sad_of_rows(a, stride, b, other, 16, height);
        case 8: return sad_of_rows(a, stride, b, other, 8, height);
        default: return sad_of_rows(a, stride, b, other, width, height);
        }
    }
    for (int row = 0; row < height; row += ROWS) {
        const uint8_t *line = b + clip(block.top + row + y, 0, p->height - 1) * other;
        for (int column = 0; column < width; column++)
            sum += abs(a[row * stride + column]
                       - line[clip(block.left + column + x, 0, p->width - 1)]);
    }
    return sum;
}

typedef struct {
    int sad;
    int8_t offset;
} Match;

/* The candidate that looks most like a block; sad is -1 where there is none. */
static Match best_match(const Pictures *p, const Vector *v, Block block)
{
    int first = v->source < 0 ? 1 : 1 + p->num_earlier, area = area_of(block);
    int end = first + (v->source < 0 ? p->num_earlier : p->num_later), least = INT_MAX;
    int x = (quarters(v, v->motion_x) + 2) >> 2, y = (quarters(v, v->motion_y) + 2) >> 2;
    Match best = {-1, 0};
    for (int candidate = first; candidate < end; candidate++) {
        int handicap = p->bias * area * (candidate - first);
        if (handicap >= least) /* whatever it looks like */
            break;
        int sad = sad_at(p, candidate, block, x, y);
        if (4 * sad + handicap < least) {
            best = (Match){sad, p->offsets[candidate]};
            least = 4 * sad + handicap;
        }
    }
    return best;
}

/* How far a block is from its own mean. */
static int spread_of(const Pictures *p, Block block)
{
    int width = block.right - block.left, height = block.bottom - block.top, sum = 0, spread = 0;
    long stride = p->strides[0];
    const uint8_t *luma = p->luma[0] + block.top * stride + block.left;
    for (int row = 0; row < height; row += ROWS)
        for (int column = 0; column < width; column++)
            sum += luma[row * stride + column];
    for (int row = 0, mean = sum / area_of(block); row < height; row += ROWS)
        for (int column = 0; column < width; column++)
            spread += abs(luma[row * stride + column] - mean);
    return spread;
}

enum { NO_VECTOR = 255 };

typedef struct {
    int16_t *field;
    int8_t *references;
    uint8_t *errors, *intra;
    int height, width; /* of the grid */
} Cells;

typedef struct {
    int left, right, top, bottom; /* in cells */
} Range;

static Range cells_of(Block block)
{
    return (Range){block.left / BLOCK, (block.right + BLOCK - 1) / BLOCK, block.top / BLOCK,
                   (block.bottom + BLOCK - 1) / BLOCK};
}

/* What another vector has to undercut: one that leads to a later frame has to be better by the
 * detour. */
static inline int cost_at(const Cells *cells, int cell, int detour)
{
    if (cells->errors[cell] == NO_VECTOR)
        return INT_MAX;
    return cells->errors[cell] + (cells->references[cell] > 0 ? detour : 0);
}

/* Whether a block of this cost would count in any cell of a range. */
static int has_place(const Cells *cells, Range range, int cost, int detour)
{
    for (int row = range.top; row < range.bottom; row++)
        for (int column = range.left; column < range.right; column++)
            if (cost < cost_at(cells, row * cells->width + column, detour))
                return 1;
    return 0;
}

/* Writes a vector into the cells of its block, but those where another is as good. */
static void paint(const Cells *to, Range range, const Vector *v, Match match, int error,
                  int is_match, int detour)
{
    int cost = error + (match.offset > 0 ? detour : 0);
    int16_t x = is_match ? quarters(v, v->motion_x) : 0;
    int16_t y = is_match ? quarters(v, v->motion_y) : 0;
    for (int row = range.top; row < range.bottom; row++)
        for (int column = range.left; column < range.right; column++) {
            int cell = row * to->width + column;
            if (cost >= cost_at(to, cell, detour))
                continue;
            to->field[cell] = x;
            to->field[to->height * to->width + cell] = y;
            to->references[cell] = match.offset;
            to->errors[cell] = error;
            to->intra[cell] = !is_match;
        }
}

static int num_cells(int pixels) { return (pixels + BLOCK - 1) / BLOCK; }

/* Finds what every vector leads to, and writes it into the cells of its block, in quarter pixels.
 * field: (2, h, w), references, errors, intra: (h, w), where nothing is known yet. */
void match_vectors(const Vector *vectors, int count, const uint8_t *const *luma,
                   const int *strides, const int8_t *offsets, int num_earlier, int num_later,
                   int height, int width, int bias, int detour, int tolerated, int16_t *field,
                   int8_t *references, uint8_t *errors, uint8_t *intra)
{
    const Pictures pictures = {luma, strides, offsets, num_earlier, num_later, height, width,
                               bias, detour};
    const Cells cells = {field, references, errors, intra, num_cells(height), num_cells(width)};
    for (const Vector *v = vectors; v < vectors + count; v++) {
        int left = v->dst_x - v->w / 2, top = v->dst_y - v->h / 2;
        Block block = {clip(left, 0, width), clip(left + v->w, 0, width),
                       clip(top, 0, height), clip(top + v->h, 0, height)};
        Range range = cells_of(block);
        int area = area_of(block), least = v->source > 0 ? detour : 0;
        /* the second vector of a bi-predicted block is rarely better, which need not be measured */
        if (!v->motion_scale || !area || !has_place(&cells, range, least, detour))
            continue;
        Match match = best_match(&pictures, v, block);
        if (match.sad < 0)
            continue;
        int is_match = 4 * match.sad <= tolerated * area || match.sad <= spread_of(&pictures, block);
        paint(&cells, range, v, match, clip(4 * match.sad / area, 0, NO_VECTOR - 1), is_match, detour);
    }
}

/* How badly a part of the picture fits what a motion leads to; a candidate farther away or shown
 * later has to fit better, as above. */
static int misfit(const Pictures *p, Block part, int x, int y, int8_t reference)
{
    int candidate = 1, end = 1 + p->num_earlier + p->num_later;
    while (candidate < end - 1 && p->offsets[candidate] != reference)
        candidate++;
    int is_later = candidate > p->num_earlier;
    int rank = candidate - 1 - (is_later ? p->num_earlier : 0);
    return 4 * sad_at(p, candidate, part, (x + 2) >> 2, (y + 2) >> 2)
         + area_of(part) * (p->bias * rank + p->detour * is_later);
}

static int is_same(const Cells *cells, int a, int b)
{
    int all = cells->height * cells->width;
    return cells->field[a] == cells->field[b] && cells->references[a] == cells->references[b]
        && cells->field[all + a] == cells->field[all + b];
}

enum { SIDE = 2 }; /* of a block, in cells */

/* The cell whose motion fits a block best: of its own, and of the blocks on its four sides. */
static int best_near(const Pictures *p, const Cells *cells, int row, int column)
{
    static const int sides[4][2] = {{0, -SIDE}, {-SIDE, 0}, {0, SIDE}, {SIDE, 0}};
    int own = row * cells->width + column, all = cells->height * cells->width, best = own;
    Block part = {BLOCK * column, clip(BLOCK * (column + SIDE), 0, p->width),
                  BLOCK * row, clip(BLOCK * (row + SIDE), 0, p->height)};
    int least = -1;
    for (int i = 0; i < 4; i++) {
        int r = row + sides[i][0], c = column + sides[i][1], near = r * cells->width + c;
        if (r < 0 || c < 0 || r >= cells->height || c >= cells->width
            || is_same(cells, near, own) || is_same(cells, near, best))
            continue;
        if (least < 0) /* the first that differs: only now its own is looked at */
            least = misfit(p, part, cells->field[own], cells->field[all + own],
                           cells->references[own]);
        int cost = misfit(p, part, cells->field[near], cells->field[all + near],
                          cells->references[near]);
        if (cost < least) {
            least = cost;
            best = near;
        }
    }
    return best;
}

/* Gives each block of one motion that of a block beside it where the picture fits what that leads
 * to better: forwards, then backwards, so that motion spreads to all sides. In place, with shapes
 * as above. */
void refine_vectors(const uint8_t *const *luma, const int *strides, const int8_t *offsets,
                    int num_earlier, int num_later, int height, int width, int bias, int detour,
                    int16_t *field, int8_t *references)
{
    const Pictures pictures = {luma, strides, offsets, num_earlier, num_later, height, width,
                               bias, detour};
    const Cells cells = {field, references, NULL, NULL, num_cells(height), num_cells(width)};
    int rows = cells.height / SIDE, columns = cells.width / SIDE, blocks = rows * columns;
    int all = cells.height * cells.width;
    for (int i = 0; i < 2 * blocks; i++) {
        int block = i < blocks ? i : 2 * blocks - 1 - i;
        int row = SIDE * (block / columns), column = SIDE * (block % columns);
        int own = row * cells.width + column, below = own + cells.width;
        if (!is_same(&cells, own, own + 1) || !is_same(&cells, own, below)
            || !is_same(&cells, own, below + 1))
            continue;
        int best = best_near(&pictures, &cells, row, column);
        const int block_cells[] = {own, own + 1, below, below + 1};
        for (int k = 0; k < 4 && best != own; k++) {
            field[block_cells[k]] = field[best];
            field[all + block_cells[k]] = field[all + best];
            references[block_cells[k]] = references[best];
        }
    }
}

/* What is known of a cell. A plane has a rim of one cell around it, OUTSIDE. */
enum { UNKNOWN, KNOWN, QUEUED, OUTSIDE };

typedef struct {
    int16_t *field;
    int8_t *references;
    int8_t main;        /* the reference that most cells have */
    uint8_t *states;
    long height, width, stride;
} Filling;

/* The reference that most known cells have, the first cell's if none is known. */
static int8_t most_frequent(const int8_t *references, const uint8_t *unknown, long cells)
{
    long counts[256] = {0}, most = (uint8_t)references[0];
    for (long cell = 0; cell < cells; cell++)
        counts[(uint8_t)references[cell]] += !unknown[cell];
    for (long reference = 0; reference < 256; reference++)
        if (counts[reference] > counts[most])
            most = reference;
    return most;
}

/* Adds the unknown neighbours of a place to a queue. */
static long queue_around(const Filling *f, long at, int32_t *queue, long length)
{
    for (long row = -1; row <= 1; row++)
        for (long column = -1; column <= 1; column++) {
            long beside = at + row * f->stride + column;
            if (f->states[beside] == UNKNOWN) {
                f->states[beside] = QUEUED;
                queue[length++] = beside;
            }
        }
    return length;
}

static int count_known(const Filling *f, long at)
{
    int count = 0;
    for (long row = -1; row <= 1; row++)
        for (long column = -1; column <= 1; column++)
            count += f->states[at + row * f->stride + column] == KNOWN;
    return count;
}

/* The mean motion of the known neighbours of a cell, as it would be to the main reference, summed
 * in the order of NumPy's code. */
static int16_t mean_around(const Filling *f, long at, long cell, const int16_t *plane, int count)
{
    float columns[3];
    for (long column = -1; column <= 1; column++) {
        float sum = 0;
        for (long row = -1; row <= 1; row++) {
            long near = cell + row * f->width + column;
            if (f->states[at + row * f->stride + column] == KNOWN)
                sum += plane[near] * ((float)f->main / f->references[near]);
        }
        columns[column + 1] = sum;
    }
    float mean = rintf((columns[0] + columns[1] + columns[2]) / count);
    return mean < INT16_MIN ? INT16_MIN : mean > INT16_MAX ? INT16_MAX : mean;
}

/* Gives unknown cells the mean of their known neighbours, from the rim inwards, as motion to the
 * frame that most cells lead to; zero where nothing is known at all.
 * field: (2, height, width), unknown, references: (height, width).
 * For work: states of (height + 2, width + 2), queues of twice as many. */
void fill_unknown(int16_t *field, const uint8_t *unknown, int8_t *references, int height,
                  int width, uint8_t *states, int32_t *queues)
{
    long cells = (long)height * width, stride = width + 2, size = (height + 2) * stride, length = 0;
    int8_t main = most_frequent(references, unknown, cells);
    const Filling f = {field, references, main, states, height, width, stride};
    memset(states, OUTSIDE, size);
    for (long row = 0; row < height; row++)
        for (long column = 0; column < width; column++)
            states[(row + 1) * stride + column + 1] = unknown[row * width + column] ^ KNOWN;
    for (long cell = 0; cell < cells; cell++)
        if (unknown[cell]) {
            field[cell] = field[cells + cell] = 0;
            references[cell] = main;
        }
    int32_t *queue = queues, *other = queues + size;
    const uint8_t *end = states + size;
    for (const uint8_t *at = states; (at = memchr(at, UNKNOWN, end - at)); at++)
        if (count_known(&f, at - states))
            queue[length++] = at - states;
    for (long i = 0; i < length; i++)
        states[queue[i]] = QUEUED;
    while (length) {
        for (long i = 0; i < length; i++) {
            long at = queue[i], cell = (at / stride - 1) * width + at % stride - 1;
            int count = count_known(&f, at);
            field[cell] = mean_around(&f, at, cell, field, count);
            field[cells + cell] = mean_around(&f, at, cell, field + cells, count);
        }
        long next = 0;
        for (long i = 0; i < length; i++)
            states[queue[i]] = KNOWN; /* only now: cells of one ring do not count for each other */
        for (long i = 0; i < length; i++)
            next = queue_around(&f, queue[i], other, next);
        int32_t *swap = queue;
        queue = other, other = swap, length = next;
    }
}

/* The motion of a pixel to the keyframe: x in quarter pixels, then twice y, plus 1 where a hole lies
 * on the way. One number less to fetch than with x, y and hole apart, and they move together. */
typedef int16_t Pair[2];

/* Written with vector types, since runs are too short for the loops that compilers make. */
typedef int16_t Pairs4 __attribute__((vector_size(4 * sizeof(Pair))));
typedef int16_t Pairs16 __attribute__((vector_size(16 * sizeof(Pair))));
typedef int32_t Whole4 __attribute__((vector_size(sizeof(Pairs4))));
typedef int32_t Whole16 __attribute__((vector_size(sizeof(Pairs16))));

enum { LAST = 255 }; /* the reference -1 */

typedef struct {
    const int16_t *field;
    const uint8_t *intra;
    const uint8_t *references;  /* which of before a cell's motion leads to; NULL: the last one */
    const Pair *const *before;  /* each NULL where it is the keyframe */
    Pair *after;
    long height, width, cells;
    int rounds;
} Step;

typedef struct {
    long x, y; /* in quarter pixels */
    int hole;
    const Pair *before;
} Shift;

/* A displacement at the chain's precision: rounded to whole pixels, halves to even. */
static inline long precise(long quarters, int rounds, int hole)
{
    if (!rounds)
        return quarters;
    long whole = (quarters + 2) >> 2;
    return hole ? 0 : 4 * (whole - ((quarters & 3) == 2 && (whole & 1)));
}

static inline Shift shift_of(const Step *step, long cell)
{
    int hole = step->intra[cell];
    return (Shift){precise(step->field[cell], step->rounds, hole),
                   precise(step->field[step->cells + cell], step->rounds, hole), hole,
                   step->before[step->references ? step->references[cell] : LAST]};
}

/* Where the pixels of a rectangle come from, as a distance in memory. */
static inline ptrdiff_t distance(const Step *step, Shift by)
{
    return ((by.y + 2) >> 2) * step->width + ((by.x + 2) >> 2);
}

/* Whether all of a rectangle comes from inside the picture. */
static inline int stays(const Step *step, Shift by, long left, long right, long top, long bottom)
{
    return right <= step->width && 4 * left + by.x >= 0 && 4 * top + by.y >= 0
        && 4 * (right - 1) + by.x <= 4 * (step->width - 1)
        && 4 * (bottom - 1) + by.y <= 4 * (step->height - 1);
}

/* A pair as one number, which fills a vector in one go. */
static inline int32_t one_number(int16_t x, int16_t y)
{
    const Pair pair = {x, y};
    int32_t number;
    memcpy(&number, pair, sizeof number);
    return number;
}

#define MOVE_ROWS(Pairs, Whole, step, by, left, top, bottom)                                       \
    do {                                                                                           \
        const Pairs shifts = (Pairs)((Whole){0} + one_number((by).x, 2 * (by).y));                 \
        const Pairs flags = (Pairs)((Whole){0} + one_number(0, (by).hole));                        \
        Pairs pairs;                                                                               \
        Pair *to = (step)->after + (top) * (step)->width + (left);                                 \
        ptrdiff_t from = to - (step)->after + distance(step, by);                                  \
        pairs = shifts | flags;                                                                    \
        for (long row = top; row < (bottom); row++) {                                              \
            if ((by).before) {                                                                     \
                memcpy(&pairs, (by).before + from, sizeof pairs);                                  \
                pairs = (pairs + shifts) | flags;                                                  \
            }                                                                                      \
            memcpy(to, &pairs, sizeof pairs);                                                      \
            to += (step)->width, from += (step)->width;                                            \
        }                                                                                          \
    } while (0)

/* Pixels one by one, held inside the picture. */
static void move_held(const Step *step, Shift by, long left, long right, long top, long bottom)
{
    for (long row = top; row < bottom; row++)
        for (long column = left; column < right; column++) {
            long x = clip(4 * column + by.x, 0, 4 * (step->width - 1));
            long y = clip(4 * row + by.y, 0, 4 * (step->height - 1));
            static const Pair none = {0, 0};
            long source = ((y + 2) >> 2) * step->width + ((x + 2) >> 2);
            const int16_t *from = by.before ? by.before[source] : none;
            int16_t *to = step->after[row * step->width + column];
            to[0] = x - 4 * column + from[0];
            to[1] = (2 * (y - 4 * row) + from[1]) | by.hole;
        }
}

static inline void move_cell(const Step *step, long cell, long left, long top, long bottom)
{
    Shift by = shift_of(step, cell);
    if (stays(step, by, left, left + BLOCK, top, bottom))
        MOVE_ROWS(Pairs4, Whole4, step, by, left, top, bottom);
    else
        move_held(step, by, left, clip(left + BLOCK, 0, step->width), top, bottom);
}

/* Asks for what the next row of cells will need: a row of pixels is about as long as a page of
 * memory, at whose end processors stop to fetch ahead by themselves. */
static inline void fetch_below(const Step *step, const Pair *before, long left, long bottom)
{
    if (before == NULL || bottom + BLOCK > step->height)
        return;
    for (long row = bottom; row < bottom + BLOCK; row++) {
        __builtin_prefetch(before + row * step->width + left, 0);
        __builtin_prefetch(step->after + row * step->width + left, 1);
    }
}

/* Four cells at once, if they move together; returns whether they do. */
static inline int move_group(const Step *step, long cell, long left, long top, long bottom)
{
    const int16_t *x = step->field + cell, *y = x + step->cells;
    const uint8_t *intra = step->intra + cell;
    int differ = 0;
    for (long i = 1; i < GROUP; i++)
        differ |= (x[i] ^ x[0]) | (y[i] ^ y[0]) | (intra[i] ^ intra[0]);
    for (long i = 1; step->references && i < GROUP; i++)
        differ |= step->references[cell + i] ^ step->references[cell];
    Shift by = shift_of(step, cell);
    fetch_below(step, by.before, left, bottom);
    if (differ || !stays(step, by, left, left + GROUP * BLOCK, top, bottom))
        return 0;
    MOVE_ROWS(Pairs16, Whole16, step, by, left, top, bottom);
    return 1;
}

static inline void move_row(const Step *step, long row)
{
    long w = (step->width + BLOCK - 1) / BLOCK, column = 0;
    long top = BLOCK * row, bottom = clip(top + BLOCK, 0, step->height);
    while (column < w) {
        long cell = row * w + column;
        if (column + GROUP <= w && move_group(step, cell, BLOCK * column, top, bottom)) {
            column += GROUP;
            continue;
        }
        for (long end = clip(column + GROUP, 0, w); column < end; column++, cell++)
            move_cell(step, cell, BLOCK * column, top, bottom);
    }
}

typedef struct {
    float *x, *y;
    uint8_t *valid;
} Pixels;

#ifdef __SSE2__
#include <emmintrin.h>

/* Written past the caches: a field is larger than they are, and would drive out of them what the
 * next frame needs. Returns how many pixels were written. */
static long stream_pixels(const Pair *pairs, const Pixels *to, long count)
{
    const __m128i one = _mm_set1_epi32(1);
    const __m128 quarter = _mm_set1_ps(0.25f);
    float *x = to->x, *y = to->y;
    uint8_t *valid = to->valid;
    if (((uintptr_t)x | (uintptr_t)y | (uintptr_t)valid) % 16)
        return 0;
    long i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i v[4], flags[4];
        for (int k = 0; k < 4; k++) {
            v[k] = _mm_loadu_si128((const __m128i *)(pairs + i + 4 * k));
            __m128i low = _mm_srai_epi32(_mm_slli_epi32(v[k], 16), 16);
            _mm_stream_ps(x + i + 4 * k, _mm_mul_ps(_mm_cvtepi32_ps(low), quarter));
            flags[k] = _mm_andnot_si128(_mm_srli_epi32(v[k], 16), one);
        }
        for (int k = 0; k < 4; k++) {
            __m128i high = _mm_srai_epi32(v[k], 17);
            _mm_stream_ps(y + i + 4 * k, _mm_mul_ps(_mm_cvtepi32_ps(high), quarter));
        }
        __m128i first = _mm_packs_epi32(flags[0], flags[1]);
        __m128i second = _mm_packs_epi32(flags[2], flags[3]);
        _mm_stream_si128((__m128i *)(valid + i), _mm_packus_epi16(first, second));
    }
    _mm_sfence();
    return i;
}
#else
static long stream_pixels(const Pair *pairs, const Pixels *to, long count)
{
    (void)pairs, (void)to, (void)count;
    return 0;
}
#endif

/* Composes a step with the motion of the frames that it leads to. field: (2, h, w), intra,
 * references: (h, w), references NULL where all is LAST; before: 256 of (height, width) pairs, by
 * reference, NULL for the keyframe; after: (height, width) pairs. */
void push_motion(const int16_t *field, const uint8_t *intra, const uint8_t *references,
                 const Pair *const *before, Pair *after, int height, int width, int rounds)
{
    long w = (width + BLOCK - 1) / BLOCK, h = (height + BLOCK - 1) / BLOCK;
    const Step step = {field, intra, references, before, after, height, width, h * w, rounds};
    for (long row = 0; row < h; row++)
        move_row(&step, row);
}

/* Pairs to pixels and flags. xy: (2, count), valid: (count). */
void to_pixels(const Pair *pairs, float *xy, uint8_t *valid, int count)
{
    const Pixels to = {xy, xy + count, valid};
    for (long i = stream_pixels(pairs, &to, count); i < count; i++) {
        to.x[i] = 0.25f * pairs[i][0];
        to.y[i] = 0.25f * (pairs[i][1] >> 1);
        to.valid[i] = ~pairs[i][1] & 1;
    }
}

/* The nearest pixel of a plane, held inside it. */
static inline int32_t nearest(float x, float y, int32_t height, int32_t width)
{
    int32_t column = floorf(x + 0.5f), row = floorf(y + 0.5f);
    column = column < 0 ? 0 : column < width ? column : width - 1;
    row = row < 0 ? 0 : row < height ? row : height - 1;
    return row * width + column;
}

enum { ROUNDS = 3 };

/* The motion of a frame to another, of both to a third: see video/composition.py. */
void relate_motion(const float *restrict frame, const uint8_t *restrict frame_valid,
                   const float *restrict key, const uint8_t *restrict key_valid,
                   float *restrict xy, uint8_t *restrict valid, int height, int width)
{
    int32_t size = height * width;
    int32_t from[width]; /* of a row */
    for (int32_t row = 0; row < height; row++) {
        long at = row * width;
        for (int32_t i = 0; i < width; i++) {
            float x = i + frame[at + i], y = row + frame[size + at + i], to_x = x, to_y = y;
            for (int round = 0; round < ROUNDS; round++) {
                int32_t place = nearest(to_x, to_y, height, width);
                to_x = x - key[place], to_y = y - key[size + place];
            }
            xy[at + i] = to_x - i, xy[size + at + i] = to_y - row;
            from[i] = nearest(to_x, to_y, height, width);
        }
        for (int32_t i = 0; i < width; i++)
            valid[at + i] = frame_valid[at + i] & key_valid[from[i]];
    }
}
