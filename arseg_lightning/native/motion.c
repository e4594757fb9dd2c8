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
                                   shown earlier, then those shown later; NULL: none to look at */
    const long *strides;
    const int8_t *offsets; /* by how many frames a candidate is shown later; of the picture, 0 */
    long num_earlier, num_later, height, width;
    long accepted, bias, tolerated, detour; /* in quarter grey levels, see video/vectors.py */
} Pictures;

typedef struct {
    long left, right, top, bottom; /* in pixels, inside the picture */
} Block;

typedef struct {
    long sad;
    int8_t offset;
} Match;

static inline long sad_of_rows(const uint8_t *a, long a_stride, const uint8_t *b, long b_stride,
                               long width, long height)
{
    int sum = 0;
    for (long row = 0; row < height; row++, a += a_stride, b += b_stride)
        for (long column = 0; column < width; column++)
            sum += abs(a[column] - b[column]);
    return sum;
}

/* Sum of absolute differences of a block and a candidate, which goes on beyond its edges. */
static long sad_at(const Pictures *p, long candidate, Block block, long x, long y)
{
    long stride = p->strides[0], other = p->strides[candidate], sum = 0;
    long width = block.right - block.left, height = block.bottom - block.top;
    const uint8_t *a = p->luma[0] + block.top * stride + block.left, *b = p->luma[candidate];
    if (block.left + x >= 0 && block.top + y >= 0 && block.right + x <= p->width
        && block.bottom + y <= p->height) {
        b += (block.top + y) * other + block.left + x;
        switch (width) { /* a number that the compiler knows makes one instruction of a row */
        case 16: return sad_of_rows(a, stride, b, other, 16, height);
        case 8: return sad_of_rows(a, stride, b, other, 8, height);
        default: return sad_of_rows(a, stride, b, other, width, height);
        }
    }
    for (long row = 0; row < height; row++)
        for (long column = 0; column < width; column++) {
            long at = clip(block.top + row + y, 0, p->height - 1) * other
                    + clip(block.left + column + x, 0, p->width - 1);
            long difference = a[row * stride + column] - b[at];
            sum += labs(difference);
        }
    return sum;
}

/* The candidate that looks most like a block; sad is -1 where there is none. */
static Match best_match(const Pictures *p, const Vector *v, Block block)
{
    long first = v->source < 0 ? 1 : 1 + p->num_earlier, area = block.right - block.left;
    long end = first + (v->source < 0 ? p->num_earlier : p->num_later), least = 0;
    long x = (quarters(v, v->motion_x) + 2) >> 2, y = (quarters(v, v->motion_y) + 2) >> 2;
    Match best = {-1, 0};
    area *= block.bottom - block.top;
    for (long candidate = first; candidate < end; candidate++) {
        long sad = sad_at(p, candidate, block, x, y);
        long cost = 4 * sad + p->bias * area * (candidate - first);
        if (best.sad < 0 || cost < least) {
            best = (Match){sad, p->offsets[candidate]};
            least = cost;
        }
        if (4 * sad <= p->accepted * area)
            break;
    }
    return best;
}

/* Whether a block is nearer to its match than a tolerated difference, or than its own mean is. */
static int is_match(const Pictures *p, Block block, long sad)
{
    long width = block.right - block.left, height = block.bottom - block.top, sum = 0, spread = 0;
    if (4 * sad <= p->tolerated * width * height)
        return 1;
    const uint8_t *luma = p->luma[0] + block.top * p->strides[0] + block.left;
    for (long row = 0; row < height; row++)
        for (long column = 0; column < width; column++)
            sum += luma[row * p->strides[0] + column];
    for (long row = 0, mean = sum / (width * height); row < height; row++)
        for (long column = 0; column < width; column++) {
            long difference = luma[row * p->strides[0] + column] - mean;
            spread += labs(difference);
        }
    return sad <= spread;
}

enum { NO_VECTOR = 255 };

typedef struct {
    int16_t *field;
    int8_t *references;
    uint8_t *errors, *intra;
    long height, width; /* of the grid */
} Cells;

/* Writes a vector into the cells of its block, but those where another is as good; one that leads
 * to a later frame has to be better by the detour. */
