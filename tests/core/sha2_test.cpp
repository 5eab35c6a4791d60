#include "skill_verifier/core/sha2.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::core {
namespace {

// FIPS 180-4 examples.
TEST(Sha2, MatchesTheStandardsVectors) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha384(as_bytes("abc"))),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(to_hex(sha512(as_bytes("abc"))),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
            "454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha2, PiecesGiveTheDigestOfTheWhole) {
  const std::string text(100'000, 'x');
  Sha256 hash;
  for (std::size_t i = 0; i < text.size(); i += 777)
    hash.update(as_bytes(std::string_view(text).substr(i, 777)));
  EXPECT_EQ(hash.finish(), sha256(as_bytes(text)));
}

TEST(Sha2, ACopyMovedElsewhereGoesOn) {
  Sha256 first;
  first.update(as_bytes("a"));
  Sha256 second = std::move(first);
  second.update(as_bytes("bc"));
  EXPECT_EQ(to_hex(second.finish()), sha256_hex("abc"));
}

}  // namespace
}  // namespace skill_verifier::core
