// Positional file calls that Node does not offer. Each answers its result, or minus errno.
#include <cerrno>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <memory>

#include "parts.h"
#include "spans.h"

namespace lunarray {
namespace {

int64_t Arg64(const Napi::CallbackInfo& info, size_t index) { return info[index].As<Napi::Number>().Int64Value(); }
int ArgFd(const Napi::CallbackInfo& info) { return info[0].As<Napi::Number>().Int32Value(); }

Napi::Value Result(const Napi::CallbackInfo& info, int64_t result) {
  return Napi::Number::New(info.Env(), static_cast<double>(result < 0 ? -errno : result));
}

using VectorCall = ssize_t (*)(int, const iovec*, int, off_t, int);

// Whether all of a file is in memory: such file systems refuse RWF_NOWAIT, which they do not need.
bool InMemory(int fd) {
  struct statfs system;
  if (fstatfs(fd, &system) < 0) return false;
  return system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
}

// Asked anew at each call, some 0.3 us: a descriptor says nothing about the file that had its number before.
ssize_t ReadWithoutWaiting(int fd, const iovec* vectors, int count, off_t offset, int flags) {
  const ssize_t moved = preadv2(fd, vectors, count, offset, flags);
  if (moved >= 0 || errno != EOPNOTSUPP) return moved;
  if (InMemory(fd)) return preadv2(fd, vectors, count, offset, 0);
  errno = EOPNOTSUPP;
  return -1;
}

// Calls once per kMaxVectors entries; stops at the first short or failed call. An error after some bytes
// have moved is left for the next call to report, as the kernel itself does.
Napi::Value Transfer(const Napi::CallbackInfo& info, VectorCall call) {
  const int fd = ArgFd(info);
  const int64_t offset = Arg64(info, 1);
  Spans spans(info.Env(), info[2]);
  int64_t total = 0;
  for (size_t at = 0; at < spans.count(); at += kMaxVectors) {
    const size_t count = spans.count() - at < kMaxVectors ? spans.count() - at : kMaxVectors;
    const iovec* vectors = spans.data() + at;
    int64_t wanted = 0;
    for (size_t i = 0; i < count; i++) wanted += static_cast<int64_t>(vectors[i].iov_len);
    ssize_t moved;
    do {
      moved = call(fd, vectors, static_cast<int>(count), offset + total, RWF_NOWAIT);
    } while (moved < 0 && errno == EINTR);
    if (moved < 0) return total > 0 ? Result(info, total) : Result(info, -1);
    total += moved;
    if (moved < wanted) break;
  }
  return Result(info, total);
}

Napi::Value ReadNow(const Napi::CallbackInfo& info) { return Transfer(info, ReadWithoutWaiting); }
Napi::Value WriteNow(const Napi::CallbackInfo& info) { return Transfer(info, pwritev2); }

int Fallocate(int fd, int mode, int64_t offset, int64_t bytes) {
  int result;
  do {
    result = fallocate(fd, mode, offset, bytes);
  } while (result < 0 && errno == EINTR);
  return result;
}

Napi::Value Preallocate(const Napi::CallbackInfo& info) {
  return Result(info, Fallocate(ArgFd(info), 0, Arg64(info, 1), Arg64(info, 2)));
}

// In the thread pool: the kernel first writes back dirty pages of the range, which waits for the medium.
class PunchWorker : public Napi::AsyncWorker {
 public:
  PunchWorker(const Napi::Function& done, int fd, int64_t offset, int64_t bytes)
      : Napi::AsyncWorker(done, "lunarray.punchHole"), fd_(fd), offset_(offset), bytes_(bytes) {}

  void Execute() override {
    if (Fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset_, bytes_) < 0) result_ = -errno;
  }

  std::vector<napi_value> GetResult(Napi::Env env) override { return {Napi::Number::New(env, result_)}; }

