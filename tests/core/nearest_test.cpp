#include "skill_verifier/core/nearest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace skill_verifier::core {
namespace {

constexpr std::array<std::string_view, 3> kKnown = {"nonce", "name", "version"};

TEST(Nearest, TakesTheFewestEdits) {
  EXPECT_EQ(nearest("nonse", kKnown), "nonce");
  EXPECT_EQ(nearest("nane", kKnown), "name");
  EXPECT_EQ(nearest("vresion", kKnown), "version");
}

TEST(Nearest, LooksAtTheBeginningOfALongName) {
  EXPECT_EQ(nearest("version" + std::string(10'000'000, 'x'), kKnown), "version");
}

TEST(Nearest, TakesTheFirstOfEquals) {
  EXPECT_EQ(nearest("", std::array<std::string_view, 2>{"ab", "cd"}), "ab");
}

}  // namespace
}  // namespace skill_verifier::core
