#include "sandbox/image_reference.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::sandbox {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ImageReference, IsPinnedByADigestOrAnIdOnly) {
  EXPECT_TRUE(is_pinned(kDigest));
  EXPECT_TRUE(is_pinned("python@" + kDigest));
  EXPECT_TRUE(is_pinned("registry:5000/python:3.11@" + kDigest));
  for (const std::string reference : {"python", "python:3.11", "registry:5000/python", "sha256:abc",
                                      "python@sha256:abc", "python@md5:abc", "python:sha256"})
    EXPECT_FALSE(is_pinned(reference)) << reference;
  EXPECT_FALSE(is_pinned("python@" + kDigest + "0"));
}

TEST(ImageReference, ListsWhatIsNotPinned) {
  EXPECT_EQ(list_unpinned({{"a", "x@" + kDigest}, {"b", "b"}, {"c", "c:1"}, {"d", "other:2"}}),
            "b, c → c:1, d → other:2");
  EXPECT_EQ(list_unpinned({{"a", "x@" + kDigest}}), "");
}

}  // namespace
}  // namespace skill_verifier::sandbox
