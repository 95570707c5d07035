#include "ring-op.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/falloc.h>

#include "spans.h"

#if LUNARRAY_RING

namespace lunarray {
namespace {

constexpr size_t kMaxBytes = 1 << 30;  // Below the kernel's limit of one transfer.

}  // namespace

void RingOp::Reset(RingRequest* of, Kind kind, int fd, int64_t offset) {
  request = of;
  kind_ = kind;
  fd_ = fd;
  offset_ = offset;
  bytes_ = 0;
  vectors_.clear();
  at_ = 0;
}

void RingOp::Add(const iovec* vectors, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (vectors[i].iov_len > 0) vectors_.push_back(vectors[i]);
  }
}

void RingOp::Align() {
  size_t bytes = 0;
  bool fit = true;
  for (const iovec& vector : vectors_) {
    bytes += vector.iov_len;
    fit = fit && (reinterpret_cast<uintptr_t>(vector.iov_base) | vector.iov_len) % kSector == 0;
  }
  if (fit || (fcntl(fd_, F_GETFL) & O_DIRECT) == 0) return;
  bounce_.reset(static_cast<uint8_t*>(operator new(bytes, std::align_val_t(kSector))));
  if (kind_ == Kind::kWrite) {
    uint8_t* to = bounce_.get();
    for (const iovec& vector : vectors_) {
      memcpy(to, vector.iov_base, vector.iov_len);
      to += vector.iov_len;
    }
  }
  asked_.swap(vectors_);
  vectors_.assign(1, {bounce_.get(), bytes});
}

// What was read into other memory goes where it was asked for.
void RingOp::GiveBack() {
  if (kind_ == Kind::kRead) {
    const uint8_t* from = bounce_.get();
    const uint8_t* end = at_ == vectors_.size() ? nullptr : static_cast<const uint8_t*>(vectors_[at_].iov_base);
    for (const iovec& vector : asked_) {
      size_t step = vector.iov_len;
      if (end != nullptr && static_cast<size_t>(end - from) < step) step = static_cast<size_t>(end - from);
      memcpy(vector.iov_base, from, step);
      from += step;
    }
  }
  bounce_.reset();
  asked_.clear();
}

void RingOp::Fill(io_uring_sqe* sqe) {
  sqe->fd = fd_;
  sqe->user_data = reinterpret_cast<uintptr_t>(this);
  sqe->off = static_cast<uint64_t>(offset_);
  if (kind_ == Kind::kSync) {
    sqe->opcode = IORING_OP_FSYNC;
    sqe->off = 0;
    sqe->fsync_flags = IORING_FSYNC_DATASYNC;
  } else if (kind_ == Kind::kPunch) {
    sqe->opcode = IORING_OP_FALLOCATE;
    sqe->addr = static_cast<uint64_t>(bytes_);
    sqe->len = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  } else if (at_ == vectors_.size()) {
    sqe->opcode = IORING_OP_NOP;
  } else if (at_ + 1 == vectors_.size()) {
    const size_t length = vectors_[at_].iov_len;
    sqe->opcode = kind_ == Kind::kRead ? IORING_OP_READ : IORING_OP_WRITE;
    sqe->addr = reinterpret_cast<uintptr_t>(vectors_[at_].iov_base);
    sqe->len = static_cast<uint32_t>(length < kMaxBytes ? length : kMaxBytes);
  } else {
    const size_t count = vectors_.size() - at_;
    sqe->opcode = kind_ == Kind::kRead ? IORING_OP_READV : IORING_OP_WRITEV;
    sqe->addr = reinterpret_cast<uintptr_t>(&vectors_[at_]);
    sqe->len = static_cast<uint32_t>(count < kMaxVectors ? count : kMaxVectors);
  }
}

bool RingOp::Progress(int result) {
  const bool ended = Advance(result);
  if (ended && bounce_ != nullptr) GiveBack();
  return ended;
}

bool RingOp::Advance(int result) {
  if (result == -EINTR || result == -EAGAIN) return false;
  if (result < 0) {
    if (request->result >= 0) request->result = result;
    return true;
  }
  if (request->result >= 0) request->result += result;
  // Zero bytes: the end of the file.
  if (result == 0) return true;
  offset_ += result;
  for (size_t left = static_cast<size_t>(result); left > 0;) {
    iovec& vector = vectors_[at_];
    const size_t step = left < vector.iov_len ? left : vector.iov_len;
    vector.iov_base = static_cast<uint8_t*>(vector.iov_base) + step;
    vector.iov_len -= step;
    left -= step;
    if (vector.iov_len == 0) at_++;
  }
  return at_ == vectors_.size();
}

}  // namespace lunarray

#endif
