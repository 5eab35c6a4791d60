#pragma once

#include "scan/collector.hpp"

namespace skill_verifier::scan {

/// The `unicode/…` checks, `package/padding` and `package/oversized`.
void check_text(const FileText& file, Collector& out);
/// `unicode/look-alike-name` of a file name or the skill's name.
void check_name(std::string_view name, std::string_view file, Collector& out);

}  // namespace skill_verifier::scan
