// File operations through io_uring(7), from the thread of the event loop. What JavaScript asks for in one turn of the
// loop is submitted in one system call before the loop goes to sleep; what has ended is told in one call into
// JavaScript, as pairs of token and result in a Float64Array.
//
// Who calls keeps the buffers and the descriptor until the token's end is told.
#include <cerrno>
#include <deque>
#include <memory>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "parts.h"
#include "ring-op.h"
#include "ring.h"
#include "spans.h"

namespace lunarray {
#if LUNARRAY_RING
namespace {

constexpr unsigned kEntries = 256;
constexpr size_t kToldAtOnce = 256;  // RING_PAIRS of native/index.ts

class Ring : public Napi::ObjectWrap<Ring> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Ring",
                       {InstanceMethod<&Ring::Read>("read"), InstanceMethod<&Ring::Write>("writeMany"),
                        InstanceMethod<&Ring::Punch>("punchHole"), InstanceMethod<&Ring::Sync>("sync")});
  }

  explicit Ring(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Ring>(info), async_(info.Env(), "lunarray.ring") {}

  // 0 or minus errno. `ended(count)` is called with the first `count` pairs of `told` filled in.
  int Start(Napi::Float64Array told, Napi::Function ended) {
    event_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd_ < 0) return -errno;
    const int failed = memory_.Open(kEntries, event_fd_);
    if (failed < 0) {
      close(event_fd_);
      return failed;
    }
    told_reference_ = Napi::Persistent(told);
    told_ = told.Data();
    ended_ = Napi::Persistent(ended);
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(Env(), &loop);
    uv_poll_init(loop, &poll_, event_fd_);
    uv_prepare_init(loop, &prepare_);
    uv_idle_init(loop, &idle_);
    poll_.data = prepare_.data = idle_.data = this;
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) { static_cast<Ring*>(handle->data)->Reap(); });
    uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { static_cast<Ring*>(handle->data)->Submit(); });
    uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
    uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
    uv_unref(reinterpret_cast<uv_handle_t*>(&idle_));
    napi_add_async_cleanup_hook(Env(), &Ring::CleanUp, this, &cleanup_);
    Ref();
    return 0;
  }

 private:
  // (token, fd, offset, buffers)
  Napi::Value Read(const Napi::CallbackInfo& info) {
    RingOp* op = NewOp(NewRequest(info, 1), RingOp::Kind::kRead, info, Offset(info[2]));
    Spans spans(info.Env(), info[3]);
    op->Add(spans.data(), spans.count());
    op->Align();
    return info.Env().Undefined();
  }

  // (token, fd, offsets, lists): at least one list
  Napi::Value Write(const Napi::CallbackInfo& info) {
    const auto offsets = info[2].As<Napi::Array>();
    const auto lists = info[3].As<Napi::Array>();
    const uint32_t count = offsets.Length();
    RingRequest* request = NewRequest(info, count);
    for (uint32_t i = 0; i < count; i++) {
      RingOp* op = NewOp(request, RingOp::Kind::kWrite, info, Offset(offsets.Get(i)));
      Spans spans(info.Env(), lists.Get(i));
      op->Add(spans.data(), spans.count());
      op->Align();
    }
    return info.Env().Undefined();
  }

  // (token, fd, offset, bytes)
  Napi::Value Punch(const Napi::CallbackInfo& info) {
    NewOp(NewRequest(info, 1), RingOp::Kind::kPunch, info, Offset(info[2]))->set_bytes(Offset(info[3]));
    return info.Env().Undefined();
  }

  // (token, fd)
  Napi::Value Sync(const Napi::CallbackInfo& info) {
    NewOp(NewRequest(info, 1), RingOp::Kind::kSync, info, 0);
    return info.Env().Undefined();
  }

  static int64_t Offset(Napi::Value value) { return value.As<Napi::Number>().Int64Value(); }

  RingRequest* NewRequest(const Napi::CallbackInfo& info, unsigned operations) {
    // While anything runs the process must not end for want of work.
    if (requests_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
    return new RingRequest{info[0].As<Napi::Number>().Int32Value(), operations, 0};
  }

  RingOp* NewOp(RingRequest* request, RingOp::Kind kind, const Napi::CallbackInfo& info, int64_t offset) {
    RingOp* op;
    if (spare_.empty()) {
      op = new RingOp();
    } else {
      op = spare_.back().release();
      spare_.pop_back();
    }
    op->Reset(request, kind, info[1].As<Napi::Number>().Int32Value(), offset);
    waiting_.push_back(op);
    return op;
  }

  // Gives the kernel what waits, as far as the completions are sure to have room.
  void Submit() {
    bool refused = false;
    while (!refused && (memory_.unsubmitted() > 0 || (!waiting_.empty() && running_ < memory_.limit()))) {
      while (!waiting_.empty() && running_ < memory_.limit()) {
        io_uring_sqe* sqe = memory_.Next();
        if (sqe == nullptr) break;
        waiting_.front()->Fill(sqe);
        waiting_.pop_front();
        running_++;
      }
      // Short of memory for instance: what was not taken stays in the ring, and is offered again in the next turn.
      refused = memory_.Enter(0) < 0;
    }
    if (refused) uv_idle_start(&idle_, [](uv_idle_t*) {});
    else uv_idle_stop(&idle_);
  }

  void Reap() {
    uint64_t signals;
    while (read(event_fd_, &signals, sizeof signals) < 0 && errno == EINTR) {
    }
    memory_.Enter(0);
    for (size_t count = Collect(); count > 0; count = Collect()) {
      Napi::HandleScope scope(Env());
      ended_.MakeCallback(Env().Global(), {Napi::Number::New(Env(), static_cast<double>(count))}, async_);
    }
  }

  // Fills `told_` with requests that have ended; says with how many.
  size_t Collect() {
    size_t count = 0;
    io_uring_cqe cqe;
    while (count < kToldAtOnce && memory_.Take(&cqe)) {
      running_--;
      RingOp* op = reinterpret_cast<RingOp*>(static_cast<uintptr_t>(cqe.user_data));
      if (!op->Progress(cqe.res)) {
        waiting_.push_back(op);
        continue;
      }
      RingRequest* request = op->request;
      spare_.emplace_back(op);
      if (--request->left > 0) continue;
      told_[2 * count] = request->token;
      told_[2 * count + 1] = static_cast<double>(request->result);
      count++;
      delete request;
      if (--requests_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
    }
    return count;
  }

  // The environment ends: nothing may be written into its memory afterwards, so what runs is called off or waited for.
  static void CleanUp(napi_async_cleanup_hook_handle, void* data) {
    Ring* ring = static_cast<Ring*>(data);
    ring->CallOff();
    uv_close(reinterpret_cast<uv_handle_t*>(&ring->poll_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&ring->prepare_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&ring->idle_), [](uv_handle_t* handle) {
      Ring* closed = static_cast<Ring*>(handle->data);
      closed->memory_.Close();
      close(closed->event_fd_);
      napi_remove_async_cleanup_hook(closed->cleanup_);
    });
  }

  void CallOff() {
    waiting_.clear();
    if (running_ == 0) return;
    io_uring_sqe* sqe = memory_.Next();
    if (sqe != nullptr) {
      sqe->opcode = IORING_OP_ASYNC_CANCEL;
      sqe->rw_flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;
      running_++;
    }
    while (running_ > 0) {
      memory_.Enter(1);
      for (io_uring_cqe cqe; memory_.Take(&cqe);) running_--;
    }
  }

  RingMemory memory_;
  int event_fd_ = -1;
  uv_poll_t poll_;
  uv_prepare_t prepare_;
  uv_idle_t idle_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  Napi::AsyncContext async_;
  Napi::Reference<Napi::Float64Array> told_reference_;
  double* told_ = nullptr;
  Napi::FunctionReference ended_;
  // Asked for, in order, and not given to the kernel; those that have moved a part are at the end again.
  std::deque<RingOp*> waiting_;
  // For the next operations.
  std::vector<std::unique_ptr<RingOp>> spare_;
  // Operations that the kernel has, or will have at the next `Enter`.
  unsigned running_ = 0;
  unsigned requests_ = 0;
};

// (told, ended) → the ring, or minus errno
Napi::Value OpenRing(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object object = Ring::Class(env).New({});
  const int failed = Ring::Unwrap(object)->Start(info[0].As<Napi::Float64Array>(), info[1].As<Napi::Function>());
  if (failed < 0) return Napi::Number::New(env, failed);
  return object;
}

}  // namespace
#else
namespace {

Napi::Value OpenRing(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), -ENOSYS); }

}  // namespace
#endif

void ExportRing(Napi::Env env, Napi::Object exports) {
  exports.Set("openRing", Napi::Function::New<OpenRing>(env, "openRing"));
}

}  // namespace lunarray
