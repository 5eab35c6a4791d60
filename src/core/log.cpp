#include "skill_verifier/core/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/log_level.hpp"
#include "skill_verifier/core/trace.hpp"

#include <nlohmann/json.hpp>

namespace skill_verifier::core::log {
namespace {

Format current_format = Format::text;

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("skill-verifier", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%L%$ %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return instance;
}

constexpr std::size_t kMaxValue = 2000;

/// Of the request that the line is about.
std::string trace_of(Fields fields) {
  for (const Field& field : fields)
    if (field.key == "request") return bound_trace(field.value);
  return {};
}

std::string text_line(std::string_view event, Fields fields) {
  std::string line(event);
  for (const Field& field : fields) {
    const std::string value = shorten(field.value, kMaxValue);
    const bool quote = field.quoted && (value.empty() || value.find_first_of(" \"=") != std::string::npos);
    line += fmt::format(" {}=", field.key);
    line += quote ? Json(value).dump() : value;
  }
  if (const std::string trace = trace_of(fields); !trace.empty()) line += " trace=" + trace;
  return line;
}

/// The members after time and level, which the sink's pattern writes.
std::string json_line(std::string_view event, Fields fields) {
  std::string line = "\"event\":" + dump_json(Json(std::string(event)));
  for (const Field& field : fields) {
    line += fmt::format(",\"{}\":", field.key);
    line += field.quoted ? dump_json(Json(shorten(field.value, kMaxValue))) : field.value;
  }
  if (const std::string trace = trace_of(fields); !trace.empty()) line += ",\"trace\":\"" + trace + "\"";
  return line + "}";
}

void write(spdlog::level::level_enum level, std::string_view event, Fields fields) {
  if (!logger()->should_log(level)) return;
  logger()->log(level, "{}", current_format == Format::json ? json_line(event, fields) : text_line(event, fields));
}

}  // namespace

bool shows_debug() {
  return logger()->should_log(spdlog::level::debug);
}

void configure(Level level, Format format) {
  if (current_format != format) current_format = format;
  const spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                              spdlog::level::err, spdlog::level::off};
  logger()->set_level(levels[static_cast<int>(level)]);
  if (format == Format::json)
    logger()->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)", spdlog::pattern_time_type::utc);
  logger()->flush_on(spdlog::level::warn);
}

void debug(std::string_view event, Fields fields) {
  write(spdlog::level::debug, event, fields);
}
void info(std::string_view event, Fields fields) {
  write(spdlog::level::info, event, fields);
}
void warn(std::string_view event, Fields fields) {
  write(spdlog::level::warn, event, fields);
}
void error(std::string_view event, Fields fields) {
  write(spdlog::level::err, event, fields);
}

}  // namespace skill_verifier::core::log
