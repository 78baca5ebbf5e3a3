// One blob out of a registry: checked as it comes, taken up again where it was cut.
#pragma once

#include <stop_token>
#include <string>

#include "common/base/status.h"
#include "common/http/message.h"
#include "common/registry/descriptor.h"
#include "common/registry/registry_calls.h"

namespace sluice::registry {

inline constexpr int kRedirectsMax = 5;
// Cuts of one blob, however much came between them.
inline constexpr int kDownloadCutsMax = 64;

// Pushes the blob's bytes, each once and in order, into `out`. They may be wrong until this returns
// OK: size and digest are known at the end only. Redirects are followed, without credentials when
// they lead elsewhere. By name:
//   DataLoss             digest-mismatch (another digest, or another size)
//   FailedPrecondition   registry-redirect-refused (too many, or from TLS to none)
// and those of StatusFromAnswer(), of the transport, and of `out`.
Status DownloadBlob(RegistryCalls& calls, const std::string& repository_path,
                    const Descriptor& blob, http::ByteSink& out, std::stop_token stop);

}  // namespace sluice::registry
