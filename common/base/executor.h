// Runs what may block (HTTP, disk) away from the loops that must not.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mailbox.h"
#include "common/base/thread.h"

namespace sluice {

// Tasks report back through a Mailbox of whoever gave them. Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  // False when the executor is stopping or its queue is full; the task is then not run.
  virtual bool Run(std::function<void()> task) = 0;
};

// A fixed number of threads and a bounded queue. The destructor lets the running tasks end and
// drops those that have not begun.
class ThreadPool final : public Executor {
 public:
  ThreadPool(const std::string& name, size_t threads, size_t queued_tasks_max);
  ~ThreadPool() override;
  bool Run(std::function<void()> task) override;

 private:
  Mailbox<std::function<void()>> tasks_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace sluice
