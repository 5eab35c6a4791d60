#include <fmt/core.h>

#include "attest/check/check_document.hpp"
#include "skill_verifier/attest/merkle.hpp"
#include "skill_verifier/attest/service_document.hpp"
#include "skill_verifier/core/clock.hpp"

namespace skill_verifier::attest {
namespace {

void tell(const ServiceDocument& document, const Evidence& evidence, CheckReport& report) {
  const auto& program = document.program;
  report.says.emplace_back("program", fmt::format("{} {} sha256 {}", program.name, program.version, program.sha256));
  report.says.emplace_back("source", program.source_commit.value_or("not said"));
  report.says.emplace_back("policy", "sha256 " + document.policy_sha256);
  for (const auto& runtime : document.runtimes)
    report.says.emplace_back("runtime " + runtime.name, runtime.image_id);
  for (std::size_t i = 0; i < document.public_keys.size(); ++i)
    report.says.emplace_back(fmt::format("key {}", i), document.public_keys[i]);
  report.says.emplace_back("unsigned", "timestamp " + core::shorten(evidence.timestamp));
}

void check_members(const Evidence& evidence, const ServiceDocument& document, Rows& rows) {
  if (!core::parse_rfc3339(evidence.timestamp)) {
    return rows.fail("document", "its timestamp is not a time", "", core::shorten(evidence.timestamp));
  }
  if (!evidence.policy) return rows.pass("document", "every member is there");
  rows.compare("document", document.policy_sha256, core::sha256_hex(*evidence.policy),
               "its policy is the one that was quoted", "its policy is not the one that was quoted");
}

Result<MerkleHash> parse_root(const ServiceDocument& document) {
  SKILL_VERIFIER_TRY(const auto bytes, core::parse_hex(document.nonce_root));
  MerkleHash root{};
  if (bytes.size() != root.size()) return Error{Errc::invalid_argument, "nonceRoot is not a hash"};
  std::copy(bytes.begin(), bytes.end(), root.begin());
  return root;
}

void check_nonce_path(const Evidence& evidence, const Expectations& expected, const ServiceDocument& document,
                      Rows& rows) {
  const auto& path = evidence.nonce_path;
  if (!path) {
    if (expected.nonce) return rows.fail("nonce", "the document was not asked for with a nonce", *expected.nonce);
    return rows.skip("nonce", "it was asked for without one: nothing says that it is new");
  }
  if (expected.nonce && *expected.nonce != path->nonce) {
    return rows.fail("nonce", "it was asked for with another one", *expected.nonce, core::shorten(path->nonce));
  }
  const auto root = parse_root(document);
  const auto leaf = merkle_leaf(core::as_bytes(path->nonce));
  if (!root || !verify_merkle_path(leaf, path->index, path->tree_size, path->hashes, *root)) {
    return rows.fail("nonce", "its path does not lead to the nonceRoot that was quoted", document.nonce_root);
  }
  const auto place = fmt::format("leaf {} of {} beneath the nonceRoot", path->index, path->tree_size);
  if (!expected.nonce) return rows.skip("nonce", place + "; give --nonce to compare it with yours");
  rows.pass("nonce", place, path->nonce);
}

}  // namespace

std::string check_service_document(const Evidence& evidence, const Expectations& expected, CheckReport& report,
                                   Rows& rows) {
  const auto& text = *evidence.signed_text;
  const auto hash = service_document_hash(text);
  const auto document = parse_service_document(text);
  if (!document) {
    rows.fail("service-document", document.error().message);
    rows.skip("document", "the service document cannot be read");
    return hash;
  }
  rows.compare("service-document", evidence.claimed_hash, hash, "SHA-256 of the document is the documentHash",
               "SHA-256 of the document is not the documentHash");
  tell(*document, evidence, report);
  check_members(evidence, *document, rows);
  check_nonce_path(evidence, expected, *document, rows);
  return hash;
}

}  // namespace skill_verifier::attest
