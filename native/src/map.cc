// Part of a file mapped shared and writable, as a Buffer. Unmapped when the Buffer is collected: while JavaScript
// can still reach the memory it must stay mapped, or a late store would end the process.
#include <cerrno>
#include <sys/mman.h>

#include "parts.h"

namespace lunarray {
namespace {

Napi::Value Map(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const off_t offset = info[1].As<Napi::Number>().Int64Value();
  const size_t bytes = static_cast<size_t>(info[2].As<Napi::Number>().Int64Value());
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (memory == MAP_FAILED) return Napi::Number::New(info.Env(), -errno);
  return Napi::Buffer<uint8_t>::New(info.Env(), static_cast<uint8_t*>(memory), bytes,
                                    [bytes](Napi::Env, uint8_t* data) { munmap(data, bytes); });
}

}  // namespace

void ExportMap(Napi::Env env, Napi::Object exports) { exports.Set("map", Napi::Function::New<Map>(env, "map")); }

}  // namespace lunarray
