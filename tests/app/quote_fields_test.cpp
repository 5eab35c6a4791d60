#include "app/quote_fields.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "test_pki/quote.hpp"

namespace skill_verifier::app {
namespace {

dcap::Quote make_quote(std::uint16_t version, std::uint16_t body_type) {
  test_pki::PckChainSpec names;
  names.not_before = std::chrono::sys_days(std::chrono::year{2024} / 1 / 1);
  names.not_after = std::chrono::sys_days(std::chrono::year{2040} / 1 / 1);
  const auto chain = test_pki::make_pck_chain(names);
  test_pki::QuoteSpec spec;
  spec.version = version;
  spec.body_type = body_type;
  spec.td.td_attributes[0] = 0x01;
  spec.td.td_attributes[7] = 0x80;
  std::uint8_t number = 1;
  for (auto* const field :
       {&spec.td.mr_seam, &spec.td.mr_td, &spec.td.mr_config_id, &spec.td.mr_owner, &spec.td.mr_owner_config,
        &spec.td.rtmr[0], &spec.td.rtmr[1], &spec.td.rtmr[2], &spec.td.rtmr[3], &spec.td.mr_service_td})
    field->fill(number++);
  spec.td.report_data.fill(0xab);
  return dcap::parse_quote(test_pki::build_quote(spec, test_pki::SigningKey::generate(), chain)).value();
}

std::string field(const nlohmann::json& section, const std::string& name) {
  const auto& value = section.at(name);
  return value.is_object() ? value.at("value") : value;
}

TEST(DescribeQuote, NamesEveryFieldAsIntelDoes) {
  const auto json = nlohmann::json::parse(to_json(describe_quote(make_quote(4, 2))));
  EXPECT_EQ(json.at("Quote Header").at("Version"), "4");
  EXPECT_EQ(field(json.at("Quote Header"), "TEE Type"), "0x00000081");
  const auto& body = json.at("TD Quote Body");
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"MRSEAM", "01"}, {"MRTD", "02"},  {"MRCONFIGID", "03"}, {"MROWNER", "04"}, {"MROWNERCONFIG", "05"},
      {"RTMR0", "06"},  {"RTMR1", "07"}, {"RTMR2", "08"},      {"RTMR3", "09"}};
  for (const auto& [name, digits] : fields) {
    std::string value;
    for (int i = 0; i < 48; ++i)
      value += digits;
    EXPECT_EQ(field(body, name), value) << name;
  }
  EXPECT_EQ(field(body, "REPORTDATA").substr(0, 4), "abab");
  EXPECT_EQ(body.at("TDATTRIBUTES").at("meaning"), "DEBUG | SEPT_VE_DISABLE | PERFMON");
  for (const char* const name : {"TEE_TCB_SVN", "MRSIGNERSEAM", "SEAMATTRIBUTES", "XFAM"})
    EXPECT_TRUE(body.contains(name)) << name;
  EXPECT_FALSE(body.contains("MRSERVICETD"));
  for (const char* const name :
       {"CPUSVN", "MISCSELECT", "ATTRIBUTES", "MRENCLAVE", "MRSIGNER", "ISVPRODID", "ISVSVN", "REPORTDATA"})
    EXPECT_TRUE(json.at("QE Report").contains(name)) << name;
  EXPECT_TRUE(json.at("Quote Signature Data").contains("ECDSA Attestation Key"));
  EXPECT_TRUE(json.at("QE Certification Data").contains("Root CA Certificate"));
}

TEST(DescribeQuote, HasTheFieldsOfTd15WhereTheQuoteHasThem) {
  const auto json = nlohmann::json::parse(to_json(describe_quote(make_quote(5, 3))));
  EXPECT_EQ(json.at("TD Quote Body Descriptor").at("TD Quote Body Type").at("value"), "3");
  EXPECT_EQ(field(json.at("TD Quote Body"), "MRSERVICETD").substr(0, 4), "0a0a");
  EXPECT_TRUE(json.at("TD Quote Body").contains("TEE_TCB_SVN_2"));
}

TEST(DescribeQuote, PrintsOneFieldALine) {
  const auto sections = describe_quote(make_quote(4, 2));
  const auto text = to_text(sections);
  std::size_t fields = 0;
  for (const auto& section : sections) {
    EXPECT_NE(text.find(section.name + "\n"), std::string::npos);
    fields += section.fields.size();
  }
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(text, '\n')), fields + 2 * sections.size() - 1);
}

}  // namespace
}  // namespace skill_verifier::app
