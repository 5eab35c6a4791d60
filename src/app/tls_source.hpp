#pragma once

#include "app/config.hpp"

namespace skill_verifier::app {

/// Where the TLS listener's certificate and key come from, by the configuration: files that are read anew each time, or
/// the dstack guest agent, which makes a fresh key each time. Empty: no TLS. `pool` outlives what is returned.
std::function<core::awaitable<Result<http::TlsIdentity>>()> tls_identity(core::asio::any_io_executor executor,
                                                                         core::WorkPool& pool, const Config& config);

}  // namespace skill_verifier::app
