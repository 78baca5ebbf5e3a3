// Tasks run away from the caller, in bounded number, and stopping waits for those that run.
#include "common/base/executor.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <latch>
#include <string>

#include "common/base/thread.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(ThreadPoolTest, EveryAcceptedTaskRuns) {
  constexpr int kTasks = 100;
  std::latch done(kTasks);
  ThreadPool pool("pool", 3, kTasks);
  for (int i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(pool.Run([&] { done.count_down(); }));
  }
  done.wait();
}

TEST(ThreadPoolTest, FullQueueRefusesInsteadOfGrowing) {
  std::latch running(1);
  std::latch release(1);
  std::latch done(2);
  ThreadPool pool("pool", 1, 1);
  ASSERT_TRUE(pool.Run([&] {
    running.count_down();
    release.wait();
    done.count_down();
  }));
  running.wait();
  EXPECT_TRUE(pool.Run([&] { done.count_down(); }));
  EXPECT_FALSE(pool.Run([] { FAIL() << "was refused"; }));
  release.count_down();
  done.wait();
}

TEST(ThreadPoolTest, StoppingWaitsForTheRunningTask) {
  std::latch running(1);
  std::atomic<bool> ended = false;
  {
    ThreadPool pool("pool", 1, 4);
    ASSERT_TRUE(pool.Run([&] {
      running.count_down();
      ended = true;
    }));
    running.wait();
  }
  EXPECT_TRUE(ended);
}

TEST(ThreadTest, DestructorWaitsForTheBody) {
  bool ended = false;
  {
    const Thread thread("worker", [&] { ended = true; });
  }
  EXPECT_TRUE(ended);
}

TEST(ThreadTest, LongNameIsCutAndSignalsStayWithTheMainThread) {
  std::string name;
  bool terminate_blocked = false;
  {
    const Thread thread("a-name-that-is-far-too-long", [&] {
      char buffer[16] = {};
      pthread_getname_np(pthread_self(), buffer, sizeof buffer);
      name = buffer;
      sigset_t blocked;
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      terminate_blocked = sigismember(&blocked, SIGTERM) == 1;
    });
  }
  EXPECT_EQ(name, "a-name-that-is-");
  EXPECT_TRUE(terminate_blocked);
}

}  // namespace
}  // namespace sluice
