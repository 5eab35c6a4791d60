#include "http/form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/query.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/nearest.hpp"

namespace skill_verifier::http {
namespace {

template <class T>
Result<void> set_once(std::optional<T>& slot, std::string_view name, T value) {
  if (slot) return Error(Errc::invalid_argument, "member_duplicate", std::string(name) + " is given twice");
  slot = std::move(value);
  return {};
}

}  // namespace

Result<void> check_member(std::string_view name, MemberPlace place) {
  // The first member is what carries the skill in that place.
  constexpr std::array<std::array<std::string_view, 6>, 3> kMembers = {
      {{"skillPath", "nonce", "version", "name", "discover", "fresh"},
       {"skill", "nonce", "version", "name", "discover", "fresh"},
       {"filename", "nonce", "version", "name", "discover", "fresh"}}};
  const auto& known = kMembers.at(static_cast<std::size_t>(place));
  if (std::find(known.begin(), known.end(), name) != known.end()) return {};
  return Error(
      Errc::invalid_argument, "member_unknown",
      fmt::format("unknown member {}; the nearest known one is {}", core::shorten(name), core::nearest(name, known)),
      fmt::format("the members here are {}", fmt::join(known, ", ")));
}

Result<void> set_member(SubmissionForm& form, std::string_view name, std::string value, MemberPlace place) {
  SKILL_VERIFIER_TRY_VOID(check_member(name, place));
  if (name == "nonce") return set_once(form.nonce, name, std::move(value));
  if (name == "version") return set_once(form.version, name, std::move(value));
  if (name == "name") return set_once(form.name, name, std::move(value));
  if (name == "filename") return set_once(form.filename, name, std::move(value));
  return set_once(form.skill_path, name, std::move(value));
}

Result<void> set_text_member(SubmissionForm& form, std::string_view name, std::string value, MemberPlace place) {
  const bool is_flag = name == "discover" || name == "fresh";
  if (value.empty() && (is_flag || name == "nonce" || name == "version" || name == "name")) return {};
  if (!is_flag) return set_member(form, name, std::move(value), place);
  SKILL_VERIFIER_TRY(const bool flag, parse_flag(name, value));
  return set_once(name == "fresh" ? form.fresh : form.discover, name, flag);
}

}  // namespace skill_verifier::http
