// The addon's parts. Arguments are checked by native/index.ts; nothing here checks them again.
#pragma once

#include <napi.h>

namespace lunarray {

void ExportBlockSums(Napi::Env env, Napi::Object exports);
void ExportCrc32c(Napi::Env env, Napi::Object exports);
void ExportGuards(Napi::Env env, Napi::Object exports);
void ExportMemory(Napi::Env env, Napi::Object exports);
void ExportParity(Napi::Env env, Napi::Object exports);
void ExportFile(Napi::Env env, Napi::Object exports);
void ExportSocket(Napi::Env env, Napi::Object exports);
void ExportMap(Napi::Env env, Napi::Object exports);
void ExportProcess(Napi::Env env, Napi::Object exports);
void ExportRing(Napi::Env env, Napi::Object exports);

}  // namespace lunarray
