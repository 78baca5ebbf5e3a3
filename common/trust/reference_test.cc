// One name has one canonical text, whatever characters it holds; what people type may be less
// strict, and what is wrong is told with an example.
#include "common/trust/reference.h"

#include <rapidcheck.h>

#include <string>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::trust {
namespace {

TEST(ReferenceTest, AnAppReferenceComesApart) {
  const auto reference = AppReference::Parse("dev:acme/payments/checkout");
  ASSERT_THAT(reference, IsOk());
  EXPECT_EQ(reference->foundation.value(), "dev");
  EXPECT_EQ(reference->organization, "acme");
  EXPECT_EQ(reference->space, "payments");
  EXPECT_EQ(reference->app, "checkout");
  EXPECT_EQ(reference->text(), "dev:acme/payments/checkout");
}

TEST(ReferenceTest, EveryNameHasOneCanonicalText) {
  EXPECT_TRUE(rc::check("canonical form", [] {
    const auto printable =
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7f)));
    const AppReference reference{FoundationName("dev"), *printable, *printable, *printable};
    RC_PRE(reference.organization.size() <= 255 && reference.space.size() <= 255 &&
           reference.app.size() <= 255);
    RC_ASSERT(AppReference::Parse(reference.text(), ReferenceForm::kCanonical).value() ==
              reference);
  }));
}

TEST(ReferenceTest, WhatPeopleTypeIsBroughtToCanonicalForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"dev:a%2fb/s/x", "dev:a%2Fb/s/x"},
      {"dev:my org/s/x", "dev:my%20org/s/x"},
      {"dev:%61cme/s/x", "dev:acme/s/x"},
      {"dev:acme/s/größe", "dev:acme/s/gr%C3%B6%C3%9Fe"},
      {"dev:a:b/s/x", "dev:a%3Ab/s/x"}};
  for (const auto& [typed, canonical] : cases) {
    EXPECT_EQ(AppReference::Parse(typed)->text(), canonical);
    EXPECT_THAT(AppReference::Parse(typed, ReferenceForm::kCanonical),
                HasErrorName("bad-reference"));
    EXPECT_THAT(AppReference::Parse(canonical, ReferenceForm::kCanonical), IsOk());
  }
}

TEST(ReferenceTest, AMalformedReferenceIsRefusedWithAnExample) {
  for (const std::string text : {"",
                                 "dev",
                                 "dev:",
                                 "dev:acme",
                                 "dev:acme/payments",
                                 "dev:acme/payments/checkout/more",
                                 "dev:acme//checkout",
                                 "dev:/payments/checkout",
                                 "dev:acme/payments/",
                                 ":acme/s/x",
                                 "Dev:acme/s/x",
                                 "d_v:acme/s/x",
                                 "dev:acme/s/%",
                                 "dev:acme/s/%4",
                                 "dev:acme/s/%zz",
                                 "dev:acme/s/%00",
                                 "dev:acme/s/%0A",
                                 "dev:acme/s/%FF",
                                 "dev:acme/s/%C0%AF",
                                 "dev:acme/s/%ED%A0%80",
                                 "dev:acme/s/%C2%9B",
                                 "dev:acme/s/a\x1b[2J",
                                 "acme/payments/checkout",
                                 "dev:acme\\payments\\checkout"}) {
    const Status status = AppReference::Parse(text).status();
    EXPECT_THAT(status, HasErrorName("bad-reference")) << text;
    EXPECT_EQ(ExitCode(status), 2);
    EXPECT_NE(std::string(status.message()).find("dev:acme/payments/checkout"), std::string::npos);
    EXPECT_EQ(std::string(status.message()).find('\x1b'), std::string::npos) << "unsafe to print";
  }
}

TEST(ReferenceTest, FoundationNamesEndAt63Characters) {
  EXPECT_THAT(ParseFoundationName(std::string(63, 'a')), IsOk());
  EXPECT_THAT(ParseFoundationName(std::string(64, 'a')), HasErrorName("bad-reference"));
  EXPECT_THAT(ParseFoundationName("prod-eu-1"), IsOk());
  EXPECT_THAT(ParseFoundationName("prod.eu"), HasErrorName("bad-reference"));
}

TEST(ReferenceTest, NamesEndAt255Bytes) {
  EXPECT_THAT(AppReference::Parse("dev:o/s/" + std::string(255, 'a')), IsOk());
  EXPECT_THAT(AppReference::Parse("dev:o/s/" + std::string(256, 'a')),
              HasErrorName("bad-reference"));
}

