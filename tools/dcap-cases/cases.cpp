#include "dcap-cases/cases.hpp"

#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "skill_verifier/dcap/verify.hpp"

namespace dcap_cases {
namespace {

namespace fs = std::filesystem;
namespace dcap = skill_verifier::dcap;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

Bytes read_bytes(const fs::path& path) {
  const auto text = read_text(path);
  return {text.begin(), text.end()};
}

Case read_case(const fs::path& folder, const nlohmann::json& entry) {
  const auto& expect = entry.at("expect");
  Case wanted;
  wanted.name = entry.at("name");
  wanted.quote = read_bytes(folder / entry.at("quote").get<std::string>());
  wanted.collateral = read_text(folder / entry.at("collateral").get<std::string>());
  if (entry.contains("root")) wanted.root = read_bytes(folder / entry.at("root").get<std::string>());
  wanted.now = entry.at("now");
  wanted.ok = expect.at("ok");
  wanted.code = expect.value("code", "");
  if (expect.contains("status")) wanted.status = expect.at("status").get<std::string>();
  if (expect.contains("advisory_ids")) wanted.advisory_ids = expect.at("advisory_ids").get<std::vector<std::string>>();
  return wanted;
}

dcap::Verification verify(const Case& wanted) {
  dcap::Policy policy;
  policy.accepted = dcap::all_tcb_statuses();
  const auto collateral = dcap::parse_collateral(wanted.collateral);
  if (!collateral) {
    dcap::Verification refused;
    refused.code = "COLLATERAL_FIELD";
    refused.message = collateral.error().message;
    return refused;
  }
  const auto root = wanted.root ? dcap::TrustRoot{*wanted.root} : dcap::intel_root();
  return dcap::verify(wanted.quote, *collateral, root, wanted.now, policy);
}

}  // namespace

std::vector<Case> read_cases(const fs::path& file) {
  std::vector<Case> cases;
  try {
    for (const auto& entry : nlohmann::json::parse(read_text(file)))
      cases.push_back(read_case(file.parent_path(), entry));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
  return cases;
}

Answer answer(const Case& wanted) {
  const auto begin = std::chrono::steady_clock::now();
  auto verification = verify(wanted);
  Answer answer;
  answer.microseconds = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  answer.ok = verification.ok;
  answer.code = std::move(verification.code);
  answer.message = std::move(verification.message);
  if (verification.status) answer.status = dcap::to_string(*verification.status);
  answer.advisory_ids = std::move(verification.advisory_ids);
  return answer;
}

std::string disagreement(const Case& wanted, const Answer& answer) {
  if (answer.ok != wanted.ok)
    return answer.ok ? "accepted, expected " + wanted.code
                     : "refused with " + answer.code + " (" + answer.message + ")";
  if (!wanted.code.empty() && answer.code != wanted.code)
    return answer.code + ", expected " + wanted.code + " (" + answer.message + ")";
  if (wanted.status && answer.status != *wanted.status)
    return "status " + answer.status + ", expected " + *wanted.status;
  if (wanted.advisory_ids && answer.advisory_ids != *wanted.advisory_ids) return "other advisory ids";
  return {};
}

}  // namespace dcap_cases
