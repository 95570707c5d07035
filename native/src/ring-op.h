// One operation on a file, from JavaScript's request to its end, over as many io_uring operations as that takes.
#pragma once

#include "ring-headers.h"

#if LUNARRAY_RING

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace lunarray {

// Direct I/O is used where this suffices as alignment.
constexpr size_t kSector = 512;

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
  // After the last `Add`. Where the descriptor is for direct I/O and the memory is not fit for it, other memory takes its
  // place.
  void Align();

  void Fill(io_uring_sqe* sqe);

  // Takes up what the kernel answered. False: something is left, to be submitted again.
  bool Progress(int result);

 private:
  bool Advance(int result);
  void GiveBack();

  Kind kind_ = Kind::kSync;
  int fd_ = -1;
  int64_t offset_ = 0;
  int64_t bytes_ = 0;
  std::vector<iovec> vectors_;
  size_t at_ = 0;
  struct Free {
    void operator()(uint8_t* memory) const { operator delete(memory, std::align_val_t(kSector)); }
  };
  // Stands in for `asked_`, the vectors that were asked for.
  std::unique_ptr<uint8_t, Free> bounce_;
  std::vector<iovec> asked_;
};

}  // namespace lunarray

#endif
