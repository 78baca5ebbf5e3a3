// The box's own certificate authority, made at each start in its directory.
#pragma once

#include <string>

namespace sluice::box {

struct CertificateFiles {
  std::string ca;           // PEM, what clients trust
  std::string certificate;  // PEM, for `address`, 127.0.0.1 and localhost
  std::string key;          // PEM, 0600
};

// Writes the three files into `directory`. Throws std::runtime_error when it cannot.
CertificateFiles MakeCertificates(const std::string& directory, const std::string& name,
                                  const std::string& address);

}  // namespace sluice::box
