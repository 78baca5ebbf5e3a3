// Targets that pass chunks on to each other, over real CURVE sockets.
#include "common/transfer/testing/exchange_fixture.h"

namespace sluice::transfer {
namespace {

class FellowsTest : public BulkExchangeTest {
 protected:
  FellowsTest() {
    Start(third_, "third", directory_.Admit(net::PeerRole::kAgent, "third"));
    for (size_t i = 0; i < targets_.size(); ++i) {
      recipients_.push_back(
          crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, entropy_));
    }
  }

  std::unique_ptr<OutgoingTransfer> SendToAll(const StreamFixture& stream) {
    SeedOptions seed = {.layout = stream.layout,
                        .statement_sha256 = stream.statement_sha256,
                        .recipients = {},
                        .sign = stream.Sign()};
    OutgoingOptions send = stream.Outgoing();
    for (size_t i = 0; i < targets_.size(); ++i) {
      seed.recipients.push_back({recipients_[i].suite, recipients_[i].public_key});
      send.meetings.push_back(DirectMeeting(targets_[i]->peer, targets_[i]->exchange->endpoint()));
    }
    auto made = MakeTransferSeed(seed, entropy_);
    SLUICE_CHECK(made.ok());
    send.seed = *std::move(made);
    send.digest_log_path = LogPath(stream);
    auto outgoing = source_.exchange->Send(std::move(send));
    SLUICE_CHECK(outgoing.ok());
    return *std::move(outgoing);
  }
  std::unique_ptr<IncomingTransfer> ReceiveAt(uint32_t place, const StreamFixture& stream) {
    IncomingOptions receive = stream.Incoming();
    receive.recipient = recipients_[place];
    receive.target_index = place;
    receive.meeting = OfTarget(Dials::kSource);
    for (uint32_t other = 0; other < targets_.size(); ++other) {
      if (other == place) continue;
      // Both may dial.
      receive.fellows.push_back(
          {other,
           {.peer = targets_[other]->peer,
            .ways = {{WayKind::kDialled, targets_[other]->exchange->endpoint(), {}},
                     {WayKind::kAccepted, "", {}}}}});
    }
    auto incoming = targets_[place]->exchange->Receive(std::move(receive));
    SLUICE_CHECK(incoming.ok());
    return *std::move(incoming);
  }

