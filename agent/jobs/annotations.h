// What Sluice writes beside a droplet that it uploaded, and reads there again when that droplet is
// promoted further: Cloud Controller itself keeps neither stack nor buildpacks of an upload.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/base/strong.h"
#include "common/trust/statement.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

inline constexpr char kPromotionAnnotation[] = "sluice.dev/promotion";

// All under sluice.dev/: the promotion, digest and source for people, and the source's signed
// statement in pieces, since an annotation holds 5,000 characters (CC v3, "Metadata").
std::map<std::string, std::string> DropletAnnotations(const PromotionId& promotion,
                                                      const trust::Statement& statement,
                                                      const std::string& statement_envelope);

// The statement that came with the droplet, if there is one, a known agent signed it and it is
// about these bytes. Annotations are anybody's to write: what does not verify is as good as absent.
std::optional<trust::Statement> StatementFromAnnotations(
    const std::map<std::string, std::string>& annotations, const std::string& sha256,
    const trust::TrustDocument& trust);

}  // namespace sluice::agent
