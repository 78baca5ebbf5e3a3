// A mailbox never grows, never drops what it accepted, and closing frees whoever waits.
#include "common/base/mailbox.h"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/thread.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

bool Readable(int descriptor) {
  pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) == 1;
}

TEST(MailboxTest, MessagesComeOutInTheOrderTheyWentIn) {
  Mailbox<int> mailbox(3);
  EXPECT_TRUE(mailbox.Put(1));
  EXPECT_TRUE(mailbox.Put(2));
  EXPECT_EQ(mailbox.Take(), 1);
  EXPECT_EQ(mailbox.Take(), 2);
  EXPECT_EQ(mailbox.Take(), std::nullopt);
}

TEST(MailboxTest, FullOneRefusesUntilOneIsTaken) {
  Mailbox<int> mailbox(2);
  EXPECT_TRUE(mailbox.TryPut(1));
  EXPECT_TRUE(mailbox.TryPut(2));
  EXPECT_FALSE(mailbox.TryPut(3));
  EXPECT_EQ(mailbox.Take(), 1);
  EXPECT_TRUE(mailbox.TryPut(4));
  EXPECT_EQ(mailbox.Take(), 2);
  EXPECT_EQ(mailbox.Take(), 4);
}

TEST(MailboxTest, DescriptorIsReadableFromTheFirstMessageUntilTheOwnerFoundItEmpty) {
  Mailbox<int> mailbox(4);
  EXPECT_FALSE(Readable(mailbox.descriptor()));
  mailbox.Put(1);
  EXPECT_TRUE(Readable(mailbox.descriptor()));
  EXPECT_EQ(mailbox.Take(), 1);
  EXPECT_TRUE(Readable(mailbox.descriptor())) << "not yet known to be empty";
  EXPECT_EQ(mailbox.Take(), std::nullopt);
  EXPECT_FALSE(Readable(mailbox.descriptor()));
  mailbox.Put(2);
  EXPECT_TRUE(Readable(mailbox.descriptor()));
}

TEST(MailboxTest, ProducersThatAreFasterThanTheOwnerWaitAndLoseNothing) {
  constexpr int kEach = 500;
  Mailbox<int> mailbox(2);
  std::vector<int> taken;
  {
    std::vector<std::unique_ptr<Thread>> producers;
    for (int producer = 0; producer < 2; ++producer) {
      producers.push_back(std::make_unique<Thread>("producer", [&mailbox, producer] {
        for (int i = 0; i < kEach; ++i) EXPECT_TRUE(mailbox.Put(producer * kEach + i));
      }));
    }
    while (taken.size() < 2 * kEach) taken.push_back(*mailbox.WaitAndTake());
  }
  std::vector<int> of_first;
  for (const int message : taken) {
    if (message < kEach) of_first.push_back(message);
  }
  EXPECT_EQ(of_first.size(), size_t{kEach});
  EXPECT_TRUE(std::is_sorted(of_first.begin(), of_first.end()));
}

TEST(MailboxTest, CloseFreesAProducerThatWaitsForRoom) {
  Mailbox<int> mailbox(1);
  mailbox.Put(1);
  bool accepted = true;
  {
    const Thread producer("producer", [&] { accepted = mailbox.Put(2); });
    mailbox.Close();
  }
  EXPECT_FALSE(accepted);
}

TEST(MailboxTest, CloseFreesAnOwnerThatWaitsForMessages) {
  Mailbox<int> mailbox(1);
  std::optional<int> message = 0;
  {
    const Thread owner("owner", [&] { message = mailbox.WaitAndTake(); });
    mailbox.Close();
  }
  EXPECT_EQ(message, std::nullopt);
}

TEST(MailboxTest, ClosedOneGivesOutWhatItHasAndAcceptsNoMore) {
  Mailbox<int> mailbox(4);
  mailbox.Put(1);
  mailbox.Close();
  EXPECT_TRUE(Readable(mailbox.descriptor()));
  EXPECT_FALSE(mailbox.Put(2));
  EXPECT_FALSE(mailbox.TryPut(3));
  EXPECT_EQ(mailbox.WaitAndTake(), 1);
  EXPECT_EQ(mailbox.WaitAndTake(), std::nullopt);
}

TEST(MailboxTest, MessagesThatOnlyMoveAreFine) {
  Mailbox<std::unique_ptr<int>> mailbox(1);
  mailbox.Put(std::make_unique<int>(7));
  EXPECT_EQ(**mailbox.Take(), 7);
}

}  // namespace
}  // namespace sluice
