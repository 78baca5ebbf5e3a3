// Ports for a box's apps: a range that no other box of the machine uses at the same time.
#pragma once

namespace sluice::box {

// Used by one thread. An app binds its port some time after it was chosen, so two boxes that
// looked for free ports in one range could choose the same.
class AppPorts {
 public:
  AppPorts();  // claims a range; throws std::runtime_error when all are claimed
  ~AppPorts();
  AppPorts(const AppPorts&) = delete;
  AppPorts& operator=(const AppPorts&) = delete;

  // One that nobody listens on, or 0 when the range has none; a port comes again as late as it can.
  int Next();

 private:
  int claim_ = -1;  // a socket whose name is the claim: the kernel drops it with the process
  int first_ = 0;
  int turn_ = 0;
};

}  // namespace sluice::box
