#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::http {

/// What POST /verify says about a package beside its bytes, from a JSON object, form fields or the query.
struct SubmissionForm {
  std::optional<std::string> skill_path;  ///< JSON only
  std::optional<std::string> nonce;
  std::optional<std::string> version;
  std::optional<std::string> name;
  std::optional<bool> discover;
  std::optional<bool> fresh;
  std::optional<bool> is_private;  ///< `visibility`
  std::optional<std::string> webhook;
  std::optional<std::string> webhook_secret;  ///< never in the query, which proxies log
  std::optional<std::string> filename;        ///< query only
};

/// Where a member was given; each place has members of its own.
enum class MemberPlace { json, form, query };

/// Errors: invalid_argument `member_unknown` naming the nearest member that `place` has.
Result<void> check_member(std::string_view name, MemberPlace place);

/// Sets a text member (nonce, version, name, visibility, webhook, webhookSecret). Unknown names are refused: a misspelt
/// nonce must not be ignored. Errors: invalid_argument `member_unknown`, `member_duplicate`, `visibility_invalid`.
Result<void> set_member(SubmissionForm& form, std::string_view name, std::string value, MemberPlace place);
/// The same for a value that is text in its own format: form fields and query, where `discover` and `fresh` are flags
/// and an empty value, as browsers send for a field that was left blank, means absent. Errors: also invalid_argument
/// `query_invalid`.
Result<void> set_text_member(SubmissionForm& form, std::string_view name, std::string value, MemberPlace place);

}  // namespace skill_verifier::http
