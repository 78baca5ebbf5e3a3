#include "tests/bench/stage_foundation.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <stop_token>
#include <utility>

#include "agent/foundation/cloud_controller.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/random.h"
#include "common/crypto/digest.h"
#include "common/http/curl_transport.h"
#include "common/http/message.h"
#include "common/http/waiter.h"

namespace sluice::bench {
namespace {

constexpr size_t kSecretBytesMax = 4096;
constexpr absl::Duration kJobPoll = absl::Milliseconds(200);  // as the agents of the benchmark

Status FileTrouble(const std::string& file) {
  return NamedError(StatusCode::kInternal, "file-trouble", "cannot read or write " + file);
}

class HashingFileSink final : public http::ByteSink {
 public:
  explicit HashingFileSink(const std::string& file)
      : file_(file), out_(file, std::ios::binary | std::ios::trunc) {}

  Status Write(std::string_view bytes) override {
    hash_.Update(bytes);
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return out_ ? absl::OkStatus() : FileTrouble(file_);
  }

  StatusOr<std::string> Finish() {
    out_.close();
    if (!out_) return FileTrouble(file_);
    return hash_.Finish().hex();
  }

 private:
  std::string file_;
  std::ofstream out_;
  crypto::Sha256 hash_;
};

class FileBody final : public http::BodySource {
 public:
  explicit FileBody(const std::string& file)
      : bytes_(std::filesystem::file_size(file)), in_(file, std::ios::binary) {}

  uint64_t ContentLength() const override { return bytes_; }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    in_.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    return static_cast<size_t>(in_.gcount());
  }

 private:
  uint64_t bytes_;
  std::ifstream in_;
};

// A client as an agent makes it.
class Foundation {
 public:
  explicit Foundation(const FoundationAccess& access)
      : transport_({.ca_file = access.ca_file, .plain_http_hosts = {}, .user_agent = "bench-stage"},
                   clock_),
        cloud_controller_(OptionsFor(access), CredentialsOf(access), transport_, clock_, waiter_,
                          SeedFromKernel()) {}

  foundation::CloudController& cloud_controller() { return cloud_controller_; }

 private:
  static foundation::CloudController::Options OptionsFor(const FoundationAccess& access) {
    foundation::CloudController::Options options;
    options.foundation = "bench";
    options.api_url = access.api_url;
    options.job_poll_first = kJobPoll;
    options.job_poll_max = kJobPoll;
    return options;
  }

  static foundation::CredentialsSource CredentialsOf(const FoundationAccess& access) {
    return [access]() -> StatusOr<foundation::ClientCredentials> {
      SLUICE_ASSIGN_OR_RETURN(std::string secret, SystemFiles().ReadPrivate(
                                                      access.client_secret_file, kSecretBytesMax));
      while (!secret.empty() && secret.back() == '\n') secret.pop_back();
      return foundation::ClientCredentials{access.client_id, Secret(secret)};
    };
  }

  SystemClock clock_;
  http::RealWaiter waiter_;
  http::CurlTransport transport_;
  foundation::CloudController cloud_controller_;
};

}  // namespace

Status DownloadToFile(const FoundationAccess& access, const std::string& droplet_guid,
                      const std::string& sha256, const std::string& file) {
  Foundation foundation(access);
  foundation::CloudController& cloud_controller = foundation.cloud_controller();
  const std::stop_token never;
  const DropletGuid droplet(droplet_guid);
  SLUICE_ASSIGN_OR_RETURN(const uint64_t bytes, cloud_controller.GetDropletSize(droplet, never));
  HashingFileSink sink(file);
  SLUICE_RETURN_IF_ERROR(cloud_controller.DownloadDroplet(droplet, 0, bytes, sink, never));
  SLUICE_ASSIGN_OR_RETURN(const std::string digest, sink.Finish());
  if (digest == sha256) return absl::OkStatus();
  return NamedError(StatusCode::kDataLoss, "digest-mismatch", "the file has sha256:" + digest);
}

Status UploadFromFile(const FoundationAccess& access, const std::string& app_guid,
                      const std::string& file) {
  Foundation foundation(access);
  foundation::CloudController& cloud_controller = foundation.cloud_controller();
  const std::stop_token never;
  SLUICE_ASSIGN_OR_RETURN(
      const foundation::Droplet droplet,
      cloud_controller.CreateDroplet(AppGuid(app_guid), {{"web", "sleep infinity"}}, never));
  FileBody bits(file);
  SLUICE_ASSIGN_OR_RETURN(const JobGuid job,
                          cloud_controller.UploadDroplet(droplet.guid, bits, never));
  SLUICE_RETURN_IF_ERROR(cloud_controller.WaitForJob(job, never));
  SLUICE_ASSIGN_OR_RETURN(const foundation::Droplet stored,
                          cloud_controller.GetDroplet(droplet.guid, never));
  if (stored.state == "STAGED") return absl::OkStatus();
  return NamedError(StatusCode::kFailedPrecondition, "not-staged", "droplet is " + stored.state);
}

}  // namespace sluice::bench