  Party third_;
  const std::vector<Party*> targets_ = {&target_, &other_, &third_};
  std::vector<crypto::SealKeyPair> recipients_;
};

TEST_F(FellowsTest, SourceSendsAboutOneCopyToTargetsThatReachEachOther) {
  StreamFixture stream(512 * uint64_t{kChunkBytesMin} + 1, kChunkBytesMin, 7);
  std::vector<std::unique_ptr<IncomingTransfer>> incoming;
  for (uint32_t place = 0; place < targets_.size(); ++place) {
    incoming.push_back(ReceiveAt(place, stream));
  }
  auto outgoing = SendToAll(stream);
  Running<Status> sent([&] { return SendAll(*outgoing, stream.droplet); });
  uint64_t served = 0;
  for (const auto& transfer : incoming) {
    EXPECT_TRUE(ReadAll(*transfer).bytes == stream.droplet);
  }
  EXPECT_THAT(sent.Get(), IsOk());
  for (const auto& transfer : incoming) served += transfer->figures().bytes_served;
  EXPECT_GE(outgoing->figures().bytes_sent, stream.layout.droplet_bytes);
  EXPECT_LE(outgoing->figures().bytes_sent, stream.layout.droplet_bytes * 3 / 2);
  EXPECT_GE(served, stream.layout.droplet_bytes * 3 / 2) << "the other copies";
}

TEST_F(FellowsTest, FellowThatIsNotThereIsDoneWithout) {
  StreamFixture stream(64 * uint64_t{kChunkBytesMin}, kChunkBytesMin, 8);
  auto first = ReceiveAt(0, stream);
  auto second = ReceiveAt(1, stream);
  third_.exchange.reset();
  OutgoingOptions send = stream.Outgoing();
  SeedOptions seed = {.layout = stream.layout,
                      .statement_sha256 = stream.statement_sha256,
                      .recipients = {{recipients_[0].suite, recipients_[0].public_key},
                                     {recipients_[1].suite, recipients_[1].public_key}},
                      .sign = stream.Sign()};
  auto made = MakeTransferSeed(seed, entropy_);
  ASSERT_THAT(made, IsOk());
  send.seed = *std::move(made);
  send.meetings = {DirectMeeting(target_.peer, target_.exchange->endpoint()),
                   DirectMeeting(other_.peer, other_.exchange->endpoint()),
                   DirectMeeting(third_.peer, "")};
  send.digest_log_path = LogPath(stream);
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  Running<Status> sent([&] { return SendAll(**outgoing, stream.droplet); });
  EXPECT_TRUE(ReadAll(*first).bytes == stream.droplet);
  EXPECT_TRUE(ReadAll(*second).bytes == stream.droplet);
  (*outgoing)->Cancel(NamedError(StatusCode::kCancelled, "cancelled", "enough"));
  EXPECT_THAT(sent.Get(), HasErrorName("cancelled"));
}

TEST_F(FellowsTest, VerifiedTargetKeepsWhatItHasForItsFellowsUntilItIsToldToStop) {
  StreamFixture stream(64 * uint64_t{kChunkBytesMin}, kChunkBytesMin, 10);
  auto incoming = ReceiveAt(0, stream);
  auto outgoing = SendToAll(stream);
  Running<Status> sent([&] { return SendAll(*outgoing, stream.droplet); });
  EXPECT_TRUE(ReadAll(*incoming).bytes == stream.droplet);
  incoming.reset();
  ASSERT_THAT(target_.spool->Remove(stream.layout.transfer), IsOk());
  EXPECT_EQ(target_.spool->bytes_used(), SpoolFileBytes(stream.layout)) << "a fellow may come";
  target_.exchange->StopServing(stream.layout.transfer);
  // What is asked of the exchange later is done later.
  StreamFixture other(1, kChunkBytesMin, 11);
  auto next = ReceiveAt(0, other);
  EXPECT_EQ(target_.spool->bytes_used(), SpoolFileBytes(other.layout));
  outgoing->Cancel(NamedError(StatusCode::kCancelled, "cancelled", "enough"));
  EXPECT_THAT(sent.Get(), HasErrorName("cancelled"));
}

TEST_F(FellowsTest, RoomThatIsOnlyKeptForFellowsIsGivenToTheNextTransfer) {
  StreamFixture stream(kSpoolBytes / 2, kChunkBytesMax, 12);
  auto incoming = ReceiveAt(0, stream);
  auto outgoing = SendToAll(stream);
  Running<Status> sent([&] { return SendAll(*outgoing, stream.droplet); });
  EXPECT_TRUE(ReadAll(*incoming).bytes == stream.droplet);
  incoming.reset();
  ASSERT_THAT(target_.spool->Remove(stream.layout.transfer), IsOk());
  StreamFixture other(kSpoolBytes / 2, kChunkBytesMax, 13);
  auto next = ReceiveAt(0, other);
  EXPECT_EQ(target_.spool->bytes_used(), SpoolFileBytes(other.layout));
  outgoing->Cancel(NamedError(StatusCode::kCancelled, "cancelled", "enough"));
  EXPECT_THAT(sent.Get(), HasErrorName("cancelled"));
}

TEST_F(FellowsTest, TargetWithTwoLinesToOneAgentIsRefused) {
  StreamFixture stream(1, kChunkBytesMin, 9);
  IncomingOptions receive = stream.Incoming();
  receive.meeting = OfTarget(Dials::kSource);
  receive.fellows = {{1, receive.meeting}};
  EXPECT_THAT(target_.exchange->Receive(std::move(receive)), HasErrorName("peer-twice"));
}

}  // namespace
}  // namespace sluice::transfer
