// JSON with more than one meaning must not be read at all. Each text here is taken by some parser,
// or read differently by two; each has to fail by its own name.
#include "common/trust/strict_json.h"

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

struct Refusal {
  std::string text;
  std::string name;
};

std::string Nested(int depth) {
  // The outermost object is level 1.
  std::string text;
  for (int i = 1; i < depth; ++i) text += "{\"a\":";
  text += "{}";
  for (int i = 1; i < depth; ++i) text += "}";
  return text;
}

TEST(StrictJsonTest, RefusesEachTextByItsName) {
  const std::vector<Refusal> refusals = {
      {"", "json-malformed"},
      {"{", "json-malformed"},
      {"{}}", "json-malformed"},
      {"{} {}", "json-malformed"},
      {"{},", "json-malformed"},
      {"{\"a\":1,}", "json-malformed"},
      {"{'a':1}", "json-malformed"},
      {"{a:1}", "json-malformed"},
      {"{\"a\":01}", "json-malformed"},
      {"{\"a\":+1}", "json-malformed"},
      {"{\"a\":.5}", "json-malformed"},
      {"{\"a\":NaN}", "json-malformed"},
      {"{\"a\":Infinity}", "json-malformed"},
      {"{\"a\":0x10}", "json-malformed"},
      {"{\"a\":TRUE}", "json-malformed"},
      {"/* c */{}", "json-malformed"},
      {"{} // c", "json-malformed"},
      {"{\"a\":\"\n\"}", "json-malformed"},
      {"{\"a\":\"\\x41\"}", "json-malformed"},
      {"{\"a\":\"\\ud800\"}", "json-malformed"},
      {"{\"a\":\"\\udc00\\ud800\"}", "json-malformed"},
      {"{\"a\":\"\\u0000\"}", "json-malformed"},
      {"{\"\\u0000\":1}", "json-malformed"},
      {"{\"a\":\"\xff\"}", "json-malformed"},
      {"{\"a\":\"\xc0\xaf\"}", "json-malformed"},
      {"{\"a\":\"\xed\xa0\x80\"}", "json-malformed"},
      {"{\"a\":\"\xf4\x90\x80\x80\"}", "json-malformed"},
      {"\xef\xbb\xbf{}", "json-malformed"},
      {std::string("{}\0", 3), "json-malformed"},
      {std::string("{}\0{}", 5), "json-malformed"},
      {std::string("{\"a\":\"\0\"}", 9), "json-malformed"},
      {"{\"a\":1,\"a\":1}", "json-duplicate-field"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "json-duplicate-field"},
      {"{\"a\":1,\"\\u0061\":2}", "json-duplicate-field"},
      {"{\"x\":{\"a\":1,\"a\":2}}", "json-duplicate-field"},
      {"{\"x\":[{\"a\":1,\"a\":2}]}", "json-duplicate-field"},
      {"{\"a\":1.0}", "json-number"},
      {"{\"a\":1e3}", "json-number"},
      {"{\"a\":-0.0}", "json-number"},
      {"{\"a\":9007199254740992}", "json-number"},
      {"{\"a\":-9007199254740992}", "json-number"},
      {"{\"a\":18446744073709551616}", "json-number"},
      {"{\"a\":1e999}", "json-malformed"},
      {"[]", "json-not-an-object"},
      {"null", "json-not-an-object"},
      {"\"text\"", "json-not-an-object"},
      {"7", "json-not-an-object"},
      {Nested(kJsonDepthMax + 1), "json-too-deep"},
      {"{\"a\":" + std::string(100000 / 2, '[') + "}", "json-too-deep"},
      {"{\"a\":\"" + std::string(kEnvelopeBytesMax, 'x') + "\"}", "json-too-large"}};
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(ParseStrictJson(refusal.text), HasErrorName(refusal.name))
        << refusal.text.substr(0, 60);
  }
}

TEST(StrictJsonTest, TakesWhatIsJustWithinTheLimits) {
  EXPECT_THAT(ParseStrictJson("{\"a\":9007199254740991,\"b\":-9007199254740991}"), IsOk());
  EXPECT_THAT(ParseStrictJson(Nested(kJsonDepthMax)), IsOk());
  const std::string frame = "{\"a\":\"\"}";
  EXPECT_THAT(
      ParseStrictJson("{\"a\":\"" + std::string(kEnvelopeBytesMax - frame.size(), 'x') + "\"}"),
      IsOk());
  EXPECT_THAT(ParseStrictJson(" { \"a\" : [ true , null , \"\\ud83d\\ude00\" ] } \n"), IsOk());
}

TEST(StrictJsonTest, FormatIsSortedWithoutBlanks) {
  const nlohmann::json value = {{"b", 1}, {"a", {{"d", "é"}, {"c", true}}}};
  EXPECT_EQ(FormatJson(value), "{\"a\":{\"c\":true,\"d\":\"é\"},\"b\":1}");
}

