#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/dcap/verify.hpp"
#include "support/paths.hpp"

namespace skill_verifier::dcap {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kFixtures = test::shared_fixtures() / "dstack";

std::string read(const std::string& name) {
  std::ifstream file(kFixtures / name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Bytes, hex text, or a GetQuote response.
Bytes read_quote(const std::string& name) {
  auto text = read(name);
  if (name.ends_with(".bin")) return {text.begin(), text.end()};
  if (name.ends_with(".json")) text = json::parse(text).at("quote");
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return core::parse_hex(text).value();
}

/// The mutations that the file names.
void mutate(const std::string& how, Bytes& quote, Collateral& collateral) {
  if (how == "quote[568:632]=0x5a*64") {
    std::fill_n(quote.begin() + 568, 64, 0x5a);
  } else if (how == "quote[400]^=1") {
    quote[400] ^= 1;
  } else if (how == "quote=quote[:-70]") {
    quote.resize(quote.size() - 70);
  } else if (how == "quote=quote[:-71]") {
    quote.resize(quote.size() - 71);
  } else if (how.starts_with("collateral.tcb_info")) {
    collateral.tcb_info.replace(collateral.tcb_info.find("UpToDate"), 8, "OutOfDate");
  } else {
    ASSERT_EQ(how, "") << "an unknown mutation";
  }
}

/// The rule that each of the file's refusals stands for.
const std::map<std::string, std::string> kCodes = {
    {"error: collateral expired", "ROOTCRL_EXPIRED"},
    {"error: not yet valid", "TCB_NOT_YET_VALID"},
    {"error: quote signature", "QUOTE_SIGNATURE"},
    {"error: truncated", "QUOTE_TRUNCATED"},
    {"error: tcb_info signature", "TCB_SIGNATURE"},
    {"error: FMSPC mismatch", "TCB_FMSPC_MISMATCH"},
    {"error: PCK certificate not yet valid", "PCK_NOT_YET_VALID"},
    {"error: no matching TCB level", "TCB_NOT_SUPPORTED"},
};

TEST(TcbCases, SayWhatAnIndependentVerifierSaid) {
  if (!fs::exists(kFixtures))
    GTEST_SKIP() << "no " << kFixtures << ": the collection of verification cases is not here";
  const auto cases = json::parse(read("tcb-cases.json")).at("cases");
  ASSERT_EQ(cases.size(), 14u);
  for (const auto& wanted : cases) {
    SCOPED_TRACE(wanted.at("name").get<std::string>());
    auto quote = read_quote(wanted.at("quote"));
    auto collateral = parse_collateral(read(wanted.at("collateral")));
    ASSERT_TRUE(collateral) << collateral.error().message;
    mutate(wanted.value("mutate", ""), quote, *collateral);
    const auto time = core::parse_rfc3339(wanted.at("time").get<std::string>());
    ASSERT_TRUE(time);
    const auto now = std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count();
    const auto verified = verify(quote, *collateral, intel_root(), now);
    const std::string expected = wanted.at("expect");
    if (expected == "UpToDate") {
      EXPECT_TRUE(verified.ok) << verified.code << ": " << verified.message;
      EXPECT_EQ(verified.status, TcbStatus::up_to_date);
    } else {
      EXPECT_FALSE(verified.ok);
      EXPECT_EQ(verified.code, kCodes.at(expected)) << verified.message;
    }
  }
}

}  // namespace
}  // namespace skill_verifier::dcap
