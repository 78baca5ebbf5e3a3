#include "common/base/thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "common/base/thread_schedule.h"

namespace sluice {

Thread::Thread(const std::string& name, std::function<void()> body)
    : schedule_(ThreadSchedule::OfThisThread()),
      thread_([name = name.substr(0, 15), body = Scheduled(std::move(body))] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, nullptr);
        pthread_setname_np(pthread_self(), name.c_str());
        body();
      }) {}

Thread::~Thread() {
  if (schedule_ != nullptr) schedule_->AwaitEnd(number_);
  thread_.join();
}

std::function<void()> Thread::Scheduled(std::function<void()> body) {
  return schedule_ == nullptr ? body : schedule_->Enrol(std::move(body), number_);
}

}  // namespace sluice
