#include "spans.h"

namespace lunarray {

Spans::Spans(napi_env env, napi_value list) {
  uint32_t length = 0;
  napi_get_array_length(env, list, &length);
  if (length > kInline) many_.resize(length);
  count_ = length;
  iovec* out = data();
  for (uint32_t i = 0; i < length; i++) {
    napi_value item;
    napi_get_element(env, list, i, &item);
    void* base = nullptr;
    size_t bytes = 0;
    napi_get_typedarray_info(env, item, nullptr, &bytes, &base, nullptr, nullptr);
    out[i] = {base, bytes};
  }
}

}  // namespace lunarray