 private:
  const int fd_;
  const int64_t offset_;
  const int64_t bytes_;
  int result_ = 0;
};

Napi::Value PunchHole(const Napi::CallbackInfo& info) {
  auto worker = std::make_unique<PunchWorker>(info[3].As<Napi::Function>(), ArgFd(info), Arg64(info, 1), Arg64(info, 2));
  worker.release()->Queue();  // Napi::AsyncWorker deletes itself when done.
  return info.Env().Undefined();
}

// Several writes as one job of the thread pool.
class WriteWorker : public Napi::AsyncWorker {
 public:
  WriteWorker(const Napi::Function& done, int fd, const Napi::Array& offsets, const Napi::Array& lists)
      : Napi::AsyncWorker(done, "lunarray.writeMany"), fd_(fd), buffers_(Napi::Persistent(lists.As<Napi::Object>())) {
    const Napi::Env env = offsets.Env();
    const uint32_t count = offsets.Length();
    writes_.reserve(count);
    for (uint32_t i = 0; i < count; i++) {
      Spans spans(env, lists.Get(i));
      writes_.push_back({offsets.Get(i).As<Napi::Number>().Int64Value(), spans.count()});
      vectors_.insert(vectors_.end(), spans.data(), spans.data() + spans.count());
    }
  }

  void Execute() override {
    iovec* vector = vectors_.data();
    for (const Write& write : writes_) {
      if (!WriteOne(write.offset, vector, write.vectors)) return;
      vector += write.vectors;
    }
  }

  std::vector<napi_value> GetResult(Napi::Env env) override { return {Napi::Number::New(env, result_)}; }

 private:
  struct Write {
    int64_t offset;
    size_t vectors;
  };

  // False after an error. Works `vectors` up.
  bool WriteOne(int64_t offset, iovec* vectors, size_t count) {
    while (count > 0) {
      if (vectors->iov_len == 0) {
        ++vectors;
        --count;
        continue;
      }
      const ssize_t moved = pwritev(fd_, vectors, static_cast<int>(count < kMaxVectors ? count : kMaxVectors), offset);
      if (moved < 0) {
        if (errno == EINTR) continue;
        result_ = -errno;
        return false;
      }
      offset += moved;
      for (size_t left = static_cast<size_t>(moved); left > 0;) {
        const size_t step = left < vectors->iov_len ? left : vectors->iov_len;
        vectors->iov_base = static_cast<uint8_t*>(vectors->iov_base) + step;
        vectors->iov_len -= step;
        left -= step;
        if (vectors->iov_len == 0) {
          ++vectors;
          --count;
        }
      }
    }
    return true;
  }

  const int fd_;
  // Keeps the memory that `vectors_` points to.
  Napi::ObjectReference buffers_;
  std::vector<Write> writes_;
  std::vector<iovec> vectors_;
  int result_ = 0;
};

Napi::Value WriteMany(const Napi::CallbackInfo& info) {
  auto worker = std::make_unique<WriteWorker>(info[3].As<Napi::Function>(), ArgFd(info), info[1].As<Napi::Array>(),
                                              info[2].As<Napi::Array>());
  worker.release()->Queue();  // Napi::AsyncWorker deletes itself when done.
  return info.Env().Undefined();
}

// What the kernel demands of direct I/O is tried: memory and offset at an odd multiple of 512, so that no more is needed.
Napi::Value TryDirect(const Napi::CallbackInfo& info) {
  alignas(1024) uint8_t memory[1024];
  ssize_t moved;
  do {
    moved = pread(ArgFd(info), memory + 512, 512, 512);
  } while (moved < 0 && errno == EINTR);
  return Result(info, moved);
}

Napi::Value SeekData(const Napi::CallbackInfo& info) {
  return Result(info, lseek(ArgFd(info), Arg64(info, 1), SEEK_DATA));
}

Napi::Value SeekHole(const Napi::CallbackInfo& info) {
  return Result(info, lseek(ArgFd(info), Arg64(info, 1), SEEK_HOLE));
}

}  // namespace

void ExportFile(Napi::Env env, Napi::Object exports) {
  exports.Set("readNow", Napi::Function::New<ReadNow>(env, "readNow"));
  exports.Set("writeNow", Napi::Function::New<WriteNow>(env, "writeNow"));
  exports.Set("writeMany", Napi::Function::New<WriteMany>(env, "writeMany"));
  exports.Set("preallocate", Napi::Function::New<Preallocate>(env, "preallocate"));
  exports.Set("punchHole", Napi::Function::New<PunchHole>(env, "punchHole"));
  exports.Set("tryDirect", Napi::Function::New<TryDirect>(env, "tryDirect"));
  exports.Set("seekData", Napi::Function::New<SeekData>(env, "seekData"));
  exports.Set("seekHole", Napi::Function::New<SeekHole>(env, "seekHole"));
}

}  // namespace lunarray
