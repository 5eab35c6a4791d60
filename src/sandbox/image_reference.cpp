#include "sandbox/image_reference.hpp"

namespace skill_verifier::sandbox {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::size_t kDigits = 64;

bool is_digest(std::string_view text) {
  if (!text.starts_with(kAlgorithm)) return false;
  text.remove_prefix(kAlgorithm.size());
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool is_image_id(std::string_view reference) {
  return reference.starts_with(kAlgorithm);
}

bool is_pinned(std::string_view reference) {
  const auto at = reference.rfind('@');
  return is_digest(at == std::string_view::npos ? reference : reference.substr(at + 1));
}

std::string list_unpinned(const std::map<std::string, std::string>& images) {
  std::string list;
  for (const auto& [name, reference] : images) {
    if (is_pinned(reference)) continue;
    list += (list.empty() ? "" : ", ") + name;
    if (name != reference) list += " → " + reference;
  }
  return list;
}

}  // namespace skill_verifier::sandbox
