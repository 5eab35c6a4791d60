#pragma once

#include <string>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::net {

/// How a request's body is announced, and whether the connection is to change its protocol.
enum class Framing { length, chunked, upgrade };

/// Request line and header of `request`, ending with the empty line. Errors: invalid_argument `request_invalid` when a
/// part would break out of its place in the message, or when a header of ours is given.
Result<std::string> request_head(const Endpoint& endpoint, const Request& request, Framing framing);

/// One chunk of chunked encoding; an empty one ends the body.
std::string chunk_of(std::string_view bytes);

}  // namespace skill_verifier::net
