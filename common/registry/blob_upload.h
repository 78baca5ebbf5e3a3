// One blob into a registry, over whatever happens on the way (OCI distribution-spec, "Pushing
// blobs").
//
// States, and what they lead to:
//   BEGIN    POST gives a session             → SEND at byte 0; a mount that was granted → END
//   SEND     PATCH a chunk, or PUT the whole  → SEND; CLOSE when all is there; ASK when in doubt
//   ASK      GET the session's state          → SEND where it stands; BEGIN when it is lost
//   CLOSE    PUT with the digest              → END; CHECK when in doubt
//   CHECK    HEAD the blob                    → END when it is there; BEGIN when it is not
// Each way back to ASK or BEGIN counts; their number is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "common/base/status.h"
#include "common/registry/blob_source.h"
#include "common/registry/registry_calls.h"

namespace sluice::registry {

// A session lost twice in mid-upload is lost for ever behind several replicas without a shared
// secret: the blob then goes in one piece.
inline constexpr int kLostSessionsUntilWhole = 2;
// Chunks are halved down to this when a registry finds them too large (413).
inline constexpr uint64_t kChunkBytesMin = uint64_t{64} << 10;

struct UploadOptions {
  uint64_t whole_bytes_max = uint64_t{16} << 20;  // up to here in one PUT, beyond it by chunks
  uint64_t chunk_bytes = uint64_t{16} << 20;
  // Another repository of the registry that has the blob, to be mounted from there; may be empty.
  std::string mount_from;
};

enum class UploadOutcome { kExisted, kMounted, kSent };

// Used by one thread. Borrows calls and source.
class BlobUpload {
 public:
  BlobUpload(RegistryCalls& calls, std::string repository_path, BlobSource& source,
             UploadOptions options);

  // When it returns OK the registry has said that it has the blob. Fails by the names of
  // StatusFromAnswer(), of the transport and of the source, and DataLoss "digest-mismatch" when
  // the registry reports another digest or size for it.
  StatusOr<UploadOutcome> Run(std::stop_token stop);

 private:
  struct Session {
    std::string location;
    uint64_t offset = 0;  // bytes that the registry has confirmed
  };
  // What one request came to: gone on, or something that calls for another state.
  enum class Step { kDone, kMounted, kAsk, kLost };

  StatusOr<bool> Exists(std::stop_token stop);
  StatusOr<Step> Begin(std::stop_token stop);
  StatusOr<Step> Send(std::stop_token stop);
  StatusOr<Step> SendChunk(std::stop_token stop);
  StatusOr<Step> Close(uint64_t from, std::stop_token stop);
  StatusOr<Step> Ask(std::stop_token stop);
  Status CountFailure(const http::HttpResponse* answer, const Status& cause, std::stop_token stop);
  Status TakeLocation(const http::HttpResponse& answer);
  void GiveUp(std::stop_token stop);
  Status CheckReported(const http::HttpResponse& answer) const;
  std::string What() const;
  std::string CloseUrl() const;

  RegistryCalls& calls_;
  const std::string repository_path_;
  BlobSource& source_;
  UploadOptions options_;
  Scopes scopes_;
  Session session_;
  int failures_ = 0;  // since the registry last confirmed bytes
  int lost_sessions_ = 0;
};

}  // namespace sluice::registry
