// The threads of all simulated processes, run one at a time in an order that follows from the seed.
#pragma once

#include <semaphore.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/thread_schedule.h"

namespace sluice::simulation {

// Sleeps while it waits. (std::binary_semaphore spins first, on the core that the other needs.)
class Baton {
 public:
  Baton() { sem_init(&semaphore_, 0, 0); }
  ~Baton() { sem_destroy(&semaphore_); }
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;
  void Give() { sem_post(&semaphore_); }
  void Await() {
    while (sem_wait(&semaphore_) != 0) {
    }
  }

 private:
  sem_t semaphore_;
};

// The thread that makes it is the loops' own: it runs whenever no other does, and gives turns away.
class Turns final : public ThreadSchedule {
 public:
  using ProcessNumber = uint64_t;

  // Both borrowed.
  Turns(const Clock& clock, Random& random);
  ~Turns() override;

  // Threads that are started from now on belong to this process.
  void StartIn(ProcessNumber process) { process_ = process; }
  // Called by the loops' thread after each turn that it gives while it waits itself.
  void SetAfterTurn(std::function<void()> after_turn) { after_turn_ = std::move(after_turn); }

  // Gives one thread a turn, until it waits; false when all wait.
  bool GiveTurn();
  // Lets those go on whose time has come.
  void WakeDue();
  // When the next of them is due.
  std::optional<absl::Duration> NextDue() const;
  // Waits of this process's threads end at once from now on: it is dead, and they are to unwind.
  void Kill(ProcessNumber process);

  // Whether the calling thread is of a process that was killed.
  bool Dying() const { return running_ != nullptr && running_->dead; }
  // Whose thread has had the latest turn.
  ProcessNumber latest() const { return process_; }

  // Lets time pass for the calling thread alone; not for the loops'.
  void Sleep(absl::Duration duration);

  bool Wait(const void* condition, absl::Duration timeout) override;
  void Notify(const void* condition) override;
  std::function<void()> Enrol(std::function<void()> body, uint64_t& number) override;
  void AwaitEnd(uint64_t number) override;

 private:
  struct Member {
    ProcessNumber process = 0;
    Baton go;
    bool ready = true;
    bool notified = false;
    bool dead = false;
    bool ended = false;
    const void* condition = nullptr;
    absl::Duration due = absl::InfiniteDuration();
  };
  void Run(Member& member, const std::function<void()>& body);
  // The loops' thread waits by giving turns.
  void GiveTurnsUntil(const std::function<bool()>& done);

  const Clock& clock_;
  Random& random_;
  ProcessNumber process_ = 0;
  std::function<void()> after_turn_ = [] {};
  std::map<uint64_t, std::unique_ptr<Member>> members_;  // in the order they were started
  uint64_t last_number_ = 0;
  Member* running_ = nullptr;  // null: the loops' thread
  Baton loops_turn_;
  const void* loops_condition_ = nullptr;
  bool loops_notified_ = false;
};

}  // namespace sluice::simulation
