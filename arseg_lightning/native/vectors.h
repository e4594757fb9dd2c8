/* As many floats at once as a register of the machine holds. */

#ifndef ARSEG_VECTORS_H
#define ARSEG_VECTORS_H

#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

static inline floats load(const float *from) {
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void store(float *to, floats x) { memcpy(to, &x, sizeof x); }

static inline floats all(float x) { return x - (floats){0}; }

/* Loads once what is used twice: compilers would rather load it for each use, which costs more where
   a load crosses a cache line. */
#if LANES == 16
#define HOLD(x) __asm__("" : "+v"(x))
#else
#define HOLD(x)
#endif

/* bfloat16 is the upper half of a float. */
static inline floats load_bfloat16(const uint16_t *from) {
    halves upper;
    memcpy(&upper, from, sizeof upper);
#ifdef __AVX512F__ /* one instruction, of which compilers make five */
    return (floats)((words)_mm512_cvtepu16_epi32((__m256i)upper) << 16);
#else
    return (floats)(__builtin_convertvector(upper, words) << 16);
#endif
}

static inline void store_bfloat16(uint16_t *to, floats x) {
    words bits = (words)x;
    bits += 0x7fff + ((bits >> 16) & 1); /* to the nearest, halves to even */
    halves upper = __builtin_convertvector(bits >> 16, halves);
    memcpy(to, &upper, sizeof upper);
}

/* Two bfloat16 in the place of a float: half the memory, and twice the products an instruction. */
#ifdef __AVX512BF16__
#define PAIRS 1
#else
#define PAIRS 0
#endif

static inline floats pair(floats lower, floats upper) { /* to the nearest, halves up */
    words high = ((words)upper + 0x8000) & 0xffff0000;
    return (floats)(high | ((words)lower + 0x8000) >> 16);
}

/* sum + a b, or the sum of both products of pairs; sums are floats. */
static inline __attribute__((always_inline)) floats add_product(
    floats sum, floats a, floats b, const int pairs) {
#ifdef __AVX512BF16__
    if (pairs) return (floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
    return sum + a * b;
}

static inline floats larger(floats a, floats b) {
    ints a_is = a > b;
    return (floats)(((ints)a & a_is) | ((ints)b & ~a_is));
}

/* from[at[i]] of ascending places; two vectors from the first on are readable. */
static inline floats pick(const float *from, const int32_t *at) {
#ifdef __AVX512F__
    if (at[LANES - 1] - at[0] < 2 * LANES) {
        __m512i places = _mm512_sub_epi32(_mm512_loadu_si512(at), _mm512_set1_epi32(at[0]));
        from += at[0];
        return (floats)_mm512_permutex2var_ps(
            _mm512_loadu_ps(from), places, _mm512_loadu_ps(from + LANES));
    }
#endif
    floats picked;
    for (int i = 0; i < LANES; i++) picked[i] = from[at[i]];
    return picked;
}

/* e to the x for x <= 0, to float precision: a power of two times a polynomial. */
static inline floats exponential(floats x) {
    x = larger(x, all(-87.0f));
    floats scaled = x * 1.44269504f - 0.5f;
    ints power = __builtin_convertvector(scaled, ints); /* truncates: the nearest, for x <= 0 */
    floats whole = __builtin_convertvector(power, floats);
    floats rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    floats sum = all(1.0f / 5040);
    sum = sum * rest + 1.0f / 720;
    sum = sum * rest + 1.0f / 120;
    sum = sum * rest + 1.0f / 24;
    sum = sum * rest + 1.0f / 6;
    sum = sum * rest + 0.5f;
    sum = sum * rest + 1.0f;
    sum = sum * rest + 1.0f;
    return sum * (floats)((power + 127) << 23);
}

#if LANES == 16
/* Parts of two vectors, interleaved: what a transposition is made of. */
#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (ints){__VA_ARGS__})
#endif

#define LOW_1(a, b) PICK(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define HIGH_1(a, b) PICK(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)
#define LOW_2(a, b) PICK(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_2(a, b) PICK(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define LOW_4(a, b) PICK(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define HIGH_4(a, b) PICK(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define LOW_8(a, b) PICK(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH_8(a, b) PICK(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)

#define EXCHANGE(step)                              \
    for (int i = 0; i < LANES; i++)                 \
        if (!(i & step)) {                          \
            floats a = rows[i], b = rows[i + step]; \
            rows[i] = LOW_##step(a, b);             \
            rows[i + step] = HIGH_##step(a, b);     \
        }
#endif

/* Rows become columns. */
static inline __attribute__((always_inline)) void transpose(floats rows[LANES]) {
#if LANES == 16
    EXCHANGE(1)
    EXCHANGE(2)
    EXCHANGE(4)
    EXCHANGE(8)
#else
    float from[LANES][LANES], to[LANES][LANES];
    memcpy(from, rows, sizeof from);
    for (int i = 0; i < LANES; i++)
        for (int x = 0; x < LANES; x++) to[i][x] = from[x][i];
    memcpy(rows, to, sizeof to);
#endif
}

#endif
