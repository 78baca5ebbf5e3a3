// Cloud Foundry's internal blobstore: a real nginx over a directory, with signed download URLs.
#pragma once

#include <sys/types.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "tests/foundation/certificates.h"
#include "tests/foundation/child_process.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/http_server.h"
#include "tests/foundation/options.h"

namespace sluice::box {

class Blobstore {
 public:
  // Starts nginx and returns when it answers. Call from the main thread: nginx ends with the
  // thread that started it. Throws std::runtime_error when it does not come up.
  Blobstore(const Options& options, const CertificateFiles& certificates);
  Blobstore(const Blobstore&) = delete;
  Blobstore& operator=(const Blobstore&) = delete;

  static constexpr char kUser[] = "blobstore";  // of the WebDAV part, /admin/

  const std::string& url() const { return url_; }
  const std::string& password() const { return password_; }
  // Ends nginx. Connections of the box may go on asking for signatures.
  void Stop() { StopChild(pid_, 5); }

  // "cc-droplets/<aa>/<bb>/<guid>/<sha1>"
  static std::string DropletKey(const std::string& guid, const std::string& sha1);
  std::string PathOf(const std::string& key) const;  // where nginx finds it
  // Moves `file`, which lies on the same file system, to its key in one step.
  bool Put(const std::string& file, const std::string& key, const FileDigests& digests);
  bool Copy(const std::string& from_key, const std::string& to_key);
  bool Exists(const std::string& key) const;
  void Delete(const std::string& key);
  std::string SignedUrl(const std::string& key) const;

  // Key -> digests of everything stored. Digests are remembered by inode, size and time.
  std::map<std::string, FileDigests> Contents();

 private:
  std::string Configuration(int port, const CertificateFiles& certificates) const;
  std::string SignedLocation() const;
  // nginx asks here whether an HMAC URL is good: it has no HMAC of its own.
  void ServeSignatureCheck(Exchange& exchange) const;

  Options options_;
  std::string directory_;
  std::string secret_;
  std::string password_;
  HttpServer& signature_checks_;  // lives as long as the program
  std::string url_;
  pid_t pid_ = -1;
  std::mutex mutex_;  // of remembered_
  std::map<std::string, std::pair<std::string, FileDigests>> remembered_;
};

}  // namespace sluice::box
