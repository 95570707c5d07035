#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"

#if LUNARRAY_RING

namespace lunarray {
namespace {

// Completions are worked off by this thread, when it asks for them: no interruption from the kernel in between.
constexpr unsigned kSetup =
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP;

void* Mapped(int fd, size_t bytes, uint64_t offset) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
  return at == MAP_FAILED ? nullptr : at;
}

template <typename T>
T* At(void* base, unsigned offset) {
  return reinterpret_cast<T*>(static_cast<uint8_t*>(base) + offset);
}

}  // namespace

int RingMemory::Open(unsigned entries, int event_fd) {
  io_uring_params params;
  memset(&params, 0, sizeof params);
  params.flags = kSetup;
  fd_ = static_cast<int>(syscall(SYS_io_uring_setup, entries, &params));
  if (fd_ < 0) return -errno;
  const size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  const size_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
  ring_bytes_ = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
  sqe_bytes_ = params.sq_entries * sizeof(io_uring_sqe);
  rings_ = Mapped(fd_, ring_bytes_, IORING_OFF_SQ_RING);
  sqes_ = static_cast<io_uring_sqe*>(Mapped(fd_, sqe_bytes_, IORING_OFF_SQES));
  if (rings_ == nullptr || sqes_ == nullptr ||
      syscall(SYS_io_uring_register, fd_, IORING_REGISTER_EVENTFD, &event_fd, 1) < 0) {
    const int error = errno;
    Close();
    return -error;
  }
  sq_entries_ = params.sq_entries;
  cq_entries_ = params.cq_entries;
  sq_head_ = At<std::atomic<unsigned>>(rings_, params.sq_off.head);
  sq_tail_shared_ = At<std::atomic<unsigned>>(rings_, params.sq_off.tail);
  cq_head_ = At<std::atomic<unsigned>>(rings_, params.cq_off.head);
  cq_tail_ = At<std::atomic<unsigned>>(rings_, params.cq_off.tail);
  cqes_ = At<io_uring_cqe>(rings_, params.cq_off.cqes);
  unsigned* array = At<unsigned>(rings_, params.sq_off.array);
  for (unsigned i = 0; i < sq_entries_; i++) array[i] = i;
  return 0;
}

void RingMemory::Close() {
  if (sqes_ != nullptr) munmap(sqes_, sqe_bytes_);
  if (rings_ != nullptr) munmap(rings_, ring_bytes_);
  if (fd_ >= 0) close(fd_);
  sqes_ = nullptr;
  rings_ = nullptr;
  fd_ = -1;
}

io_uring_sqe* RingMemory::Next() {
  if (unsubmitted() == sq_entries_) return nullptr;
  io_uring_sqe* sqe = &sqes_[sq_tail_++ & (sq_entries_ - 1)];
  memset(sqe, 0, sizeof *sqe);
  return sqe;
}

int RingMemory::Enter(unsigned wait_for) {
  sq_tail_shared_->store(sq_tail_, std::memory_order_release);
  for (;;) {
    const unsigned left = unsubmitted();
    const long taken = syscall(SYS_io_uring_enter, fd_, left, wait_for, IORING_ENTER_GETEVENTS, nullptr, 0);
    if (taken < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    if (static_cast<unsigned>(taken) == left) return 0;
    if (taken == 0) return -EAGAIN;
  }
}

bool RingMemory::Take(io_uring_cqe* out) {
  const unsigned head = cq_head_->load(std::memory_order_relaxed);
  if (head == cq_tail_->load(std::memory_order_acquire)) return false;
  *out = cqes_[head & (cq_entries_ - 1)];
  cq_head_->store(head + 1, std::memory_order_release);
  return true;
}

}  // namespace lunarray

#endif