static void paint_block(const Cells *to, Block block, const Vector *v, int8_t offset,
                        uint8_t error, uint8_t unknown, long detour)
{
    long cost = error + (offset > 0 ? detour : 0);
    int16_t x = unknown ? 0 : quarters(v, v->motion_x), y = unknown ? 0 : quarters(v, v->motion_y);
    long right = (block.right + BLOCK - 1) / BLOCK, bottom = (block.bottom + BLOCK - 1) / BLOCK;
    for (long row = block.top / BLOCK; row < bottom; row++)
        for (long column = block.left / BLOCK; column < right; column++) {
            long cell = row * to->width + column;
            long other = to->errors[cell] + (to->references[cell] > 0 ? detour : 0);
            if (to->errors[cell] != NO_VECTOR && cost >= other)
                continue;
            to->field[cell] = x;
            to->field[to->height * to->width + cell] = y;
            to->references[cell] = offset;
            to->errors[cell] = error;
            to->intra[cell] = unknown;
        }
}

/* Finds what every vector leads to, and writes it into the cells of its block, in quarter pixels.
 * field: (2, h, w), references, errors, intra: (h, w), where nothing is known yet. Where luma is
 * NULL, every vector is taken to lead to the frame before. */
void match_vectors(const Vector *vectors, long count, const uint8_t *const *luma,
                   const long *strides, const int8_t *offsets, long num_earlier, long num_later,
                   long height, long width, long accepted, long bias, long tolerated,
                   long detour, int16_t *field, int8_t *references, uint8_t *errors, uint8_t *intra)
{
    const Pictures pictures = {luma, strides, offsets, num_earlier, num_later, height, width,
                               accepted, bias, tolerated, detour};
    long h = (height + BLOCK - 1) / BLOCK, w = (width + BLOCK - 1) / BLOCK;
    const Cells cells = {field, references, errors, intra, h, w};
    for (const Vector *v = vectors; v < vectors + count; v++) {
        long left = v->dst_x - v->w / 2, top = v->dst_y - v->h / 2;
        Block block = {clip(left, 0, width), clip(left + v->w, 0, width),
                       clip(top, 0, height), clip(top + v->h, 0, height)};
        long area = (block.right - block.left) * (block.bottom - block.top);
        if (!v->motion_scale || !area)
            continue;
        if (!luma) {
            paint_block(&cells, block, v, -1, 0, 0, detour);
            continue;
        }
        Match match = best_match(&pictures, v, block);
        if (match.sad >= 0)
            paint_block(&cells, block, v, match.offset, clip(4 * match.sad / area, 0, 254),
                        !is_match(&pictures, block, match.sad), detour);
    }
}

/* How badly a part of the picture fits what a vector leads to; a candidate farther away or shown
 * later has to fit better, as in best_match. */
static long misfit(const Pictures *p, Block part, const int16_t xy[2], int8_t reference)
{
    long candidate = 1, end = 1 + p->num_earlier + p->num_later;
    while (candidate < end - 1 && p->offsets[candidate] != reference)
        candidate++;
    long is_later = candidate > p->num_earlier, area = part.right - part.left;
    long rank = candidate - 1 - (is_later ? p->num_earlier : 0);
    area *= part.bottom - part.top;
    return 4 * sad_at(p, candidate, part, (xy[0] + 2) >> 2, (xy[1] + 2) >> 2)
         + area * (p->bias * rank + p->detour * is_later);
}

typedef struct {
    int16_t *field;
    int8_t *references;
    const uint8_t *intra;
    long height, width; /* of the grid */
} Known;

static int is_same(const Known *known, long a, long b)
{
    long cells = known->height * known->width;
    return known->field[a] == known->field[b] && known->references[a] == known->references[b]
        && known->field[cells + a] == known->field[cells + b] && known->intra[a] == known->intra[b];
}

/* The cell whose motion fits a block of 2x2 cells best: of its own, and of the first cells of the
 * blocks on its four sides. */
static long best_near(const Pictures *p, const Known *known, long row, long column)
{
    static const int sides[4][2] = {{0, -2}, {-2, 0}, {0, 2}, {2, 0}};
    long own = row * known->width + column, cells = known->height * known->width, best = own;
    Block part = {BLOCK * column, clip(BLOCK * (column + 2), 0, p->width),
                  BLOCK * row, clip(BLOCK * (row + 2), 0, p->height)};
    long area = (part.right - part.left) * (part.bottom - part.top), least = LONG_MAX;
    for (int i = 0; i < 4; i++) {
        long r = row + sides[i][0], c = column + sides[i][1], near = r * known->width + c;
        if (r < 0 || c < 0 || r >= known->height || c >= known->width || known->intra[near]
            || is_same(known, near, own) || is_same(known, near, best))
            continue;
        if (least == LONG_MAX) { /* the first that differs: only now its own is looked at */
            int16_t xy[2] = {known->field[own], known->field[cells + own]};
            least = misfit(p, part, xy, known->references[own]) - p->accepted * area;
            if (least <= 0)
                return own;
        }
        int16_t xy[2] = {known->field[near], known->field[cells + near]};
        long cost = misfit(p, part, xy, known->references[near]);
        if (cost < least) {
            least = cost;
            best = near;
        }
    }
    return best;
}

