#include "common/base/thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace sluice {

Thread::Thread(const std::string& name, std::function<void()> body)
    : thread_([name = name.substr(0, 15), body = std::move(body)] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, nullptr);
        pthread_setname_np(pthread_self(), name.c_str());
        body();
      }) {}

Thread::~Thread() { thread_.join(); }

}  // namespace sluice
