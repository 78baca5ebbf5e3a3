// Submits envelopes to a coordinator as they are, with an operator's key for the connection only,
// and prints what it answers, one JSON object a line. `sluice` itself would never send such orders.
//
//   submit-order KEY TRUST_DOCUMENT ROOT ENDPOINT ORDER_FILE...
#include <cstdio>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/crypto/system_entropy.h"
#include "common/net/control_client.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/trust/key_file.h"
#include "common/trust/trust_document.h"
#include "sluice/v1/control.pb.h"

namespace sluice {
namespace {

constexpr size_t kOrderBytesMax = 64 * 1024;
constexpr size_t kRequestIdBytes = 16;
constexpr int kExitFailed = 1;
constexpr int kExitBadInput = 2;

void Print(const nlohmann::json& line) {
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

// One order after the other, each when the one before was answered.
class Submitter {
 public:
  Submitter(std::deque<std::string> orders, Entropy& entropy)
      : orders_(std::move(orders)), entropy_(entropy) {}

  void set_client(net::ControlClient* client) { client_ = client; }
  bool done() const { return orders_.empty() || !failure_.ok(); }
  const Status& failure() const { return failure_; }

  void OnWelcome() { Submit(); }
  void OnLost(const Status& why) { failure_ = why; }
  void OnMessage(const v1::ControlMessage& message) {
    if (message.request() != request_) return;
    if (message.has_error()) {
      Print({{"event", "refused"},
             {"name", message.error().name()},
             {"message", message.error().message()}});
    } else {
      Print({{"event", "recorded"}, {"promotion", message.order_recorded().promotion()}});
    }
    orders_.pop_front();
    Submit();
  }

 private:
  void Submit() {
    if (orders_.empty()) return;
    request_ = entropy_.Bytes(kRequestIdBytes);
    v1::ControlMessage message;
    message.set_request(request_);
    message.mutable_submit_order()->set_envelope(orders_.front());
    if (Status sent = client_->Send(std::move(message)); !sent.ok()) failure_ = sent;
  }

  std::deque<std::string> orders_;
  Entropy& entropy_;
  net::ControlClient* client_ = nullptr;
  std::string request_;
  Status failure_;
};

struct Words {
  std::string key_file, trust_document, root, endpoint;
};

Status SubmitAll(const Words& words, std::deque<std::string> orders) {
  SystemFiles files;
  const SystemClock clock;
  crypto::SystemEntropy entropy;
  SeededRandom random(SeedFromKernel());
  SLUICE_ASSIGN_OR_RETURN(crypto::VerifyingKey root,
                          crypto::VerifyingKey::Parse(crypto::KeyKind::kRoot, words.root));
  const std::vector<crypto::VerifyingKey> roots = {root};
  SLUICE_ASSIGN_OR_RETURN(trust::TrustDocument document,
                          trust::TrustDocument::Load(files, words.trust_document, roots));
  SLUICE_ASSIGN_OR_RETURN(trust::OperatorKey key, trust::LoadOperatorKey(files, words.key_file));
  SLUICE_ASSIGN_OR_RETURN(
      std::unique_ptr<net::Network> network,
      net::Network::Start({key.curve.public_key().bytes(), key.curve.secret_bytes()}, nullptr));
  net::EventLoop loop(clock);
  Submitter submitter(std::move(orders), entropy);
  net::ControlClientOptions options;
  options.endpoint = words.endpoint;
  options.coordinator_key = document.content().coordinator_curve->bytes();
  options.version = "submit-order";
  const std::unique_ptr<net::ControlClient> client = net::ControlClient::Dial(
      *network, loop, clock, entropy, random, std::move(options),
      {.on_welcome = [&](const v1::Welcome&) { submitter.OnWelcome(); },
       .on_message = [&](const v1::ControlMessage& message) { submitter.OnMessage(message); },
       .on_lost = [&](const Status& why) { submitter.OnLost(why); }});
  submitter.set_client(client.get());
  loop.RunUntil([&] { return submitter.done(); });
  return submitter.failure();
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  constexpr int kFixedWords = 5;
  const std::vector<std::string> words(argv, argv + argc);
  if (argc <= kFixedWords) {
    std::fputs("usage: submit-order KEY TRUST_DOCUMENT ROOT ENDPOINT ORDER_FILE...\n", stderr);
    return sluice::kExitBadInput;
  }
  sluice::StartLogging("submit-order", sluice::LogLevel::kError);
  std::deque<std::string> orders;
  for (size_t i = kFixedWords; i < words.size(); ++i) {
    const auto order = sluice::SystemFiles().Read(words[i], sluice::kOrderBytesMax);
    if (!order.ok()) {
      std::fprintf(stderr, "%s\n", sluice::Describe(order.status()).c_str());
      return sluice::kExitBadInput;
    }
    orders.push_back(*order);
  }
  const sluice::Status done =
      sluice::SubmitAll({words[1], words[2], words[3], words[4]}, std::move(orders));
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s\n", sluice::Describe(done).c_str());
  return sluice::kExitFailed;
}
