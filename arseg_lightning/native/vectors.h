/* Sixteen floats at once, on any machine: the compiler splits them as its registers demand. */

#ifndef ARSEG_VECTORS_H
#define ARSEG_VECTORS_H

#include <stdint.h>
#include <string.h>

#define LANES 16

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

/* bfloat16 is the upper half of a float. */
static inline floats load_bfloat16(const uint16_t *from) {
    halves upper;
    memcpy(&upper, from, sizeof upper);
    words x = __builtin_convertvector(upper, words) << 16;
    return (floats)x;
}

static inline void store_bfloat16(uint16_t *to, floats x) {
    words bits = (words)x;
    bits += 0x7fff + ((bits >> 16) & 1); /* to the nearest, halves to even */
    halves upper = __builtin_convertvector(bits >> 16, halves);
    memcpy(to, &upper, sizeof upper);
}

static inline floats larger(floats a, floats b) {
    ints a_is = a > b;
    return (floats)(((ints)a & a_is) | ((ints)b & ~a_is));
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

#endif
