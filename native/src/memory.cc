// Loops over byte ranges: zero detection, comparison and copying across scattered lists.
#include <cstring>

#include "parts.h"
#include "spans.h"

namespace lunarray {
namespace {

bool AllZero(const uint8_t* data, size_t size) {
  constexpr size_t kBlock = 256;
  // One early exit per block: the inner loop has none, so the compiler turns it into vector instructions.
  for (; size >= kBlock; data += kBlock, size -= kBlock) {
    uint64_t any = 0;
    for (size_t i = 0; i < kBlock; i += 8) {
      uint64_t word;
      memcpy(&word, data + i, 8);
      any |= word;
    }
    if (any != 0) return false;
  }
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++) any |= data[i];
  return any == 0;
}

Napi::Value IsZero(const Napi::CallbackInfo& info) {
  const auto data = info[0].As<Napi::Uint8Array>();
  return Napi::Boolean::New(info.Env(), AllZero(data.Data(), data.ByteLength()));
}

Napi::Value Compare(const Napi::CallbackInfo& info) {
  Spans left(info.Env(), info[0]);
  Spans right(info.Env(), info[1]);
  Cursor a(left);
  Cursor b(right);
  size_t index = 0;
  while (!a.done() && !b.done()) {
    const size_t step = a.left() < b.left() ? a.left() : b.left();
    const uint8_t* p = a.bytes();
    const uint8_t* q = b.bytes();
    if (memcmp(p, q, step) != 0) {
      size_t i = 0;
      while (p[i] == q[i]) i++;
      return Napi::Number::New(info.Env(), static_cast<double>(index + i));
    }
    index += step;
    a.Advance(step);
    b.Advance(step);
  }
  return Napi::Number::New(info.Env(), -1);
}

Napi::Value Gather(const Napi::CallbackInfo& info) {
  Spans from(info.Env(), info[0]);
  Spans to(info.Env(), info[2]);
  Cursor source(from);
  Cursor target(to);
  source.Skip(static_cast<size_t>(info[1].As<Napi::Number>().Int64Value()));
  while (!target.done() && !source.done()) {
    const size_t step = source.left() < target.left() ? source.left() : target.left();
    memmove(target.bytes(), source.bytes(), step);
    source.Advance(step);
    target.Advance(step);
  }
  return info.Env().Undefined();
}

}  // namespace

void ExportMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("isZero", Napi::Function::New<IsZero>(env, "isZero"));
  exports.Set("compare", Napi::Function::New<Compare>(env, "compare"));
  exports.Set("gather", Napi::Function::New<Gather>(env, "gather"));
}

}  // namespace lunarray
