#include "sandbox/lru_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skill_verifier::sandbox {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> ids(const std::vector<LruIndex::Item>& items) {
  std::vector<std::string> result;
  for (const auto& item : items)
    result.push_back(item.id);
  return result;
}

TEST(LruIndex, FindsByKeyAndById) {
  LruIndex index(100, 10);
  index.insert({"k", "id", 5});
  ASSERT_TRUE(index.find("k").has_value());
  EXPECT_EQ(index.find("k")->id, "id");
  EXPECT_TRUE(index.find_id("id").has_value());
  EXPECT_FALSE(index.find("id").has_value());
  EXPECT_FALSE(index.find_id("k").has_value());
}

TEST(LruIndex, GivesUpTheLeastRecentlyUsedFirst) {
  LruIndex index(20, 10);
  index.insert({"a", "ida", 10});
  index.insert({"b", "idb", 10});
  EXPECT_THAT(index.surplus(), IsEmpty());
  index.find("a");
  index.insert({"c", "idc", 10});
  EXPECT_THAT(ids(index.surplus()), ElementsAre("idb"));
}

TEST(LruIndex, HasALimitOfItemsToo) {
  LruIndex index(1000, 2);
  for (const auto* key : {"a", "b", "c", "d"})
    index.insert({key, key, 1});
  EXPECT_THAT(ids(index.surplus()), ElementsAre("a", "b"));
}

TEST(LruIndex, GivesUpAnItemThatIsTooLargeByItself) {
  LruIndex index(10, 10);
  index.insert({"a", "ida", 11});
  EXPECT_THAT(ids(index.surplus()), ElementsAre("ida"));
}

TEST(LruIndex, NeverGivesUpWhatSomebodyHolds) {
  LruIndex index(10, 10);
  index.insert({"a", "ida", 10});
  auto hit = index.find("a");
  auto copy = hit->lease;
  index.insert({"b", "idb", 10});
  EXPECT_THAT(ids(index.surplus()), ElementsAre("idb"));
  hit.reset();
  EXPECT_TRUE(index.leased("ida"));
  copy.reset();
  EXPECT_FALSE(index.leased("ida"));
  EXPECT_THAT(ids(index.surplus()), ElementsAre("ida"));
}

TEST(LruIndex, ALeaseMayOutliveItsIndex) {
  LruIndex::Lease lease;
  {
    LruIndex index(10, 10);
    index.insert({"a", "ida", 1});
    lease = index.find("a")->lease;
  }
  EXPECT_EQ(lease.use_count(), 1);
}

TEST(LruIndex, ReplacesAnItemOfTheSameKey) {
  LruIndex index(100, 10);
  EXPECT_FALSE(index.insert({"a", "old", 10}).has_value());
  const auto replaced = index.insert({"a", "new", 7});
  ASSERT_TRUE(replaced.has_value());
  EXPECT_EQ(replaced->id, "old");
  EXPECT_EQ(index.bytes(), 7u);
  EXPECT_EQ(index.size(), 1u);
  EXPECT_FALSE(index.insert({"a", "new", 7}).has_value());
}

TEST(LruIndex, ForgetsById) {
  LruIndex index(100, 10);
  index.insert({"a", "ida", 10});
  index.erase_id("ida");
  EXPECT_FALSE(index.find("a").has_value());
  EXPECT_EQ(index.bytes(), 0u);
}

TEST(LruIndex, PutsBackAsTheNextToGo) {
  LruIndex index(1000, 1);
  index.insert({"a", "1", 1});
  EXPECT_TRUE(index.restore({"b", "2", 1}));
  ASSERT_EQ(index.surplus().size(), 1u);
  EXPECT_EQ(index.surplus()[0].id, "2");
}

TEST(LruIndex, DoesNotPutBackOverANewerItemOfTheKey) {
  LruIndex index(1000, 10);
  index.insert({"a", "new", 1});
  EXPECT_FALSE(index.restore({"a", "old", 1}));
  EXPECT_EQ(index.find("a")->id, "new");
  EXPECT_EQ(index.size(), 1u);
}

}  // namespace
}  // namespace skill_verifier::sandbox