TEST(JsonReaderTest, ReadsWhatIsThere) {
  auto document = JsonDocument::Parse(
      R"({"s":"x","i":-5,"b":true,"t":"2026-01-02T03:04:05Z","h":"00ff","l":["p","q"],
          "o":{"k":"v"},"m":{"one":{"n":1}},"a":[{"n":2}]})",
      "sample");
  ASSERT_THAT(document, IsOk());
  JsonReader root = document->Root();
  EXPECT_EQ(root.String("s"), "x");
  EXPECT_EQ(root.Integer("i", -5, 5), -5);
  EXPECT_TRUE(root.Bool("b"));
  EXPECT_EQ(root.Time("t"), absl::FromUnixSeconds(1767323045));
  EXPECT_EQ(root.Hex("h", 2), "00ff");
  EXPECT_EQ(root.Strings("l"), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(root.StringMap("o").at("k"), "v");
  for (auto& [name, entry] : root.ObjectMap("m")) EXPECT_EQ(entry.Integer("n", 0), 1) << name;
  EXPECT_EQ(root.Objects("a").at(0).Integer("n", 0), 2);
  EXPECT_EQ(root.OptionalString("absent"), "");
  EXPECT_FALSE(root.OptionalTime("absent").has_value());
  EXPECT_THAT(document->Finish(), IsOk());
}

TEST(JsonReaderTest, OneAnswerNamesEveryMistakeWithItsPath) {
  auto document = JsonDocument::Parse(
      R"({"s":7,"o":{"t":"2026-01-02T03:04:05.0Z","extra":1},"a":[{"h":"00FF"},{"h":"0"}],"i":6})",
      "sample");
  ASSERT_THAT(document, IsOk());
  JsonReader root = document->Root();
  root.String("s");
  root.String("missing");
  root.Object("o").Time("t");
  for (JsonReader& entry : root.Objects("a")) entry.Hex("h", 2);
  root.Integer("i", 0, 5);
  const Status status = document->Finish();
  EXPECT_THAT(status, HasErrorName("json-field"));
  const std::string message(status.message());
  for (const char* part :
       {"sample: ", "\"s\" must be text", "\"missing\" is missing", "\"o.t\"", "\"a[0].h\"",
        "\"a[1].h\"", "\"i\" must be from 0 to 5", "unknown field \"o.extra\""}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

TEST(JsonReaderTest, AFieldNobodyAskedForIsRefusedAtEveryLevel) {
  for (const char* text : {R"({"o":{},"x":1})", R"({"o":{"x":1}})"}) {
    auto document = JsonDocument::Parse(text, "sample");
    ASSERT_THAT(document, IsOk());
    document->Root().Object("o");
    EXPECT_THAT(document->Finish(), HasErrorName("json-unknown-field")) << text;
  }
}

TEST(JsonReaderTest, UnknownFieldsAreIgnoredWhereTheFormatSaysSo) {
  auto document = JsonDocument::Parse(R"({"o":{"x":1},"y":2})", "sample", UnknownFields::kIgnore);
  ASSERT_THAT(document, IsOk());
  document->Root().Object("o");
  EXPECT_THAT(document->Finish(), IsOk());
}

TEST(JsonReaderTest, ALineHasNoControlCharacters) {
  for (const char* text :
       {R"({"l":"a\u001b[2J"})", R"({"l":"a\nb"})", R"({"l":"\u007f"})", R"({"l":"\u009b2J"})"}) {
    auto document = JsonDocument::Parse(text, "sample");
    ASSERT_THAT(document, IsOk());
    document->Root().Line("l");
    EXPECT_THAT(document->Finish(), HasErrorName("json-field")) << text;
  }
  auto document = JsonDocument::Parse("{\"l\":\"Grüße \xc2\xa0 €\"}", "sample");
  ASSERT_THAT(document, IsOk());
  document->Root().Line("l");
  EXPECT_THAT(document->Finish(), IsOk());
}

TEST(JsonReaderTest, ATimeHasOneText) {
  for (const char* time :
       {"2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.000Z", "2026-1-2T3:4:5Z",
        "2026-02-30T00:00:00Z", "2026-01-02T03:04:60Z", " 2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05Z", "2026-01-02T24:00:00Z", ""}) {
    auto document = JsonDocument::Parse(FormatJson({{"t", time}}), "sample");
    ASSERT_THAT(document, IsOk());
    document->Root().Time("t");
    EXPECT_THAT(document->Finish(), HasErrorName("json-field")) << time;
  }
}

TEST(JsonReaderTest, AFieldsNameCannotForgeALogLine) {
  auto document = JsonDocument::Parse("{\"a\\n\\u001b[31mERROR\":1}", "sample");
  ASSERT_THAT(document, IsOk());
  document->Root();
  const std::string message(document->Finish().message());
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace sluice::trust
