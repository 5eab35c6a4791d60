#include "skill_verifier/core/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace skill_verifier::core {
namespace {

constexpr std::size_t kLongestName = 128;

/// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  name = name.substr(0, kLongestName);
  return *std::min_element(known.begin(), known.end(), [name](std::string_view a, std::string_view b) {
    return distance(a, name) < distance(b, name);
  });
}

}  // namespace skill_verifier::core
