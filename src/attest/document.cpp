#include "skill_verifier/attest/document.hpp"

#include <nlohmann/json.hpp>

#include "skill_verifier/attest/statement.hpp"

namespace skill_verifier::attest {

core::OrderedJson attestation_json(const std::string& result_hash, const std::optional<Quote>& quote,
                                   const std::string& note) {
  core::OrderedJson json;
  if (quote) {
    json["quote"] = "0x" + quote->quote_hex;
    json["eventLog"] = quote->event_log;
    json["vmConfig"] = quote->vm_config;
    json["reportData"] = core::to_hex(report_data(kResultTag, result_hash));
  } else {
    json["quote"] = nullptr;
  }
  json["resultHash"] = result_hash;
  json["verifier"] = quote ? "dstack-sdk" : "none";
  if (quote) {
    json["teeType"] = quote->tee_type;
  } else {
    json["teeType"] = nullptr;
  }
  if (!note.empty()) json["note"] = note;
  return json;
}

core::OrderedJson attestation_document(const std::string& job_id, const std::string& skill_id,
                                       const std::string& timestamp, std::optional<bool> passed,
                                       const std::string& statement, const std::string& attestation) {
  core::OrderedJson json;
  json["jobId"] = job_id;
  json["skillId"] = skill_id;
  json["timestamp"] = timestamp;
  json["passed"] = nullptr;
  if (passed) json["passed"] = *passed;
  json["attestation"] = core::OrderedJson::parse(attestation);
  json["statement"] = statement;
  return json;
}

}  // namespace skill_verifier::attest
