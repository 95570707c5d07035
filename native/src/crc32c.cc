// CRC-32C (Castagnoli polynomial 1EDC6F41h, reflected), RFC 7143 13.1 and RFC 3720 B.4.
//
// The SSE4.2 instruction takes three cycles but can be started every cycle, so three streams are run side
// by side over three adjacent lanes, and their results joined: the crc of a lane is moved past the n bytes
// that follow it by multiplying it with x^(8n) modulo the polynomial.
#include "crc32c.h"

#include <cstring>

#include "parts.h"
#include "spans.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lunarray {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

struct Tables {
  uint32_t word[8][256];

  Tables() {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
      word[0][i] = crc;
    }
    for (int k = 1; k < 8; k++) {
      for (int i = 0; i < 256; i++) word[k][i] = (word[k - 1][i] >> 8) ^ word[0][word[k - 1][i] & 0xff];
    }
  }
};

uint32_t Software(uint32_t crc, const uint8_t* data, size_t size) {
  static const Tables tables;
  const auto& t = tables.word;
  for (; size >= 8; data += 8, size -= 8) {
    const uint32_t low = crc ^ (data[0] | data[1] << 8 | data[2] << 16 | static_cast<uint32_t>(data[3]) << 24);
    crc = t[7][low & 0xff] ^ t[6][(low >> 8) & 0xff] ^ t[5][(low >> 16) & 0xff] ^ t[4][low >> 24] ^ t[3][data[4]] ^
          t[2][data[5]] ^ t[1][data[6]] ^ t[0][data[7]];
  }
  for (; size > 0; data++, size--) crc = (crc >> 8) ^ t[0][(crc ^ *data) & 0xff];
  return crc;
}

#if defined(__x86_64__)

// x^exponent modulo the polynomial, reflected: bit 31 stands for x^0.
uint32_t PowerOfX(uint64_t exponent) {
  uint32_t value = 0x80000000u;
  for (; exponent > 0; exponent--) value = (value >> 1) ^ ((value & 1) ? kPolynomial : 0);
  return value;
}

// Multipliers that move a crc past one lane and past two. The carry-less product of two reflected 32-bit
// values, read as a reflected 64-bit one, is their product times x; reducing it with the crc instruction
// multiplies by x^32 more. Hence 33 less in the exponent.
struct Shift {
  explicit Shift(size_t lane) : one(PowerOfX(8 * lane - 33)), two(PowerOfX(16 * lane - 33)) {}
  const uint64_t one;
  const uint64_t two;
};

__attribute__((target("sse4.2,pclmul"))) inline uint64_t MoveBy(uint64_t crc, uint64_t multiplier) {
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                           _mm_cvtsi64_si128(static_cast<long long>(multiplier)), 0);
  return _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(product)));
}

inline uint64_t Load(const uint8_t* data) {
  uint64_t word;
  memcpy(&word, data, 8);
  return word;
}

template <size_t kLane>
__attribute__((target("sse4.2,pclmul"))) inline uint64_t ThreeLanes(uint64_t crc, const uint8_t*& data, size_t& size) {
  static_assert(kLane % 8 == 0);
  if (size < 3 * kLane) return crc;
  static const Shift shift(kLane);
  do {
    uint64_t a = crc;
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      a = _mm_crc32_u64(a, Load(data + i));
      b = _mm_crc32_u64(b, Load(data + kLane + i));
      c = _mm_crc32_u64(c, Load(data + 2 * kLane + i));
    }
    crc = MoveBy(a, shift.two) ^ MoveBy(b, shift.one) ^ c;
    data += 3 * kLane;
    size -= 3 * kLane;
  } while (size >= 3 * kLane);
  return crc;
}

__attribute__((target("sse4.2,pclmul"))) uint32_t Hardware(uint32_t seed, const uint8_t* data, size_t size) {
  uint64_t crc = seed;
  crc = ThreeLanes<2048>(crc, data, size);
  crc = ThreeLanes<512>(crc, data, size);
  crc = ThreeLanes<64>(crc, data, size);
  for (; size >= 8; data += 8, size -= 8) crc = _mm_crc32_u64(crc, Load(data));
  uint32_t last = static_cast<uint32_t>(crc);
  for (; size > 0; data++, size--) last = _mm_crc32_u8(last, *data);
  return last;
}

bool HasInstructions() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }

#else

bool HasInstructions() { return false; }
uint32_t Hardware(uint32_t seed, const uint8_t* data, size_t size) { return Software(seed, data, size); }

#endif

}  // namespace

uint32_t Crc32c(uint32_t seed, const uint8_t* data, size_t size) {
  static const bool hardware = HasInstructions();
  return hardware ? ~Hardware(~seed, data, size) : ~Software(~seed, data, size);
}

namespace {

using Crc = uint32_t (*)(uint32_t seed, const uint8_t* data, size_t size);

// Plain Node-API: the C++ wrappers would double the cost of a call on a short buffer.
template <Crc kCrc>
napi_value Call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  void* data = nullptr;
  size_t size = 0;
  napi_get_typedarray_info(env, arguments[0], nullptr, &size, &data, nullptr, nullptr);
  uint32_t seed = 0;
  napi_get_value_uint32(env, arguments[1], &seed);
  napi_value result;
  napi_create_uint32(env, kCrc(seed, static_cast<const uint8_t*>(data), size), &result);
  return result;
}

uint32_t Crc32cSoftware(uint32_t seed, const uint8_t* data, size_t size) { return ~Software(~seed, data, size); }

void Store(Cursor& to, uint32_t crc) {
  for (int shift = 0; shift < 32; shift += 8) {
    *to.bytes() = static_cast<uint8_t>(crc >> shift);
    to.Advance(1);
  }
}

napi_value WriteCrcs(napi_env env, napi_callback_info info) {
  size_t arguments_count = 3;
  napi_value arguments[3];
  napi_get_cb_info(env, info, &arguments_count, arguments, nullptr, nullptr);
  Spans spans(env, arguments[0]);
  void* data = nullptr;
  napi_get_typedarray_info(env, arguments[1], nullptr, nullptr, &data, nullptr, nullptr);
  const auto* runs = static_cast<const uint32_t*>(data);
  uint32_t count = 0;
  napi_get_value_uint32(env, arguments[2], &count);
  Cursor at(spans);
  for (uint32_t i = 0; i < count; i++) {
    at.Skip(runs[2 * i]);
    uint32_t crc = 0;
    for (size_t bytes = runs[2 * i + 1]; bytes > 0;) {
      const size_t step = bytes < at.left() ? bytes : at.left();
      crc = Crc32c(crc, at.bytes(), step);
      at.Advance(step);
      bytes -= step;
    }
    Store(at, crc);
  }
  return nullptr;
}

}  // namespace

void ExportCrc32c(Napi::Env env, Napi::Object exports) {
  napi_value function;
  napi_create_function(env, "crc32c", NAPI_AUTO_LENGTH, Call<Crc32c>, nullptr, &function);
  exports.Set("crc32c", function);
  // What processors without the instructions get; exported so that tests reach it on those that have them.
  napi_create_function(env, "crc32cSoftware", NAPI_AUTO_LENGTH, Call<Crc32cSoftware>, nullptr, &function);
  exports.Set("crc32cSoftware", function);
  napi_create_function(env, "writeCrcs", NAPI_AUTO_LENGTH, WriteCrcs, nullptr, &function);
  exports.Set("writeCrcs", function);
}

}  // namespace lunarray
