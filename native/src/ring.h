// The memory shared with the kernel for one io_uring(7), without liburing: setup, submission, completions.
#pragma once

#include "ring-headers.h"

#if LUNARRAY_RING

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lunarray {

class RingMemory {
 public:
  RingMemory() = default;
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  ~RingMemory() { Close(); }

  // 0, or minus errno: the kernel has no io_uring of Linux 6.1 or newer, or forbids it.
  // Completions that can be taken, or work that `Enter` would do, are signalled to `event_fd`.
  int Open(unsigned entries, int event_fd);
  void Close();

  // Null: full until the next `Enter`. Otherwise zeroed, and submitted by the next `Enter`.
  io_uring_sqe* Next();
  // How many may run at a time, so that the completions always have room.
  unsigned limit() const { return cq_entries_; }
  unsigned unsubmitted() const { return sq_tail_ - sq_head_->load(std::memory_order_acquire); }

  // Submits, lets the kernel do the work it has put off, and waits for `wait_for` completions. 0 or minus errno.
  int Enter(unsigned wait_for);

  // Takes one completion; false: there is none.
  bool Take(io_uring_cqe* out);

 private:
  int fd_ = -1;
  void* rings_ = nullptr;
  size_t ring_bytes_ = 0;
  io_uring_sqe* sqes_ = nullptr;
  size_t sqe_bytes_ = 0;
  std::atomic<unsigned>* sq_head_ = nullptr;
  std::atomic<unsigned>* sq_tail_shared_ = nullptr;
  unsigned sq_tail_ = 0;
  unsigned sq_entries_ = 0;
  std::atomic<unsigned>* cq_head_ = nullptr;
  std::atomic<unsigned>* cq_tail_ = nullptr;
  io_uring_cqe* cqes_ = nullptr;
  unsigned cq_entries_ = 0;
};

}  // namespace lunarray

#endif
