#pragma once

#include <memory>

#include "skill_verifier/http/server.hpp"

namespace skill_verifier::http {

/// What the TLS connections of one time have in common. A connection keeps the one that it began with.
class TlsContext;

/// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only, ALPN `http/1.1`. Errors: invalid_argument
/// `tls_certificate_invalid`, `tls_key_invalid`, `tls_key_mismatch`; internal `tls_setup_failed`.
Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsIdentity& identity);

/// When the certificate that clients are shown ends to be valid, as RFC 3339; for the log.
std::string expiry_of(const TlsContext& context);

}  // namespace skill_verifier::http
