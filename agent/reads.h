// Answers to signed read requests: what the command line's plans and lists are made of. The
// actions, their arguments and results are in README.md.
#pragma once

#include <stop_token>
#include <string>

#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/upload_start.h"
#include "agent/journal.h"
#include "common/base/status.h"
#include "common/transfer/spool.h"
#include "common/trust/acceptance.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

// Blocking and thread-safe; changes nothing anywhere.
class Reads {
 public:
  struct Options {
    FoundationName foundation;
    std::string version;
    // CC's nginx refuses larger bodies: cc.app_bits_max_body_size of capi-release.
    uint64_t droplet_bytes_max = uint64_t{2048} << 20;
    UploadLimits upload_limits;
  };
  Reads(Options options, foundation::CloudController& cloud_controller, Journal& journal,
        const transfer::Spool& spool);

  // The result, a JSON object as text. InvalidArgument "unknown-read", "bad-arguments";
  // PermissionDenied "not-granted"; else what the foundation says.
  StatusOr<std::string> Answer(const trust::AcceptedRead& read, const trust::TrustDocument& trust,
                               std::stop_token stop);

 private:
  struct Question;
  StatusOr<std::string> AnswerFoundation(const Question& question);
  StatusOr<std::string> AnswerApps(const Question& question);
  StatusOr<std::string> AnswerDroplets(const Question& question);
  StatusOr<std::string> PlanSource(const Question& question);
  StatusOr<std::string> PlanTarget(const Question& question);
  StatusOr<std::string> PlanRollback(const Question& question);

  const Options options_;
  foundation::CloudController& cloud_controller_;
  Journal& journal_;
  const transfer::Spool& spool_;
};

}  // namespace sluice::agent
