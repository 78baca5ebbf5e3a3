// HKDF with SHA-256 (RFC 5869): keys from other keys.
#pragma once

#include <string_view>

#include "common/base/secret.h"

namespace sluice::crypto {

Secret HkdfExtract(std::string_view salt, const Secret& input_key);

// `bytes` at most 255 * 32.
Secret HkdfExpand(const Secret& pseudorandom_key, std::string_view info, size_t bytes);

}  // namespace sluice::crypto