TEST(ReferenceTest, ATargetMayLeaveTheAppOut) {
  EXPECT_EQ(TargetReference::Parse("prod:acme/payments")->ForApp("checkout").text(),
            "prod:acme/payments/checkout");
  EXPECT_EQ(TargetReference::Parse("prod:acme/payments/shop")->ForApp("checkout").text(),
            "prod:acme/payments/shop");
  EXPECT_EQ(TargetReference::Parse("prod:acme/payments")->text(), "prod:acme/payments");
  EXPECT_EQ(TargetReference::Parse("prod:acme/payments/shop")->text(), "prod:acme/payments/shop");
  EXPECT_THAT(TargetReference::Parse("prod:acme"), HasErrorName("bad-reference"));
  EXPECT_THAT(TargetReference::Parse("prod:acme/a/b/c"), HasErrorName("bad-reference"));
}

TEST(ReferenceTest, AListingNamesAnOrganizationOrASpace) {
  EXPECT_EQ(ListingReference::Parse("dev:acme")->text(), "dev:acme");
  EXPECT_EQ(ListingReference::Parse("dev:acme/payments")->text(), "dev:acme/payments");
  EXPECT_THAT(ListingReference::Parse("dev"), HasErrorName("bad-reference"));
  EXPECT_THAT(ListingReference::Parse("dev:acme/payments/x"), HasErrorName("bad-reference"));
}

bool Matches(std::string_view pattern, std::string_view foundation, std::string_view organization,
             std::string_view space) {
  return SpacePattern::Parse(pattern).value().Matches(FoundationName(std::string(foundation)),
                                                      organization, space);
}

TEST(SpacePatternTest, AStarStaysWithinItsPart) {
  EXPECT_TRUE(Matches("prod-*:acme/*", "prod-eu", "acme", "payments"));
  EXPECT_TRUE(Matches("prod-*:acme/*", "prod-", "acme", "a/b"));
  EXPECT_FALSE(Matches("prod-*:acme/*", "prod", "acme", "payments"));
  EXPECT_FALSE(Matches("prod-*:acme/*", "dev", "acme", "payments"));
  EXPECT_FALSE(Matches("prod-*:acme/*", "prod-eu", "acme2", "payments"));
  EXPECT_FALSE(Matches("prod:a*/b", "prod", "a/b", "c"));
  EXPECT_TRUE(Matches("*:*/*", "anything", "at", "all"));
  EXPECT_TRUE(Matches("p*d:a*c*e/x*y", "prod", "abcde", "xy"));
  EXPECT_FALSE(Matches("p*d:a*c*e/x*y", "prod", "abcdef", "xy"));
}

TEST(SpacePatternTest, CharactersOfANameAreNeverAWildcard) {
  EXPECT_TRUE(Matches("prod:a%2Ab/s", "prod", "a*b", "s"));
  EXPECT_FALSE(Matches("prod:a%2Ab/s", "prod", "axb", "s"));
  // "x " is x%20 in text, but does not end with "20".
  EXPECT_FALSE(Matches("prod:*20/s", "prod", "x ", "s"));
  EXPECT_TRUE(Matches("prod:*20/s", "prod", "x20", "s"));
  EXPECT_TRUE(Matches("prod:my%20org/s", "prod", "my org", "s"));
}

TEST(SpacePatternTest, CaseCounts) { EXPECT_FALSE(Matches("prod:acme/*", "prod", "Acme", "s")); }

TEST(SpacePatternTest, MalformedPatternsAreRefused) {
  for (const char* text : {"", "*", "prod", "prod:acme", "prod:acme/", "prod:/s", ":acme/s",
                           "prod:acme/s/app", "PROD:acme/s", "prod:my org/s", "prod:a%2fb/s",
                           "prod:%61/s", "prod/acme:s", "prod:%00/s"}) {
    EXPECT_THAT(SpacePattern::Parse(text), HasErrorName("bad-pattern")) << text;
  }
}

TEST(SpacePatternTest, ManyStarsTakeNoLongTime) {
  std::string organization;
  for (int i = 0; i < 100; ++i) organization += "*a";
  EXPECT_FALSE(Matches("prod:" + organization + "b/s", "prod", std::string(255, 'a'), "s"));
}

}  // namespace
}  // namespace sluice::trust
