#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/engine.hpp"
#include "skill_verifier/core/result.hpp"

/// The engine's answers, read without trust: a member that is absent or of another type is its default, or, where
/// nothing works without it, unavailable `engine_error`. Never an exception.
namespace skill_verifier::sandbox::engine_json {

/// `message` of an error answer, or the answer itself when it has none; shortened.
std::string read_error_message(std::string_view text);
/// Of GET /version.
struct AboutEngine {
  std::string oldest_version;  ///< `MinAPIVersion`; empty when the engine does not say
  EngineKind kind = EngineKind::docker;
};
Result<AboutEngine> read_about(std::string_view text);

Result<EngineInfo> read_info(std::string_view text);
Result<ImageDetails> read_image(std::string_view text);
Result<std::vector<ImageSummary>> read_image_list(std::string_view text);
Result<CreatedContainer> read_created(std::string_view text);
Result<ContainerDetails> read_container(std::string_view text);
Result<ContainerLimits> read_limits(std::string_view text);
Result<std::uint64_t> read_written_bytes(std::string_view text);
Result<std::vector<ContainerSummary>> read_container_list(std::string_view text);
Result<ExitStatus> read_exit(std::string_view text);
/// `Id` of POST /commit.
Result<std::string> read_image_id(std::string_view text);
/// The image that an import's stream of messages ends with.
Result<std::string> read_imported_id(std::string_view text);
/// `Config` with these labels.
std::string commit_config(const Labels& labels);

/// Counts the entries of GET /containers/{id}/changes as they stream by: their names are a skill's, and may be many.
class ChangeCounter {
 public:
  /// Any piece of the answer; gives the number so far.
  std::uint64_t add(std::string_view piece);
  std::uint64_t count() const { return count_; }

 private:
  std::string carry_;  ///< a member's name may be cut in two
  std::uint64_t count_ = 0;
};

/// The `filters` parameter that selects by labels, not yet percent-encoded.
std::string label_filter(const std::vector<std::string>& labels);
/// Whether they have every one of `wanted`, each `key` or `key=value`.
bool has_labels(const Labels& labels, const std::vector<std::string>& wanted);

/// One message of a pull's stream.
struct PullMessage {
  std::string line;   ///< for the log; empty for byte counts
  std::string error;  ///< empty unless the pull failed
  int error_code = 0;
};
Result<PullMessage> read_pull_message(std::string_view text);

}  // namespace skill_verifier::sandbox::engine_json
