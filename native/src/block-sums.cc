// Sums of blocks of 512 bytes, each mixed with the block's number: see native/functions.ts.
#include <cstring>

#include "crc32c.h"
#include "parts.h"
#include "spans.h"

namespace lunarray {
namespace {

constexpr size_t kBlock = 512;

bool IsZero(const uint8_t* block) {
  for (size_t i = 0; i < kBlock; i += 8) {
    uint64_t word;
    memcpy(&word, block + i, 8);
    if (word != 0) return false;
  }
  return true;
}

uint32_t Sum(const uint8_t* block, uint64_t number) {
  if (IsZero(block)) return 0;
  const uint32_t seed = static_cast<uint32_t>(number) ^ (static_cast<uint32_t>(number >> 32) * 0x9e3779b1u);
  const uint32_t crc = Crc32c(seed, block, kBlock);
  return crc < 2 ? crc + 2 : crc;
}

napi_value BlockSums(napi_env env, napi_callback_info info) {
  size_t arguments_count = 3;
  napi_value arguments[3];
  napi_get_cb_info(env, info, &arguments_count, arguments, nullptr, nullptr);
  Spans spans(env, arguments[0]);
  double first = 0;
  napi_get_value_double(env, arguments[1], &first);
  void* data = nullptr;
  napi_get_typedarray_info(env, arguments[2], nullptr, nullptr, &data, nullptr, nullptr);
  auto* sums = static_cast<uint32_t*>(data);
  uint8_t joined[kBlock];
  uint64_t number = static_cast<uint64_t>(first);
  for (Cursor at(spans); !at.done(); number++) {
    const uint8_t* block = at.bytes();
    if (at.left() >= kBlock) {
      at.Advance(kBlock);
    } else {
      block = joined;
      for (size_t used = 0; used < kBlock;) {
        const size_t step = kBlock - used < at.left() ? kBlock - used : at.left();
        memcpy(joined + used, at.bytes(), step);
        used += step;
        at.Advance(step);
      }
    }
    *sums++ = Sum(block, number);
  }
  return nullptr;
}

}  // namespace

void ExportBlockSums(Napi::Env env, Napi::Object exports) {
  napi_value function;
  napi_create_function(env, "blockSums", NAPI_AUTO_LENGTH, BlockSums, nullptr, &function);
  exports.Set("blockSums", function);
}

}  // namespace lunarray
