#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/dcap/evidence_bundle.hpp"
#include "skill_verifier/dcap/measurements.hpp"
#include "support/paths.hpp"

namespace skill_verifier::dcap {

inline const std::filesystem::path kDstackFixtures = test::shared_fixtures() / "dstack";

inline std::string fixture_text(const std::string& name) {
  std::ifstream file(kDstackFixtures / name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}
inline nlohmann::json fixture_json(const std::string& name) {
  return nlohmann::json::parse(fixture_text(name));
}

inline Bytes hex_bytes(std::string_view text) {
  return core::parse_hex(text).value();
}
template <std::size_t Size>
std::array<std::uint8_t, Size> hex_array(std::string_view text) {
  const auto bytes = hex_bytes(text);
  EXPECT_EQ(bytes.size(), Size);
  std::array<std::uint8_t, Size> out{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), Size), out.begin());
  return out;
}

/// The measured fields at their offsets in a version 4 quote.
inline TdMeasurements measurements_of(const Bytes& quote) {
  EXPECT_GT(quote.size(), 632u);
  const auto at = [&](std::size_t offset) {
    core::Digest384 out{};
    std::copy_n(quote.begin() + static_cast<std::ptrdiff_t>(offset), 48, out.begin());
    return out;
  };
  return {.mrtd = at(184),
          .rtmrs = {at(376), at(424), at(472), at(520)},
          .mr_config_id = at(232),
          .mr_owner = at(280),
          .mr_owner_config = at(328)};
}

/// Evidence of any of the fixtures, by the name it has in expected.json.
inline EvidenceBundle load_evidence(const std::string& name) {
  if (name.ends_with(".bin")) {
    const auto text = fixture_text(name);
    return parse_attestation(core::as_bytes(text)).value();
  }
  if (name.find(" + ") == std::string::npos) return parse_evidence_bundle(fixture_text(name)).value();
  EvidenceBundle bundle;
  auto quote = fixture_text("sim-v0.5.3-quote.hex");
  while (!quote.empty() && quote.back() == '\n')
    quote.pop_back();
  bundle.quote = hex_bytes(quote);
  bundle.event_log = parse_event_log(fixture_text("sim-v0.5.3-eventlog.json")).value();
  return bundle;
}

inline bool has_finding(const std::vector<EvidenceFinding>& findings, std::string_view code) {
  return std::ranges::find(findings, code, &EvidenceFinding::code) != findings.end();
}
inline std::string codes(const std::vector<EvidenceFinding>& findings) {
  std::string out;
  for (const auto& finding : findings)
    out += (out.empty() ? "" : " ") + finding.code;
  return out;
}

#define SKIP_WITHOUT_DSTACK_FIXTURES() \
  if (!std::filesystem::exists(kDstackFixtures)) GTEST_SKIP() << "needs ../shared/fixtures/dstack"

}  // namespace skill_verifier::dcap
