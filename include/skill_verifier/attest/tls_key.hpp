#pragma once

#include <string>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::attest {

using core::awaitable;

/// A private key and its certificate, issued by the application's own CA in dstack. The certificate carries a quote
/// over its key (RA-TLS), so that whoever connects can tell that the other end of the connection is inside the CVM.
struct TlsKey {
  std::string key;           ///< PEM
  std::string certificates;  ///< PEM, the server's first
};

struct TlsKeyRequest {
  std::string endpoint;            ///< of the guest agent, as net::parse_endpoint takes it
  std::string subject;             ///< common name
  std::vector<std::string> names;  ///< DNS names that the certificate is for
  core::Duration timeout = std::chrono::seconds(30);
};

/// Asks the dstack guest agent's GetTlsKey: a fresh key in every call. Errors: unavailable `tls_key_unavailable`,
/// timed_out `tls_key_timed_out`, cancelled.
awaitable<Result<TlsKey>> request_tls_key(core::asio::any_io_executor executor, TlsKeyRequest request);

}  // namespace skill_verifier::attest
