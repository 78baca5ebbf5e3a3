// HTTP/1.1 requests and responses as the box's servers and clients pass them around.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::box {

// Headers in the order they came; names compare without case.
class Headers {
 public:
  void Add(std::string name, std::string value);
  void Set(const std::string& name, std::string value);  // replaces all of that name
  void Remove(std::string_view name);
  std::optional<std::string> Get(std::string_view name) const;  // the first of that name
  bool Has(std::string_view name) const { return Get(name).has_value(); }
  std::string Text() const;  // "Name: value\r\n" for each
  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

struct Request {
  std::string method;
  std::string target;                                      // as sent, with the query
  std::string path;                                        // percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  // each decoded once
  bool http_1_0 = false;
  Headers headers;
  std::optional<uint64_t> content_length;
  bool chunked = false;

  std::optional<std::string> Query(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

// The text before the empty line, as bytes on a socket. Nullopt when malformed.
std::optional<Request> ParseRequestHead(std::string_view head);
std::optional<Response> ParseResponseHead(std::string_view head);

std::string_view ReasonPhrase(int status);
std::string ResponseHead(int status, const Headers& headers);

std::string PercentDecode(std::string_view text, bool plus_is_space);
std::string PercentEncode(std::string_view text);  // all but A-Z a-z 0-9 - _ . ~
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);
bool EqualWithoutCase(std::string_view a, std::string_view b);
std::string LowerCase(std::string_view text);

Response TextResponse(int status, std::string content_type, std::string body);
// What nginx answers by itself: never CC's JSON.
Response NginxErrorPage(int status);

}  // namespace sluice::box
