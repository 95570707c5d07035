// Part of a file mapped shared and writable, as a Buffer. Unmapped when the Buffer is collected: while JavaScript
// can still reach the memory it must stay mapped, or a late store would end the process.
#include <cerrno>
#include <sys/mman.h>

#include <memory>

#include "parts.h"

// Linux 5.14; older headers do not know it, older kernels answer EINVAL.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

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

// Maps the pages of a range for reading. Not for writing: that would make all of them dirty.
class PopulateWorker : public Napi::AsyncWorker {
 public:
  PopulateWorker(const Napi::Function& done, Napi::Uint8Array memory)
      : Napi::AsyncWorker(done, "lunarray.populate"),
        memory_(Napi::Persistent(memory.As<Napi::Object>())),
        data_(memory.Data()),
        bytes_(memory.ByteLength()) {}

  void Execute() override {
    if (madvise(data_, bytes_, MADV_POPULATE_READ) < 0) result_ = -errno;
  }

  std::vector<napi_value> GetResult(Napi::Env env) override { return {Napi::Number::New(env, result_)}; }

 private:
  const Napi::ObjectReference memory_;  // Keeps the mapping.
  uint8_t* const data_;
  const size_t bytes_;
  int result_ = 0;
};

Napi::Value Populate(const Napi::CallbackInfo& info) {
  auto worker = std::make_unique<PopulateWorker>(info[1].As<Napi::Function>(), info[0].As<Napi::Uint8Array>());
  worker.release()->Queue();  // Napi::AsyncWorker deletes itself when done.
  return info.Env().Undefined();
}

}  // namespace

void ExportMap(Napi::Env env, Napi::Object exports) {
  exports.Set("map", Napi::Function::New<Map>(env, "map"));
  exports.Set("populate", Napi::Function::New<Populate>(env, "populate"));
}

}  // namespace lunarray
