// Goal: the commands' line over real sockets: what is answered, what is told when nobody is there,
// and that a wait ends when it should. Method: a coordinator of the real protocol on its own
// thread, which does with each message what the test says.
#include "coordinator/cli/coordinator_connection.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/net/control_server.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

using OnQuestion =
    std::function<void(net::ControlSender&, net::SessionId, const v1::ControlMessage&)>;

class TestCoordinator final : public net::ControlEvents {
 public:
  TestCoordinator(crypto::CurveKeyPair key, crypto::CurvePublicKey operator_key,
                  OnQuestion on_question)
      : key_(std::move(key)),
        operator_key_(std::move(operator_key)),
        on_question_(std::move(on_question)),
        thread_("coordinator", [this] { Serve(); }) {
    endpoint_ = listening_.get_future().get();
  }
  ~TestCoordinator() override {
    loop_->Stop();
    stopped_.set_value();
  }

  const std::string& endpoint() const { return endpoint_; }

 private:
  void Serve() {
    net::EventLoop loop(clock_);
    loop_ = &loop;
    auto network = net::Network::Start(
        {key_.public_key().bytes(), key_.secret_bytes()},
        [this](std::string_view curve) -> std::optional<net::Peer> {
          if (curve != operator_key_.bytes()) return std::nullopt;
          return net::Peer{net::PeerRole::kOperator, "maria", std::string(curve)};
        });
    auto server = net::ControlServer::Listen(**network, loop, clock_, entropy_, *this,
                                             {.endpoint = "tcp://127.0.0.1:*",
                                              .features = {},
                                              .version = "test",
                                              .ping_every = absl::Milliseconds(50)});
    server_ = server->get();
    listening_.set_value(server_->endpoint());
    loop.Run();
    stopped_.get_future().wait();  // Stop() is still at work in the loop otherwise
  }
  void OnSessionOpened(net::SessionId, const net::Peer&, const v1::Hello&) override {}
  void OnSessionClosed(net::SessionId, const net::Peer&) override {}
  void OnMessage(net::SessionId session, const net::Peer&,
                 const v1::ControlMessage& message) override {
    on_question_(*server_, session, message);
  }

  const crypto::CurveKeyPair key_;
  const crypto::CurvePublicKey operator_key_;
  const OnQuestion on_question_;
  const SystemClock clock_;
  FakeEntropy entropy_{7};
  net::EventLoop* loop_ = nullptr;
  net::ControlServer* server_ = nullptr;
  std::promise<std::string> listening_;
  std::promise<void> stopped_;
  std::string endpoint_;
  Thread thread_;  // uses all of the above
};

class CoordinatorConnectionTest : public ::testing::Test {
 protected:
  CoordinatorConnectionTest() : interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~CoordinatorConnectionTest() override { close(interrupt_); }

  std::unique_ptr<TestCoordinator> Start(OnQuestion on_question) {
    return std::make_unique<TestCoordinator>(key_, own_.public_key(), std::move(on_question));
  }
  std::unique_ptr<CoordinatorLink> Connect(const std::string& endpoint,
                                           absl::Duration wait = absl::Minutes(2)) {
    auto link = ConnectToCoordinator({endpoint, key_.public_key(), own_, wait}, clock_, entropy_,
                                     interrupt_);
    EXPECT_THAT(link, IsOk());
    return *std::move(link);
  }
  static v1::ControlMessage Question(const std::string& id) {
    v1::ControlMessage question;
    question.mutable_get_promotion()->set_id(id);
    return question;
  }
  // An answer that names what was asked for.
  static v1::ControlMessage Answer(const v1::ControlMessage& question) {
    v1::ControlMessage answer;
    answer.set_request(question.request());
    answer.mutable_promotion_detail()->mutable_summary()->set_id(question.get_promotion().id());
    return answer;
  }
  void Interrupt() { ASSERT_EQ(eventfd_write(interrupt_, 1), 0); }

  const int interrupt_;
  const SystemClock clock_;
  FakeEntropy entropy_{1};
  crypto::CurveKeyPair key_ = crypto::CurveKeyPair::Generate(entropy_);
  crypto::CurveKeyPair own_ = crypto::CurveKeyPair::Generate(entropy_);
};

TEST_F(CoordinatorConnectionTest, AnswersComeInTheOrderOfTheQuestions) {
  std::vector<v1::ControlMessage> asked;
  const auto coordinator = Start([&asked](auto& sender, auto session, const auto& question) {
    asked.push_back(question);
    if (asked.size() < 3) return;
    for (size_t i = asked.size(); i-- > 0;) sender.Send(session, Answer(asked[i]));
  });
  const auto link = Connect(coordinator->endpoint());
  const auto answers =
      link->AskAll({Question("a"), Question("b"), Question("c")}, absl::Minutes(2));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0]->promotion_detail().summary().id(), "a");
  EXPECT_EQ(answers[1]->promotion_detail().summary().id(), "b");
  EXPECT_EQ(answers[2]->promotion_detail().summary().id(), "c");
}

