// Networks with keys of their own, which know each other as a trust document would have it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/base/check.h"
#include "common/net/network.h"

namespace sluice::net {

// A CURVE key pair from libzmq.
CurveIdentity NewCurveIdentity();

// One directory for all parties of a test. Fill it before the first network is started.
class TestDirectory {
 public:
  // A fresh identity that the directory knows as `role` and `name`.
  CurveIdentity Admit(PeerRole role, const std::string& name);
  PeerDirectory Lookup() const;
  std::unique_ptr<Network> Start(CurveIdentity identity) const;

 private:
  std::map<std::string, Peer> peers_;
};

}  // namespace sluice::net
