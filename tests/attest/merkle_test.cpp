#include "skill_verifier/attest/merkle.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skill_verifier::attest {
namespace {

std::vector<MerkleHash> leaves(std::size_t count) {
  std::vector<MerkleHash> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back(merkle_leaf(core::as_bytes("leaf " + std::to_string(i))));
  return made;
}

/// The definition of RFC 6962 §2.1, split by split.
MerkleHash root_by_definition(const std::vector<MerkleHash>& nodes) {
  if (nodes.empty()) return core::sha256({});
  if (nodes.size() == 1) return nodes.front();
  std::size_t split = 1;
  while (2 * split < nodes.size())
    split *= 2;
  const auto middle = nodes.begin() + static_cast<std::ptrdiff_t>(split);
  const auto left = root_by_definition({nodes.begin(), middle});
  const auto right = root_by_definition({middle, nodes.end()});
  Bytes bytes{0x01};
  bytes.insert(bytes.end(), left.begin(), left.end());
  bytes.insert(bytes.end(), right.begin(), right.end());
  return core::sha256(bytes);
}

TEST(MerkleTree, AgreesWithTheTestVectorsOfCertificateTransparency) {
  // The eight inputs and roots that the reference implementation of RFC 6962 tests itself with.
  const std::vector<std::string> inputs = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                          "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                          "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                          "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                          "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                          "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                          "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  EXPECT_EQ(core::to_hex(MerkleTree({}).root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::vector<MerkleHash> hashes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    hashes.push_back(merkle_leaf(core::parse_hex(inputs[i]).value()));
    EXPECT_EQ(core::to_hex(MerkleTree(hashes).root()), roots[i]) << i;
  }
}

TEST(MerkleTree, HasTheRootOfTheDefinitionForEverySize) {
  for (std::size_t size = 0; size <= 70; ++size)
    EXPECT_EQ(MerkleTree(leaves(size)).root(), root_by_definition(leaves(size))) << size;
}

TEST(VerifyMerklePath, FollowsEveryPathOfEverySize) {
  for (std::size_t size = 1; size <= 70; ++size) {
    const auto all = leaves(size);
    const MerkleTree tree(all);
    for (std::size_t index = 0; index < size; ++index)
      EXPECT_TRUE(verify_merkle_path(all[index], index, size, tree.path(index), tree.root())) << index << "/" << size;
  }
}

TEST(VerifyMerklePath, RefusesWhateverIsNotThePath) {
  for (const std::size_t size : {1u, 2u, 5u, 8u, 33u}) {
    const auto all = leaves(size);
    const MerkleTree tree(all);
    const auto root = tree.root();
    for (std::size_t index = 0; index < size; ++index) {
      const auto path = tree.path(index);
      const auto& leaf = all[index];
      EXPECT_FALSE(verify_merkle_path(merkle_leaf(core::as_bytes("other")), index, size, path, root));
      EXPECT_FALSE(verify_merkle_path(leaf, size, size, path, root));
      EXPECT_FALSE(verify_merkle_path(leaf, UINT64_MAX, size, path, root));
      EXPECT_FALSE(verify_merkle_path(leaf, index, 0, path, root));
      for (std::size_t other = 0; other < size; ++other) {
        if (other == index) continue;
        EXPECT_FALSE(verify_merkle_path(leaf, other, size, path, root)) << other << "/" << size;
      }
      auto longer = path;
      longer.push_back(leaf);
      EXPECT_FALSE(verify_merkle_path(leaf, index, size, longer, root));
      if (!path.empty()) {
        EXPECT_FALSE(verify_merkle_path(leaf, index, size, {path.begin(), path.end() - 1}, root));
      }
      for (std::size_t step = 0; step < path.size(); ++step) {
        auto changed = path;
        changed[step][31] ^= 1;
        EXPECT_FALSE(verify_merkle_path(leaf, index, size, changed, root));
      }
    }
  }
}

TEST(VerifyMerklePath, EndsForTheLargestTreeSize) {
  EXPECT_FALSE(verify_merkle_path({}, UINT64_MAX - 1, UINT64_MAX, std::vector<MerkleHash>(64), {}));
}

TEST(MerkleTree, ANodeIsNeverTakenForALeaf) {
  const auto two = leaves(2);
  Bytes inner(two[0].begin(), two[0].end());
  inner.insert(inner.end(), two[1].begin(), two[1].end());
  EXPECT_NE(MerkleTree(two).root(), merkle_leaf(inner));
}

}  // namespace
}  // namespace skill_verifier::attest
