#include "coordinator/cli/coordinator_link.h"

#include "sluice/v1/control.pb.h"

namespace sluice::cli {

StatusOr<v1::ControlMessage> CoordinatorLink::Ask(const v1::ControlMessage& question,
                                                  absl::Duration wait) {
  return AskAll({question}, wait).front();
}

}  // namespace sluice::cli
