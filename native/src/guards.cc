// Guards of protection information: CRC-16, polynomial 8BB7h, most significant bit first: see native/functions.ts.
#include "parts.h"

namespace lunarray {
namespace {

constexpr uint16_t kGuardPolynomial = 0x8bb7;
constexpr int kStep = 16;

// table[k][b]: the CRC of byte b with k zero bytes after it.
struct GuardTables {
  GuardTables() {
    for (int byte = 0; byte < 256; byte++) {
      uint16_t crc = static_cast<uint16_t>(byte << 8);
      for (int bit = 0; bit < 8; bit++) crc = static_cast<uint16_t>((crc << 1) ^ ((crc & 0x8000) ? kGuardPolynomial : 0));
      table[0][byte] = crc;
    }
    for (int k = 1; k < kStep; k++) {
      for (int byte = 0; byte < 256; byte++) {
        const uint16_t before = table[k - 1][byte];
        table[k][byte] = static_cast<uint16_t>((before << 8) ^ table[0][before >> 8]);
      }
    }
  }
  uint16_t table[kStep][256];
};

uint16_t Guard(const uint8_t* data, size_t size) {
  static const GuardTables tables;
  const auto& t = tables.table;
  uint16_t crc = 0;
  for (; size >= kStep; data += kStep, size -= kStep) {
    uint16_t next = t[kStep - 1][data[0] ^ (crc >> 8)] ^ t[kStep - 2][data[1] ^ (crc & 0xff)];
    for (int i = 2; i < kStep; i++) next ^= t[kStep - 1 - i][data[i]];
    crc = next;
  }
  for (; size > 0; data++, size--) crc = static_cast<uint16_t>((crc << 8) ^ t[0][(crc >> 8) ^ *data]);
  return crc;
}

napi_value Guards(napi_env env, napi_callback_info info) {
  size_t arguments_count = 4;
  napi_value arguments[4];
  napi_get_cb_info(env, info, &arguments_count, arguments, nullptr, nullptr);
  void* data = nullptr;
  napi_get_typedarray_info(env, arguments[0], nullptr, nullptr, &data, nullptr, nullptr);
  uint32_t block_bytes = 0;
  uint32_t stride = 0;
  napi_get_value_uint32(env, arguments[1], &block_bytes);
  napi_get_value_uint32(env, arguments[2], &stride);
  size_t count = 0;
  void* guards = nullptr;
  napi_get_typedarray_info(env, arguments[3], nullptr, &count, &guards, nullptr, nullptr);
  for (size_t i = 0; i < count; i++) {
    static_cast<uint16_t*>(guards)[i] = Guard(static_cast<const uint8_t*>(data) + i * stride, block_bytes);
  }
  return nullptr;
}

}  // namespace

void ExportGuards(Napi::Env env, Napi::Object exports) {
  napi_value function;
  napi_create_function(env, "guards", NAPI_AUTO_LENGTH, Guards, nullptr, &function);
  exports.Set("guards", function);
}

}  // namespace lunarray
