// Writing to a stream socket without a round through the event loop.
#include <cerrno>
#include <sys/socket.h>

#include "parts.h"
#include "spans.h"

namespace lunarray {
namespace {

// Stops at the first short call: the socket's buffer is full then. An error after some bytes have moved is left
// for the next call to report, as the kernel itself does.
Napi::Value SendNow(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  Spans spans(info.Env(), info[1]);
  int64_t total = 0;
  for (size_t at = 0; at < spans.count(); at += kMaxVectors) {
    msghdr message{};
    message.msg_iov = spans.data() + at;
    message.msg_iovlen = spans.count() - at < kMaxVectors ? spans.count() - at : kMaxVectors;
    size_t wanted = 0;
    for (size_t i = 0; i < message.msg_iovlen; i++) wanted += message.msg_iov[i].iov_len;
    ssize_t moved;
    do {
      moved = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (moved < 0 && errno == EINTR);
    if (moved < 0) {
      if (total == 0) total = -errno;
      break;
    }
    total += moved;
    if (static_cast<size_t>(moved) < wanted) break;
  }
  return Napi::Number::New(info.Env(), static_cast<double>(total));
}

}  // namespace

void ExportSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("sendNow", Napi::Function::New<SendNow>(env, "sendNow"));
}

}  // namespace lunarray
