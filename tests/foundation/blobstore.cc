#include "tests/foundation/blobstore.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "tests/foundation/child_process.h"
#include "tests/foundation/http_client.h"

namespace sluice::box {
namespace {

namespace fs = std::filesystem;

constexpr int kStartMs = 30'000;

// An S3-like store refuses a signed URL that comes with another authorisation or a type that
// was not signed; so does this one, that clients be written for both.
constexpr char kRefuseForeignHeaders[] = R"(
    if ($http_authorization) { return 403 "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>Authorization</Message></Error>"; }
    if ($http_content_type) { return 403 "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>Content-Type</Message></Error>"; }
)";

// The method is part of what is signed, so a HEAD on a GET's URL is refused
// (cloudfoundry/storage-cli, dav/signer/signer.go).
constexpr char kHmacLocation[] = R"(
  location = /signature-check {
    internal;
    proxy_pass http://ADDRESS:CHECK_PORT/;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header X-Signed-Method $request_method;
    proxy_set_header X-Signed-Uri $request_uri;
  }
  location /signed/ {
    default_type application/octet-stream;
    if ($request_method !~ ^(GET|HEAD)$) { return 405; }
    FOREIGN
    auth_request /signature-check;
    root DIR/blobs; rewrite ^/signed/(.*)$ /$1 break;
  }
)";

// What Cloud Controller itself uses, in the foundation's network.
constexpr char kWebDavLocation[] = R"(
  location /admin/ {
    auth_basic "Blobstore Admin"; auth_basic_user_file DIR/htpasswd;
    alias DIR/blobs/; dav_methods PUT DELETE COPY; create_full_put_path on;
    dav_access user:rw group:r all:r;
  }
)";

constexpr char kMd5Location[] = R"(
  location /read/ {
    default_type text/html;
    if ($request_method !~ ^(GET|HEAD)$) { return 405; }
    FOREIGN
    secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri SECRET";
    if ($secure_link = "") { return 403; }
    if ($secure_link = "0") { return 410; }
    alias DIR/blobs/;
  }
)";

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
  return text;
}

// Changes when the file's content may have changed.
std::string Stamp(const std::string& path) {
  struct stat status {};
  stat(path.c_str(), &status);
  return std::to_string(status.st_ino) + "/" + std::to_string(status.st_size) + "/" +
         std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
}

}  // namespace

std::string Blobstore::SignedLocation() const {
  std::string location = options_.blobstore_scheme == "hmac" ? kHmacLocation : kMd5Location;
  location = Replaced(location, "FOREIGN", kRefuseForeignHeaders);
  location = Replaced(location, "SECRET", secret_);
  location = Replaced(location, "ADDRESS", options_.address);
  location = Replaced(location, "CHECK_PORT", std::to_string(signature_checks_.port()));
  return Replaced(location, "DIR", directory_);
}

std::string Blobstore::Configuration(int port, const CertificateFiles& certificates) const {
  std::string text;
  if (geteuid() == 0) text += "user root;\n";
  text +=
      "daemon off; worker_processes 2; pid DIR/nginx.pid; error_log DIR/error.log warn;\n"
      "events { worker_connections 512; }\n"
      "http {\n"
      " access_log DIR/access.log; sendfile on; server_tokens off; client_max_body_size 0;\n"
      " client_body_temp_path DIR/temporary/body; proxy_temp_path DIR/temporary/proxy;\n"
      " fastcgi_temp_path DIR/temporary/fastcgi; uwsgi_temp_path DIR/temporary/uwsgi;\n"
      " scgi_temp_path DIR/temporary/scgi;\n";
  text += " server { listen " + options_.address + ":" + std::to_string(port) + " ssl;\n" +
          "  ssl_certificate " + certificates.certificate + "; ssl_certificate_key " +
          certificates.key + ";\n  ssl_protocols TLSv1.2 TLSv1.3; ssl_buffer_size 16k;\n" +
          "  location = /healthz { return 200 ok; }\n" + kWebDavLocation + SignedLocation() +
          " }\n}\n";
  return Replaced(text, "DIR", directory_);
}

Blobstore::Blobstore(const Options& options, const CertificateFiles& certificates)
    : options_(options),
      directory_(options.directory + "/blobstore"),
      secret_(RandomHex(16)),
      password_(RandomHex(16)),
      signature_checks_(*new HttpServer(options.address, 0, nullptr)) {
  signature_checks_.Start([this](Exchange& exchange) { ServeSignatureCheck(exchange); });
  fs::create_directories(directory_ + "/blobs/cc-droplets");
  fs::create_directories(directory_ + "/temporary");
  std::ofstream(directory_ + "/htpasswd") << kUser << ":{PLAIN}" << password_ << "\n";
  // nginx inherits the listening socket, as in its upgrade on the fly: the port is known and
  // taken before nginx starts, so nobody else can have it.
  int port = 0;
  int socket = ListenOn(options.address, port);
  std::ofstream(directory_ + "/nginx.conf") << Configuration(port, certificates);
  ChildOptions child;
  child.arguments = {
      "nginx", "-p", directory_, "-c", directory_ + "/nginx.conf", "-e", directory_ + "/error.log"};
  child.environment = {"NGINX=" + std::to_string(socket) + ";"};
  child.output_file = directory_ + "/output.log";
  child.keep_fd = socket;
  pid_ = StartChild(child);
  close(socket);  // nginx alone has it now: should it end, whoever waits for it is told at once
  url_ = "https://" + options.address + ":" + std::to_string(port);
  // Connects at once, for the socket listens already, and is answered as soon as nginx runs.
  ClientRequest probe{.host = options.address, .port = port, .target = "/healthz"};
  const Tls tls = MakeClientTls(certificates.ca);
  probe.tls = tls.get();
  probe.timeout_ms = kStartMs;
  if (Fetch(probe)) return;
  throw std::runtime_error("nginx did not start: see " + directory_ + "/error.log and output.log");
}

