#include "http/form.hpp"

#include "http/query.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {
namespace {

template <class T>
Result<void> set_once(std::optional<T>& slot, std::string_view name, T value) {
  if (slot) return Error(Errc::invalid_argument, "member_duplicate", std::string(name) + " is given twice");
  slot = std::move(value);
  return {};
}

}  // namespace

Result<void> set_member(SubmissionForm& form, std::string_view name, std::string value) {
  if (name == "nonce") return set_once(form.nonce, name, std::move(value));
  if (name == "version") return set_once(form.version, name, std::move(value));
  if (name == "name") return set_once(form.name, name, std::move(value));
  return Error(Errc::invalid_argument, "member_unknown", "unknown member " + core::shorten(name),
               "the members are skillPath or skill, nonce, version, name and discover");
}

Result<void> set_text_member(SubmissionForm& form, std::string_view name, std::string value) {
  if (value.empty() && (name == "nonce" || name == "version" || name == "name" || name == "discover")) return {};
  if (name != "discover") return set_member(form, name, std::move(value));
  SKILL_VERIFIER_TRY(const bool discover, parse_flag(name, value));
  return set_once(form.discover, name, discover);
}

}  // namespace skill_verifier::http
