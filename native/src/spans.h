// A JavaScript array of Uint8Array as memory spans; short lists need no allocation.
#pragma once

#include <napi.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <vector>

namespace lunarray {

// What one system call takes (IOV_MAX).
constexpr size_t kMaxVectors = 1024;

class Spans {
 public:
  Spans(napi_env env, napi_value list);
  Spans(const Spans&) = delete;
  Spans& operator=(const Spans&) = delete;

  size_t count() const { return count_; }
  iovec* data() { return many_.empty() ? few_.data() : many_.data(); }

 private:
  static constexpr size_t kInline = 64;
  size_t count_ = 0;
  std::array<iovec, kInline> few_;
  std::vector<iovec> many_;
};

// Walks a list of spans byte range by byte range.
class Cursor {
 public:
  explicit Cursor(Spans& spans) : at_(spans.data()), end_(spans.data() + spans.count()) { SkipEmpty(); }

  bool done() const { return at_ == end_; }
  uint8_t* bytes() const { return static_cast<uint8_t*>(at_->iov_base) + used_; }
  size_t left() const { return at_->iov_len - used_; }

  // `bytes` is at most left().
  void Advance(size_t bytes) {
    used_ += bytes;
    SkipEmpty();
  }

  void Skip(size_t bytes) {
    while (bytes > 0 && !done()) {
      const size_t step = bytes < left() ? bytes : left();
      Advance(step);
      bytes -= step;
    }
  }

 private:
  void SkipEmpty() {
    while (at_ != end_ && used_ == at_->iov_len) {
      ++at_;
      used_ = 0;
    }
  }

  iovec* at_;
  iovec* end_;
  size_t used_ = 0;
};

}  // namespace lunarray
