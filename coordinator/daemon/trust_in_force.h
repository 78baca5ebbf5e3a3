// The trust document that holds now, for the loop and for the thread that admits connections.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/net/network.h"
#include "common/net/peer.h"
#include "common/trust/trust_document.h"
#include "common/trust/trust_floor.h"

namespace sluice::coordinator {

// Thread-safe. Documents are immutable; whoever holds one is not disturbed by a newer one.
class TrustInForce {
 public:
  explicit TrustInForce(std::shared_ptr<const trust::TrustDocument> document);

  std::shared_ptr<const trust::TrustDocument> Get() const;
  void Set(std::shared_ptr<const trust::TrustDocument> document);
  // Asks the document in force each time. Must not outlive this.
  net::PeerDirectory Directory() const;

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const trust::TrustDocument> document_ ABSL_GUARDED_BY(mutex_);
};

// Who holds that key by the document; nothing when it is unknown or revoked.
std::optional<net::Peer> PeerOf(const trust::TrustDocument& trust, std::string_view curve_key);

// The document in the file, when it may follow `floor`. Names as TrustDocument::Load() and
// CheckFollows().
StatusOr<std::shared_ptr<const trust::TrustDocument>> LoadTrust(
    const Files& files, const std::string& path, std::span<const crypto::VerifyingKey> roots,
    const trust::TrustFloor& floor);

}  // namespace sluice::coordinator
