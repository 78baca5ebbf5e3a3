// One droplet of this foundation for all promotions that want it at the same time: the blobstore
// gives each byte once, however many they are.
//
// Each promotion reads at the pace of its own receivers. Whoever is furthest reads from the
// blobstore and leaves what it has read in a copy on the disk, sealed under a key that nobody else
// has; the others take it from there, or wait for it. One whose receivers take nothing holds nobody
// up: another reads on in its place. A promotion that is alone with its droplet leaves no copy, so
// that only what it has read before the second came is read twice.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "agent/foundation/records.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/spool.h"

namespace sluice::agent {

class DropletCopy;

// A promotion's share of a droplet, as what its transfer reads. Belongs to one thread, but for
// waited().
class SharedDroplet : public transfer::DropletSource {
 public:
  // How long others were waited for, who read for this one. Any thread.
  virtual absl::Duration waited() const = 0;
};

// Thread-safe.
class SharedDroplets {
 public:
  // All borrowed; they outlive whatever was joined. A copy takes room in `spool` as an incoming
  // droplet does, and leaves no file behind when the process dies. Where there is no room each
  // promotion reads for itself.
  SharedDroplets(transfer::Spool& spool, Entropy& entropy, const Clock& clock,
                 uint32_t chunk_bytes);

  // From now on, until what is returned goes, there is one more who wants the droplet. `own` is
  // borrowed: how this one reads what nobody else has. Its Read() fails by the names of `own`'s,
  // and by "cancelled" when `stop` is requested while it waits for another.
  std::unique_ptr<SharedDroplet> Join(const DropletGuid& droplet, uint64_t droplet_bytes,
                                      transfer::DropletSource& own, std::stop_token stop);

 private:
  transfer::Spool& spool_;
  Entropy& entropy_;
  const Clock& clock_;
  const uint32_t chunk_bytes_;
  Mutex mutex_;
  // By guid, and by size, as an order that is wrong about it must not spoil another's.
  std::map<std::pair<std::string, uint64_t>, std::weak_ptr<DropletCopy>> copies_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent
