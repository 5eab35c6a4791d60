#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "scan/rules.hpp"

namespace skill_verifier::scan {

/// Which addresses a skill may be expected to send its reader to: those of well-known publishers (the profile's list
/// `known-hosts`), of the homepage or repository that its manifest declares, of a project that goes by the skill's own
/// name, and of a site that it is about (three addresses or more). All others are unrelated: nothing but the sentence
/// that names them says who they are.
class Relations {
 public:
  /// Without a manifest there is nothing to be related to, and nothing is called unrelated.
  explicit Relations(const detail::Rules& rules) : rules_(rules) {}
  Relations(const detail::Rules& rules, std::string_view name, std::string_view manifest);

  /// Whether an address in the text is of that kind. Addresses without a scheme count where a path or the end of a word
  /// follows; private hosts, placeholders and variables are of none but `any`.
  bool names(Host kind, std::string_view text) const;
  /// The same of one normalised URL. Throwaway is what is unrelated and costs nothing to have.
  bool is(Host kind, std::string_view url) const;

 private:
  bool named_like_skill(std::string_view project) const;
  bool listed(std::string_view host, std::string_view list) const;
  std::string site_of(std::string_view host) const;

  const detail::Rules& rules_;
  bool judges_ = false;
  std::string name_;                                   ///< letters and digits only
  std::set<std::string> declared_;                     ///< sites, and `github.com/owner` of accounts
  std::map<std::string, std::set<std::string>> uses_;  ///< addresses by site
};

}  // namespace skill_verifier::scan