/* Gives each block of 2x2 cells of one motion that of a block beside it, where the picture fits what
 * that leads to better, by more than is accepted; row by row, so that motion goes on. In place, with
 * shapes as above. */
void refine_vectors(const uint8_t *const *luma, const long *strides, const int8_t *offsets,
                    long num_earlier, long num_later, long height, long width, long accepted,
                    long bias, long detour, int16_t *field, int8_t *references,
                    const uint8_t *intra)
{
    const Pictures pictures = {luma, strides, offsets, num_earlier, num_later, height, width,
                               accepted, bias, 0, detour};
    const Known known = {field, references, intra, (height + BLOCK - 1) / BLOCK,
                         (width + BLOCK - 1) / BLOCK};
    long cells = known.height * known.width;
    for (long row = 0; row + 1 < known.height; row += 2)
        for (long column = 0; column + 1 < known.width; column += 2) {
            long own = row * known.width + column, below = own + known.width;
            if (intra[own] || !is_same(&known, own, own + 1) || !is_same(&known, own, below)
                || !is_same(&known, own, below + 1))
                continue;
            long best = best_near(&pictures, &known, row, column);
            const long block[] = {own, own + 1, below, below + 1};
            for (int i = 0; i < 4 && best != own; i++) {
                field[block[i]] = field[best];
                field[cells + block[i]] = field[cells + best];
                references[block[i]] = references[best];
            }
        }
}

/* What is known of a cell. A plane has a rim of one cell around it, OUTSIDE. */
enum { UNKNOWN, KNOWN, QUEUED, OUTSIDE };

typedef struct {
    float *x, *y;
    uint8_t *state;
    long stride;
} Plane;

/* In this order, which is NumPy's. */
static float square_sum(const float *at, long stride)
{
    float left = at[-stride - 1] + at[-1] + at[stride - 1];
    float middle = at[-stride] + at[0] + at[stride];
    float right = at[-stride + 1] + at[1] + at[stride + 1];
    return left + middle + right;
}

static int count_known(const uint8_t *at, long stride)
{
    int count = 0;
    for (long row = -1; row <= 1; row++)
        for (long column = -1; column <= 1; column++)
            count += at[row * stride + column] == KNOWN;
    return count;
}

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

/* Motion as it would be if all led to one frame. */
static void open_plane(const Plane *plane, const int16_t *field, const uint8_t *unknown,
                       const int8_t *references, int8_t main, long height, long width)
{
    memset(plane->x, 0, 2 * sizeof(float) * (height + 2) * plane->stride); /* and y behind it */
    memset(plane->state, OUTSIDE, (height + 2) * plane->stride);
    for (long row = 0; row < height; row++) {
        const int16_t *x = field + row * width, *y = x + height * width;
        const uint8_t *hole = unknown + row * width;
        long at = (row + 1) * plane->stride + 1;
        float *restrict to_x = plane->x + at, *restrict to_y = plane->y + at;
        uint8_t *restrict state = plane->state + at;
        for (long column = 0; column < width; column++) {
            float by = references ? (float)main / references[row * width + column] : 1.0f;
            to_x[column] = hole[column] ? 0.0f : x[column] * by;
            to_y[column] = hole[column] ? 0.0f : y[column] * by;
            state[column] = hole[column] ^ KNOWN;
        }
    }
}

static long queue_rim(const Plane *plane, long height, int32_t *queue)
{
    long length = 0;
    const uint8_t *end = plane->state + (height + 1) * plane->stride;
    for (const uint8_t *at = plane->state; (at = memchr(at, UNKNOWN, end - at)); at++)
        if (count_known(at, plane->stride))
            queue[length++] = at - plane->state;
    for (long i = 0; i < length; i++)
        plane->state[queue[i]] = QUEUED;
    return length;
}

static long queue_around(const Plane *plane, long at, int32_t *queue, long length)
{
    for (long row = -1; row <= 1; row++)
        for (long column = -1; column <= 1; column++) {
            long beside = at + row * plane->stride + column;
            if (plane->state[beside] == UNKNOWN) {
                plane->state[beside] = QUEUED;
                queue[length++] = beside;
            }
        }
    return length;
}

