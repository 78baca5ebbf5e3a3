// JSON of a stranger: bounded before it is parsed.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace sluice::image {

// Above what registries take for a manifest (4 MiB, OCI distribution-spec) and configs are smaller.
inline constexpr size_t kDocumentBytesMax = size_t{4} << 20;
inline constexpr int kDocumentDepthMax = 32;

// FailedPrecondition "base-malformed": no JSON, no object or list, too long or too deep. `what`
// begins the message.
StatusOr<nlohmann::json> ParseBoundedJson(std::string_view text, std::string_view what);

// Fields in byte order, no blanks. InvalidArgument "text-not-utf8", by a field of `what`.
StatusOr<std::string> FormatDocument(const nlohmann::json& value, std::string_view what);

// A field of an object; empty when there is none or it is null, "base-malformed" when it is of
// another type.
StatusOr<std::string> TextField(const nlohmann::json& object, const char* name);
StatusOr<nlohmann::json> ListField(const nlohmann::json& object, const char* name);
StatusOr<nlohmann::json> ObjectField(const nlohmann::json& object, const char* name);

Status MalformedRunImage(std::string_view message);

}  // namespace sluice::image
