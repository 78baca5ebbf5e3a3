#include "tests/foundation/http_message.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

namespace sluice::box {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

// Takes the next line off `rest`, without its line end.
std::string_view TakeLine(std::string_view& rest) {
  size_t end = rest.find("\r\n");
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
  return line;
}

bool ParseHeaderLines(std::string_view rest, Headers& headers) {
  while (!rest.empty()) {
    std::string_view line = TakeLine(rest);
    if (line.empty()) break;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    headers.Add(std::string(line.substr(0, colon)), std::string(Trim(line.substr(colon + 1))));
  }
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

void Headers::Add(std::string name, std::string value) {
  all_.emplace_back(std::move(name), std::move(value));
}

void Headers::Set(const std::string& name, std::string value) {
  Remove(name);
  Add(name, std::move(value));
}

void Headers::Remove(std::string_view name) {
  std::erase_if(all_, [&](const auto& header) { return EqualWithoutCase(header.first, name); });
}

std::optional<std::string> Headers::Get(std::string_view name) const {
  for (const auto& [key, value] : all_) {
    if (EqualWithoutCase(key, name)) return value;
  }
  return std::nullopt;
}

std::string Headers::Text() const {
  std::string text;
  for (const auto& [name, value] : all_) text += name + ": " + value + "\r\n";
  return text;
}

std::optional<std::string> Request::Query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<Request> ParseRequestHead(std::string_view head) {
  std::string_view line = TakeLine(head);
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  Request request;
  request.method = std::string(line.substr(0, first));
  request.target = std::string(line.substr(first + 1, last - first - 1));
  std::string_view version = line.substr(last + 1);
  if (!version.starts_with("HTTP/1.")) return std::nullopt;
  request.http_1_0 = version == "HTTP/1.0";
  size_t mark = request.target.find('?');
  request.path = PercentDecode(std::string_view(request.target).substr(0, mark), false);
  if (mark != std::string::npos) {
    request.query = ParseQuery(std::string_view(request.target).substr(mark + 1));
  }
  if (!ParseHeaderLines(head, request.headers)) return std::nullopt;
  if (auto length = request.headers.Get("Content-Length")) {
    request.content_length = ParseNumber<uint64_t>(*length);
    if (!request.content_length) return std::nullopt;
  }
  if (auto coding = request.headers.Get("Transfer-Encoding")) {
    request.chunked = EqualWithoutCase(*coding, "chunked");
  }
  return request;
}

std::optional<Response> ParseResponseHead(std::string_view head) {
  std::string_view line = TakeLine(head);
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return std::nullopt;
  auto status = ParseNumber<int>(line.substr(9, 3));
  if (!status) return std::nullopt;
  Response response;
  response.status = *status;
  if (!ParseHeaderLines(head, response.headers)) return std::nullopt;
  return response;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Not Allowed";
    case 408:
      return "Request Time-out";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Requested Range Not Satisfiable";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Temporarily Unavailable";
    case 504:
      return "Gateway Time-out";
    default:
      return "Status";
  }
}

std::string ResponseHead(int status, const Headers& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(ReasonPhrase(status)) + "\r\n" +
         headers.Text() + "\r\n";
}

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
               HexDigit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded += c;
    } else {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", byte);
      encoded += escaped;
    }
  }
  return encoded;
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    size_t equal = pair.find('=');
    std::string_view value =
        equal == std::string_view::npos ? std::string_view() : pair.substr(equal + 1);
    pairs.emplace_back(PercentDecode(pair.substr(0, equal), true), PercentDecode(value, true));
  }
  return pairs;
}

bool EqualWithoutCase(std::string_view a, std::string_view b) {
  return LowerCase(a) == LowerCase(b);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

Response TextResponse(int status, std::string content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.Set("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

Response NginxErrorPage(int status) {
  std::string title = std::to_string(status) + " " + std::string(ReasonPhrase(status));
  return TextResponse(status, "text/html",
                      "<html>\r\n<head><title>" + title +
                          "</title></head>\r\n<body>\r\n<center><h1>" + title +
                          "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n");
}

}  // namespace sluice::box
