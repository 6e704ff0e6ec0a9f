// The kernels of the live page: what a small residual network computes, for WebAssembly with SIMD, without a library.
//
// A feature map of side S and C channels (a multiple of 4) is (S + 2) x (S + 2) x C numbers, channels last, with a
// border of zeros: so a convolution needs no edges. Kernels write inside the border alone, or map 0 to 0.
// `python -m tests.tools.kernels` compiles them.

typedef float Four __attribute__((vector_size(16), aligned(4)));
typedef int Whole __attribute__((vector_size(16), aligned(4)));
#define EXPORT(name) __attribute__((export_name(#name))) void name
#define INLINE static inline __attribute__((always_inline))

INLINE Four splat(float value) { return (Four){value, value, value, value}; }

// The sums of one tile: `pixels` neighbours in a row, `vectors` times four channels. Along a row the numbers that a
// kernel covers are one run of kernel * channels. With `add` they come on top of what the output holds.
INLINE void tile(const float *input, const float *weights, const float *bias, float *output, int add, int pixels,
                 int vectors, int kernel, int channels, int row, int outputs) {
  Four sums[pixels][vectors];
  for (int p = 0; p < pixels; p++)
    for (int v = 0; v < vectors; v++) {
      sums[p][v] = *(const Four *)(bias + 4 * v);
      if (add) sums[p][v] += *(const Four *)(output + p * outputs + 4 * v);
    }
  for (int down = 0; down < kernel; down++, input += row) {
    for (int i = 0; i < kernel * channels; i += 4)
      for (int j = 0; j < 4; j++, weights += 4 * vectors)
        for (int p = 0; p < pixels; p++)
          for (int v = 0; v < vectors; v++)
            sums[p][v] += splat(input[p * channels + i + j]) * *(const Four *)(weights + 4 * v);
  }
  for (int p = 0; p < pixels; p++)
    for (int v = 0; v < vectors; v++) *(Four *)(output + p * outputs + 4 * v) = sums[p][v];
}

// A convolution, kernel 3 or 1. Weights lie as it reads them: output channels in groups of 8 (the last may be of 4),
// and in each group [down][right][input channel][output channel of the group].
EXPORT(convolve)(const float *input, const float *weights, const float *bias, float *output, int add, int side,
                 int kernel, int channels, int outputs) {
  int row = (side + 2) * channels, reach = (kernel + 1) / 2; // 2 of a 3 x 3 kernel, 1 of a 1 x 1 kernel
  for (int o = 0; o < outputs; o += 8) {
    const float *group = weights + o * kernel * kernel * channels;
    for (int y = 1; y <= side; y++) {
      const float *from = input + (y + 1 - reach) * row + (2 - reach) * channels;
      float *to = output + (y * (side + 2) + 1) * outputs + o;
      int x = 0;
#define TILE(pixels, vectors) \
  tile(from + x * channels, group, bias + o, to + x * outputs, add, pixels, vectors, kernel, channels, row, outputs)
      if (outputs - o < 8) {
        for (; x + 8 <= side; x += 8) TILE(8, 1);
        for (; x < side; x++) TILE(1, 1);
      } else {
        for (; x + 4 <= side; x += 4) TILE(4, 2);
        for (; x < side; x++) TILE(1, 2);
      }
    }
  }
}

// e^x to the last bit but one, between e^-87 and e^87: 2^n e^r with |r| <= ln 2 / 2, and Taylor's series to r^7.
INLINE Four exponential(Four x) {
  x = __builtin_wasm_max_f32x4(__builtin_wasm_min_f32x4(x, splat(87)), splat(-87));
  Four n = __builtin_elementwise_roundeven(x * 1.44269504f);
  Four r = x - n * 0.693359375f + n * 2.12194440e-4f; // ln 2 in two parts, of which n times the first is exact
  Four series = splat(1 / 5040.f);
  const float factors[] = {1 / 720.f, 1 / 120.f, 1 / 24.f, 1 / 6.f, 1 / 2.f, 1, 1};
  for (int i = 0; i < 7; i++) series = series * r + factors[i];
  return series * (Four)((__builtin_convertvector(n, Whole) + 127) << 23);
}

// SiLU and its derivative: x s(x) and s(x) (1 + x (1 - s(x))), s(x) = 1 / (1 + e^-x).
EXPORT(silu)(const float *x, float *value, float *derivative, int count) {
  for (int i = 0; i < count; i += 4) {
    Four at = *(const Four *)(x + i), s = 1 / (1 + exponential(-at));
    *(Four *)(value + i) = at * s;
    *(Four *)(derivative + i) = s * (1 + at * (1 - s));
  }
}

EXPORT(multiply)(float *values, const float *by, int count) {
  for (int i = 0; i < count; i += 4) *(Four *)(values + i) *= *(const Four *)(by + i);
}

// The mean of every 2 x 2 pixels; `side` is that of the smaller map.
EXPORT(pool)(const float *input, float *output, int side, int channels) {
  int row = (2 * side + 2) * channels;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < channels; c += 4) {
        const float *at = input + (2 * y + 1) * row + (2 * x + 1) * channels + c;
        Four sum = *(const Four *)at + *(const Four *)(at + channels);
        sum += *(const Four *)(at + row) + *(const Four *)(at + row + channels);
        *(Four *)(output + ((y + 1) * (side + 2) + x + 1) * channels + c) = sum * 0.25f;
      }
}

// Its gradient: a quarter to each of the four.
EXPORT(spread)(const float *input, float *output, int side, int channels) {
  int row = (2 * side + 2) * channels;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < channels; c += 4) {
        float *at = output + (2 * y + 1) * row + (2 * x + 1) * channels + c;
        Four part = *(const Four *)(input + ((y + 1) * (side + 2) + x + 1) * channels + c) * 0.25f;
        *(Four *)at = *(Four *)(at + channels) = *(Four *)(at + row) = *(Four *)(at + row + channels) = part;
      }
}
