#include "dcap-cases/cases.hpp"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace dcap_cases {
namespace {

namespace fs = std::filesystem;
namespace dcap = skill_verifier::dcap;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

skill_verifier::Bytes read_bytes(const fs::path& path) {
  const auto text = read_text(path);
  return {text.begin(), text.end()};
}

Case read_case(const nlohmann::json& entry, const fs::path& folder) {
  Case one;
  one.name = entry.at("name");
  one.quote = read_bytes(folder / entry.at("quote").get<std::string>());
  one.collateral = read_text(folder / entry.at("collateral").get<std::string>());
  one.root = dcap::intel_root();
  if (entry.contains("root")) one.root.der = read_bytes(folder / entry.at("root").get<std::string>());
  one.now = entry.at("now");
  const auto& expect = entry.at("expect");
  one.expect_ok = expect.at("ok");
  one.expect_code = expect.value("code", "");
  if (expect.contains("status")) one.expect_status = expect.at("status").get<std::string>();
  if (expect.contains("advisory_ids")) one.expect_advisory_ids.emplace(expect.at("advisory_ids"));
  return one;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names)
    out += (out.empty() ? "" : " ") + name;
  return out;
}

}  // namespace

std::vector<Case> read_cases(const fs::path& file) {
  std::vector<Case> cases;
  try {
    for (const auto& entry : nlohmann::json::parse(read_text(file)))
      cases.push_back(read_case(entry, file.parent_path()));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
  return cases;
}

dcap::Policy widest_policy() {
  dcap::Policy policy;
  policy.accepted = dcap::all_tcb_statuses();
  return policy;
}

Outcome run(const Case& one) {
  Outcome outcome;
  const auto collateral = dcap::parse_collateral(one.collateral);
  if (!collateral) {
    outcome.code = "COLLATERAL_FIELD";
    outcome.verification.message = collateral.error().message;
    return outcome;
  }
  outcome.verification = dcap::verify(one.quote, *collateral, one.root, one.now, widest_policy());
  outcome.ok = outcome.verification.ok;
  outcome.code = outcome.verification.code;
  return outcome;
}

std::string disagreement(const Case& one, const Outcome& outcome) {
  const auto& found = outcome.verification;
  if (outcome.ok != one.expect_ok) {
    return std::string("expected ") + (one.expect_ok ? "acceptance" : "refusal by " + one.expect_code) + ", found " +
           (outcome.ok ? "acceptance" : outcome.code + " (" + found.message + ")");
  }
  if (!one.expect_code.empty() && outcome.code != one.expect_code) {
    return "expected " + one.expect_code + ", found " + outcome.code + " (" + found.message + ")";
  }
  const std::string status(found.status ? dcap::to_string(*found.status) : "none");
  if (one.expect_status && status != *one.expect_status) return "expected " + *one.expect_status + ", found " + status;
  if (one.expect_advisory_ids && found.advisory_ids != *one.expect_advisory_ids) {
    return "expected advisories " + joined(*one.expect_advisory_ids) + ", found " + joined(found.advisory_ids);
  }
  return {};
}

}  // namespace dcap_cases
