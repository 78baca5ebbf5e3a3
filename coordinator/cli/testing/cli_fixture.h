// The program from its words to its exit code, in a world of fakes but for the disk: each test has
// a folder of its own with a configuration, a trust document and the key of the operator maria.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "common/trust/key_file.h"
#include "common/trust/testing/test_trust.h"
#include "coordinator/cli/droplet_transfer.h"
#include "coordinator/cli/settings.h"
#include "coordinator/cli/testing/fake_federation.h"
#include "coordinator/cli/testing/fake_terminal.h"
#include "gtest/gtest.h"

namespace sluice::cli {

class CliTest : public ::testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  // The exit code. What was printed is in terminal_, of this run only.
  int Run(const std::vector<std::string>& words);
  // The one JSON object on standard output, or on standard error.
  nlohmann::json Out() const { return nlohmann::json::parse(terminal_.out); }
  nlohmann::json Notes() const { return nlohmann::json::parse(terminal_.notes); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void WriteFile(const std::string& name, const std::string& content);
  std::string ReadFile(const std::string& name) const;
  mode_t ModeOf(const std::string& name) const;
  // Signs what the document is to hold and puts it where the configuration says.
  void UseTrust(const trust::TrustContent& content);

  std::string folder_;
  SystemFiles files_;
  FakeClock clock_{trust::kTestNow};
  FakeEntropy entropy_{99};
  FakeTerminal terminal_;
  trust::TestTrust trust_{{"dev", "prod", "west"}};
  trust::OperatorKey maria_;
  FakeFederation federation_{trust_, clock_};
  Environment environment_;
  // No export receives anything unless a test says what.
  TransferMaker receive_ = [](const TransferOptions&) {
    return NamedError(StatusCode::kUnavailable, "peer-unreachable", "nobody sends");
  };
  int connections_ = 0;
  absl::Duration connect_wait_;  // that the latest connection was allowed
};

}  // namespace sluice::cli
