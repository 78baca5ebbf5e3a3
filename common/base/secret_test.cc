// A secret has no way into a log line, and leaves no trace where it stood.
#include "common/base/secret.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "common/base/logging.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

// Short enough for std::string to keep it inside the object, where moves leave traces behind.
constexpr std::string_view kShort = "hunter2hunter2";

template <typename T>
concept Printable = requires(std::ostream& stream, const T& value) {
  stream << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::convertible_to<Secret, std::string>);
static_assert(!std::convertible_to<Secret, std::string_view>);
static_assert(!std::convertible_to<std::string, Secret>, "becoming a secret is said");
static_assert(!std::is_constructible_v<LogField, std::string_view, Secret>);

// A secret in storage that may be looked at after its end.
class ObservedSecret {
 public:
  explicit ObservedSecret(std::string_view value)
      : secret_(new (storage_) Secret(std::string(value))) {}
  Secret& secret() { return *secret_; }
  void Destroy() { std::destroy_at(secret_); }
  bool StorageHolds(std::string_view text) const {
    const auto* begin = reinterpret_cast<const char*>(storage_);
    return std::search(begin, begin + sizeof storage_, text.begin(), text.end()) !=
           begin + sizeof storage_;
  }

 private:
  alignas(Secret) std::byte storage_[sizeof(Secret)] = {};
  Secret* secret_;
};

TEST(SecretTest, ValueComesOutByItsNameOnly) {
  const Secret secret{std::string(kShort)};
  EXPECT_EQ(secret.Reveal(), kShort);
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
}

TEST(SecretTest, CopiesAndAssignmentsHoldTheValue) {
  const Secret secret(std::string(100, 'x'));
  Secret copy = secret;
  Secret assigned;
  assigned = copy;
  copy = Secret(std::string(kShort));
  EXPECT_EQ(assigned.Reveal(), secret.Reveal());
  EXPECT_EQ(copy.Reveal(), kShort);
}

TEST(SecretTest, DestroyedSecretLeavesNoTrace) {
  ObservedSecret observed(kShort);
  ASSERT_TRUE(observed.StorageHolds(kShort));
  observed.Destroy();
  EXPECT_FALSE(observed.StorageHolds("hunter2"));
}

TEST(SecretTest, MovedFromSecretIsEmptyAndLeavesNoTrace) {
  ObservedSecret observed(kShort);
  const Secret taken = std::move(observed.secret());
  EXPECT_EQ(taken.Reveal(), kShort);
  EXPECT_TRUE(observed.secret().empty());
  EXPECT_FALSE(observed.StorageHolds("hunter2"));
  observed.Destroy();
}

TEST(SecretTest, ReplacedSecretLeavesNoTrace) {
  ObservedSecret observed(kShort);
  observed.secret() = Secret("other");
  EXPECT_EQ(observed.secret().Reveal(), "other");
  EXPECT_FALSE(observed.StorageHolds("hunter2"));
  observed.Destroy();
}

}  // namespace
}  // namespace sluice
