// One stage of a promotion at a time, through files, by the very code of the agents: what the
// benchmark compares cut-through with.
//
//   bench-stage download API CA CLIENT SECRET_FILE DROPLET_GUID SHA256 FILE
//   bench-stage transfer FILE FILE SHA256
//   bench-stage engine FILE SPOOL SHA256     ends with the digest verified; prints what it cost
//   bench-stage upload API CA CLIENT SECRET_FILE APP_GUID FILE
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/logging.h"
#include "tests/bench/stage_foundation.h"
#include "tests/bench/stage_transfer.h"

namespace {

constexpr int kExitFailed = 1;

sluice::Status PrintEngineCost(const std::string& from, const std::string& to,
                               const std::string& sha256) {
  SLUICE_ASSIGN_OR_RETURN(const sluice::bench::EngineCost cost,
                          sluice::bench::MeasureEngine(from, to, sha256));
  std::printf("{\"seconds\": %f, \"source\": %f, \"target\": %f}\n", cost.seconds,
              cost.source_core_seconds, cost.target_core_seconds);
  return absl::OkStatus();
}

sluice::Status Perform(const std::vector<std::string>& words) {
  if (words.size() == 5 && words[1] == "transfer") {
    return sluice::bench::TransferFile(words[2], words[3], words[4]);
  }
  if (words.size() == 5 && words[1] == "engine") {
    return PrintEngineCost(words[2], words[3], words[4]);
  }
  if (words.size() == 9 && words[1] == "download") {
    return sluice::bench::DownloadToFile({words[2], words[3], words[4], words[5]}, words[6],
                                         words[7], words[8]);
  }
  if (words.size() == 8 && words[1] == "upload") {
    return sluice::bench::UploadFromFile({words[2], words[3], words[4], words[5]}, words[6],
                                         words[7]);
  }
  return sluice::NamedError(
      sluice::StatusCode::kInvalidArgument, "usage",
      "bench-stage download API CA CLIENT SECRET_FILE DROPLET_GUID SHA256 FILE | "
      "transfer FILE FILE SHA256 | engine FILE SPOOL SHA256 | upload API CA CLIENT SECRET_FILE "
      "APP_GUID FILE");
}

}  // namespace

int main(int argc, char** argv) {
  sluice::StartLogging("bench-stage", sluice::LogLevel::kError);
  const sluice::Status performed = Perform(std::vector<std::string>(argv, argv + argc));
  if (performed.ok()) return 0;
  std::fprintf(stderr, "%s\n", sluice::Describe(performed).c_str());
  return kExitFailed;
}
