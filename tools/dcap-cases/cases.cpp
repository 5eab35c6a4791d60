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

/// Null counts as absent.
const nlohmann::json* optional_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Case read_case(const nlohmann::json& entry, const fs::path& folder) {
  Case one;
  one.name = entry.at("name");
  one.quote = read_bytes(folder / entry.at("quote").get<std::string>());
  one.collateral = read_text(folder / entry.at("collateral").get<std::string>());
  one.root = dcap::intel_root();
  if (const auto* root = optional_member(entry, "root")) one.root.der = read_bytes(folder / root->get<std::string>());
  one.now = entry.at("now");
  const auto& expect = entry.at("expect");
  one.expect_ok = expect.at("ok");
  if (const auto* code = optional_member(expect, "code")) one.expect_code = code->get<std::string>();
  if (const auto* status = optional_member(expect, "status")) one.expect_status = status->get<std::string>();
  if (const auto* ids = optional_member(expect, "advisory_ids")) one.expect_advisory_ids.emplace(*ids);
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
  std::string where = "the file";
  try {
    const auto document = nlohmann::json::parse(read_text(file));
    const auto& entries = document.is_object() ? document.at("cases") : document;
    if (!entries.is_array()) throw std::runtime_error(file.string() + ": the cases are not a list");
    for (const auto& entry : entries) {
      where = "case " + std::to_string(cases.size() + 1);
      cases.push_back(read_case(entry, file.parent_path()));
    }
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(file.string() + ": " + where + ": " + error.what());
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
