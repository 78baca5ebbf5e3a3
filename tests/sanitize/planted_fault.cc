// A program with the fault that its build's sanitizer looks for, and a clean end: under
// ThreadSanitizer two threads write one counter, else an allocation is forgotten.
#include <cstdio>

#include "common/base/thread.h"

namespace {

int counter = 0;

#ifdef __SANITIZE_THREAD__
void Count() {
  for (int turn = 0; turn < 1000; ++turn) ++counter;
}

void DoWrong() {
  const sluice::Thread one("one", Count);
  const sluice::Thread other("other", Count);
}
#else
// Many, as the last address may still stand in a register when the leaks are looked for.
void DoWrong() {
  for (int turn = 0; turn < 100; ++turn) {
    int* volatile forgotten = new int(turn);
    counter += *forgotten;
  }
}
#endif

}  // namespace

int main() {
  DoWrong();
  std::printf("counted to %d\n", counter);
  return 0;
}
