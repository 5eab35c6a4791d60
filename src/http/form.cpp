#include "http/form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

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
  constexpr std::array<std::string_view, 9> kJson = {"skillPath", "nonce",      "version", "name",         "discover",
                                                     "fresh",     "visibility", "webhook", "webhookSecret"};
  constexpr std::array<std::string_view, 9> kForm = {"skill", "nonce",      "version", "name",         "discover",
                                                     "fresh", "visibility", "webhook", "webhookSecret"};
  constexpr std::array<std::string_view, 8> kQuery = {"filename", "nonce", "version",    "name",
                                                      "discover", "fresh", "visibility", "webhook"};
  if (place == MemberPlace::query && name == "webhookSecret")
    return Error(Errc::invalid_argument, "member_unknown", "webhookSecret must not stand in a URL, which proxies log",
                 "send it as a form field or in a JSON body");
  const std::span<const std::string_view> known = place == MemberPlace::json ? std::span<const std::string_view>(kJson)
                                                  : place == MemberPlace::form
                                                      ? std::span<const std::string_view>(kForm)
                                                      : std::span<const std::string_view>(kQuery);
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
  if (name == "visibility") {
    if (value != "public" && value != "private")
      return Error(Errc::invalid_argument, "visibility_invalid",
                   fmt::format("visibility is '{}', must be public or private", core::shorten(value)));
    return set_once(form.is_private, name, value == "private");
  }
  if (name == "webhook") return set_once(form.webhook, name, std::move(value));
  if (name == "webhookSecret") return set_once(form.webhook_secret, name, std::move(value));
  if (name == "filename") return set_once(form.filename, name, std::move(value));
  return set_once(form.skill_path, name, std::move(value));
}

Result<void> set_text_member(SubmissionForm& form, std::string_view name, std::string value, MemberPlace place) {
  const bool is_flag = name == "discover" || name == "fresh";
  const bool may_be_blank = is_flag || name == "nonce" || name == "version" || name == "name" || name == "visibility" ||
                            name == "webhook" || name == "webhookSecret";
  if (value.empty() && may_be_blank) return {};
  if (!is_flag) return set_member(form, name, std::move(value), place);
  SKILL_VERIFIER_TRY(const bool flag, parse_flag(name, value));
  return set_once(name == "fresh" ? form.fresh : form.discover, name, flag);
}

}  // namespace skill_verifier::http
