#include "common/base/executor.h"

#include <utility>

namespace sluice {

ThreadPool::ThreadPool(const std::string& name, size_t threads, size_t queued_tasks_max)
    : tasks_(queued_tasks_max) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.push_back(std::make_unique<Thread>(name, [this] {
      while (auto task = tasks_.WaitAndTake()) (*task)();
    }));
  }
}

ThreadPool::~ThreadPool() {
  tasks_.Close();
  while (tasks_.Take()) {
  }
}

bool ThreadPool::Run(std::function<void()> task) { return tasks_.TryPut(std::move(task)); }

}  // namespace sluice
