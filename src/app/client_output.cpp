#include "app/client_output.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/client_service.hpp"
#include "app/commands.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::app {
namespace {

using core::Json;

constexpr std::size_t kShown = 200;

const Json& member(const Json& object, const char* name) {
  static const Json nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

std::string shown(const Json& object, const char* name) {
  return core::shorten(text_of(object, name), kShown);
}

std::string judged(const Json& job) {
  const Json& result = member(job, "result");
  const Json& run = member(result, "result");
  const Json& attestation = member(result, "attestation");
  const char* const verdicts[] = {"passed", "failed", "untested"};
  const int code = exit_of_job(job);
  std::string text = code < 3 ? verdicts[code] : "not judged";
  if (const auto skill = shown(result, "skillId"); !skill.empty()) text += "  " + skill;
  if (const Json& status = member(run, "exitCode"); status.is_number_integer())
    text += fmt::format("  (exit status {})", status.get<std::int64_t>());
  text += "\n";
  if (const auto outcome = shown(result, "outcome"); !outcome.empty() && outcome != "exited")
    text += fmt::format("  outcome      {}\n", outcome);
  text += fmt::format("  job          {}\n", shown(job, "jobId"));
  if (const auto hash = shown(attestation, "resultHash"); !hash.empty())
    text += fmt::format("  result hash  {}\n", hash);
  const auto tee = shown(attestation, "teeType");
  text += fmt::format("  attestation  {}\n", tee.empty() ? shown(attestation, "verifier") : tee);
  return text;
}

}  // namespace

void Progress::show(std::string_view what, std::string_view detail) {
  if (kind_ == Kind::silent) return;
  const bool changed = what != shown_;
  shown_ = what;
  if (kind_ == Kind::terminal) {
    std::fprintf(stderr, "\r\033[K%s %s", shown_.c_str(), std::string(detail).c_str());
    std::fflush(stderr);
    open_ = true;
  } else if (changed) {
    std::fprintf(stderr, "%s\n", shown_.c_str());
  }
}

void Progress::note(std::string_view text) {
  if (kind_ == Kind::silent) return;
  end();
  std::fprintf(stderr, "%s\n", std::string(text).c_str());
}

void Progress::end() {
  if (open_) std::fputs("\r\033[K", stderr);
  open_ = false;
}

int exit_of_job(const Json& job) {
  if (!is_final_status(job)) return exit_unfinished;
  if (text_of(job, "status") != "completed") return exit_error;
  const Json& passed = member(member(member(job, "result"), "result"), "passed");
  // What is there but no verdict must not read as one.
  if (!member(job, "result").is_object() || !member(member(job, "result"), "result").contains("passed"))
    return exit_error;
  if (passed.is_null()) return exit_untested;
  if (!passed.is_boolean()) return exit_error;
  return passed.get<bool>() ? exit_ok : exit_failed;
}

std::string job_summary(const Json& job) {
  const auto status = text_of(job, "status");
  if (status == "completed") return judged(job);
  std::string text = core::shorten(status, kShown);
  if (const auto error = shown(job, "error"); !error.empty())
    text += fmt::format(": {} [{}]", error, shown(job, "code"));
  text += fmt::format("\n  job          {}\n", shown(job, "jobId"));
  if (const auto hint = shown(job, "hint"); !hint.empty()) text += fmt::format("  {}\n", hint);
  return text;
}

std::string job_table(const Json& jobs) {
  std::string text;
  for (const Json& job : jobs) {
    if (!job.is_object()) continue;
    text += fmt::format("{}  {:<9}  {}  {}\n", shown(job, "id"), shown(job, "status"), shown(job, "createdAt"),
                        shown(job, "skillId"));
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const auto third = i + 2 < text.size() ? static_cast<unsigned char>(text[i + 2]) : 0;
    const bool c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    // U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
    const bool direction =
        byte == 0xE2 && ((next == 0x80 && (third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE))) ||
                         (next == 0x81 && third >= 0xA6 && third <= 0xA9));
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      out += fmt::format("\\u{:04x}", byte);
    } else if (c1) {
      out += fmt::format("\\u{:04x}", next);
      ++i;
    } else if (direction) {
      out += fmt::format("\\u{:04x}", 0x2000 | (next & 0x3F) << 6 | (third & 0x3F));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace skill_verifier::app