TEST_F(CoordinatorConnectionTest, AnErrorIsTheStatusThatItCarries) {
  const auto coordinator = Start([](auto& sender, auto session, const auto& question) {
    v1::ControlMessage answer;
    answer.set_request(question.request());
    answer.mutable_error()->set_code(static_cast<int>(StatusCode::kNotFound));
    answer.mutable_error()->set_name("no-promotion");
    sender.Send(session, answer);
  });
  const auto answer = Connect(coordinator->endpoint())->Ask(Question("a"), absl::Minutes(2));
  EXPECT_THAT(answer, StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(answer, HasErrorName("no-promotion"));
}

TEST_F(CoordinatorConnectionTest, AQuestionIsAskedAgainWhenTheSessionIsLost) {
  std::atomic<int> asked = 0;  // by the coordinator's thread
  const auto coordinator = Start([&asked](auto& sender, auto session, const auto& question) {
    if (++asked == 1) {
      sender.Close(session);
    } else {
      sender.Send(session, Answer(question));
    }
  });
  EXPECT_THAT(Connect(coordinator->endpoint())->Ask(Question("a"), absl::Minutes(2)), IsOk());
  EXPECT_EQ(asked, 2);
}

TEST_F(CoordinatorConnectionTest, NobodyListeningIsUnreachable) {
  std::string endpoint;
  {
    endpoint = Start([](auto&, auto, const auto&) {})->endpoint();
  }
  const auto answer =
      Connect(endpoint, absl::Milliseconds(200))->Ask(Question("a"), absl::Hours(1));
  EXPECT_THAT(answer, HasErrorName("coordinator-unreachable"));
  EXPECT_THAT(std::string(answer.status().message()), ::testing::HasSubstr(endpoint));
}

TEST_F(CoordinatorConnectionTest, AHostWithoutAnAddressIsToldAsSuch) {
  const auto answer = Connect("tcp://coordinator.invalid:7710", absl::Milliseconds(200))
                          ->Ask(Question("a"), absl::Hours(1));
  EXPECT_THAT(answer, HasErrorName("coordinator-unreachable"));
  EXPECT_THAT(std::string(answer.status().message()), ::testing::HasSubstr("does not resolve"));
}

TEST_F(CoordinatorConnectionTest, AnUnknownKeyIsNotAdmittedAndNotTriedForLong) {
  const auto coordinator = Start([](auto&, auto, const auto&) {});
  own_ = crypto::CurveKeyPair::Generate(entropy_);
  const auto answer = Connect(coordinator->endpoint())->Ask(Question("a"), absl::Hours(1));
  EXPECT_THAT(answer, StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(answer, HasErrorName("not-admitted"));
  EXPECT_THAT(std::string(answer.status().message()),
              ::testing::HasSubstr("is not its control.listen"));
}

TEST_F(CoordinatorConnectionTest, AnotherCoordinatorThanTheTrustDocumentNamesIsRefused) {
  const auto coordinator = Start([](auto&, auto, const auto&) {});
  key_ = crypto::CurveKeyPair::Generate(entropy_);
  const auto answer = Connect(coordinator->endpoint())->Ask(Question("a"), absl::Hours(1));
  EXPECT_THAT(answer, HasErrorName("wrong-coordinator-key"));
}

TEST_F(CoordinatorConnectionTest, ACoordinatorThatIsSilentIsToldFromOneThatIsNotThere) {
  const auto coordinator = Start([](auto&, auto, const auto&) {});
  const auto link = Connect(coordinator->endpoint());
  EXPECT_EQ(link->Listen(absl::Minutes(2), [](const auto&) {}), Heard::kConnected);
  EXPECT_THAT(link->Ask(Question("a"), absl::Milliseconds(100)), HasErrorName("no-answer"));
  EXPECT_EQ(link->Listen(absl::Milliseconds(10), [](const auto&) {}), Heard::kNothing);
}

TEST_F(CoordinatorConnectionTest, AnInterruptionEndsEveryWaitFromThenOn) {
  const auto coordinator = Start([this](auto&, auto, const auto&) { Interrupt(); });
  const auto link = Connect(coordinator->endpoint());
  EXPECT_THAT(link->Ask(Question("a"), absl::Hours(1)), HasErrorName("interrupted"));
  EXPECT_THAT(link->Ask(Question("b"), absl::Hours(1)), HasErrorName("interrupted"));
  EXPECT_EQ(link->Listen(absl::Hours(1), [](const auto&) {}), Heard::kInterrupted);
}

TEST_F(CoordinatorConnectionTest, EventsAreHeardInOrderAlsoThoseThatCameWithAnAnswer) {
  const auto coordinator = Start([](auto& sender, auto session, const auto& question) {
    for (const char* id : {"first", "second"}) {
      v1::ControlMessage event;
      event.mutable_promotion_event()->set_id(id);
      sender.Send(session, event);
    }
    sender.Send(session, Answer(question));
  });
  const auto link = Connect(coordinator->endpoint());
  ASSERT_THAT(link->Ask(Question("a"), absl::Minutes(2)), IsOk());
  std::vector<std::string> heard;
  const auto take = [&heard](const v1::ControlMessage& message) {
    heard.push_back(message.promotion_event().id());
  };
  EXPECT_EQ(link->Listen(absl::Minutes(2), take), Heard::kMessage);
  EXPECT_EQ(link->Listen(absl::Minutes(2), take), Heard::kMessage);
  EXPECT_THAT(heard, ::testing::ElementsAre("first", "second"));
}

}  // namespace
}  // namespace sluice::cli
