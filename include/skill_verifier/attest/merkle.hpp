#pragma once

#include <cstdint>
#include <vector>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::attest {

using MerkleHash = core::Digest256;

/// SHA-256(0x00 ‖ bytes), RFC 6962 §2.1.
MerkleHash merkle_leaf(ByteView bytes);

/// A Merkle tree over leaves in their order (RFC 6962 §2.1), immutable. Costs one hash a leaf to build and keeps twice
/// as many hashes as there are leaves.
class MerkleTree {
 public:
  /// `leaves` are leaf hashes (merkle_leaf), not the leaves' bytes.
  explicit MerkleTree(std::vector<MerkleHash> leaves);

  std::size_t size() const { return levels_.front().size(); }
  /// Of a tree without leaves: SHA-256 of the empty string.
  MerkleHash root() const;
  /// The audit path of RFC 6962 §2.1.1: the leaf's sibling first, the root's child last; empty for a tree of one leaf.
  /// `index` is smaller than size().
  std::vector<MerkleHash> path(std::size_t index) const;

 private:
  std::vector<std::vector<MerkleHash>> levels_;  ///< leaves first; a last node without a sibling moves up as it is
};

/// Whether `path` leads from the leaf at `index` of a tree of `size` leaves to `root` (RFC 9162 §2.1.3.2). False for an
/// index outside of the tree and for a path that is too short or too long.
bool verify_merkle_path(const MerkleHash& leaf, std::uint64_t index, std::uint64_t size,
                        const std::vector<MerkleHash>& path, const MerkleHash& root);

}  // namespace skill_verifier::attest
