#pragma once

#include <functional>
#include <string>

#include "scan/mapped.hpp"

namespace skill_verifier::scan {

/// `scheme://host[:port]/rest` with scheme and host in lower case, user information gone, a host given as one number or
/// in hexadecimal written as a dotted address, and the defanged spellings `hxxp` and `[.]` undone.
std::string normalise_url(std::string_view url);
/// Host of a normalised URL.
std::string_view host_of(std::string_view url);

/// Receives the normalised URL and the place where it stands.
using UrlSink = std::function<void(const std::string& url, MappedView raw)>;
void for_each_url(MappedView text, const UrlSink& sink);

}  // namespace skill_verifier::scan