static int16_t rounded(float value)
{
    float whole = rintf(value);
    return whole < INT16_MIN ? INT16_MIN : whole > INT16_MAX ? INT16_MAX : whole;
}

/* Gives unknown cells the mean of their known neighbours, from the rim inwards, as motion to the
 * frame that most cells lead to; zero where nothing is known at all.
 * field: (2, height, width), references: (height, width), or NULL where all lead to one frame.
 * For work: planes of (height + 2, width + 2): xy, two; states, one; queues, two;
 * means, two. */
void fill_unknown(int16_t *field, const uint8_t *unknown, int8_t *references, long height,
                  long width, float *xy, uint8_t *states, int32_t *queues, float *means)
{
    long size = (width + 2) * (height + 2), cells = height * width;
    Plane plane = {xy, xy + size, states, width + 2};
    int8_t main = references ? most_frequent(references, unknown, cells) : -1;
    open_plane(&plane, field, unknown, references, main, height, width);
    for (long cell = 0; cell < cells; cell++)
        if (unknown[cell]) {
            field[cell] = field[cells + cell] = 0;
            if (references)
                references[cell] = main;
        }
    int32_t *queue = queues, *other = queues + size;
    long length = queue_rim(&plane, height, queue);
    while (length) {
        for (long i = 0; i < length; i++) {
            float count = count_known(states + queue[i], plane.stride);
            means[2 * i] = square_sum(plane.x + queue[i], plane.stride) / count;
            means[2 * i + 1] = square_sum(plane.y + queue[i], plane.stride) / count;
        }
        long later = 0;
        for (long i = 0; i < length; i++) {
            long at = queue[i], cell = (at / plane.stride - 1) * width + at % plane.stride - 1;
            plane.x[at] = means[2 * i];
            plane.y[at] = means[2 * i + 1];
            states[at] = KNOWN;
            field[cell] = rounded(plane.x[at]);
            field[cells + cell] = rounded(plane.y[at]);
            later = queue_around(&plane, at, other, later);
        }
        int32_t *swap = queue;
        queue = other, other = swap, length = later;
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
    float *x, *y; /* x is NULL where pixels are not asked for */
    uint8_t *valid;
} Pixels;

#ifdef __SSE2__
#include <emmintrin.h>

/* Written past the caches: a field is larger than they are, and would drive out of them what the
 * next frame needs. Returns how many pixels were written. */
static long stream_pixels(const Pair *pairs, const Pixels *to, long at, long count)
{
    const __m128i one = _mm_set1_epi32(1);
    const __m128 quarter = _mm_set1_ps(0.25f);
    float *x = to->x + at, *y = to->y + at;
    uint8_t *valid = to->valid + at;
    if (((uintptr_t)x | (uintptr_t)y | (uintptr_t)valid) % 16)
        return 0;
    long i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i v[4], flags[4];
        for (int k = 0; k < 4; k++) {
            v[k] = _mm_loadu_si128((const __m128i *)(pairs + at + i + 4 * k));
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
static long stream_pixels(const Pair *pairs, const Pixels *to, long at, long count)
{
    (void)pairs, (void)to, (void)at, (void)count;
    return 0;
}
#endif

static void write_pixels(const Pair *pairs, const Pixels *to, long at, long count)
{
    for (long i = at + stream_pixels(pairs, to, at, count); i < at + count; i++) {
        to->x[i] = 0.25f * pairs[i][0];
        to->y[i] = 0.25f * (pairs[i][1] >> 1);
        to->valid[i] = ~pairs[i][1] & 1;
    }
}

/* Composes a step with the motion of the frames that it leads to, and also gives the motion in
 * pixels unless xy is NULL. field: (2, h, w), intra, references: (h, w), references NULL where all
 * is LAST; before: 256 of (height, width) pairs, by reference, NULL for the keyframe; after:
 * (height, width) pairs; xy: (2, height, width), valid: (height, width). */
void push_motion(const int16_t *field, const uint8_t *intra, const uint8_t *references,
                 const Pair *const *before, Pair *after, long height, long width, int rounds,
                 float *xy, uint8_t *valid)
{
    long w = (width + BLOCK - 1) / BLOCK, h = (height + BLOCK - 1) / BLOCK;
    const Step step = {field, intra, references, before, after, height, width, h * w, rounds};
    const Pixels pixels = {xy, xy ? xy + height * width : NULL, valid};
    for (long row = 0; row < h; row++) {
        move_row(&step, row);
        long at = BLOCK * row * width;
        if (xy) /* while the row is in the cache */
            write_pixels(after, &pixels, at, clip(BLOCK * width, 0, height * width - at));
    }
}

/* Pairs to pixels and flags. xy: (2, count), valid: (count). */
void to_pixels(const Pair *pairs, float *xy, uint8_t *valid, long count)
{
    const Pixels pixels = {xy, xy + count, valid};
    write_pixels(pairs, &pixels, 0, count);
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

/* The motion of a frame to another, of both to a third: see video/relative.py. */
void relate_motion(const float *restrict frame, const uint8_t *restrict frame_valid,
                   const float *restrict key, const uint8_t *restrict key_valid,
                   float *restrict xy, uint8_t *restrict valid, long height, long width)
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

typedef struct {
    const uint8_t *vectors, *intra; /* little endian; bits */
    long num_values;
    const int8_t *references; /* NULL where all are -1 */
    int16_t *field;
    uint8_t *holes;
    int8_t *leads_to;
    long height, width;
} Placement;

static int bit(const uint8_t *bits, long at) { return bits[at / 8] >> (7 - at % 8) & 1; }

static int16_t little_endian(const uint8_t *bytes) { return bytes[0] | bytes[1] << 8; }

/* One value into a square of cells, as far as it lies in the grid. */
static inline void place_square(const Placement *p, long value, long top, long left, long side)
{
    long rows = clip(side, 0, p->height - top), columns = clip(side, 0, p->width - left);
    int16_t x = little_endian(p->vectors + 2 * value);
    int16_t y = little_endian(p->vectors + 2 * (p->num_values + value));
    uint8_t hole = bit(p->intra, value);
    for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++) {
            long cell = (top + row) * p->width + left + column;
            p->field[cell] = x;
            p->field[p->height * p->width + cell] = y;
            p->holes[cell] = hole;
            if (p->references)
                p->leads_to[cell] = p->references[value];
        }
}

static long count_bits(const uint8_t *bits, long count)
{
    long sum = 0;
    for (long i = 0; i < count / 8; i++)
        sum += __builtin_popcount(bits[i]);
    for (long i = count / 8 * 8; i < count; i++)
        sum += bit(bits, i);
    return sum;
}

enum { READ, REFUSED, WITH_REFERENCES };

/* Reads what video/packing.py packs. field: (2, height, width), holes, leads_to: (height, width).
 * Returns REFUSED if the bytes are not those of a motion of this size. */
int unpack_field(const uint8_t *content, long length, int16_t *field, uint8_t *holes,
                 int8_t *leads_to, long height, long width)
{
    long columns = (width + 3) / 4, count = (height + 3) / 4 * columns, split_bytes = (count + 7) / 8;
    if (split_bytes > length)
        return REFUSED;
    long num_split = count_bits(content, count), part_bytes = (4 * num_split + 7) / 8;
    const uint8_t *parts = content + split_bytes;
    if (split_bytes + part_bytes > length)
        return REFUSED;
    long num_parts = count_bits(parts, 4 * num_split), num_quarters = 4 * num_split - num_parts;
    long whole = 0, quarter = count - num_split, cell = quarter + num_quarters, part = 0;
    long num_values = cell + 4 * num_parts;
    long end = split_bytes + part_bytes + 4 * num_values + (num_values + 7) / 8;
    if (length != end && length != end + num_values)
        return REFUSED;
    const uint8_t *vectors = parts + part_bytes, *intra = vectors + 4 * num_values;
    const int8_t *references = length > end ? (const int8_t *)content + end : NULL;
    const Placement p = {vectors, intra, num_values, references, field, holes, leads_to,
                         height, width};
    for (long i = 0; i < count; i++) {
        long top = 4 * (i / columns), left = 4 * (i % columns);
        if (!bit(content, i)) {
            place_square(&p, whole++, top, left, 4);
            continue;
        }
        for (long q = 0; q < 4; q++, part++) {
            long y = top + 2 * (q / 2), x = left + 2 * (q % 2);
            if (!bit(parts, part))
                place_square(&p, quarter++, y, x, 2);
            else
                for (long c = 0; c < 4; c++)
                    place_square(&p, cell++, y + c / 2, x + c % 2, 1);
        }
    }
    return references ? WITH_REFERENCES : READ;
}
