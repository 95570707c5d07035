// Linear combinations over GF(2^8), polynomial 11Dh with generator 2, as RAID 6 uses them: parity, its updates and the
// recovery of lost columns are all of this one kind (H. P. Anvin, "The mathematics of RAID-6").
//
// The product of a byte with a constant is the sum of the products of its two halves, each looked up among sixteen:
// one shuffle instruction looks up 16 or 32 of them.
#include <cstring>

#include "parts.h"
#include "spans.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lunarray {
namespace {

// Bytes done for one target before the next: what the sources hold of them stays in the first-level cache.
constexpr size_t kChunk = 2048;

uint8_t Times(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (; b != 0; b >>= 1) {
    if (b & 1) product ^= a;
    a = static_cast<uint8_t>((a << 1) ^ ((a & 0x80) ? 0x1d : 0));
  }
  return product;
}

struct ProductTables {
  uint8_t all[256][256];
  alignas(32) uint8_t halves[256][2][16];  // [factor][low, high][half of the byte]

  ProductTables() {
    for (int f = 0; f < 256; f++) {
      for (int b = 0; b < 256; b++) all[f][b] = Times(static_cast<uint8_t>(f), static_cast<uint8_t>(b));
      for (int h = 0; h < 16; h++) {
        halves[f][0][h] = all[f][h];
        halves[f][1][h] = all[f][h << 4];
      }
    }
  }
};

const ProductTables& Products() {
  static const ProductTables tables;
  return tables;
}

// target[i] = sum of factors[k] * sources[k][i], for i from `from` to `to`. A source may be the target.
using Combine = void (*)(uint8_t* target, const iovec* sources, const uint8_t* factors, size_t count, size_t from,
                         size_t to);

void Portable(uint8_t* target, const iovec* sources, const uint8_t* factors, size_t count, size_t from, size_t to) {
  const auto& all = Products().all;
  for (size_t i = from; i < to; i++) {
    uint8_t sum = 0;
    for (size_t k = 0; k < count; k++) sum ^= all[factors[k]][static_cast<const uint8_t*>(sources[k].iov_base)[i]];
    target[i] = sum;
  }
}

#if defined(__x86_64__)

__attribute__((target("ssse3"))) void Shuffle16(uint8_t* target, const iovec* sources, const uint8_t* factors,
                                                size_t count, size_t from, size_t to) {
  const auto& halves = Products().halves;
  const __m128i low_bits = _mm_set1_epi8(0x0f);
  size_t i = from;
  for (; i + 16 <= to; i += 16) {
    __m128i sum = _mm_setzero_si128();
    for (size_t k = 0; k < count; k++) {
      if (factors[k] == 0) continue;
      const auto* data = static_cast<const uint8_t*>(sources[k].iov_base);
      const __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + i));
      if (factors[k] == 1) {
        sum = _mm_xor_si128(sum, value);
        continue;
      }
      const __m128i low = _mm_load_si128(reinterpret_cast<const __m128i*>(halves[factors[k]][0]));
      const __m128i high = _mm_load_si128(reinterpret_cast<const __m128i*>(halves[factors[k]][1]));
      sum = _mm_xor_si128(sum, _mm_shuffle_epi8(low, _mm_and_si128(value, low_bits)));
      sum = _mm_xor_si128(sum, _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi64(value, 4), low_bits)));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(target + i), sum);
  }
  Portable(target, sources, factors, count, i, to);
}

__attribute__((target("avx2"))) void Shuffle32(uint8_t* target, const iovec* sources, const uint8_t* factors,
                                               size_t count, size_t from, size_t to) {
  const auto& halves = Products().halves;
  const __m256i low_bits = _mm256_set1_epi8(0x0f);
  size_t i = from;
  for (; i + 128 <= to; i += 128) {
    __m256i sum[4] = {};
    for (size_t k = 0; k < count; k++) {
      if (factors[k] == 0) continue;
      const auto* data = static_cast<const uint8_t*>(sources[k].iov_base) + i;
      if (factors[k] == 1) {
        for (int j = 0; j < 4; j++) {
          sum[j] = _mm256_xor_si256(sum[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + 32 * j)));
        }
        continue;
      }
      const auto* table = reinterpret_cast<const __m128i*>(halves[factors[k]][0]);
      const __m256i low = _mm256_broadcastsi128_si256(_mm_load_si128(table));
      const __m256i high = _mm256_broadcastsi128_si256(_mm_load_si128(table + 1));
      for (int j = 0; j < 4; j++) {
        const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + 32 * j));
        const __m256i a = _mm256_shuffle_epi8(low, _mm256_and_si256(value, low_bits));
        const __m256i b = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi64(value, 4), low_bits));
        sum[j] = _mm256_xor_si256(sum[j], _mm256_xor_si256(a, b));
      }
    }
    for (int j = 0; j < 4; j++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + i + 32 * j), sum[j]);
  }
  Portable(target, sources, factors, count, i, to);
}

Combine Choose() {
  if (__builtin_cpu_supports("avx2")) return Shuffle32;
  return __builtin_cpu_supports("ssse3") ? Shuffle16 : Portable;
}

#else

Combine Choose() { return Portable; }

#endif

template <Combine (*kChoose)()>
Napi::Value Run(const Napi::CallbackInfo& info) {
  static const Combine combine = kChoose();
  Spans targets(info.Env(), info[0]);
  Spans sources(info.Env(), info[1]);
  const auto factors = info[2].As<Napi::Uint8Array>();
  const size_t count = sources.count();
  const size_t bytes = targets.count() == 0 ? 0 : targets.data()[0].iov_len;
  for (size_t from = 0; from < bytes; from += kChunk) {
    const size_t to = from + kChunk < bytes ? from + kChunk : bytes;
    for (size_t t = 0; t < targets.count(); t++) {
      auto* target = static_cast<uint8_t*>(targets.data()[t].iov_base);
      combine(target, sources.data(), factors.Data() + t * count, count, from, to);
    }
  }
  return info.Env().Undefined();
}

Combine ChoosePortable() { return Portable; }

#if defined(__x86_64__)
Combine ChooseShuffle16() { return __builtin_cpu_supports("ssse3") ? Shuffle16 : Portable; }
#else
Combine ChooseShuffle16() { return Portable; }
#endif

}  // namespace

void ExportParity(Napi::Env env, Napi::Object exports) {
  exports.Set("combine", Napi::Function::New<Run<Choose>>(env, "combine"));
  // What older processors get; exported so that tests reach them on newer ones.
  exports.Set("combinePortable", Napi::Function::New<Run<ChoosePortable>>(env, "combinePortable"));
  exports.Set("combineShuffle16", Napi::Function::New<Run<ChooseShuffle16>>(env, "combineShuffle16"));
}

}  // namespace lunarray
