#include "coordinator/cli/testing/cli_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/cli/run.h"

namespace sluice::cli {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;

std::string MakeFolder() {
  std::string folder = ::testing::TempDir() + "sluice-cli-XXXXXX";
  SLUICE_CHECK(mkdtemp(folder.data()) != nullptr);
  return folder;
}

trust::OperatorKey MakeKey(Files& files, Entropy& entropy, const std::string& path) {
  auto key = trust::GenerateOperatorKey(files, entropy, path, "maria");
  SLUICE_CHECK(key.ok());
  return *std::move(key);
}

}  // namespace

CliTest::CliTest() : folder_(MakeFolder()), maria_(MakeKey(files_, entropy_, Path("maria.key"))) {
  const trust::OperatorCard card{"maria", maria_.signing.Public(), maria_.curve.public_key()};
  const auto content = trust_.content().AddOperator(card, {trust::AllActions({"*:*/*"})});
  SLUICE_CHECK(content.ok());
  UseTrust(*content);
  WriteFile("config.yaml",
            absl::StrCat("coordinator: {endpoint: \"tcp://127.0.0.1:7710\"}\n"
                         "trust:\n  document: trust.json\n  roots: [",
                         trust_.root().signing.Public().text(), "]\nkey_file: maria.key\n"));
  environment_["SLUICE_CONFIG"] = Path("config.yaml");
}

CliTest::~CliTest() { std::filesystem::remove_all(folder_); }

int CliTest::Run(const std::vector<std::string>& words) {
  terminal_.out.clear();
  terminal_.notes.clear();
  World world{terminal_,
              files_,
              clock_,
              entropy_,
              environment_,
              [this](const LinkOptions& options) -> StatusOr<std::unique_ptr<CoordinatorLink>> {
                ++connections_;
                connect_wait_ = options.connect_wait;
                EXPECT_EQ(options.endpoint, "tcp://127.0.0.1:7710");
                EXPECT_EQ(options.coordinator, trust_.coordinator().curve.public_key());
                EXPECT_EQ(options.own.public_key(), maria_.curve.public_key());
                return federation_.Connect();
              },
              [this](TransferOptions options) { return receive_(std::move(options)); }};
  return cli::Run(world, words);
}

void CliTest::WriteFile(const std::string& name, const std::string& content) {
  SLUICE_CHECK(files_.Replace(Path(name), content, FileAccess::kEveryone).ok());
}

std::string CliTest::ReadFile(const std::string& name) const {
  return files_.Read(Path(name), kFileBytesMax).value();
}

mode_t CliTest::ModeOf(const std::string& name) const {
  struct stat found {};
  SLUICE_CHECK(stat(Path(name).c_str(), &found) == 0);
  return found.st_mode & 07777;
}

void CliTest::UseTrust(const trust::TrustContent& content) {
  trust_.Use(content);
  WriteFile("trust.json", trust_.document().envelope());
}

}  // namespace sluice::cli
