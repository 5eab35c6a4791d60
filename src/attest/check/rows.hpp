#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/attest/check.hpp"

namespace skill_verifier::attest {

/// The rows of a report, each there from the start as `not checked`: a step that is forgotten is a step that is
/// missing. A row that has failed stays failed, whatever is said of it later.
class Rows {
 public:
  explicit Rows(EvidenceKind kind);

  void demand(std::string_view id);
  void pass(std::string_view id, std::string detail, std::string value = {});
  void fail(std::string_view id, std::string detail, std::string expected = {}, std::string actual = {});
  /// Why the row was not checked.
  void skip(std::string_view id, std::string why);
  /// Passes where both are equal, else fails with `mismatch`.
  bool compare(std::string_view id, std::string_view expected, std::string_view actual, std::string detail,
               std::string mismatch);

  Outcome outcome(std::string_view id) const;
  /// In TRUST.md §5's order: the rows that this kind of evidence has, and those that were demanded or checked anyway.
  std::vector<Row> take() const;

 private:
  Row& at(std::string_view id);
  EvidenceKind kind_;
  std::vector<Row> rows_;
};

}  // namespace skill_verifier::attest
