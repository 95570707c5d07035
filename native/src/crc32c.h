// CRC-32C for the addon's own use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lunarray {

// `seed`: the result for the bytes before, 0 at the start.
uint32_t Crc32c(uint32_t seed, const uint8_t* data, size_t size);

}  // namespace lunarray
