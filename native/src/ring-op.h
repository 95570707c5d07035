// One operation on a file, from JavaScript's request to its end, over as many io_uring operations as that takes.
#pragma once

#include "ring-headers.h"

#if LUNARRAY_RING

#include <sys/uio.h>

#include <cstdint>
#include <vector>

namespace lunarray {

// What JavaScript asked for under one token: ends when its last operation has.
struct RingRequest {
  int32_t token;
  unsigned left;
  // Bytes moved, or minus errno of the first operation that failed.
  int64_t result;
};

class RingOp {
 public:
  enum class Kind : uint8_t { kRead, kWrite, kPunch, kSync };

  RingRequest* request = nullptr;

  // Empties the list of vectors; keeps its memory.
  void Reset(RingRequest* of, Kind kind, int fd, int64_t offset);
  // `bytes`: of a punch.
  void set_bytes(int64_t bytes) { bytes_ = bytes; }
  void Add(const iovec* vectors, size_t count);

  void Fill(io_uring_sqe* sqe);

  // Takes up what the kernel answered. False: something is left, to be submitted again.
  bool Progress(int result);

 private:
  Kind kind_ = Kind::kSync;
  int fd_ = -1;
  int64_t offset_ = 0;
  int64_t bytes_ = 0;
  std::vector<iovec> vectors_;
  size_t at_ = 0;
};

}  // namespace lunarray

#endif
