#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::attest {

/// What the service says of itself under `skill-verifier-service-v1` (TRUST.md §3). Digests are 64 lower-case hex
/// digits.
struct ServiceDocument {
  struct Program {
    std::string name;     ///< `skill-verifier`
    std::string version;  ///< `0.1.0`
    std::string sha256;   ///< of the running executable
    /// Lower-case hex of 40 or 64 digits; absent (null in the document) where the build knew none.
    std::optional<std::string> source_commit;
  };
  struct Runtime {
    std::string name;      ///< as manifests name it
    std::string image_id;  ///< `sha256:…`
  };

  std::string nonce_root;  ///< RFC 6962 root over the callers' nonces
  std::string policy_sha256;
  Program program;
  std::vector<std::string> public_keys;
  std::vector<Runtime> runtimes;  ///< by name; build_service_document sorts them
};

/// The canonical bytes. Errors: invalid_argument `service_document_invalid` naming the member: a digest that is none,
/// an empty name, a runtime named twice, more than 1024 runtimes or 64 keys, a text over 1024 bytes;
/// `json_not_canonical` for malformed UTF-8.
Result<std::string> build_service_document(const ServiceDocument& document);
/// Takes exactly the bytes that build_service_document gives and nothing else: no unknown member, no other order, at
/// most 1 MiB. Errors: invalid_argument `service_document_invalid`.
Result<ServiceDocument> parse_service_document(std::string_view text);

/// SHA-256 of the document's bytes, lower-case hex.
std::string service_document_hash(std::string_view document);
/// The 64 bytes in a quote that speaks for the document.
ReportData service_report_data(std::string_view document);

}  // namespace skill_verifier::attest
