#include "attest/quote_samples.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

namespace skill_verifier::attest::test {

const test_pki::PckChain& sample_chain() {
  static const auto kChain = [] {
    test_pki::PckChainSpec spec;
    spec.not_before = std::chrono::sys_days(std::chrono::year{2024} / 1 / 1);
    spec.not_after = std::chrono::sys_days(std::chrono::year{2049} / 12 / 31);
    return test_pki::make_pck_chain(spec);
  }();
  return kChain;
}

Bytes sample_quote(const ReportData& data) {
  static const auto kKey = test_pki::SigningKey::generate();
  test_pki::QuoteSpec spec;
  spec.td.report_data = data;
  return test_pki::build_quote(spec, kKey, sample_chain());
}

std::string get_quote_answer(const ReportData& data) {
  return nlohmann::json{{"quote", core::to_hex(sample_quote(data))},
                        {"event_log", "[]"},
                        {"report_data", core::to_hex(data)},
                        {"vm_config", "{\"cpu_count\":1}"}}
      .dump();
}

ReportData filled(std::uint8_t byte) {
  ReportData data;
  data.fill(byte);
  return data;
}

}  // namespace skill_verifier::attest::test
