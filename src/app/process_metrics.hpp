#pragma once

#include <filesystem>

#include "skill_verifier/core/metrics.hpp"

namespace skill_verifier::app {

/// The build, this process by Prometheus's usual names, and the disk that holds `data_dir`. Reads /proc: microseconds.
void write_process_metrics(core::MetricsText& out, const std::filesystem::path& data_dir);

}  // namespace skill_verifier::app
