#include "tests/foundation/certificates.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "tests/foundation/digests.h"

namespace sluice::box {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long kBackdatedSeconds = 24L * 3600;  // tests move clocks
constexpr long kValidSeconds = 3650L * 24 * 3600;

Key MakeKey() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

void AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) throw std::runtime_error("bad certificate extension " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate MakeUnsigned(const std::string& common_name, EVP_PKEY* key, X509* issuer) {
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  std::string serial = RandomHex(8);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()),
                          std::stoull(serial, nullptr, 16) >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kBackdatedSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), issuer == nullptr ? name : X509_get_subject_name(issuer));
  return certificate;
}

void WriteFile(const std::string& path, BIO* pem, mode_t mode) {
  char* text = nullptr;
  long size = BIO_get_mem_data(pem, &text);
  int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0 || write(file, text, static_cast<size_t>(size)) != size) {
    throw std::runtime_error("cannot write " + path);
  }
  close(file);
  BIO_free(pem);
}

}  // namespace

CertificateFiles MakeCertificates(const std::string& directory, const std::string& name,
                                  const std::string& address) {
  Key ca_key = MakeKey();
  Certificate ca = MakeUnsigned("foundation-box " + name + " CA", ca_key.get(), nullptr);
  AddExtension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  X509_sign(ca.get(), ca_key.get(), EVP_sha256());

  Key key = MakeKey();
  Certificate leaf = MakeUnsigned("foundation-box " + name, key.get(), ca.get());
  std::string names = "IP:127.0.0.1,DNS:localhost";
  if (address != "127.0.0.1" && address != "0.0.0.0") names += ",IP:" + address;
  AddExtension(leaf.get(), ca.get(), NID_subject_alt_name, names);
  AddExtension(leaf.get(), ca.get(), NID_ext_key_usage, "serverAuth");
  X509_sign(leaf.get(), ca_key.get(), EVP_sha256());

  CertificateFiles files{directory + "/ca.crt", directory + "/server.crt",
                         directory + "/server.key"};
  BIO* pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, ca.get());
  WriteFile(files.ca, pem, 0644);
  pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, leaf.get());
  WriteFile(files.certificate, pem, 0644);
  pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(pem, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  WriteFile(files.key, pem, 0600);
  return files;
}

}  // namespace sluice::box
