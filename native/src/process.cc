// The end of the process, without the waiting that exit(3) does for work handed to the thread pool.
#include <unistd.h>

#include "parts.h"

namespace lunarray {
namespace {

Napi::Value ExitNow(const Napi::CallbackInfo& info) { _exit(info[0].As<Napi::Number>().Int32Value()); }

}  // namespace

void ExportProcess(Napi::Env env, Napi::Object exports) {
  exports.Set("exitNow", Napi::Function::New<ExitNow>(env, "exitNow"));
}

}  // namespace lunarray
