// What two parsers could read differently is refused; what may be shown never holds a secret.
#include "common/http/url.h"

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"

namespace sluice::http {
namespace {

TEST(UrlTest, PartsOfAFullUrlAreFound) {
  const auto url = ParseUrl("HTTPS://API.Sys.Example:8443/v3/apps?names=a%20b&page=2#top");
  ASSERT_THAT(url, IsOk());
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "api.sys.example");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->path, "/v3/apps");
  EXPECT_EQ(url->query, "names=a%20b&page=2");
  EXPECT_EQ(url->Origin(), "https://api.sys.example:8443");
}

TEST(UrlTest, PathMayBeMissingAndHostMayBeIpv6) {
  EXPECT_EQ(ParseUrl("http://host")->path, "/");
  EXPECT_EQ(ParseUrl("http://host?a=b")->query, "a=b");
  const auto ipv6 = ParseUrl("https://[2001:DB8::1]:443/x");
  ASSERT_THAT(ipv6, IsOk());
  EXPECT_EQ(ipv6->host, "2001:db8::1");
  EXPECT_EQ(ipv6->Origin(), "https://[2001:db8::1]:443");
}

TEST(UrlTest, EveryDoubtfulUrlIsRefused) {
  for (const char* text : {"",
                           "host/path",
                           "/v3/apps",
                           "ftp://host/",
                           "file:///etc/passwd",
                           "https://",
                           "https:///x",
                           "https://user@host/",
                           "https://user:password@host/",
                           "https://host name/",
                           "https://host/a b",
                           "https://host\\@other/",
                           "https://host/\n",
                           "https://h\xc3\xb6st/",
                           "https://host:/",
                           "https://host:0/",
                           "https://host:65536/",
                           "https://host:80x/",
                           "https://host:+80/",
                           "https://[::1/",
                           "https://[::1]x/",
                           "https://[host]/"}) {
    EXPECT_THAT(ParseUrl(text), HasErrorName("bad-url")) << text;
  }
  const std::string prefix = "https://host/";
  EXPECT_THAT(ParseUrl(prefix + std::string(16 * 1024 - prefix.size(), 'a')), IsOk());
  EXPECT_THAT(ParseUrl(prefix + std::string(16 * 1024 - prefix.size() + 1, 'a')),
              HasErrorName("bad-url"));
}

TEST(UrlTest, ShownFormHasNeitherQueryNorFragment) {
  EXPECT_EQ(DisplayUrl("https://blobs.example/droplets/ab?signature=secret#x"),
            "https://blobs.example/droplets/ab");
  EXPECT_EQ(DisplayUrl("https://user:secret@blobs.example/"), "(not a URL)");
}

TEST(UrlTest, LocationIsResolvedAgainstTheUrlThatAnswered) {
  const std::string base = "https://api.example:8443/v3/droplets/d?x=1";
  EXPECT_EQ(ResolveLocation(base, "https://blobs.example/a?b=c").value(),
            "https://blobs.example/a?b=c");
  EXPECT_EQ(ResolveLocation(base, "//blobs.example/a").value(), "https://blobs.example/a");
  EXPECT_EQ(ResolveLocation(base, "/a?b=c").value(), "https://api.example:8443/a?b=c");
  EXPECT_EQ(ResolveLocation(base, "download").value(),
            "https://api.example:8443/v3/droplets/download");
  // A URL inside the query is not where the redirect leads.
  EXPECT_EQ(ResolveLocation(base, "/a?next=http://other/").value(),
            "https://api.example:8443/a?next=http://other/");
  EXPECT_THAT(ResolveLocation(base, ""), HasErrorName("bad-url"));
  EXPECT_THAT(ResolveLocation(base, "ftp://blobs.example/a"), HasErrorName("bad-url"));
  EXPECT_THAT(ResolveLocation(base, "https://user@blobs.example/"), HasErrorName("bad-url"));
}

TEST(UrlTest, OnlyThisMachineIsLoopback) {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.10", "::1"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"127.example.org", "127.0.0.1.example.org", "128.0.0.1",
                           "localhost.example", "", "::2", "127.0.1"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

}  // namespace
}  // namespace sluice::http
