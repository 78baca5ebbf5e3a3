#include "common/net/endpoint.h"

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

TEST(EndpointTest, DialledOnesHaveAHostAndAPortThatThereIs) {
  for (const char* good : {"tcp://coordinator:7710", "tcp://127.0.0.1:1", "tcp://[::1]:65535",
                           "tcp://prod-east.example:7720"}) {
    EXPECT_TRUE(IsDialledEndpoint(good)) << good;
    EXPECT_TRUE(IsListenedEndpoint(good)) << good;
  }
  for (const char* bad :
       {"", "coordinator:7710", "https://coordinator:7710", "tcp://", "tcp://coordinator",
        "tcp://:7710", "tcp://coordinator:", "tcp://coordinator:0", "tcp://coordinator:99999",
        "tcp://coordinator:65536", "tcp://coordinator:77x", "tcp://coordinator:-1", "tcp://h:*",
        "tcp://*:7710", "tcp://::1:7710", "tcp://coordinator:7710/", "tcp://a b:7710"}) {
    EXPECT_FALSE(IsDialledEndpoint(bad)) << bad;
  }
}

TEST(EndpointTest, ListenedOnesMayLeaveTheAddressAndThePortToTheSystem) {
  for (const char* good : {"tcp://*:7710", "tcp://0.0.0.0:0", "tcp://127.0.0.1:*", "tcp://*:*"}) {
    EXPECT_TRUE(IsListenedEndpoint(good)) << good;
  }
  for (const char* bad : {"tcp://127.0.0.1:99999", "tcp://127.0.0.1", "tcp://127.0.0.1:**"}) {
    EXPECT_FALSE(IsListenedEndpoint(bad)) << bad;
  }
}

TEST(EndpointTest, AnAddressThatThisMachineDoesNotHaveIsFoundBeforeItIsListenedAt) {
  for (const char* good :
       {"tcp://127.0.0.1:7720", "tcp://0.0.0.0:*", "tcp://*:7720", "tcp://localhost:7720"}) {
    EXPECT_THAT(CheckListenAddress(good), IsOk()) << good;
  }
  // 192.0.2.0/24 is for documentation (RFC 5737): nobody's.
  EXPECT_THAT(CheckListenAddress("tcp://192.0.2.1:7720"), HasErrorName("no-such-address"));
}

TEST(EndpointTest, WhetherAHostHasAnAddressIsFound) {
  EXPECT_TRUE(HostResolves("tcp://127.0.0.1:7710"));
  EXPECT_TRUE(HostResolves("tcp://[::1]:7710"));
  EXPECT_FALSE(HostResolves("tcp://coordinator.invalid:7710"));  // never a name (RFC 2606)
}

}  // namespace
}  // namespace sluice::net
