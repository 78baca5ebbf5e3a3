// delay-line: carries packets between two interfaces, each packet as late as it is told. For
// kernels without netem. README.md says where the lab puts it.
//
// Whole Ethernet frames pass through two packet sockets (packet(7)) with what the kernel knows of
// their checksum and segments in front (PACKET_VNET_HDR), so that a frame of 64 KiB that a host
// leaves to be cut into segments stays one frame, and TCP sees what a long cable would do to it.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/signals.h"
#include "common/base/status.h"
#include "common/base/units.h"
#include "tests/lab/delay_queue.h"

namespace sluice::lab {
namespace {

// struct virtio_net_hdr of linux/virtio_net.h, a header that is not C++.
constexpr size_t kSegmentsHeaderBytes = 10;
// The largest frame that a host leaves uncut.
constexpr size_t kPacketBytesMax = kSegmentsHeaderBytes + ETH_HLEN + 65536;
// Packets read from one side before the other has its turn.
constexpr int kPacketsInARow = 64;
// What the kernel keeps for this program while it has no turn on a busy machine.
constexpr int kSocketBytes = 32 << 20;
// A duration in words.
constexpr size_t kRequestBytesMax = 64;

struct Options {
  std::vector<std::string> interfaces;
  std::string delay;
  std::string control;
  bool end_with_standard_input = false;
};

Status SystemError(std::string_view what) {
  return NamedError(StatusCode::kUnavailable, "no-socket",
                    absl::StrCat(ToAbsl(what), ": ", std::strerror(errno)));
}

Status SetOption(int socket, int level, int option, int value, std::string_view what) {
  if (setsockopt(socket, level, option, &value, sizeof value) == 0) return absl::OkStatus();
  return SystemError(what);
}

// A socket that has every frame that comes in by that interface, and sends frames out by it.
StatusOr<int> OpenInterface(const std::string& name) {
  unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return SystemError(absl::StrCat("interface ", name));
  // Protocol 0: it has nothing until it is bound, by when it is set up.
  int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SystemError("packet socket");
  SLUICE_RETURN_IF_ERROR(SetOption(descriptor, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"));
  SLUICE_RETURN_IF_ERROR(
      SetOption(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"));
  for (auto [forced, ordinary] :
       {std::pair{SO_RCVBUFFORCE, SO_RCVBUF}, std::pair{SO_SNDBUFFORCE, SO_SNDBUF}}) {
    // Beyond the machine's limit only for root of the machine; in a namespace, up to the limit.
    if (!SetOption(descriptor, SOL_SOCKET, forced, kSocketBytes, "buffer").ok()) {
      SLUICE_RETURN_IF_ERROR(
          SetOption(descriptor, SOL_SOCKET, ordinary, kSocketBytes, "socket buffer"));
    }
  }
  packet_mreq promiscuous{};
  promiscuous.mr_ifindex = static_cast<int>(index);
  promiscuous.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) !=
      0) {
    return SystemError("PACKET_MR_PROMISC");
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(index);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SystemError(absl::StrCat("bind to ", name));
  }
  return descriptor;
}

// A datagram socket with a name that only this network namespace knows (unix(7), abstract): no file
// is left when the program is killed.
StatusOr<int> OpenControl(const std::string& name) {
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SystemError("control socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) {
    return NamedError(StatusCode::kInvalidArgument, "bad-control", "--control is too long");
  }
  name.copy(address.sun_path + 1, name.size());
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return SystemError(absl::StrCat("control socket ", name));
  }
  return descriptor;
}

// One direction: what came in by `from` leaves by `to`.
class Direction {
 public:
  Direction(int from, int to) : from_(from), to_(to) {}

  void SetDelay(absl::Duration delay) { queue_.SetDelay(delay); }

  void Take(absl::Duration now) {
    static std::array<uint8_t, kPacketBytesMax> frame;
    for (int taken = 0; taken < kPacketsInARow; ++taken) {
      ssize_t size = recv(from_, frame.data(), frame.size(), 0);
      if (size <= 0) return;  // none waits, or the interface is down for a moment
      queue_.Push(Packet(frame.begin(), frame.begin() + size), now);
    }
  }

  void Give(absl::Duration now) {
    full_ = false;
    while (const Packet* packet = queue_.Due(now)) {
      if (send(to_, packet->data(), packet->size(), 0) < 0 && errno == EAGAIN) {
        full_ = true;
        return;
      }
      queue_.Pop();  // another error loses the packet, as a link may
    }
  }

  bool full() const { return full_; }
  std::optional<absl::Duration> NextDue() const { return full_ ? std::nullopt : queue_.NextDue(); }

 private:
  int from_;
  int to_;
  bool full_ = false;  // `to_` takes nothing until it is writable again
  DelayQueue queue_;
};

class DelayLine {
 public:
  DelayLine(int near, int far, int control)
      : near_(near), far_(far), control_(control), outward_(near, far), inward_(far, near) {}

  void SetDelay(absl::Duration delay) {
    outward_.SetDelay(delay);
    inward_.SetDelay(delay);
  }

  // Until a signal comes, or `lifeline` (-1 for none) ends.
  Status Run(const SignalDescriptor& signals, int lifeline) {
    while (true) {
      std::array<pollfd, 5> waited{{{near_, Wanted(inward_), 0},
                                    {far_, Wanted(outward_), 0},
                                    {control_, POLLIN, 0},
                                    {signals.descriptor(), POLLIN, 0},
                                    {lifeline, POLLIN, 0}}};
      timespec wait = absl::ToTimespec(UntilNextDue());
      if (ppoll(waited.data(), waited.size(), &wait, nullptr) < 0 && errno != EINTR) {
        return SystemError("ppoll");
      }
      if (waited[3].revents != 0 || waited[4].revents != 0) return absl::OkStatus();
      if (waited[2].revents != 0) Answer();
      absl::Duration now = clock_.Monotonic();
      outward_.Take(now);
      inward_.Take(now);
      outward_.Give(clock_.Monotonic());
      inward_.Give(clock_.Monotonic());
    }
  }

 private:
  static short Wanted(const Direction& leaving) {
    return static_cast<short>(leaving.full() ? POLLIN | POLLOUT : POLLIN);
  }

  absl::Duration UntilNextDue() const {
    absl::Duration due = clock_.Monotonic() + absl::Hours(1);
    for (const Direction* direction : {&outward_, &inward_}) {
      due = std::min(due, direction->NextDue().value_or(due));
    }
    return std::max(due - clock_.Monotonic(), absl::ZeroDuration());
  }

  // Takes a delay, and says so when it holds.
  void Answer() {
    std::array<char, kRequestBytesMax> request;
    sockaddr_un asker{};
    socklen_t asker_size = sizeof asker;
    ssize_t size = recvfrom(control_, request.data(), request.size(), 0,
                            reinterpret_cast<sockaddr*>(&asker), &asker_size);
    if (size < 0) return;
    StatusOr<absl::Duration> delay = ParseDuration({request.data(), static_cast<size_t>(size)});
    if (delay.ok()) SetDelay(*delay);
    std::string answer = delay.ok() ? "set" : Describe(delay.status());
    // An asker that is gone misses its answer.
    sendto(control_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&asker),
           asker_size);
  }

  SystemClock clock_;
  int near_;
  int far_;
  int control_;
  Direction outward_;
  Direction inward_;
};

Status Run(const Options& options) {
  SLUICE_ASSIGN_OR_RETURN(SignalDescriptor signals, SignalDescriptor::Open({SIGINT, SIGTERM}));
  SLUICE_ASSIGN_OR_RETURN(absl::Duration delay, ParseDuration(options.delay));
  SLUICE_ASSIGN_OR_RETURN(int near, OpenInterface(options.interfaces[0]));
  SLUICE_ASSIGN_OR_RETURN(int far, OpenInterface(options.interfaces[1]));
  SLUICE_ASSIGN_OR_RETURN(int control, OpenControl(options.control));
  DelayLine line(near, far, control);
  line.SetDelay(delay);
  std::cout << "ready" << std::endl;
  return line.Run(signals, options.end_with_standard_input ? STDIN_FILENO : -1);
}

}  // namespace
}  // namespace sluice::lab

int main(int argc, char** argv) {
  sluice::lab::Options options;
  CLI::App app{"Carries packets between two interfaces, each as late as it is told."};
  app.add_option("--between", options.interfaces, "the two interfaces, which have no addresses")
      ->required()
      ->expected(2);
  app.add_option("--delay", options.delay, "of each way, as in 80ms")->required();
  app.add_option("--control", options.control,
                 "abstract Unix socket that takes another delay, in the same words")
      ->required();
  app.add_flag("--end-with-standard-input", options.end_with_standard_input,
               "ends when its standard input does");
  CLI11_PARSE(app, argc, argv);
  sluice::Status ended = sluice::lab::Run(options);
  if (ended.ok()) return 0;
  std::cerr << "delay-line: " << sluice::Describe(ended) << "\n";
  return sluice::ExitCode(ended);
}