void Blobstore::ServeSignatureCheck(Exchange& exchange) const {
  const Headers& headers = exchange.request().headers;
  auto signed_request =
      ParseRequestHead("GET " + headers.Get("X-Signed-Uri").value_or("/") + " HTTP/1.1\r\n");
  int status = 403;
  if (signed_request && signed_request->path.starts_with("/signed/")) {
    std::string key = signed_request->path.substr(std::string_view("/signed/").size());
    std::string ts = signed_request->Query("ts").value_or("");
    std::string e = signed_request->Query("e").value_or("");
    std::string method = headers.Get("X-Signed-Method").value_or("");
    bool genuine =
        signed_request->Query("st") == Base64Url(HmacSha256(secret_, method + key + ts + e));
    bool in_time = std::strtoll(ts.c_str(), nullptr, 10) + std::strtoll(e.c_str(), nullptr, 10) >=
                   std::time(nullptr);
    if (genuine && in_time) status = 200;
  }
  exchange.Send(TextResponse(status, "text/plain", ""));
}

std::string Blobstore::DropletKey(const std::string& guid, const std::string& sha1) {
  return "cc-droplets/" + guid.substr(0, 2) + "/" + guid.substr(2, 2) + "/" + guid + "/" + sha1;
}

std::string Blobstore::PathOf(const std::string& key) const { return directory_ + "/blobs/" + key; }

bool Blobstore::Put(const std::string& file, const std::string& key, const FileDigests& digests) {
  std::error_code failed;
  fs::create_directories(fs::path(PathOf(key)).parent_path(), failed);
  fs::permissions(file, fs::perms(0644), failed);
  fs::rename(file, PathOf(key), failed);
  if (failed) return false;
  std::lock_guard lock(mutex_);
  remembered_[PathOf(key)] = {Stamp(PathOf(key)), digests};
  return true;
}

bool Blobstore::Copy(const std::string& from_key, const std::string& to_key) {
  std::error_code failed;
  fs::create_directories(fs::path(PathOf(to_key)).parent_path(), failed);
  fs::copy_file(PathOf(from_key), PathOf(to_key), fs::copy_options::overwrite_existing, failed);
  return !failed;
}

bool Blobstore::Exists(const std::string& key) const { return fs::exists(PathOf(key)); }

void Blobstore::Delete(const std::string& key) {
  std::error_code ignored;
  fs::path path = PathOf(key);
  fs::remove(path, ignored);
  for (int level = 0; level < 3; ++level) {  // guid, bb, aa: gone when empty
    path = path.parent_path();
    fs::remove(path, ignored);
  }
}

std::string Blobstore::SignedUrl(const std::string& key) const {
  std::time_t now = std::time(nullptr);
  auto seconds = static_cast<std::time_t>(options_.signed_url_seconds);
  if (options_.blobstore_scheme == "hmac") {
    std::string ts = std::to_string(now);
    std::string e = std::to_string(seconds);
    return url_ + "/signed/" + key + "?e=" + e +
           "&st=" + Base64Url(HmacSha256(secret_, "GET" + key + ts + e)) + "&ts=" + ts;
  }
  std::string expires = std::to_string(now + seconds);
  std::string uri = "/read/" + key;
  return url_ + uri + "?md5=" + Base64Url(Md5(expires + uri + " " + secret_)) +
         "&expires=" + expires;
}

std::map<std::string, FileDigests> Blobstore::Contents() {
  std::map<std::string, FileDigests> contents;
  std::string root = directory_ + "/blobs/";
  std::error_code vanished;  // a blob may be deleted meanwhile
  fs::recursive_directory_iterator entries(root, vanished);
  for (; entries != fs::recursive_directory_iterator(); entries.increment(vanished)) {
    if (vanished) break;
    const fs::directory_entry& entry = *entries;
    if (!entry.is_regular_file(vanished)) continue;
    std::string path = entry.path();
    std::string stamp = Stamp(path);
    std::lock_guard lock(mutex_);
    auto& [remembered_stamp, digests] = remembered_[path];
    if (remembered_stamp != stamp) {
      digests = DigestFile(path).value_or(FileDigests{});
      remembered_stamp = stamp;
    }
    contents[path.substr(root.size())] = digests;
  }
  return contents;
}

}  // namespace sluice::box
