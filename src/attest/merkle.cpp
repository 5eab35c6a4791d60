#include "skill_verifier/attest/merkle.hpp"

#include <array>
#include <utility>

namespace skill_verifier::attest {
namespace {

constexpr std::uint8_t kLeafPrefix = 0x00;
constexpr std::uint8_t kNodePrefix = 0x01;

MerkleHash node_hash(const MerkleHash& left, const MerkleHash& right) {
  std::array<std::uint8_t, 1 + 2 * std::tuple_size_v<MerkleHash>> bytes{};
  bytes[0] = kNodePrefix;
  std::copy(left.begin(), left.end(), bytes.begin() + 1);
  std::copy(right.begin(), right.end(), bytes.begin() + 1 + left.size());
  return core::sha256(bytes);
}

/// RFC 6962 splits at the largest power of two below the size. Pairing from the left and letting a last odd node move
/// up unchanged gives the same tree.
std::vector<MerkleHash> parents(const std::vector<MerkleHash>& nodes) {
  std::vector<MerkleHash> made;
  made.reserve((nodes.size() + 1) / 2);
  for (std::size_t i = 0; i + 1 < nodes.size(); i += 2)
    made.push_back(node_hash(nodes[i], nodes[i + 1]));
  if (nodes.size() % 2 == 1) made.push_back(nodes.back());
  return made;
}

}  // namespace

MerkleHash merkle_leaf(ByteView bytes) {
  Bytes prefixed;
  prefixed.reserve(bytes.size() + 1);
  prefixed.push_back(kLeafPrefix);
  prefixed.insert(prefixed.end(), bytes.begin(), bytes.end());
  return core::sha256(prefixed);
}

MerkleTree::MerkleTree(std::vector<MerkleHash> leaves) {
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1)
    levels_.push_back(parents(levels_.back()));
}

MerkleHash MerkleTree::root() const {
  return levels_.back().empty() ? core::sha256({}) : levels_.back().front();
}

std::vector<MerkleHash> MerkleTree::path(std::size_t index) const {
  std::vector<MerkleHash> path;
  for (const auto& level : levels_) {
    const std::size_t sibling = index ^ 1u;
    if (sibling < level.size()) path.push_back(level[sibling]);
    index /= 2;
  }
  return path;
}

bool verify_merkle_path(const MerkleHash& leaf, std::uint64_t index, std::uint64_t size,
                        const std::vector<MerkleHash>& path, const MerkleHash& root) {
  if (index >= size) return false;
  std::uint64_t last = size - 1;
  MerkleHash hash = leaf;
  for (const MerkleHash& sibling : path) {
    if (last == 0) return false;
    const bool on_the_right = index % 2 == 1 || index == last;
    hash = on_the_right ? node_hash(sibling, hash) : node_hash(hash, sibling);
    // A last node without a sibling moved up: its levels have no entry in the path.
    while (on_the_right && index % 2 == 0 && index != 0) {
      index /= 2;
      last /= 2;
    }
    index /= 2;
    last /= 2;
  }
  return last == 0 && hash == root;
}

}  // namespace skill_verifier::attest
