#include "skill_verifier/attest/document.hpp"

#include <nlohmann/json.hpp>

#include "skill_verifier/attest/statement.hpp"

namespace skill_verifier::attest {

namespace {

/// A quote's members, or its absence, around the hash that it is about.
core::OrderedJson quote_json(const std::optional<Quote>& quote, std::string_view tag, std::string_view hash_name,
                             const std::string& hash, const std::string& note) {
  core::OrderedJson json;
  if (quote) {
    json["quote"] = "0x" + quote->quote_hex;
    json["eventLog"] = quote->event_log;
    json["vmConfig"] = quote->vm_config;
    json["reportData"] = core::to_hex(report_data(tag, hash));
  } else {
    json["quote"] = nullptr;
  }
  json[std::string(hash_name)] = hash;
  json["verifier"] = quote ? "dstack-sdk" : "none";
  if (quote && !quote->tee_type.empty()) {
    json["teeType"] = quote->tee_type;
  } else {
    json["teeType"] = nullptr;
  }
  if (!note.empty()) json["note"] = note;
  return json;
}

/// What was found out about the quote, in a document with an `attestation`.
void add_appraisal(core::OrderedJson& document, const Appraisal& appraisal) {
  auto& attestation = document["attestation"];
  if (attestation.value("verifier", "") == "dstack-sdk" && appraisal.tee_type) {
    attestation["teeType"] = *appraisal.tee_type;
    attestation.erase("note");
  } else if (!appraisal.note.empty()) {
    attestation["note"] = appraisal.note;
  }
  document["collateral"] = nullptr;
  // Texts that we made or read back under their digest: they parse.
  if (appraisal.collateral) document["collateral"] = core::OrderedJson::parse(*appraisal.collateral);
  if (!appraisal.collateral_note.empty()) document["collateralNote"] = appraisal.collateral_note;
}

core::OrderedJson nonce_json(const std::optional<NonceProof>& proof) {
  if (!proof) return nullptr;
  auto path = core::OrderedJson::array();
  for (const auto& hash : proof->path)
    path.push_back(core::to_hex(hash));
  core::OrderedJson json;
  json["value"] = proof->nonce;
  json["index"] = proof->index;
  json["treeSize"] = proof->tree_size;
  json["path"] = std::move(path);
  return json;
}

}  // namespace

core::OrderedJson attestation_json(const std::string& result_hash, const std::optional<Quote>& quote,
                                   const std::string& note) {
  return quote_json(quote, kResultTag, "resultHash", result_hash, note);
}

core::OrderedJson service_attestation_document(const ServiceAnswer& answer, const ServiceExtras& extras) {
  const auto& [document, quote, note, at] = *answer.quote;
  core::OrderedJson json;
  json["timestamp"] = core::to_rfc3339(at);
  json["document"] = document;
  json["attestation"] = quote_json(quote, kServiceTag, "documentHash", service_document_hash(document), note);
  json["nonce"] = nonce_json(answer.proof);
  json["policy"] = extras.policy;
  json["appCompose"] = nullptr;
  if (extras.app_compose) json["appCompose"] = *extras.app_compose;
  if (extras.appraisal) add_appraisal(json, *extras.appraisal);
  return json;
}

core::OrderedJson attestation_document(const std::string& job_id, const std::string& skill_id,
                                       const std::string& timestamp, std::optional<bool> passed,
                                       const std::string& statement, const std::string& attestation,
                                       const std::optional<Appraisal>& appraisal) {
  core::OrderedJson json;
  json["jobId"] = job_id;
  json["skillId"] = skill_id;
  json["timestamp"] = timestamp;
  json["passed"] = nullptr;
  if (passed) json["passed"] = *passed;
  json["attestation"] = core::OrderedJson::parse(attestation);
  json["statement"] = statement;
  if (appraisal) add_appraisal(json, *appraisal);
  return json;
}

}  // namespace skill_verifier::attest
