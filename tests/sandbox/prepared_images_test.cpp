#include "sandbox/prepared_images.hpp"

#include <gtest/gtest.h>

#include "sandbox/derived_images.hpp"

namespace skill_verifier::sandbox {
namespace {

TEST(PreparedKey, TellsDifferentWorkApart) {
  PrepareRequest asked;
  asked.image.id = "sha256:base";
  asked.tree_digest = std::string(64, 'e');
  asked.deps.argv = {"/bin/sh", "-c", "true"};
  const auto init = std::string(64, 'a');
  const auto key = prepared_key(asked, init);
  EXPECT_EQ(prepared_key(asked, init), key);
  EXPECT_NE(prepared_key(asked, std::string(64, 'b')), key);
  auto other = asked;
  other.tree_digest = std::string(64, 'f');
  EXPECT_NE(prepared_key(other, init), key);
  other = asked;
  other.image.id = "sha256:other";
  EXPECT_NE(prepared_key(other, init), key);
  other = asked;
  other.bridge_network = true;
  EXPECT_NE(prepared_key(other, init), key);
  other = asked;
  other.deps.env = {{"A", "b"}};
  EXPECT_NE(prepared_key(other, init), key);
  other.deps.env = {{"A", "bA"}};
  auto moved = asked;
  moved.deps.env = {{"Ab", "A"}};
  EXPECT_NE(prepared_key(other, init), prepared_key(moved, init));
  other = asked;
  other.deps.argv = {"/bin/sh -c", "true"};
  EXPECT_NE(prepared_key(other, init), key);
  // Whose job it is does not matter.
  other = asked;
  other.job_id = "another";
  other.attempt = 9;
  EXPECT_EQ(prepared_key(other, init), key);
}

TEST(DerivedKey, TellsImagesAndInitsApart) {
  const auto key = derived_key("sha256:a", "i");
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(derived_key("sha256:a", "i"), key);
  EXPECT_NE(derived_key("sha256:b", "i"), key);
  EXPECT_NE(derived_key("sha256:a", "j"), key);
}

}  // namespace
}  // namespace skill_verifier::sandbox
