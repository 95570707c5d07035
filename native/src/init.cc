#include "parts.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  lunarray::ExportBlockSums(env, exports);
  lunarray::ExportCrc32c(env, exports);
  lunarray::ExportGuards(env, exports);
  lunarray::ExportMemory(env, exports);
  lunarray::ExportParity(env, exports);
  lunarray::ExportFile(env, exports);
  lunarray::ExportSocket(env, exports);
  lunarray::ExportMap(env, exports);
  lunarray::ExportProcess(env, exports);
  lunarray::ExportRing(env, exports);
  return exports;
}

NODE_API_MODULE(lunarray, Init)
